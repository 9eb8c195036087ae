"""Team mode for real, with all that can be had beside it: built, started, logged in to, a night run
to its release by workers and archived, backed up, lost, restored, another night run, taken down.

Needs a container engine at DOCKER_HOST and takes about twenty minutes: pytest -m compose
"""

import json
import os
import socket
import time
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
import yaml

from tests.compose.team import ROOT, backup, compose, engine, make_env, read_env

DAG = "/api/v2/dags/customer_relationship_nightly"
NIGHT, NEXT_NIGHT = "2018-01-02", "2018-01-03"
RELEASES = "/var/lib/rapport/releases"
LOGS = "/var/lib/rapport/logs/airflow"
OURS = {
    *("api-server", "scheduler", "dag-processor", "triggerer", "sandbox"),
    *("worker-pulls", "worker-warehouse"),
}
STAYING = OURS | {"postgres", "bi", "broker", "storage"}
HEALTHY_SECONDS = 600
NIGHT_SECONDS = 1800

pytestmark = [
    pytest.mark.compose,
    pytest.mark.timeout(5400),
    pytest.mark.skipif(engine() is None, reason="no container engine answers at DOCKER_HOST"),
]


class Team:
    """One installation: its .env, its project name, its address."""

    def __init__(self, folder: Path) -> None:
        self.project = f"rapport-test-{os.getpid()}"
        self.env = folder / "env"
        made = make_env(self.env, "--sandbox", "--workers", "--storage")
        assert made.returncode == 0, made.stderr
        port, bi_port = _free_port(), _free_port()
        with self.env.open("a") as env:
            env.write(f"RAPPORT_UI_PORT={port}\nRAPPORT_IMAGE=rapport:test\n")
            env.write(f"RAPPORT_BI_PORT={bi_port}\n")
            env.write(f"COMPOSE_PROJECT_NAME={self.project}\n")
            env.write("COMPOSE_FILE=docker-compose.yml:tests/compose/stand_ins.yml\n")
        self.url = f"http://127.0.0.1:{port}"
        self.login = ("admin", read_env(self.env)["RAPPORT_ADMIN_PASSWORD"])

    def compose(self, *arguments: str) -> str:
        """Run docker-compose for this installation; return what it says."""
        done = compose(self.env, *arguments)
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

    def wait_until_healthy(self) -> None:
        """Wait until every container says that it is well."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        while (ill := self._unhealthy()) and time.monotonic() < deadline:
            time.sleep(2)
        assert not ill, f"{ill}\n{self.compose('logs', '--tail=30')}"

    def _unhealthy(self) -> dict[str, str]:
        health = self.health()
        states = {service: health.get(service, "missing") for service in STAYING}
        return {service: state for service, state in states.items() if state != "healthy"}

    def run_night(self, night: str) -> None:
        """Set the company's clock to the end of a night, and run it."""
        after = date.fromisoformat(night) + timedelta(days=1)
        self.exec("sandbox", "python", "-m", "sandbox", "clock", f"{after}T00:00:00Z")
        self.exec(
            *("scheduler", "airflow", "dags", "trigger", "customer_relationship_nightly"),
            *("--run-id", f"night_{night}", "--logical-date", f"{night}T02:00:00+00:00"),
        )
        assert _outcome(self, f"night_{night}") == "success", _not_done(self, f"night_{night}")

    def current(self) -> str:
        """The release that readers of files have."""
        return self.exec("scheduler", "readlink", f"{RELEASES}/current").strip()

    def in_postgres(self) -> str:
        """The release that BI tools have."""
        asked = "select release_id from rapport.release"
        return self.exec("bi", "psql", "-U", "rapport", "bi", "-Atc", asked).strip()

    def releases(self) -> str:
        """Releases as the command verifies them, and the current one."""
        return self.exec("scheduler", "rapport", "releases", "verify") + self.current()

    def runs(self) -> dict[str, tuple[str, str]]:
        """State and end of every run."""
        with self.api() as client:
            runs = client.get(f"{DAG}/dagRuns").raise_for_status().json()["dag_runs"]
        return {run["dag_run_id"]: (run["state"], run["end_date"]) for run in runs}

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
        team.wait_until_healthy()
        yield team
    finally:
        team.compose("down", "-v")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _ask_for_token(url: str, user: str, password: str) -> httpx.Response:
    login = {"username": user, "password": password}
    return httpx.post(f"{url}/auth/token", json=login, timeout=30)


def test_nothing_runs_as_root_or_writes_outside_its_volumes(team):
    for service in sorted(OURS):
        assert team.exec(service, "id", "-u").strip() == "10001"
        assert "refused" in team.exec(service, "sh", "-c", "touch /opt/x 2>&1 || echo refused")


