"""Places that other parts of Rapport keep: the account, Airflow's database; and how one asks."""

import itertools
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)
from typer.testing import CliRunner

from rapport.activation.account import Row, opened
from rapport.activation.destination import Batch, Outcome, Segment
from rapport.archive import Store
from rapport.erasure import Looked, Report, places, places_of, texts
from rapport.erasure.metadata import Metadata
from rapport.errors import ArchiveDenied, ErasureError, RequestError, SettingsError
from rapport.orchestration import activate
from rapport.orchestration import erasure as orchestration
from rapport.orchestration.cli import app
from rapport.orchestration.erasure import _account, _airflow, _archive, wanted
from rapport.settings import Settings
from rapport.warehouse import build_lock
from tests.unit.test_tombstones import buried

NUMBERS = itertools.count()
WHO, OTHER, CONTACT = "16fd42af1bb4dae66255453fa6d2463f", "0" * 32, "20001466077"


@pytest.fixture
def theirs(tmp_path):
    return buried(
        tmp_path / "landing",
        customers=[(WHO, None, None)],
        records={"hubspot.contacts": [CONTACT]},
    )


def sent(folder, destination, key, customer_id, operation="add", *, answers=True):
    """Note that somebody was brought to a destination, or taken off it."""
    run_id = f"run{next(NUMBERS)}"
    with opened(folder, destination) as account:
        account.begin(run_id, "2018-01-02-abcdefabcdef", date(2018, 1, 2), "full")
        batch = Batch(
            f"{run_id}-1",
            run_id,
            "2018-01-02-abcdefabcdef",
            date(2018, 1, 2),
            Segment("welcome"),
            "list",
        )
        account.intend(batch, [Row(key, customer_id, operation, "member")])
        status = "added" if operation == "add" else "removed"
        if answers:
            account.settle(batch, [Outcome(key, operation, status)])


def place(tmp_path):
    (found,) = _account(replace(Settings.from_env(), home=tmp_path))
    return found


def warehouse_of(settings):
    (found,) = (each for each in places_of(settings) if each.name == "warehouse")
    return found


def test_every_place_has_a_name_of_its_own_by_which_the_report_knows_it(tmp_path):
    settings = replace(Settings.from_env(), home=tmp_path)
    for folder in ("warehouse", "landing/hubspot", "releases", "logs", "activation"):
        (tmp_path / folder).mkdir(parents=True)
    names = [place.name for place in places_of(settings)]
    assert sorted(set(names)) == sorted(names)
    assert {"warehouse", "warehouse/", "logs/"} <= set(names)


def test_what_another_process_has_built_aside_is_its_own_to_take_away(
    tmp_path, monkeypatch, theirs
):
    """Activation asks it who said no, and would fail."""
    settings = replace(Settings.from_env(), home=tmp_path)
    for path in (settings.warehouse_path, settings.aside_path):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"no database")
    place = warehouse_of(settings)
    monkeypatch.setattr(places, "ASIDE_SECONDS", 0.0)
    with build_lock(settings.aside_path):
        place.erase(theirs)
        assert settings.aside_path.exists()
    assert place.count(theirs) == 1
    place.erase(theirs)
    assert place.count(theirs) == 0


def test_their_rows_go_from_the_account_and_all_others_stay(tmp_path, theirs):
    folder = tmp_path / "activation"
    sent(folder, "hubspot", CONTACT, WHO)
    sent(folder, "hubspot", "31", OTHER)
    account = place(tmp_path)
    assert account.count(theirs) == 1
    account.erase(theirs)
    assert account.count(theirs) == 0
    with opened(folder) as left:
        assert [row["customer_id"] for row in left.query("select customer_id from rows")] == [OTHER]
    assert CONTACT.encode() not in (folder / "account.sqlite").read_bytes()


def test_who_is_at_a_webhook_stays_in_it_until_they_were_taken_off(tmp_path, theirs):
    folder = tmp_path / "activation"
    sent(folder, "webhook", WHO, WHO)
    account = place(tmp_path)
    account.erase(theirs)
    assert account.count(theirs) == 1
    sent(folder, "webhook", WHO, WHO, "remove")
    account.erase(theirs)
    assert account.count(theirs) == 0


def test_whom_a_webhook_never_answered_about_stays_in_it_too(tmp_path, theirs):
    """They may be there, and what takes them off is the account."""
    folder = tmp_path / "activation"
    sent(folder, "webhook", WHO, WHO, answers=False)
    account = place(tmp_path)
    account.erase(theirs)
    assert account.count(theirs) == 1
    sent(folder, "webhook", WHO, WHO, "remove")
    account.erase(theirs)
    assert account.count(theirs) == 0


