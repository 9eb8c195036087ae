"""Team mode for real: built, started, logged in to, one night run to its release, taken down.

Needs a container engine at DOCKER_HOST and takes about ten minutes: pytest -m compose
"""

import json
import os
import socket
import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.compose.team import ROOT, compose, engine, make_env, read_env

DAG = "/api/v2/dags/customer_relationship_nightly"
NIGHT = "2018-01-02"
STAYING = {"postgres", "api-server", "scheduler", "dag-processor", "triggerer", "sandbox"}
HEALTHY_SECONDS = 600
NIGHT_SECONDS = 1800

pytestmark = [
    pytest.mark.compose,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(engine() is None, reason="no container engine answers at DOCKER_HOST"),
]


class Team:
    """One installation: its .env, its project name, its address."""

    def __init__(self, folder: Path) -> None:
        self.project = f"rapport-test-{os.getpid()}"
        self.env = folder / "env"
        made = make_env(self.env, "--sandbox")
        assert made.returncode == 0, made.stderr
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with self.env.open("a") as env:
            env.write(f"RAPPORT_UI_PORT={port}\nRAPPORT_IMAGE=rapport:test\n")
        self.url = f"http://127.0.0.1:{port}"
        self.login = ("admin", read_env(self.env)["RAPPORT_ADMIN_PASSWORD"])

    def compose(self, *arguments: str) -> str:
        """Run docker-compose for this installation; return what it says."""
        done = compose(self.env, "--project-name", self.project, *arguments)
        assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def exec(self, service: str, *command: str) -> str:
        """Run a command in a service's container."""
        return self.compose("exec", "-T", service, *command)

    def health(self) -> dict[str, str]:
        """The state of each container, or what its health check says."""
        listed = engine().get("/v1.40/containers/json", params={"all": "true"}).json()
        found = {
            container["Labels"]["com.docker.compose.service"]: container["Id"]
            for container in listed
            if container["Labels"].get("com.docker.compose.project") == self.project
        }
        states = {
            service: engine().get(f"/v1.40/containers/{container}/json").json()["State"]
            for service, container in found.items()
        }
        return {
            service: (state.get("Health") or {}).get("Status") or state["Status"]
            for service, state in states.items()
        }

    def volumes(self) -> list[str]:
        """The installation's volumes."""
        found = engine().get("/v1.40/volumes").json()["Volumes"] or []
        names = [volume["Name"] for volume in found]
        return sorted(name for name in names if name.startswith(f"{self.project}_"))

    def api(self) -> httpx.Client:
        """Airflow's API, logged in as the first user."""
        token = _ask_for_token(self.url, *self.login).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, timeout=30, headers=headers)


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """The installation, built, up and healthy; taken down with its volumes at the end."""
    team = Team(tmp_path_factory.mktemp("team"))
    try:
        team.compose("build")
        team.compose("up", "-d")
        deadline = time.monotonic() + HEALTHY_SECONDS
        while _unhealthy(team) and time.monotonic() < deadline:
            time.sleep(2)
        assert not _unhealthy(team), f"{_unhealthy(team)}\n{team.compose('logs', '--tail=30')}"
        yield team
    finally:
        team.compose("down", "-v")


def _unhealthy(team: Team) -> dict[str, str]:
    health = team.health()
    states = {service: health.get(service, "missing") for service in STAYING}
    return {service: state for service, state in states.items() if state != "healthy"}


def _ask_for_token(url: str, user: str, password: str) -> httpx.Response:
    login = {"username": user, "password": password}
    return httpx.post(f"{url}/auth/token", json=login, timeout=30)


def test_nothing_runs_as_root_or_writes_outside_its_volumes(team):
    for service in sorted(STAYING - {"postgres"}):
        assert team.exec(service, "id", "-u").strip() == "10001"
        assert "refused" in team.exec(service, "sh", "-c", "touch /opt/x 2>&1 || echo refused")


def test_the_image_holds_the_product_and_nothing_else(team):
    assert set(team.exec("scheduler", "ls", "-A", "/opt/rapport").split()) == {
        "dags",
        "dbt_project",
        "docker",
        "expectations",
        "plugins",
        "pyproject.toml",
        "requirements",
        "sandbox",
    }


def test_the_login_takes_the_made_password_only(team):
    for wrong in ("admin", "airflow", "rapport"):
        assert _ask_for_token(team.url, team.login[0], wrong).status_code == 401
    assert httpx.get(team.url + DAG, timeout=30).status_code == 401
    with team.api() as client:
        assert client.get(DAG).json()["is_paused"] is False


def test_the_ui_opens(team):
    page = httpx.get(team.url, follow_redirects=True, timeout=30)
    assert page.status_code == 200
    assert "<title>Airflow</title>" in page.text


def test_a_night_runs_to_its_release(team):
    team.exec("sandbox", "python", "-m", "sandbox", "clock", "2018-01-03T00:00:00Z")
    team.exec(
        *("scheduler", "airflow", "dags", "trigger", "customer_relationship_nightly"),
        *("--run-id", f"night_{NIGHT}", "--logical-date", f"{NIGHT}T02:00:00+00:00"),
    )
    assert _outcome(team, f"night_{NIGHT}") == "success", _not_done(team, f"night_{NIGHT}")
    assert not _not_done(team, f"night_{NIGHT}")

    release = "/var/lib/rapport/releases/current"
    manifest = json.loads(team.exec("scheduler", "cat", f"{release}/manifest.json"))
    assert manifest["as_of"] == NIGHT
    assert "rapport.duckdb" in team.exec("scheduler", "ls", release).split()
    assert "whole" in team.exec("scheduler", "rapport", "releases", "verify")


def _outcome(team: Team, run: str) -> str:
    """Wait for a run's end and return its state."""
    deadline = time.monotonic() + NIGHT_SECONDS
    with team.api() as client:
        while True:
            state = client.get(f"{DAG}/dagRuns/{run}").raise_for_status().json()["state"]
            if state in {"success", "failed"} or time.monotonic() > deadline:
                return state
            time.sleep(3)


def _not_done(team: Team, run: str) -> dict[str, str]:
    """The tasks of a run that are anything but green."""
    tasks: list[dict] = []
    with team.api() as client:
        while True:
            page = client.get(
                f"{DAG}/dagRuns/{run}/taskInstances", params={"limit": 100, "offset": len(tasks)}
            ).json()
            tasks += page["task_instances"]
            if len(tasks) >= page["total_entries"]:
                return {t["task_id"]: t["state"] for t in tasks if t["state"] != "success"}


def test_down_with_v_leaves_nothing_behind(team):
    declared = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"]
    assert len(team.volumes()) == len(declared)
    team.compose("down", "-v")
    assert team.health() == {}
    assert team.volumes() == []
