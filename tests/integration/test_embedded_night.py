"""The real thing, small: Airflow under its own scheduler, a night from the command line."""

import json
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from rapport.orchestration import embedded
from rapport.orchestration.night import DAG_ID, Airflow
from rapport.settings import Settings
from rapport.sources.streams import GROUPS

ROOT = Path(__file__).parents[2]
RAPPORT = [sys.executable, "-m", "rapport.orchestration.cli"]


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in sockets]


class Installation:
    """One embedded installation, used through its command line."""

    def __init__(self, home: Path):
        ui, sandbox = free_ports(2)
        self.ports = embedded.Ports(ui, sandbox)
        self.home = home
        self.env = os.environ | {
            "RAPPORT_HOME": str(home),
            "RAPPORT_UI_PORT": str(ui),
            "RAPPORT_SANDBOX_PORT": str(sandbox),
            "RAPPORT_SANDBOX_HOUSEHOLDS": "60",
            "PYTHONPATH": f"{ROOT / 'plugins'}{os.pathsep}{ROOT}",
            "COLUMNS": "200",
        }

    def rapport(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*RAPPORT, *arguments],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=800,
        )

    def airflow(self) -> Airflow:
        os.environ["RAPPORT_HOME"] = str(self.home)
        try:
            settings = Settings.from_env()
        finally:
            del os.environ["RAPPORT_HOME"]
        return Airflow(self.ports.airflow_url, embedded.login(settings))

    def faults(self, *rules: dict) -> None:
        httpx.put(
            f"{self.ports.sandbox_url}/sandbox/faults", json={"rules": list(rules)}
        ).raise_for_status()

    def current(self) -> str:
        return (self.home / "releases" / "current").resolve().name


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    made = Installation(tmp_path_factory.mktemp("embedded"))
    yield made
    made.rapport("down")


@pytest.fixture(scope="module")
def first_night(installation):
    done = installation.rapport("run", "--as-of", "2017-12-30")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_a_night_runs_to_a_release_and_says_so(installation, first_night):
    release_id = installation.current()
    assert release_id.startswith("2017-12-30-")
    for told in (
        release_id,
        "dim_contact_pressure",
        "loyal_high_value",
        "What came in:",
        "What goes out:",
        "data_docs/publish/index.html",
        "data_docs/sources/index.html",
        installation.ports.airflow_url,
        "login admin, password ",
    ):
        assert told in first_night
    for step in (
        "extract.shop_orders",
        "check_sources",
        "dbt.marts.fct_orders",
        "publish_release",
        "report_night",
    ):
        assert re.search(rf"{step}\s+\d+\.\d s\s+ok", first_night), step


def test_the_pages_that_the_summary_names_are_there(installation, first_night):
    for checkpoint in ("sources", "publish"):
        assert (installation.home / "data_docs" / checkpoint / "index.html").is_file()
    assert httpx.get(installation.ports.airflow_url, follow_redirects=True).is_success


def test_the_report_lies_beside_the_release_and_the_summary_links_it(installation, first_night):
    page = installation.home / "releases" / f"{installation.current()}.html"
    assert re.search(rf"Report\s+{re.escape(str(page))}\n", first_night)
    assert page.read_text().count("<table") > 5
    told = installation.airflow().returned("night_2017-12-30", "report_night")
    assert told == {"release_id": installation.current(), "bytes": page.stat().st_size}


def test_xcom_holds_counts_and_names_only(installation, first_night):
    airflow = installation.airflow()
    run = "night_2017-12-30"
    counts = airflow.returned(run, "extract.hubspot_contacts")
    assert set(counts) == {"contacts", "companies", "owners"}
    assert all(isinstance(count, int) for count in counts.values())


def test_every_pull_shows_how_many_rows_it_landed(installation, first_night):
    airflow = installation.airflow()
    for group, streams in GROUPS.items():
        counts = airflow.returned("night_2017-12-30", f"extract.{group}")
        assert {stream.name for stream in streams} <= set(counts)
        for stream, count in counts.items():
            assert re.search(rf"{group} .*\b{stream} {count:,}", first_night), (group, stream)
    log = airflow.log_tail("night_2017-12-30", "extract.hubspot_contacts", 100)
    assert any(re.search(r"contacts: [\d,]+ rows landed", line) for line in log)


def test_no_log_of_the_night_names_the_canary(installation, first_night):
    from sandbox import canary

    logs = [path for path in (installation.home / "logs").rglob("*") if path.is_file()]
    assert len(logs) > 30
    for path in logs:
        text = path.read_text(errors="replace").lower()
        assert not [trace for trace in canary.TRACES if trace in text], path


def test_a_refused_token_turns_the_night_red_at_once_and_says_what_to_check(
    installation, first_night
):
    before = installation.current()
    installation.faults(
        {"match": {"path": "/hubspot/"}, "times": None, "do": {"kind": "status", "code": 401}}
    )
    try:
        done = installation.rapport("run", "--as-of", "2017-12-31")
    finally:
        installation.faults()
    assert done.returncode == 1
    assert "extract.hubspot_contacts failed" in done.stdout
    assert "connection 'rapport_hubspot'" in done.stdout
    assert "private app" in done.stdout
    assert installation.current() == before
    task = installation.airflow()._get(
        f"/api/v2/dags/{DAG_ID}/dagRuns/night_2017-12-31/taskInstances/extract.hubspot_contacts"
    )
    assert (task["state"], task["try_number"]) == ("failed", 1)


def test_down_leaves_no_process_behind(installation, first_night):
    groups = [
        json.loads(path.read_text())["group"] for path in (installation.home / "run").glob("*.json")
    ]
    assert len(groups) == 5
    assert installation.rapport("down").returncode == 0
    assert [pid for group in groups for pid in embedded._members(group)] == []