def test_a_home_that_never_sent_anything_has_no_account(tmp_path):
    assert _account(replace(Settings.from_env(), home=tmp_path)) == []


def test_parameters_of_a_run_are_written_over_and_nothing_of_them_is_in_the_file(tmp_path, theirs):
    path = tmp_path / "airflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table dag_run (id integer primary key, run_id text, conf JSON)")
        database.execute("create table connection (id integer primary key, extra text)")
        conf = json.dumps({"customer_ids": [WHO, OTHER]})
        database.execute("insert into dag_run values (1, 'a', ?)", [conf])
        database.execute("insert into connection values (1, ?)", [WHO])
        database.commit()
    metadata = Metadata(f"sqlite:///{path}")
    assert metadata.count(theirs) == 1
    metadata.erase(theirs)
    assert metadata.count(theirs) == 0
    with closing(sqlite3.connect(path)) as database:
        (said,) = database.execute("select conf from dag_run").fetchone()
    assert json.loads(said) == {"customer_ids": ["x" * 32, OTHER]}
    assert path.read_bytes().count(WHO.encode()) == 1  # a secret is not looked at


BLOCKED = "airflow-db-not-allowed:///"  # what Airflow gives a task for its database


def conf_of(path, content=None):
    with closing(sqlite3.connect(path)) as database:
        if content:
            database.execute("create table dag_run (id integer primary key, conf text)")
            database.execute("insert into dag_run values (1, ?)", [content])
            database.commit()
        return database.execute("select conf from dag_run").fetchone()[0]


def test_a_task_finds_airflow_s_database_though_airflow_does_not_tell_it(
    tmp_path, monkeypatch, theirs
):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", BLOCKED)
    settings = replace(Settings.from_env(), home=tmp_path)
    settings.airflow_home.mkdir()
    own, other = settings.airflow_home / "airflow.db", tmp_path / "other.db"
    for path in (own, other):
        conf_of(path, WHO)
    for path in (own, other):
        (database,) = _airflow(settings, True)
        assert database.count(theirs) == 1
        database.erase(theirs)
        assert conf_of(path) == "x" * 32
        connection = {"conn_type": "sqlite", "host": str(other)}
        monkeypatch.setenv("AIRFLOW_CONN_RAPPORT_AIRFLOW", json.dumps(connection))


def test_a_database_of_airflow_that_nobody_may_look_into_is_not_called_clean(tmp_path, theirs):
    settings = replace(Settings.from_env(), home=tmp_path)
    (database,) = _airflow(settings, True)
    assert database.count(theirs)
    assert "rapport_airflow" in database.note
    assert _airflow(settings, False) == []  # a shell beside which there never was an Airflow


def test_who_is_meant_is_said_in_words_or_in_a_file(tmp_path):
    path = tmp_path / "request.txt"
    path.write_text("b2\n# a remark\n")
    assert wanted(["a1"], path) == ["a1", "b2"]
    assert wanted([], None) == []
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        wanted([], tmp_path / "none")
    path.write_text("b2", encoding="utf-16")
    with pytest.raises(SettingsError, match="cannot be read: it is no UTF-8 text"):
        wanted([], path)


def test_an_id_that_an_erasure_has_written_over_means_nobody(tmp_path, theirs):
    """A run that is tried again finds its own parameters, and its file in the home, so."""
    path = tmp_path / "request.txt"
    path.write_text(f"{WHO}\n{OTHER}\n")
    texts.write_over(path, theirs)
    assert wanted([texts.scrubbed(WHO, theirs)], path) == [OTHER]


def test_a_tasks_log_in_the_archive_is_written_over_at_its_length(tmp_path, theirs):
    settings = replace(Settings.from_env(), home=tmp_path, archive=f"file://{tmp_path / 'there'}")
    store = Store(settings.archive)
    store.write("logs/dag/run/a.log", f'{{"event": "ask {WHO}, not {OTHER}"}}'.encode())
    store.write("logs/dag/run/b.log", b"nothing of anybody")
    _, logs = _archive(settings)
    assert logs.count(theirs) == 1
    logs.erase(theirs)
    assert logs.count(theirs) == 0
    assert json.loads(store.read("logs/dag/run/a.log")) == {"event": f"ask {'x' * 32}, not {OTHER}"}
    assert store.read("logs/dag/run/b.log") == b"nothing of anybody"


def test_a_log_that_cannot_be_read_is_not_called_clean(tmp_path, monkeypatch, theirs):
    class Locked:
        def cat(self, paths, on_error):
            return dict.fromkeys(paths, PermissionError("no"))

    monkeypatch.setattr(Store, "_opened", property(lambda _: (Locked(), "there")))
    with pytest.raises(ArchiveDenied, match=r"reading logs/a\.log"):
        list(Store("s3://there").contents(["logs/a.log"]))


