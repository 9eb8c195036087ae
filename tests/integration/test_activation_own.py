"""The two destinations without records of their own, by whole runs: a webhook, and files."""

import json
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from rapport.activation.files import Files
from rapport.activation.webhook import Webhook
from rapport.sources.connection import Connection
from tests.activating import NIGHT, Home
from tests.listening import listening

SEGMENT = "win_back_dormant"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
POLICY = f"""segments:
  {SEGMENT}: {{minimum_stay_days: 0, minimum_absence_days: 0, also_to: [webhook, files]}}
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Twenty people, ten of them on a segment that goes to all destinations."""
    made = Home(tmp_path / "home", monkeypatch, POLICY)
    names = [f"c{number:02d}" for number in range(20)]
    for name in names:
        made.person(name, klaviyo=[f"p-{name}"])
    return made.on(SEGMENT, *names[:10])


@pytest.fixture
def bodies():
    """What a receiver took."""
    return []


@pytest.fixture
def webhook(bodies):
    with listening() as serve:

        def answer(connection):
            text = b""
            while b"\r\n\r\n" not in text:
                text += connection.recv(65536)
            head, _, body = text.partition(b"\r\n\r\n")
            (length,) = [
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            ]
            while len(body) < length:
                body += connection.recv(65536)
            bodies.append(json.loads(body)["data"])
            connection.sendall(b"HTTP/1.1 204 x\r\nConnection: close\r\n\r\n")

        url = f"http://127.0.0.1:{serve(answer)}/segments"
        fast = {"batch_size": 6, "calls_per_minute": 60_000}
        yield Webhook(Connection("rapport_activate_webhook", url, SECRET, fast))


def told(bodies, what):
    return {each["customer_id"] for body in bodies for each in body[what]}


def test_a_receiver_gets_changes_and_a_no_at_once(home, webhook, bodies):
    home.publish()
    ran = home.activate(webhook)
    assert ran.summary() | {"sent": 10, "accepted": 10, "stopped": []} == ran.summary()
    assert [len(body["added"]) for body in bodies] == [6, 4]
    assert bodies[0]["added"][0]["treatment"] == "note"
    home.off(SEGMENT, "c00").on(SEGMENT, "c10").says("c01", "opted_out")
    home.publish(NIGHT + timedelta(days=1))
    del bodies[:]
    home.activate(webhook)
    assert (told(bodies, "added"), told(bodies, "removed")) == ({"c10"}, {"c00", "c01"})
    del bodies[:]
    home.activate(webhook)
    assert bodies == []


def test_files_show_everybody_who_is_on_a_segment_and_nobody_who_said_no(home, tmp_path):
    files = Files(Connection("rapport_activate_files", str(tmp_path / "out")))
    home.publish()
    home.activate(files)
    members = tmp_path / "out" / SEGMENT / "members.parquet"
    names = [f"c{number:02d}" for number in range(10)]
    assert pq.read_table(members)["customer_id"].to_pylist() == names
    home.says("c01", "opted_out").publish(NIGHT + timedelta(days=1))
    members.unlink()  # somebody took it
    home.activate(files)
    table = pq.read_table(members)
    assert table["customer_id"].to_pylist() == [name for name in names if name != "c01"]
    assert set(table["send_window"].to_pylist()) == {"9-18"}
    manifest = json.loads((members.parent / "manifest.json").read_text())
    assert (manifest["rows"], manifest["as_of_date"]) == (9, "2018-01-03")


def test_neither_is_told_a_key_of_anybody_elses(home, webhook, bodies, tmp_path):
    home.publish()
    home.activate(webhook)
    home.activate(Files(Connection("rapport_activate_files", str(tmp_path / "out"))))
    assert "p-c0" not in json.dumps(bodies)
    for path in (tmp_path / "out" / SEGMENT).iterdir():
        assert b"p-c0" not in path.read_bytes()
