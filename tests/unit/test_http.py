"""What no look-alike does: connections that fail, headers that trickle, a firewall's refusal."""

import socket
import time
from contextlib import closing, suppress

import pytest

from rapport.errors import DeadlinePassed, ScopeMissing, SourceDenied, SourceError
from rapport.sources.connection import Connection
from rapport.sources.http import Api
from tests.listening import listening

EMPTY = b'{"results": {}}'


def whole(body, status="200 OK", kind="application/json", length=None):
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length or len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n".encode() + body


@pytest.fixture
def answering():
    """Return who answers each connection with the next of some texts, the last one for ever.

    Each is sent byte by byte with a pause between, if there is one.
    """
    asked = []
    with listening() as serve:

        def start(*texts, pause=0.0, **options):
            def answer(connection):
                connection.recv(65536)
                text = texts[min(len(asked), len(texts) - 1)]
                asked.append(text)
                with suppress(OSError):  # whoever asked has gone
                    for place in range(0, len(text), 1 if pause else max(1, len(text))):
                        connection.sendall(text[place : place + 1] if pause else text)
                        time.sleep(pause)

            port = serve(answer)
            fast = {"max_attempts": 3, "backoff_factor": 0.001} | options
            return api(f"http://127.0.0.1:{port}", **fast), asked

        yield start


def api(url, **options):
    connection = Connection("rapport_hubspot", url, "secret", options)
    return Api(connection, scheme="Bearer", records="results", remedy="Mend the key.")


@pytest.mark.parametrize("texts", [
    [b'HTTP/1.1 200 OK\r\nX-Slow: ' + b"a" * 1000],
    [whole(EMPTY * 100)],
], ids=["headers", "body"])  # fmt: skip
def test_an_answer_a_byte_at_a_time_is_cut_at_the_deadline(answering, texts):
    crm, _ = answering(*texts, pause=0.05, deadline_seconds=0.5)
    began = time.monotonic()
    with pytest.raises(DeadlinePassed, match="did not end within"):
        crm.get("/slow")
    assert 0.4 < time.monotonic() - began < 3


@pytest.mark.parametrize("broken", [
    whole(EMPTY, length=1000),
    whole(EMPTY[:-3]),
    whole(b'{"results": {"name": "A'),
    b"",
], ids=["shorter than it says", "cut off", "cut off in a text", "nothing"])  # fmt: skip
def test_a_body_that_is_cut_off_is_asked_for_again(answering, broken):
    crm, asked = answering(broken, whole(EMPTY))
    assert crm.get("/objects") == {"results": {}}
    assert len(asked) == 2


def test_what_is_always_cut_off_is_told_as_what_it_is(answering):
    crm, asked = answering(whole(EMPTY[:-3]))
    with pytest.raises(SourceError, match=r"12 bytes of 'application/json' are not strict JSON"):
        crm.get("/objects")
    assert len(asked) == 3


@pytest.mark.parametrize(("place", "said"), [
    ("https://api.example/v3/objects?email=ada%40example.com", "leads to https://api.example, "),
    ("/login?id=4711", "answered 301, "),
])  # fmt: skip
def test_who_is_sent_elsewhere_is_told_where_at_once(answering, place, said):
    head = f"HTTP/1.1 301 Moved Permanently\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n"
    crm, asked = answering(head.encode())
    with pytest.raises(SourceError, match="Check the host of the connection") as told:
        crm.get("/objects")
    assert said in str(told.value)
    assert "ada" not in str(told.value)
    assert len(asked) == 1


def test_a_firewalls_403_is_no_missing_scope(answering):
    crm, asked = answering(whole(b"<p>Just a moment</p>", "403 Forbidden", "text/html"))
    with pytest.raises(SourceDenied, match=r"access refused\. Mend the key") as told:
        crm.get("/objects")
    assert not isinstance(told.value, ScopeMissing)
    assert len(asked) == 1


def test_a_connection_that_fails_says_why_and_not_what_was_asked():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    crm = api(f"http://127.0.0.1:{port}", max_attempts=2, backoff_factor=0.001)
    with pytest.raises(SourceError, match=r"after 2 tries .*Connection refused") as told:
        crm.get("/objects?id=4711")
    assert "4711" not in str(told.value).split("objects?id=4711")[-1]


def test_an_address_that_is_none_is_asked_once():
    with pytest.raises(SourceError, match=r"no usable answer \(InvalidSchema\)"):
        api("ftp://api.example").get("/objects")
