"""The webhook: signed as Standard Webhooks has it, once per try, and verified by what we ship."""

import base64
import json
import re
import time
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from rapport.activation.destination import Batch, BatchRefused, ListGone, Member, Segment
from rapport.activation.webhook import Webhook, signed
from rapport.errors import OutcomeUnknown, SourceDenied
from rapport.sources.connection import Connection
from tests.listening import listening

# The vector that Standard Webhooks, version 1, and its libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()

BATCH = Batch(
    key="20180103T020000-webhook-1a2b3c-1",
    run_id="20180103T020000-webhook-1a2b3c",
    release_id="2018-01-02-0123456789ab",
    as_of=date(2018, 1, 2),
    segment=Segment("win_back_dormant", "Silent for long.", "CRM team", "email"),
    list_id="win_back_dormant",
    adds=(
        Member(
            "c1",
            "c1",
            {"reason": "Nothing for 90 days.", "allowed_from_at": datetime(2018, 1, 3, 9)},  # noqa: DTZ001
        ),
    ),
    removes=(Member("c2", "c2"),),
)


def verifier():
    """The verifier as it stands in the documentation."""
    page = (Path(__file__).parents[2] / "docs" / "webhook.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(code, names)
    return names["verify"]


def status(code, *lines):
    return "\r\n".join([f"HTTP/1.1 {code} x", *lines, "Content-Length: 2", "", "ok"]).encode()


@pytest.fixture
def received():
    """What a receiver got: headers and body of each try."""
    return []


@pytest.fixture
def receiver(received):
    """A function that answers tries with some statuses, the last for ever, and gives a webhook."""
    with listening() as serve:

        def start(*answers, secret=SECRET, **options):
            def answer(connection):
                text = b""
                while b"\r\n\r\n" not in text:
                    text += connection.recv(65536)
                head, _, body = text.partition(b"\r\n\r\n")
                lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
                headers = {name.lower(): value for name, value in lines}
                while len(body) < int(headers["content-length"]):
                    body += connection.recv(65536)
                received.append((headers, body))
                with suppress(OSError):
                    connection.sendall(answers[min(len(received), len(answers)) - 1])

            url = f"http://127.0.0.1:{serve(answer)}/hooks/segments?of=rapport"
            fast = {"max_attempts": 3, "backoff_factor": 0.001} | options
            return Webhook(Connection("rapport_activate_webhook", url, secret, fast))

        yield start


def test_the_vector_of_the_standard_gives_its_signature():
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert signed(ID, TIMESTAMP, BODY, [key]) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_the_verifier_of_the_documentation_takes_the_vector_and_nothing_else(monkeypatch):
    verify = verifier()
    headers = {
        "webhook-id": ID,
        "webhook-timestamp": str(TIMESTAMP),
        "webhook-signature": SIGNATURE,
    }
    monkeypatch.setattr(time, "time", lambda: TIMESTAMP + 299)
    verify(headers, BODY, SECRET)
    for changed in (
        (headers, BODY + b" ", SECRET),
        (headers, BODY, OTHER),
        (headers | {"webhook-id": "msg_2"}, BODY, SECRET),
        (headers | {"webhook-timestamp": str(TIMESTAMP + 1)}, BODY, SECRET),
        (headers | {"webhook-signature": "v2," + SIGNATURE[3:]}, BODY, SECRET),
    ):
        with pytest.raises(ValueError, match="does not fit"):
            verify(*changed)
    for late in (TIMESTAMP + 301, TIMESTAMP - 301):
        monkeypatch.setattr(time, "time", lambda late=late: late)
        with pytest.raises(ValueError, match="too old"):
            verify(headers, BODY, SECRET)


def test_a_message_says_who_joins_with_what_they_get_and_who_leaves(receiver, received):
    webhook = receiver(status(202))
    outcomes = webhook.send(BATCH)
    assert {(each.key, each.operation, each.status) for each in outcomes} == {
        ("c1", "add", "accepted"),
        ("c2", "remove", "accepted"),
    }
    ((headers, body),) = received
    assert json.loads(body) == {
        "type": "segment.members_changed",
        "data": {
            "release_id": "2018-01-02-0123456789ab",
            "as_of_date": "2018-01-02",
            "segment": "win_back_dormant",
            "description": "Silent for long.",
            "owner": "CRM team",
            "added": [
                {
                    "customer_id": "c1",
                    "reason": "Nothing for 90 days.",
                    "allowed_from_at": "2018-01-03T09:00:00Z",
                }
            ],
            "removed": [{"customer_id": "c2"}],
        },
    }
    verifier()(headers, body, SECRET)
    assert "authorization" not in headers
    assert "MfKQ9r8" not in str(headers)


def test_each_try_has_the_same_id_and_body_and_a_signature_of_its_own(
    receiver, received, monkeypatch
):
    webhook = receiver(status(503), status(429, "Retry-After: 0"), status(200))
    moments = iter([1_700_000_000, 1_700_000_001, 1_700_000_002])
    clock = SimpleNamespace(time=lambda: next(moments))
    monkeypatch.setattr("rapport.activation.webhook.time", clock)
    webhook.send(BATCH)
    assert {headers["webhook-id"] for headers, _ in received} == {BATCH.key}
    assert "." not in BATCH.key
    assert len({body for _, body in received}) == 1
    times = [int(headers["webhook-timestamp"]) for headers, _ in received]
    assert times == [1_700_000_000, 1_700_000_001, 1_700_000_002]
    assert len({headers["webhook-signature"] for headers, _ in received}) == 3


def test_while_keys_are_rotated_either_of_them_verifies(receiver, received):
    receiver(status(200), secret=f"{OTHER} {SECRET}").send(BATCH)
    ((headers, body),) = received
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (OTHER, SECRET):
        verifier()(headers, body, secret)


@pytest.mark.parametrize(
    ("code", "error", "tries"),
    [
        (400, BatchRefused, 1),
        (413, BatchRefused, 1),
        (410, ListGone, 1),
        (401, SourceDenied, 1),
        (500, OutcomeUnknown, 3),
        (302, Exception, 1),
    ],
)
def test_what_a_receiver_answers_is_what_becomes_of_the_batch(
    receiver, received, code, error, tries
):
    webhook = receiver(status(code, "Location: http://elsewhere.example/"))
    with pytest.raises(error):
        webhook.send(BATCH)
    assert len(received) == tries


def test_any_body_with_200_will_do_and_none_is_read(receiver):
    webhook = receiver(status(200))  # whose body, "ok", is no JSON
    assert len(webhook.send(replace(BATCH, removes=()))) == 1


@pytest.mark.parametrize(
    "secret", ["whsec_c2hvcnQ=", "whsec_" + "A" * 120, "no base64!", f"{SECRET} whsec_"]
)
def test_a_secret_that_is_none_is_refused_before_anything_is_sent(secret):
    with pytest.raises(SourceDenied, match="24 to 64 bytes") as error:
        Webhook(Connection("rapport_activate_webhook", "https://example.org", secret))
    assert secret not in str(error.value)