def test_the_image_holds_the_product_and_nothing_else(team):
    assert set(team.exec("scheduler", "ls", "-A", "/opt/rapport").split()) == {
        "dags",
        "dbt_project",
        "docker",
        "docs",
        "expectations",
        "plugins",
        "pyproject.toml",
        "requirements",
        "sandbox",
    }
    # What the page in Airflow shows.
    assert team.exec("scheduler", "ls", "-A", "/opt/rapport/docs").split() == ["runbooks"]


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
    team.run_night(NIGHT)
    # who said no is taken out on nights without a release only
    assert _not_done(team, f"night_{NIGHT}") == {"subtract_opt_outs": "skipped"}

    release = f"{RELEASES}/current"
    manifest = json.loads(team.exec("scheduler", "cat", f"{release}/manifest.json"))
    assert manifest["as_of"] == NIGHT
    assert "rapport.duckdb" in team.exec("scheduler", "ls", release).split()
    assert "whole" in team.exec("scheduler", "rapport", "releases", "verify")
    assert team.in_postgres() == team.current()


def test_pulls_ran_on_their_workers_and_the_warehouse_on_its_own(team):
    at = {
        each: team.exec(each, "hostname").strip() for each in ("worker-pulls", "worker-warehouse")
    }
    ran = {task["task_id"]: task["hostname"] for task in _tasks(team, f"night_{NIGHT}")}
    pulls = {task for task in ran if task.startswith("extract.")} | {"check_sources"}
    assert {ran[task] for task in pulls} == {at["worker-pulls"]}
    rest = ("dbt.build", "check_release", "publish_release", "report_night", "archive_night")
    assert {ran[task] for task in rest} == {at["worker-warehouse"]}


def test_the_night_is_in_the_archive(team):
    current = team.exec("scheduler", "readlink", f"{RELEASES}/current").strip()
    said = team.exec("scheduler", "rapport", "archive", "verify").splitlines()
    assert f"{current}: whole" in said
    assert f"current: {current}: whole" in said
    assert {line for line in said if line.startswith("landing/")} == {
        f"landing/{source}: whole" for source in ("hubspot", "klaviyo", "shop")
    }
    assert "sent: nothing" in team.exec("scheduler", "rapport", "archive", "push")


@pytest.mark.parametrize("task", ["publish_release", "dbt.marts.fct_orders"])
def test_a_log_is_read_after_it_is_gone_here(team, task):
    """Of a task that a worker ran, and of one that only a trigger did."""
    address = f"{DAG}/dagRuns/night_{NIGHT}/taskInstances/{task}/logs/1"
    with team.api() as client:
        here = _messages(client.get(address).raise_for_status().json())
        team.exec("scheduler", "sh", "-c", f"rm -r {LOGS}/dag_id=*/run_id=*/task_id={task}")
        there = client.get(address).raise_for_status().json()
    assert any("s3://rapport/archive/logs/" in line for line in _sources(there))
    assert len(here) > 1
    assert _messages(there) == here


def _messages(log: dict) -> list[str]:
    return [line["event"] for line in log["content"] if line.get("timestamp")]


def _sources(log: dict) -> list[str]:
    return [line["event"] for line in log["content"] if not line.get("timestamp")]


def test_what_was_lost_comes_back_from_a_backup_and_nights_go_on(team, tmp_path):
    secret = "for nobody else's eyes"
    connection = json.dumps({"conn_type": "http", "password": secret})
    team.exec("scheduler", "airflow", "connections", "add", "kept", "--conn-json", connection)
    releases, runs = team.releases(), team.runs()

    made = backup(team.env, "make", str(tmp_path / "saved"))
    assert made.returncode == 0, made.stderr
    assert secret.encode() not in (tmp_path / "saved" / "airflow.dump").read_bytes()
    team.wait_until_healthy()  # what was stopped for it runs again

    team.compose("down", "-v")
    assert team.volumes() == []
    lost = team.env.with_name("lost")
    team.env.rename(lost)
    restored = backup(team.env, "restore", str(tmp_path / "saved"))
    assert restored.returncode == 0, restored.stderr
    assert team.env.read_bytes() == lost.read_bytes()
    team.wait_until_healthy()
    assert (team.releases(), team.runs()) == (releases, runs)
    assert secret in team.exec("scheduler", "airflow", "connections", "get", "kept", "-o", "json")

    again = backup(team.env, "restore", str(tmp_path / "saved"))
    assert again.returncode == 1
    assert "`docker-compose down` first" in again.stderr
    team.exec("scheduler", "rapport", "bi", "load")  # the backup holds none of it
    assert team.in_postgres() == team.current()
    team.run_night(NEXT_NIGHT)
    assert team.current().startswith(NEXT_NIGHT)
    assert team.in_postgres() == team.current()
    # The object storage was lost too; the night after sent all that there is.
    assert team.exec("scheduler", "rapport", "archive", "verify").count(": whole") == 6


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
    return {t["task_id"]: t["state"] for t in _tasks(team, run) if t["state"] != "success"}


def _tasks(team: Team, run: str) -> list[dict]:
    tasks: list[dict] = []
    with team.api() as client:
        while True:
            page = client.get(
                f"{DAG}/dagRuns/{run}/taskInstances", params={"limit": 100, "offset": len(tasks)}
            ).json()
            tasks += page["task_instances"]
            if len(tasks) >= page["total_entries"]:
                return tasks


def test_down_with_v_leaves_nothing_behind(team):
    declared = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"]
    assert len(team.volumes()) == len(declared)
    team.compose("down", "-v")
    assert team.health() == {}
    assert team.volumes() == []
