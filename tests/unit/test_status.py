"""``rapport status``: what runs and what readers have, also where there is nothing yet."""

import json
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from typer.testing import CliRunner

from rapport.gate.docs import Check, Docs, Looked
from rapport.orchestration import embedded, status
from rapport.orchestration.cli import app
from rapport.orchestration.night import Step
from tests.loaded import loaded_by

RELEASE_ID = "2018-01-02-0123456789ab"


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


def told(*arguments):
    done = CliRunner().invoke(app, ["status", *arguments])
    assert done.exit_code == 0, done.exception
    return done.output


def as_data():
    return json.loads(told("--json"))


def released(home, *, warnings=(), hours=3):
    folder = home / "releases" / RELEASE_ID
    folder.mkdir(parents=True)
    manifest = {
        "tables": [{"schema": "marts", "name": "dim_customers", "rows": 1200}],
        "files": {"rapport.duckdb": {"bytes": 2_500_000}, "dim_customers.parquet": {"bytes": 4}},
        "gate": {"warnings": list(warnings)},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder.parent / "current").symlink_to(folder.name)
    at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="seconds")
    event = {"at": at, "event": "built", "release_id": RELEASE_ID}
    (folder.parent / "history.jsonl").write_text(json.dumps(event) + "\n")


def services(monkeypatch, *names, answers=True):
    began = datetime.now(UTC) - timedelta(minutes=5)
    found = [
        embedded.Running(name, began, *(("http://here", answers) if "api" in name else ("", None)))
        for name in names
    ]
    monkeypatch.setattr(embedded, "running", lambda *_: found)
    monkeypatch.setattr(embedded, "login", lambda _: ("admin", "secret"))


class Airflow:
    """An Airflow in which one night runs."""

    def __init__(self, _url, _login):
        pass

    def active_nights(self):
        return ["night_2018-01-02"]

    def has_connection(self, name):
        return name == "rapport_alerts_webhook"

    def follow(self, _run_id):
        steps = [Step("a", "success", 1), Step("b", "failed", 1), Step("dbt.build", "running", 0)]
        yield steps, [*steps, Step("c", "waiting", 0)]


def test_where_there_is_no_home_yet_it_says_so_and_makes_none(home):
    found = told()
    assert f"{home} (not there yet" in found
    assert "nothing runs here; `make up` starts it" in found
    assert "Release   none yet" in found
    assert "have looked at nothing yet" in found
    assert not home.exists()


def test_an_empty_home_has_a_status_for_machines_too(home):
    home.mkdir()
    found = as_data()
    assert found["has_home"]
    assert (found["services"], found["nights"], found["release"], found["gates"]) == (
        [],
        [],
        None,
        [],
    )
    assert list(home.iterdir()) == []


def test_the_current_release_has_an_age_and_its_gate_s_word(home):
    released(home, warnings=["one", "two"])
    assert f"Release   {RELEASE_ID}, 3 h old, gate 2 warnings" in told()
    release = as_data()["release"]
    assert release | {"age_hours": 3, "published_at": "", "path": ""} == {
        "release_id": RELEASE_ID,
        "as_of": "2018-01-02",
        "published_at": "",
        "age_hours": 3,
        "warnings": 2,
        "path": "",
    }
    assert release["age_hours"] == pytest.approx(3, abs=0.1)


def test_the_last_verdict_may_be_of_a_later_night_than_the_release(home):
    released(home)
    check = Check("a is 0", "expect(a)", "", "critical", "They are hurt.", "1", "1 of 2 rows")
    Docs(home / "data_docs", "sources", date(2018, 1, 3)).write(
        [Looked("landing.streams", 2, [check])], ["stopped it"], []
    )
    Docs(home / "data_docs", "publish", date(2018, 1, 2)).write([], [], ["look at it"])
    found = told()
    assert "Gates     What came in: stopped, 1 critical (night of 2018-01-03)" in found
    assert "          What goes out: warned, 1 to look at (night of 2018-01-02)" in found
    assert str(home / "data_docs" / "index.html") in found


def test_what_runs_is_named_with_where_and_how_long(home, monkeypatch):
    services(monkeypatch, "api-server", "triggerer")
    found = told()
    assert "Services  api-server     runs, for 5 min  http://here" in found
    assert "          triggerer      runs, for 5 min\n" in found
    assert "Night     none runs" in found


def test_the_night_under_way_says_how_far_it_is(home, monkeypatch):
    services(monkeypatch, "api-server", "scheduler")
    monkeypatch.setattr(status, "Airflow", Airflow)
    assert "Night     night_2018-01-02: 2 of 4 tasks; now dbt.build; failed b" in told()
    assert as_data()["nights"] == [
        {
            "run_id": "night_2018-01-02",
            "tasks": 4,
            "done": 2,
            "failed": ["b"],
            "running": ["dbt.build"],
        }
    ]


def test_an_airflow_that_does_not_answer_is_no_error_and_no_quiet_night(home, monkeypatch):
    def mute(*_):
        raise httpx.ConnectError("refused")

    services(monkeypatch, "api-server", "scheduler", answers=False)
    monkeypatch.setattr(status, "Airflow", mute)
    assert "api-server     runs but does not answer" in told()
    assert "nobody knows whether a night runs" in told()
    assert as_data()["nights"] is None


def test_where_nobody_is_told_of_anything_it_says_so(home):
    assert (
        "Alerts    nobody is told: no connection rapport_alerts_smtp or rapport_alerts_webhook"
    ) in told()


