"""Watching a night: what is told of a task, and which night is meant."""

from datetime import UTC, date, datetime
from functools import partial
from types import SimpleNamespace

import httpx
import pytest

from rapport.build.record import Header, Outcome, Record
from rapport.errors import RapportError, SettingsError
from rapport.orchestration.cli import (
    TASK_FAILED,
    _as_dbt_says,
    _clock,
    _left,
    _line,
    _night,
    _says_how_to_go_on,
    _set_clock,
    _verdict,
    _what_failed,
)
from rapport.orchestration.embedded import Ports
from rapport.orchestration.night import Airflow, Step
from rapport.settings import Settings

NIGHT = date(2018, 1, 2)


@pytest.fixture
def settings(monkeypatch):
    monkeypatch.delenv("RAPPORT_COMPANY", raising=False)
    return Settings.from_env()


def test_the_sandbox_s_last_night_is_meant_when_none_is_named(settings):
    assert _night(settings, "") == date(2018, 1, 2)
    assert _night(settings, "2017-06-30") == date(2017, 6, 30)


@pytest.mark.parametrize("text", ["2018-01-03", "2016-12-31", "yesterday", "30.06.2017"])
def test_a_night_that_the_sandbox_does_not_have_is_refused(settings, text):
    with pytest.raises(SettingsError, match=r"(not one of them|not a date)"):
        _night(settings, text)


def test_a_night_of_one_s_own_accounts_is_over_before_it_is_run(monkeypatch):
    monkeypatch.setenv("RAPPORT_COMPANY", "own")
    with pytest.raises(SettingsError, match="not one of them"):
        _night(Settings.from_env(), "2999-01-01")


def late(answers):
    """Airflow as a busy machine has it: each answer is there, None is one that comes too late."""

    def handle(request):
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "t"})
        answer = answers.pop(0)
        if answer is None:
            raise httpx.ReadTimeout("timed out", request=request)
        return httpx.Response(200, json=answer)

    return handle


@pytest.fixture
def airflow(monkeypatch):
    """Return a function that makes an Airflow which gives these answers, one after the other."""

    def make(*answers):
        transport = httpx.MockTransport(late(list(answers)))
        client = partial(httpx.Client, transport=transport)
        monkeypatch.setattr("rapport.orchestration.night.httpx.Client", client)
        return Airflow("http://airflow", ("admin", "-"))

    return make


def test_an_answer_that_comes_late_is_asked_for_again_and_ends_no_night(airflow):
    assert airflow(None, None, {"state": "running"}).state("night_2018-01-02") == "running"


def test_a_night_that_was_taken_while_the_answer_was_late_is_not_started_twice(airflow):
    none = {"dag_runs": [], "total_entries": 0}
    taken = {"dag_runs": [{"dag_run_id": "night_2018-01-02"}], "total_entries": 1}
    assert airflow(none, None, taken).start_night(NIGHT) == ("night_2018-01-02", False)
    with pytest.raises(httpx.ReadTimeout):
        airflow(none, None, none).start_night(NIGHT)


