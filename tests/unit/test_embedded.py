"""Processes in the background: started once, known for sure, ended with their children."""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from threading import Thread

import pytest

from rapport.errors import SettingsError
from rapport.orchestration import embedded
from rapport.settings import Settings

PARENT = (
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import os, time; os.setpgrp(); time.sleep(60)'])\n"
    "time.sleep(60)\n"
)


@pytest.fixture
def settings(monkeypatch, tmp_path):
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    (tmp_path / "logs").mkdir()
    return Settings.from_env()


@pytest.fixture
def service(settings):
    """A service that has a child in a process group of its own."""
    embedded._start(
        settings, embedded._Service("worker", [sys.executable, "-c", PARENT]), dict(os.environ)
    )
    group = embedded._running(settings, "worker")
    deadline = time.monotonic() + 10
    while len(list(embedded._members(group))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield group
    embedded.down(settings)


def test_down_ends_a_service_and_its_children_wherever_they_went(settings, service):
    assert embedded.down(settings) == ["worker"]
    assert list(embedded._members(service)) == []
    assert embedded._running(settings, "worker") is None
    assert embedded.down(settings) == []


def test_children_that_outlive_their_parent_are_still_ended(settings, service):
    os.kill(service, 9)
    with suppress(ChildProcessError):
        os.waitpid(service, 0)
    assert embedded.down(settings) == ["worker"]
    assert list(embedded._members(service)) == []


def test_a_service_whose_children_outlived_it_has_ended_and_is_started_again(
    settings, service, monkeypatch
):
    """What is left of a scheduler that the system killed for its memory runs no night."""
    os.kill(service, 9)
    deadline = time.monotonic() + 10
    while embedded._running(settings, "worker"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert list(embedded._members(service)) != []
    assert embedded.ended(settings) == ["worker"]
    monkeypatch.setattr(embedded, "environment", lambda *_: dict(os.environ))
    monkeypatch.setattr(embedded, "_prepare", lambda *_: None)
    again = embedded._Service("worker", [sys.executable, "-c", PARENT])
    monkeypatch.setattr(embedded, "_services", lambda *_: [again])
    said = []
    embedded.up(settings, embedded.Ports.from_env(), said.append)
    assert said[0] == "ended what is left of worker, which had died"
    assert list(embedded._members(service)) == []
    assert embedded._running(settings, "worker") not in (None, service)


def test_two_commands_start_an_installation_one_after_the_other(settings, monkeypatch):
    at_once, most = [], []

    def prepare(*_):
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.2)
        at_once.pop()

    monkeypatch.setattr(embedded, "environment", lambda *_: {})
    monkeypatch.setattr(embedded, "_services", lambda *_: [])
    monkeypatch.setattr(embedded, "_prepare", prepare)
    waited, ports = [], embedded.Ports.from_env()
    both = [
        Thread(target=embedded.up, args=(settings, ports, print, waited.append)) for _ in range(2)
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert most == [1, 1]
    assert waited == ["another command starts this installation"]


def test_a_service_that_runs_at_another_port_is_said_and_looked_for_there(settings, monkeypatch):
    """Whoever opens another shell has not exported the port again."""
    monkeypatch.setenv("RAPPORT_COMPANY", "own")
    monkeypatch.setenv("RAPPORT_UI_PORT", "4711")
    api = embedded._Service("api-server", [sys.executable, "-c", PARENT], 4711, "RAPPORT_UI_PORT")
    embedded._start(settings, api, dict(os.environ))
    monkeypatch.setenv("RAPPORT_UI_PORT", "4712")
    own = Settings.from_env()
    try:
        assert embedded.ports_in_use(own).airflow == 4711
        with pytest.raises(SettingsError, match="runs at port 4711, not 4712; set RAPPORT_UI_PORT"):
            embedded.up(own, embedded.Ports.from_env(), print)
    finally:
        embedded.down(settings)
    assert embedded.ports_in_use(own).airflow == 4712


def test_another_process_with_the_same_number_is_not_taken_for_ours(settings):
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
    )
    try:
        # It leads a session of its own, as ours do.
        known = {"group": stranger.pid, "born": 1.0}
        (settings.home / "run" / "worker.json").write_text(json.dumps(known))
        assert embedded.down(settings) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_busy_port_is_one_clear_line(settings, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        monkeypatch.setenv("RAPPORT_UI_PORT", str(port))
        monkeypatch.setenv("RAPPORT_COMPANY", "own")
        with pytest.raises(SettingsError, match=f"port {port} is in use.*RAPPORT_UI_PORT"):
            embedded.up(Settings.from_env(), embedded.Ports.from_env(), print)


def test_all_busy_ports_are_named_at_once(settings, monkeypatch):
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        sandbox, ui = one.getsockname()[1], other.getsockname()[1]
        monkeypatch.setenv("RAPPORT_SANDBOX_PORT", str(sandbox))
        monkeypatch.setenv("RAPPORT_UI_PORT", str(ui))
        with pytest.raises(SettingsError) as told:
            embedded.up(settings, embedded.Ports.from_env(), print)
    assert str(told.value) == (
        f"ports {sandbox} and {ui} are in use by something else; set RAPPORT_SANDBOX_PORT and "
        "RAPPORT_UI_PORT to free ports, or end what uses them"
    )


def test_one_port_for_two_services_is_told_before_either_starts(settings, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    monkeypatch.setenv("RAPPORT_SANDBOX_PORT", port)
    monkeypatch.setenv("RAPPORT_UI_PORT", port)
    with pytest.raises(SettingsError, match=f"port {port} is in use.*RAPPORT_UI_PORT"):
        embedded.up(settings, embedded.Ports.from_env(), print)


def test_a_service_that_ends_at_once_shows_the_end_of_its_log(settings):
    broken = embedded._Service(
        "worker", [sys.executable, "-c", "raise SystemExit('no such setting')"], health_url="x"
    )
    embedded._start(settings, broken, dict(os.environ))
    time.sleep(1)
    with pytest.raises(SettingsError, match="no such setting"):
        embedded._wait(settings, broken)


def test_keys_are_made_once_and_for_their_owner_only(settings):
    first = embedded._secrets(settings.airflow_home)
    assert embedded._secrets(settings.airflow_home) == first
    assert len(set(first.values())) == 3
    mode = (settings.airflow_home / "secrets.json").stat().st_mode
    assert mode & 0o077 == 0


def test_everything_listens_on_this_machine_only_and_reports_to_nobody(settings):
    env = embedded.environment(settings, embedded.Ports(8080, 8765))
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["DO_NOT_TRACK"] == "1"
    servers = [s.command for s in embedded._services(settings, embedded.Ports(8080, 8765))]
    assert ["--skip-serve-logs" in command for command in servers].count(True) == 2


def test_own_accounts_need_no_sandbox_and_keep_the_caller_s_connections(monkeypatch, tmp_path):
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    monkeypatch.setenv("RAPPORT_COMPANY", "own")
    monkeypatch.setenv("AIRFLOW_CONN_RAPPORT_HUBSPOT", "mine")
    settings, ports = Settings.from_env(), embedded.Ports(8080, 8765)
    assert embedded.environment(settings, ports)["AIRFLOW_CONN_RAPPORT_HUBSPOT"] == "mine"
    assert "sandbox" not in [service.name for service in embedded._services(settings, ports)]


@pytest.fixture
def started_with(settings, service, monkeypatch):
    """Return a function: what becomes of a running scheduler when the caller's environment is.."""
    monkeypatch.setattr(embedded, "READERS", ("worker",))
    monkeypatch.setattr(embedded, "login", lambda _: ("admin", "-"))
    before = {"AIRFLOW_CONN_RAPPORT_SHOP": "a", "RAPPORT_THREADS": "2"}
    note = settings.home / "run" / "worker.json"
    known = json.loads(note.read_text()) | {"environment": embedded._digests(settings, before)}
    note.write_text(json.dumps(known))

    def now(**env) -> tuple[bool, list[str]]:
        told: list[str] = []
        # Nothing listens there, so no night runs.
        embedded._end_outdated(settings, embedded.Ports(1, 2), env, told.append)
        return embedded._running(settings, "worker") is not None, told

    return now


def test_a_connection_that_was_exported_since_is_read_by_what_is_started_again(started_with):
    lives, (told,) = started_with(
        AIRFLOW_CONN_RAPPORT_SHOP="b", AIRFLOW_CONN_RAPPORT_HUBSPOT="c", RAPPORT_THREADS="2"
    )
    assert not lives
    assert "AIRFLOW_CONN_RAPPORT_HUBSPOT, AIRFLOW_CONN_RAPPORT_SHOP changed" in told


def test_what_nobody_changed_runs_on(started_with):
    same = {"AIRFLOW_CONN_RAPPORT_SHOP": "a", "RAPPORT_THREADS": "2"}
    assert started_with(**same) == (True, [])
    # Another terminal, in which nothing was exported: the connection is still the old one.
    assert started_with(RAPPORT_THREADS="2") == (True, [])


def test_no_connection_is_lost_by_starting_again(started_with):
    with pytest.raises(SettingsError, match="RAPPORT_SHOP is not set any more"):
        started_with(RAPPORT_THREADS="4")


def test_a_night_that_runs_is_not_disturbed_by_what_changed(started_with, monkeypatch):
    class Busy:
        def __init__(self, *_):
            pass

        def active_nights(self):
            return ["night_2018-01-02"]

    monkeypatch.setattr(embedded, "Airflow", Busy)
    lives, (told,) = started_with(AIRFLOW_CONN_RAPPORT_SHOP="b", RAPPORT_THREADS="2")
    assert lives
    assert "a night is running" in told


def test_what_services_were_started_with_is_kept_without_its_values(settings):
    kept = embedded._digests(settings, {"AIRFLOW_CONN_RAPPORT_SHOP": "secret", "HOME": "/"})
    assert list(kept) == ["AIRFLOW_CONN_RAPPORT_SHOP"]
    assert "secret" not in str(kept)


def test_a_port_that_is_none_is_one_clear_line(monkeypatch):
    monkeypatch.setenv("RAPPORT_UI_PORT", "99999")
    with pytest.raises(SettingsError, match=r"RAPPORT_UI_PORT must be .* at most 65535"):
        embedded.Ports.from_env()


def test_a_home_that_cannot_be_written_is_said_with_its_path(settings, monkeypatch):
    def read_only(folder):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(folder))

    monkeypatch.setattr(embedded, "make_private", read_only)
    with pytest.raises(SettingsError, match=f"{settings.home} cannot be .* Read-only file system"):
        embedded.up(settings, embedded.Ports(0, 0), say=print)


def test_one_home_holds_one_company(settings, monkeypatch):
    embedded._claim(settings)
    embedded._claim(settings)
    monkeypatch.setenv("RAPPORT_COMPANY", "own")
    with pytest.raises(SettingsError, match=r"nights of the company 'complete-journey'.*'own'"):
        embedded._claim(Settings.from_env())