def test_over_which_connections_people_are_told_is_said_with_the_last_message(home, monkeypatch):
    """One is a variable of the environment, the other was made in Airflow."""
    services(monkeypatch, "api-server", "scheduler")
    monkeypatch.setattr(status, "Airflow", Airflow)
    monkeypatch.setenv("AIRFLOW_CONN_RAPPORT_ALERTS_SMTP", "smtp://secret@host")
    home.mkdir()
    line = {"at": "2018-01-03T02:14:00+00:00", "kind": "gate_closed", "run_id": "night_2018-01-02"}
    (home / "alerts.jsonl").write_text(json.dumps(line) + "\n")
    assert (
        "Alerts    by mail (rapport_alerts_smtp) and webhook (rapport_alerts_webhook); "
        "last gate closed at 2018-01-03T02:14"
    ) in told()
    assert "secret" not in told("--json")


# --- for whoever watches from outside


def checked():
    done = CliRunner().invoke(app, ["status", "--check"])
    return done.exit_code, done.output.strip()


def test_who_cannot_look_says_so_to_a_monitor(home, monkeypatch):
    home.write_text("")
    assert checked() == (2, f"CRITICAL: RAPPORT_HOME must be a folder, and {home} is none")
    home.unlink()
    monkeypatch.setenv("RAPPORT_RELEASE_MAX_AGE_HOURS", "soon")
    assert checked()[0] == 2
    assert "RAPPORT_RELEASE_MAX_AGE_HOURS" in checked()[1]


def test_a_young_release_and_services_that_live_are_well(home):
    released(home)
    assert checked() == (0, f"OK: release {RELEASE_ID}")


def test_an_old_release_is_critical_by_the_hours_that_are_set(home, monkeypatch):
    released(home, hours=31)
    told = f"CRITICAL: release {RELEASE_ID} is 31 h old, and may be 30 h"
    assert checked() == (2, told)
    monkeypatch.setenv("RAPPORT_RELEASE_MAX_AGE_HOURS", "32")
    assert checked()[0] == 0


def test_no_release_is_critical(home):
    assert checked() == (2, "CRITICAL: there is no release yet")


def test_a_scheduler_that_died_is_critical_while_the_release_is_young(home):
    """Nothing of Airflow's could tell it."""
    released(home)
    (home / "run").mkdir()
    (home / "run" / "scheduler.json").write_text(json.dumps({"group": 2**22 + 1, "born": 1.0}))
    assert checked() == (2, "CRITICAL: scheduler was started and has ended")


def test_a_service_that_died_is_shown_among_those_that_run(home, monkeypatch):
    services(monkeypatch, "triggerer")
    (home / "run").mkdir(parents=True)
    (home / "run" / "scheduler.json").write_text(json.dumps({"group": 2**22 + 1, "born": 1.0}))
    assert "scheduler      was started and has ended; `make up` starts it again" in told()
    assert json.loads(told("--json"))["ended"] == ["scheduler"]


def test_nothing_of_a_login_is_shown(home, monkeypatch):
    services(monkeypatch, "api-server", "scheduler")
    monkeypatch.setattr(status, "Airflow", Airflow)
    assert "secret" not in told() + told("--json")


class TestReleases:
    """``rapport releases`` where a release is listed, unknown or nowhere."""

    def run(self, *arguments):
        return CliRunner().invoke(app, ["releases", *arguments])

    def test_a_list_has_gate_size_and_age(self, home):
        released(home, hours=50)
        row = next(r for r in self.run("list").output.splitlines() if RELEASE_ID in r)
        assert row.split() == [RELEASE_ID, "passed", "1,200", "2.5", "MB", "2", "d", "current"]

    def test_a_damaged_release_is_listed_with_what_is_wrong(self, home):
        released(home)
        (home / "releases" / RELEASE_ID / "manifest.json").write_text("[")
        (home / "releases" / "current").unlink()
        assert "unknown" in self.run("list").output
        assert "manifest is missing or damaged" in self.run("list").output

    @pytest.mark.parametrize("release_id", ["2018-01-01-0123456789ab", "nix", "../x"])
    def test_an_unknown_release_is_told_in_the_same_words_everywhere(self, home, release_id):
        released(home)
        said = {
            str(CliRunner().invoke(app, arguments).exception)
            for arguments in (
                ["releases", "verify", release_id],
                ["releases", "report", release_id],
                ["releases", "rollback", release_id, "--why", "x"],
                ["export", "dim_customers", "--csv", "--release", release_id],
            )
        }
        assert said == {
            f"there is no release {release_id} in {home / 'releases'}; "
            "`rapport releases list` shows all"
        }

    @pytest.mark.parametrize(
        "command",
        [["list"], ["verify"], ["report"], ["rollback", RELEASE_ID, "--why", "x"]],
    )
    def test_a_folder_that_is_not_there_is_an_error_and_is_not_made(self, home, command):
        elsewhere = home.parent / "elsewhere"
        assert f"no folder {elsewhere}" in str(
            self.run(*command, "--dir", str(elsewhere)).exception
        )
        assert f"no folder {home}" in str(self.run(*command).exception)
        assert not elsewhere.exists()
        assert not home.exists()

    def test_an_installation_before_its_first_release_has_none_yet(self, home):
        home.mkdir()
        assert f"no release in {home / 'releases'} yet" in self.run("list").output


def test_the_version_is_told_without_a_command():
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, "rapport 0.1.0\n")


def test_a_command_loads_no_library_that_only_others_need():
    modules = ("airflow", "dbt", "dlt", "great_expectations", "pandas", "psycopg", "sqlalchemy")
    assert loaded_by(modules, "plugins/rapport/orchestration/cli.py") == []
