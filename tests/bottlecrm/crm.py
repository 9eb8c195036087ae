"""BottleCRM of PyPI in a folder of its own, over a PostgreSQL that keeps nothing."""

import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests import postgresql

NAME = "Firm"
PACKAGE = "django-crm==1.35.0"
OLDEST = (3, 12)
READS = ("contacts", "accounts", "leads", "opportunities", "cases", "tasks")


class Crm:
    """A running BottleCRM with one organisation, as its administrator sees it.

    Attributes:
        url: base URL of the API.
        token: a personal access token that may read, and nothing else.
    """

    def __init__(self, url, admin_token):
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=60)
        self._as(admin_token)
        made = self.post("org/", name=NAME, timezone="Europe/Berlin")
        self._as(self.post("auth/switch-org/", org_id=made["org"]["id"])["access_token"])
        # The organisation that was asked for has none: it is in dollars.
        self._call("PATCH", "org/settings/", default_currency="EUR", default_country="DE")
        scopes = [f"{each}:read" for each in READS]
        self.token = self.post("profile/tokens/", name="Rapport", scopes=scopes)["token"]

    def _as(self, token):
        self._http.headers["Authorization"] = f"Bearer {token}"

    def _call(self, method, path, **body):
        answer = self._http.request(method, path, json=body or None)
        assert answer.status_code < 300, (
            f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        )
        return answer.json()

    def post(self, path, **body):
        return self._call("POST", path, **body)

    def make(self, path, **body):
        """Make a record, and return its id."""
        return self.post(path, **body)["id"]

    def change(self, path, id_, **body):
        self._call("PATCH", f"{path}{id_}/", **body)

    def delete(self, path, id_):
        self._call("DELETE", f"{path}{id_}/")

    def convert(self, lead):
        """Make a contact, an account and a deal of a lead; return the contact's id."""
        return self._call("PATCH", f"leads/{lead}/", status="converted")["contact_id"]

    def merge(self, path, kept, away):
        self.post(f"{path}{kept}/merge/", merge_id=away)

    def merge_cases(self, kept, away):
        self._call("POST", f"cases/{away}/merge/{kept}/")


@contextmanager
def running(folder):
    """Install and start it; skip where the machine has no Python or PostgreSQL for it."""
    python = _python()
    if python is None:
        pytest.skip(
            f"{PACKAGE} needs Python {'.'.join(map(str, OLDEST))} or later, and none is found"
        )
    bin_ = _installed(folder / "venv", python)
    with postgresql.running() as server:
        with server.session("postgres") as session:
            session.execute("create role crm login password 'crm'")
            session.execute("create database bottle owner crm")
        environment = _environment(server.port)
        work = folder / "work"
        work.mkdir()

        def run(*command):
            done = subprocess.run(
                [bin_ / command[0], *command[1:]],
                env=environment,
                cwd=work,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr[-2000:]
            return done.stdout

        run("django-admin", "migrate", "--verbosity", "0")  # two minutes: 200 migrations
        said = run("django-admin", "devlogin", "boss@example.com", "--create")
        token = re.search(r"access_token:\s*(\S+)", said)[1]
        port = _free_port()
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [bin_ / "uvicorn", "crm.asgi:application", "--port", str(port)],
                env=environment,
                cwd=work,
                stdout=log,
                stderr=log,
            )
        try:
            _wait(f"http://127.0.0.1:{port}/healthz/", process, folder / "server.log")
            yield Crm(f"http://127.0.0.1:{port}/api/", token)
        finally:
            process.terminate()
            process.wait(30)


def _python():
    """A Python that is new enough: named, on the path, or one of pyenv's."""
    named = os.environ.get("BOTTLECRM_PYTHON")
    on_path = [shutil.which(f"python3.{minor}") for minor in range(OLDEST[1], 20)]
    of_pyenv = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
    for found in filter(None, [named, *on_path, *map(str, of_pyenv)]):
        asked = subprocess.run(
            [found, "-c", f"import sys; sys.exit(sys.version_info < {OLDEST})"], capture_output=True
        )
        if asked.returncode == 0:
            return found
    return None


def _installed(venv, python):
    subprocess.run([python, "-m", "venv", venv], check=True, capture_output=True)
    pip = [venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return venv / "bin"


def _environment(port):
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return bare | {
        "DJANGO_SETTINGS_MODULE": "crm.settings",
        "SECRET_KEY": "for-this-run-and-no-other-0123456789",
        "DEBUG": "true",  # `devlogin` gives a token to nobody else
        "DBNAME": "bottle",
        "DBUSER": "crm",
        "DBPASSWORD": "crm",
        "DBHOST": "127.0.0.1",
        "DBPORT": str(port),
        # It mails by a queue; nobody is to read this one.
        "CELERY_BROKER_URL": "memory://",
        "CELERY_RESULT_BACKEND": "cache+memory://",
    }


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _wait(url, process, log):
    for _ in range(240):
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    raise AssertionError(log.read_text()[-2000:])
