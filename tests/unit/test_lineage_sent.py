"""How lineage is sent: asked of a task when it is over, and what a receiver that is down costs."""

import json
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from airflow.providers.openlineage.plugins import listener
from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.uuid import generate_new_uuid

from rapport.lineage import PRODUCER
from rapport.orchestration import lineage
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared

HUBSPOT = Connection("rapport_hubspot", "https://api.hubapi.com", "the-token")


def events(count):
    for number in range(count):
        yield RunEvent(
            eventType=RunState.COMPLETE,
            eventTime="2018-01-03T02:00:05+00:00",
            run=Run(str(generate_new_uuid())),
            job=Job("default", f"model_{number}"),
            producer=PRODUCER,
        )


@pytest.fixture
def receiver(monkeypatch):
    """A receiver of events, configured as the page says; it can be told to hang."""
    with Receiver() as made:
        made.configure(monkeypatch)
        yield made


class Receiver:
    def __init__(self):
        self.came, self.open = [], Event()
        self.open.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.open.wait()
                receiver.came.append(json.loads(body))
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port

    def __enter__(self):
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()

    def configure(self, monkeypatch, **more):
        transport = {"type": "http", "url": f"http://127.0.0.1:{self.port}", "timeout": 0.3}
        transport |= {"retry": {"total": 0}} | more
        monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
        made = SimpleNamespace(adapter=OpenLineageAdapter())
        monkeypatch.setattr(listener, "get_openlineage_listener", lambda: made)


def test_a_receiver_gets_every_event_in_its_order(receiver):
    lineage.send(events(3), time.monotonic())
    assert [event["job"]["name"] for event in receiver.came] == ["model_0", "model_1", "model_2"]


def test_a_receiver_that_hangs_is_asked_once(receiver, caplog):
    receiver.open.clear()
    began = time.monotonic()
    lineage.send(events(500), began)
    assert time.monotonic() - began < 5
    assert "orchestration.lineage.send: nothing was said" in caplog.text
    assert len(caplog.records) <= 2


def test_a_receiver_that_is_not_there_is_asked_once(receiver, monkeypatch, caplog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        receiver.port = taken.getsockname()[1]
    receiver.configure(monkeypatch)
    began = time.monotonic()
    lineage.send(events(500), began)
    assert time.monotonic() - began < 5
    assert "orchestration.lineage.send: nothing was said" in caplog.text


def test_there_is_time_left_for_the_tasks_own_event(receiver, monkeypatch, caplog):
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT", "1")

    def slow():
        for event in events(100):
            time.sleep(0.3)
            yield event

    lineage.send(slow(), time.monotonic())
    assert 1 <= len(receiver.came) <= 3
    assert "lineage: time is up after" in caplog.text


def test_what_the_steps_noted_is_told_once_the_task_is_over(monkeypatch, tmp_path):
    monkeypatch.setattr(lineage, "_noted", [])
    there = Declared()
    lineage.pulled(HUBSPOT, there, "hubspot_deals", {"deals": 2}, tmp_path)
    told = lineage.touched(SimpleNamespace(run_id="night"))
    assert [each.name for each in told.inputs] == ["deals"]
    assert [each.name for each in told.outputs] == [str(tmp_path / "hubspot" / "deals")]


def test_a_task_that_noted_nothing_touched_nothing(monkeypatch):
    monkeypatch.setattr(lineage, "_noted", [])
    told = lineage.touched(SimpleNamespace(run_id="night"))
    assert (told.inputs, told.outputs) == ([], [])