# -- the task --------------------------------------------------------------------------------------


class Task:
    """The DAG's task, with parameters and reports of one's choice."""

    def __init__(self, monkeypatch):
        self.params, self.reports, self.pushed, self.nights = {}, [], {}, {}
        self.start_date = datetime.now(UTC)
        context = {"params": self.params, "ti": self, "dag_run": self}
        monkeypatch.setattr("airflow.sdk.get_current_context", lambda: context)
        monkeypatch.setattr("rapport.erasure.erase", lambda *_, **__: self.erased())
        monkeypatch.setattr(orchestration, "all_places", lambda *_, **__: [])
        monkeypatch.setattr(orchestration, "forgetful", lambda *_: {})

    def erased(self):
        if isinstance(self.reports, Exception):
            raise self.reports
        return self.reports

    def xcom_push(self, key, value):
        self.pushed[key] = value

    def get_task_states(self, dag_id, task_ids):
        return self.nights


@pytest.fixture
def asked(monkeypatch):
    return Task(monkeypatch)


def report(after):
    return Report("r", datetime(2018, 1, 3, tzinfo=UTC), 1, [Looked("releases", "rows", 7, after)])


def test_what_is_left_lets_activation_follow_and_makes_the_run_red(asked):
    asked.reports = [report(2)]
    told = orchestration.erase_people()
    assert told == {"r": {"releases": [7, 2]}}
    with pytest.raises(ErasureError, match="something is left in releases"):
        orchestration.demand_nothing_left(told)
    asked.reports = [report(0)]
    orchestration.demand_nothing_left(orchestration.erase_people())


def test_a_day_on_which_nothing_is_open_is_skipped(asked):
    with pytest.raises(AirflowSkipException, match="nothing is open"):
        orchestration.erase_people()


def test_what_was_only_counted_is_told_and_sets_nothing_off(asked):
    asked.params["dry_run"], asked.reports = True, [report(None)]
    with pytest.raises(AirflowSkipException, match="nothing was changed"):
        orchestration.erase_people()
    assert asked.pushed == {"return_value": {"r": {"releases": [7, None]}}}


def test_whom_nobody_knows_is_not_looked_for_again_and_again(asked):
    asked.reports = RequestError("nobody has the id 0123")
    with pytest.raises(AirflowFailException, match="nobody has the id 0123"):
        orchestration.erase_people()


@pytest.mark.parametrize("built", ["success", "failed", "upstream_failed"])
@pytest.mark.parametrize("step", ["publish_release", "subtract_opt_outs", "report_night"])
@pytest.mark.parametrize("state", [None, "running", "up_for_retry"])
def test_a_night_that_is_built_ends_before_anybody_is_erased(asked, built, step, state):
    """It would lose its warehouse, or the release that it reads, and be red for it."""
    asked.nights = {"night": {"dbt.build": built, step: state}, "older": {"dbt.build": "success"}}
    asked.reports = ErasureError("began")
    with pytest.raises(AirflowRescheduleException):
        orchestration.erase_people()


@pytest.mark.parametrize(
    "states",
    [
        {"dbt.build": None, "publish_release": None},  # this task has the slot: it waits for us
        {"dbt.build": "success", "publish_release": "failed", "subtract_opt_outs": "success"},
        {"dbt.build": "failed", "publish_release": "upstream_failed", "report_night": "skipped"},
    ],
)
def test_a_night_that_is_not_built_or_is_over_is_not_waited_for(asked, states):
    asked.nights, asked.reports = {"night": states}, [report(0)]
    assert orchestration.erase_people()


def test_a_night_that_does_not_end_is_not_waited_for_for_ever(asked):
    asked.nights = {"night": {"dbt.build": "success", "publish_release": None}}
    asked.start_date, asked.reports = datetime.now(UTC) - timedelta(hours=5), [report(0)]
    assert orchestration.erase_people()


def test_counting_waits_for_nobody(asked):
    asked.nights = {"night": {"dbt.build": "success", "publish_release": None}}
    asked.params["dry_run"], asked.reports = True, [report(None)]
    with pytest.raises(AirflowSkipException, match="nothing was changed"):
        orchestration.erase_people()


@pytest.mark.parametrize(
    "command", [["erase"], ["backfill", "shop", "2018-01-01", "2018-01-02"]], ids=lambda c: c[0]
)
def test_a_command_reaches_what_the_dag_reaches(tmp_path, monkeypatch, command):
    """Connections that the embedded Airflow has stand in no shell; a place would be left out."""
    spoke = []
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    monkeypatch.setattr(
        activate, "speak_as_a_task_would", lambda settings, _: spoke.append(settings)
    )
    CliRunner().invoke(app, command)
    assert [settings.home for settings in spoke] == [tmp_path]
