"""A served sandbox for tests, and the pytest fixtures around it.

In a ``conftest.py``::

    from sandbox.testing import sandbox_server, small_company, _small_server  # noqa: F401
"""

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from sandbox import leads, mailing
from sandbox.building import prepare
from sandbox.clock import LAST_INSTANT
from sandbox.company import Company
from sandbox.exports import set_clock
from sandbox.klaviyo import REVISIONS
from sandbox.server import HUBSPOT_TOKEN, KLAVIYO_KEY, create_app

SMALL = 60


@dataclass(frozen=True)
class SandboxServer:
    """A running sandbox.

    Attributes:
        url: where it listens.
        company: what it serves.
    """

    url: str
    company: Company
    hubspot_token: str = HUBSPOT_TOKEN
    klaviyo_key: str = KLAVIYO_KEY

    @property
    def hubspot_url(self) -> str:
        """Base URL of the HubSpot look-alike."""
        return f"{self.url}/hubspot"

    @property
    def klaviyo_url(self) -> str:
        """Base URL of the Klaviyo look-alike, with ``/api``."""
        return f"{self.url}/klaviyo/api"

    @property
    def shop_path(self) -> Path:
        """The shop's SQLite file."""
        return self.company.shop_path

    @cached_property
    def hubspot(self) -> httpx.Client:
        """A client that may ask HubSpot."""
        headers = {"Authorization": f"Bearer {self.hubspot_token}"}
        return httpx.Client(base_url=self.hubspot_url, headers=headers, timeout=30)

    @cached_property
    def klaviyo(self) -> httpx.Client:
        """A client that may ask Klaviyo."""
        key = f"Klaviyo-API-Key {self.klaviyo_key}"
        headers = {"Authorization": key, "revision": REVISIONS[-1]}
        return httpx.Client(base_url=self.klaviyo_url, headers=headers, timeout=30)

    @cached_property
    def controls(self) -> httpx.Client:
        """A client for the sandbox's own controls."""
        return httpx.Client(base_url=f"{self.url}/sandbox", timeout=30)

    def set_clock(self, instant: str) -> None:
        """Move the clock of both APIs and the shop."""
        set_clock(self.shop_path, instant)

    def set_faults(self, rules: list[dict[str, Any]], **settings: Any) -> None:
        """Replace the faults; settings are ``limits`` and those of `faults.SETTINGS`."""
        answer = self.controls.put("/faults", json={"rules": rules, **settings})
        if answer.status_code != 200:
            raise ValueError(answer.json()["error"])

    def add_faults(self, *rules: dict[str, Any]) -> None:
        """Add faults to those in force; nothing that was changed is taken back."""
        answer = self.controls.post("/faults", json=rules)
        if answer.status_code != 200:
            raise ValueError(answer.json()["error"])

    def calls(self, path: str = "") -> list[dict[str, Any]]:
        """Return the record of calls whose ``METHOD /path?query`` holds a text."""
        return self._recorded("/calls", {"path": path})

    def memberships(self, list_id: str) -> list[dict[str, Any]]:
        """Return who was added to a list and removed from it by calls, in order."""
        return self._recorded("/memberships", {"list_id": list_id})

    def members(self, list_id: str) -> set[str]:
        """Return who is on a list by the record of what calls changed."""
        members: set[str] = set()
        for each in self.memberships(list_id):
            if each["what"] == "added":
                members |= set(each["ids"])
            else:
                members -= set(each["ids"])
        return members

    def flow_starts(self) -> list[dict[str, Any]]:
        """Return each start of a flow by somebody who joined a list."""
        return self._recorded("/flow-starts")

    def added_after_opt_out(self) -> list[dict[str, Any]]:
        """Return who was added to a list after an opt-out of theirs had been served."""
        found: list[dict[str, Any]] = self.controls.get("/opt-outs").json()["added_after"]
        return found

    def _recorded(self, path: str, query: dict[str, str] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.controls.get(path, params=query).json()
        return found

    def faults(self) -> list[dict[str, Any]]:
        """Return the rules in force with their counts."""
        rules: list[dict[str, Any]] = self.controls.get("/faults").json()["rules"]
        return rules

    def change(self, *changes: dict[str, Any]) -> list[dict[str, Any]]:
        """Change records now, until `reset` or an end of the faults; return what was touched."""
        answer = self.controls.post("/changes", json=changes)
        if answer.status_code != 200:
            raise ValueError(answer.json()["error"])
        done: list[dict[str, Any]] = answer.json()
        return done

    def reset(self) -> None:
        """Clear faults, changes and what calls wrote; the clock stands at the last night's end."""
        self.controls.delete("/faults")
        self.controls.delete("/calls")
        self.set_clock(LAST_INSTANT)


@contextmanager
def serve(company: Company) -> Iterator[SandboxServer]:
    """Serve a company on a free port of this machine, from a thread of this process."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(company), log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the sandbox did not start")
        time.sleep(0.01)
    try:
        yield SandboxServer(f"http://127.0.0.1:{listener.getsockname()[1]}", company)
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()


@pytest.fixture(scope="session")
def small_company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company of 60 households, the canary among them; built once, in half a second."""
    return prepare(tmp_path_factory.mktemp("small-company"), households=SMALL)


@pytest.fixture(scope="session")
def full_company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The whole company; built once, in about ten seconds."""
    return prepare(tmp_path_factory.mktemp("full-company"))


@pytest.fixture(scope="session")
def _leads_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """A small company with the leads of the larger ones, served; ask for `leads_server`."""
    company = prepare(tmp_path_factory.mktemp("company-with-leads"), households=SMALL)
    with closing(sqlite3.connect(company.crm_path)) as crm:
        leads.write(crm, mailing.metric_names())
        crm.commit()
    with serve(company) as server:
        yield server


@pytest.fixture
def leads_server(_leads_server: SandboxServer) -> SandboxServer:
    """A small company with leads; without faults and at the end of the last night."""
    _leads_server.reset()
    return _leads_server


@pytest.fixture(scope="session")
def _small_server(small_company: Company) -> Iterator[SandboxServer]:
    """The small company, served once for all tests; ask for `sandbox_server` instead."""
    with serve(small_company) as server:
        yield server


@pytest.fixture
def sandbox_server(_small_server: SandboxServer) -> SandboxServer:
    """The small company, served; without faults and at the end of the last night."""
    _small_server.reset()
    return _small_server