def test_the_error_of_a_dag_that_was_read_before_is_none_of_what_is_there_now(airflow, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    began = datetime(2018, 1, 3, 8, tzinfo=UTC)
    old, new = ({"last_parsed_time": f"2018-01-03T0{hour}:00:00Z"} for hour in (7, 9))
    stale, fresh = (
        {"timestamp": f"2018-01-03T0{hour}:30:00Z", "stack_trace": f"of {hour}:30"}
        for hour in (7, 8)
    )
    airflow(old, {"import_errors": [stale]}, new).wait_for_dag(began)
    with pytest.raises(RapportError, match="of 8:30"):
        airflow(old, {"import_errors": [fresh, stale]}).wait_for_dag(began)


def test_of_a_failed_task_s_log_the_error_is_shown_and_not_what_came_before():
    assert _what_failed(["parsed", TASK_FAILED, "GateFailed: a", "more"]) == [
        "GateFailed: a",
        "more",
    ]


def test_a_part_is_told_with_dbt_s_seconds_and_not_with_those_its_task_waited():
    outcomes = {
        "model.r.fct_orders": Outcome("model.r.fct_orders", "fct_orders", "model", "passed", 1.5),
        "test.r.unique": Outcome("test.r.unique", "unique", "test", "passed", 0.25),
    }
    build = Record(
        Header("night", date(2018, 1, 2), "code", ()),
        datetime(2018, 1, 3, tzinfo=UTC),
        {"marts.fct_orders": ("model.r.fct_orders", "test.r.unique", "test.r.later")},
        outcomes,
    )
    step = Step("dbt.marts.fct_orders", "success", 61.0)
    assert step.part == "marts.fct_orders"
    assert _as_dbt_says(step, build) == Step("dbt.marts.fct_orders", "success", 1.75)
    assert _as_dbt_says(step, None).seconds == 0
    gate = Step("check_release", "success", 4.0)
    assert _as_dbt_says(gate, build) == gate


@pytest.mark.parametrize("task_id", ["dbt.build", "check_release", "extract.shop_orders"])
def test_a_task_that_does_something_shows_no_part(task_id):
    assert Step(task_id, "success", 1.0).part is None


def test_a_line_says_how_far_the_night_is(monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: 161.0)
    line = _line(Step("check_release", "failed", 4.25), began=100.0, ended=72, of=74)
    assert " ".join(line.split()) == "1:01 72/74 check_release 4.2 s [red]failed[/]"


def test_minutes_are_told_as_on_a_clock():
    assert [_clock(seconds) for seconds in (0, 59.9, 61, 3600)] == ["0:00", "0:59", "1:01", "60:00"]


def test_who_interrupts_is_told_that_the_night_goes_on_and_how_to_join_or_end_it(capsys):
    with pytest.raises(SystemExit) as left, _says_how_to_go_on("The night goes on."):
        raise KeyboardInterrupt
    assert left.value.code == 130
    assert "interrupted. The night goes on." in capsys.readouterr().out


@pytest.mark.parametrize(
    "lines", [["killed", "by a signal"], ["1 of 3 FAIL test", TASK_FAILED], []]
)
def test_a_log_without_an_error_of_its_own_is_shown_as_it_ends(lines):
    assert _what_failed(lines) == lines


def test_a_night_is_done_only_if_it_released_something():
    """Airflow calls a run before the DAG's start date a success and runs nothing."""
    release = {"release_id": "2018-01-02-0123456789ab", "is_current": True}
    assert _verdict("night 2018-01-02", "1:01", "success", release) == (
        "night 2018-01-02 done in 1:01"
    )
    with pytest.raises(RapportError, match="it ran no task"):
        _verdict("night 1970-01-01", "0:01", "success", None)
    with pytest.raises(RapportError, match="failed after 0:30; the last release stays"):
        _verdict("night 2018-01-02", "0:30", "failed", None)


def test_a_night_that_failed_says_what_readers_have():
    out = _left({"release_id": "2018-01-02-0123456789ab", "is_current": True}, None)
    assert "2018-01-02-0123456789ab is out" in out
    assert "rapport releases report" in out
    nobody = {"release_id": "2018-01-01-0123456789ab", "customers": 0}
    assert (
        _left(None, nobody) == "the last release stays in place; nobody on its lists said no since"
    )
    reduced = {"release_id": "2018-01-01-ba9876543210", "customers": 1200}
    assert "1,200 who said no since" in _left(None, reduced)
    assert "2018-01-01-ba9876543210" in _left(None, reduced)
    # nobody could tell
    assert "docs/runbooks/subtraction_failed.md" in _left(None, None)


class Runs(Airflow):
    """An Airflow that knows some runs and takes note of what it is asked to start."""

    def __init__(self, *seconds: int):
        self.runs = [
            {
                "dag_run_id": f"r{second}",
                "logical_date": f"2018-01-02T02:00:{second:02d}Z",
                "state": "success",
            }
            for second in seconds
        ]
        self._http = self
        self.started = {}

    def _all(self, *_, **__):
        return self.runs

    def post(self, _, json):
        self.started = json
        return SimpleNamespace(is_success=True)


@pytest.mark.parametrize(
    ("before", "run_id", "second"),
    [
        ((), "night_2018-01-02", 0),
        ((0,), "night_2018-01-02_2", 1),
        # The first was deleted; the second is still there.
        ((1,), "night_2018-01-02_3", 2),
        ((1, 6), "night_2018-01-02_8", 7),
    ],
)
def test_a_night_that_ran_before_gets_a_run_after_the_last_one(before, run_id, second):
    airflow = Runs(*before)
    assert airflow.start_night(date(2018, 1, 2)) == (run_id, False)
    assert airflow.started["logical_date"] == f"2018-01-02T02:00:{second:02d}+00:00"


def test_a_night_that_runs_is_joined_and_seen_by_others():
    airflow = Runs(0)
    airflow.runs[0]["state"] = "running"
    assert airflow.start_night(date(2018, 1, 2)) == ("r0", True)
    assert airflow.active_nights(besides=date(2018, 1, 2)) == []
    assert airflow.active_nights(besides=date(2017, 6, 30)) == ["r0"]


def test_the_sandbox_s_clock_is_not_moved_under_another_night():
    with pytest.raises(RapportError, match=r"night_2018-01-02 is running.*one clock"):
        _set_clock(Ports(1, 2), date(2017, 6, 30), ["night_2018-01-02"])
