"""What is told of activation: by the command, the page in Airflow and an alert."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rapport.activate_commands import activation_app
from rapport.activation.account import FILE, Counts, Row, opened
from rapport.activation.destination import Batch, Limit, Outcome, Segment
from rapport.activation.hubspot import HubSpotLists
from rapport.activation.limits import Paced
from rapport.activation.run import Ran, Told
from rapport.alerts import Place, activation_failed
from rapport.errors import ActivationError, OutcomeUnknown, SettingsError, SourceDenied
from rapport.orchestration import activate as command
from rapport.orchestration import activation as orchestration
from rapport.overview.activation import activation
from rapport.settings import Settings
from rapport.sources.connection import Connection

WIN_BACK = Segment("win_back_dormant")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    return replace(Settings.from_env(), home=tmp_path)


@pytest.fixture
def sent(settings):
    """An account of one run: two were sent, one of them refused, and a list waits."""
    with opened(settings.activation_dir, "klaviyo") as account:
        account.begin("r1", "2018-01-02-abc", date(2018, 1, 2), "changes")
        batch = Batch("r1-1", "r1", "2018-01-02-abc", date(2018, 1, 2), WIN_BACK, "L1")
        account.intend(batch, [Row("p1", "c1", "add", "joined"), Row("p2", "c2", "add", "joined")])
        account.settle(
            batch,
            [Outcome("p1", "add", "accepted"), Outcome("p2", "add", "refused", "400", "No such.")],
        )
        account.count(
            "r1",
            WIN_BACK.name,
            "L1",
            Counts(source=2, changed=2, drift_foreign=1),
            verdict="as planned",
        )
        account.note_drift("r1", WIN_BACK.name, "L1", {"p9": "foreign"})
        account.end("r1", "stopped", "loyal_high_value: 412 would leave", [Limit("writes", 1, 0.5)])


@pytest.fixture
def other_program(settings):
    """The account as any program reads it."""
    path = settings.activation_dir / FILE
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        yield db


def documented(table):
    """The columns that the runbook has of a table of the account."""
    page = (Path(__file__).parents[2] / "docs/runbooks/activation.md").read_text()
    part = page.partition(f"### `{table}`")[2].partition("\n#")[0]
    cells = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall("`([a-z_]+)`", cell)]


@pytest.mark.parametrize("table", ["activation_runs", "activation_rows"])
def test_each_column_of_what_is_promised_is_in_the_runbook(sent, other_program, table):
    has = [name for name, *_ in other_program.execute(f"select * from {table}").description]
    assert documented(table) == has


def test_every_row_of_the_account_is_there_for_other_programs(sent, other_program):
    asked_for = "destination, key, operation, status, code, reason, idempotency_key, is_dead_letter"
    assert other_program.execute(f"select {asked_for} from activation_rows").fetchall() == [
        ("klaviyo", "p1", "add", "accepted", "", "", "r1-1", 0),
        ("klaviyo", "p2", "add", "refused", "400", "No such.", "r1-1", 1),
    ]
    assert other_program.execute(
        "select state, sent, rejected from activation_runs"
    ).fetchall() == [("stopped", 2, 1)]


def test_an_account_of_the_first_version_is_given_what_it_lacks(sent, settings):
    with closing(sqlite3.connect(settings.activation_dir / FILE)) as db:
        for view in ("activation_rows", "activation_runs", "perhaps"):
            db.execute(f"drop view {view}")
        db.execute("pragma user_version = 1")
    with opened(settings.activation_dir) as account:
        assert account.query("select count(*) as rows from activation_rows") == [{"rows": 2}]


def test_rows_are_written_for_a_spreadsheet_and_are_harmless_there(sent, settings, tmp_path):
    with opened(settings.activation_dir, "klaviyo") as account:
        batch = Batch("r1-2", "r1", "2018-01-02-abc", date(2018, 1, 2), WIN_BACK, "L1")
        account.intend(batch, [Row("p3", "c3", "add", "joined")])
        account.settle(batch, [Outcome("p3", "add", "refused", "400", "=1+1")])
    path = tmp_path / "rows.csv"
    assert "3 rows" in asked("rows", "--csv", str(path))
    text = path.read_text(encoding="utf-8-sig")
    assert text.splitlines()[0].startswith('"intended_at","customer_id","segment"')
    assert '"\'=1+1"' in text
    again = CliRunner().invoke(activation_app, ["rows", "--csv", str(path)])
    assert again.exit_code == 2


def asked(*arguments):
    done = CliRunner().invoke(activation_app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(("command", "said"), [
    (("runs",), ["r1", "klaviyo", "stopped", "412 would leave"]),
    (("run", "r1"), ["win_back_dormant", "as planned"]),
    (("rows", "--customer", "c2"), ["p2", "refused", "No such."]),
    (("dead",), ["p2", "400", "No such."]),
    (("drift",), ["p9", "foreign"]),
    (("dead", "--json"), ['"key": "p2"']),
])  # fmt: skip
def test_the_account_is_told_by_a_command(sent, command, said):
    output = asked(*command)
    assert [each for each in said if each not in output] == []


@pytest.mark.parametrize("command", [("runs",), ("dead",), ("drift",), ("run", "r9")])
def test_where_nothing_was_sent_it_says_so_and_makes_no_account(settings, command):
    assert asked(*command)
    assert not settings.activation_dir.exists()


def test_a_run_counts_what_became_of_its_rows(settings, sent):
    with opened(settings.activation_dir, "klaviyo") as account:
        counts = account.counted("r1", WIN_BACK.name)
    assert (counts.source, counts.sent, counts.accepted, counts.rejected) == (2, 2, 1, 1)


def test_the_page_in_airflow_says_what_was_brought_where_and_what_waits(settings, sent):
    section = activation(settings.activation_dir)
    (row,) = section.tables[0].rows
    assert (row["destination"], row["accepted"], row["rejected"], row["drift"]) == (
        "klaviyo", 1, 1, 1,
    )  # fmt: skip
    assert section.finding == "Klaviyo: see why."
    assert activation(settings.home / "nowhere") is None


def test_people_are_told_which_destination_and_why(settings, sent):
    place = Place("https://airflow", "/rapport/", "/dags/segment_activation/runs/")
    alert = activation_failed(settings, place, datetime(2018, 1, 3, tzinfo=UTC), run_id="manual__1")
    assert "klaviyo" in alert.subject
    assert "412 would leave" in alert.text
    assert alert.runbook == "activation_failed.md"


def test_a_run_that_never_ended_is_noted_as_broken_off_by_the_next(settings):
    with opened(settings.activation_dir, "klaviyo") as account:
        account.begin("r1", "x", date(2018, 1, 2), "changes")
        account.begin("r2", "x", date(2018, 1, 2), "changes")
        assert account.query("select run_id, state from runs order by run_id") == [
            {"run_id": "r1", "state": "broken off"},
            {"run_id": "r2", "state": "running"},
        ]


def test_an_erased_customer_is_in_no_row_of_the_account_nor_of_its_file(settings, sent):
    with opened(settings.activation_dir, "klaviyo") as account:
        assert account.forget(["c1"], ["p1"]) == 1
        assert account.query("select customer_id from rows") == [{"customer_id": "c2"}]
    files = settings.activation_dir.glob("account.sqlite*")
    assert not any(b"p1" in path.read_bytes() for path in files)


def test_a_few_calls_in_a_row_are_told_as_a_share_of_a_minute():
    paced = Paced("calls", 6_000)
    for _ in range(3):
        paced.wait()
    assert paced.told() == Limit("calls", 3, round(3 / 6_000, 3))


def ran(destination, **counts):
    told = Told("welcome", "", "L1", "as planned", "", Counts(**counts), 0, 0)
    night = date(2018, 1, 2)
    return Ran("r1", destination, "2018-01-02-abc", night, night, "changes", (told,), ())


@pytest.mark.parametrize("name", ["batch_size", "calls_per_minute"])
@pytest.mark.parametrize("said", [0, -1, "many", None, float("nan")])
def test_a_size_or_a_pace_that_would_never_end_is_refused(name, said):
    connection = Connection("rapport_activate_hubspot", "http://localhost", "key", {name: said})
    with pytest.raises(SettingsError, match=f"rapport_activate_hubspot.*{name}.*above 0"):
        HubSpotLists(connection)


def test_a_task_whose_rows_got_no_answer_is_tried_again(monkeypatch):
    """A webhook that is down must not end green: nobody would look."""
    given = {
        "rapport.activation.run.activate": lambda *_, **__: ran("webhook", sent=2, unknown=2),
        "rapport.orchestration.activation.get_current_context": dict,
        "rapport.orchestration.activation.declared_sources": lambda: None,
        "rapport.orchestration.activation.activation_connection": lambda name: Connection(
            f"rapport_activate_{name}", "http://nowhere.example"
        ),
        "rapport.orchestration.activation.metrics.activated": lambda _: None,
        "rapport.orchestration.activation.lineage.activated": lambda *_: None,
    }
    for name, stands_in in given.items():
        monkeypatch.setattr(name, stands_in)
    monkeypatch.setitem(orchestration.DESTINATIONS, "webhook", lambda _: None)
    with pytest.raises(OutcomeUnknown, match="2 rows got no answer"):
        orchestration.activate_destination("webhook")


def test_a_destination_that_refuses_keeps_no_other_from_being_sent(monkeypatch, capsys):
    def activate(settings, destination, **_):
        if destination == "hubspot":
            raise SourceDenied("rapport_activate_hubspot", "access refused")
        return ran(destination, sent=3, accepted=1, unknown=1, invalid=1)

    monkeypatch.setattr(command, "activate", activate)
    monkeypatch.setattr(command, "speak_as_a_task_would", lambda *_: None)
    monkeypatch.setattr(command, "declared", lambda *_: None)
    monkeypatch.setattr(
        "rapport.orchestration.connections.activation_connection", lambda name: name
    )
    for name in ("hubspot", "klaviyo"):
        monkeypatch.setitem(orchestration.DESTINATIONS, name, lambda name: name)
    with pytest.raises(ActivationError, match=r"hubspot: .*access refused.*klaviyo: 1 row got no"):
        command.activate_command(to=["hubspot", "klaviyo"])
    said = capsys.readouterr().out
    assert "3 rows sent, 1 taken, 0 refused, 1 without an answer, 1 withheld" in said
