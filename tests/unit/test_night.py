"""Watching a night: what dbt's log tells, and which night is meant."""

import json
from datetime import date

import pytest

from rapport.errors import SettingsError
from rapport.orchestration.cli import TASK_FAILED, _left, _night, _what_failed
from rapport.orchestration.night import DbtLog, Step
from rapport.settings import Settings


def event(name: str, /, **data) -> str:
    return json.dumps({"info": {"name": name}, "data": data}) + "\n"


MODEL = event(
    "LogModelResult", status="OK", execution_time=1.5, node_info={"node_name": "fct_orders"}
)
BROKEN = event(
    "LogModelResult", status="ERROR", execution_time=0.1, node_info={"node_name": "dim_products"}
)
PASSED = event("LogTestResult", status="pass", name="unique_customers", execution_time=0.1)
FAILED = event("LogTestResult", status="fail", name="unique_orders", execution_time=0.2)


def test_only_what_was_written_since_the_last_look_is_told(tmp_path):
    log = tmp_path / "dbt.log"
    log.write_text(MODEL)
    follower = DbtLog(log)
    assert list(follower.finished()) == []
    with log.open("a") as file:
        file.write(BROKEN + PASSED + "Running with dbt\n" + FAILED + MODEL[:20])
    assert list(follower.finished()) == [
        Step("dbt dim_products", "failed", 0.1),
        Step("dbt test unique_orders", "failed", 0.2),
    ]
    with log.open("a") as file:
        file.write(MODEL[20:])
    assert list(follower.finished()) == [Step("dbt fct_orders", "success", 1.5)]


def test_a_log_that_is_not_there_yet_tells_nothing(tmp_path):
    assert list(DbtLog(tmp_path / "dbt.log").finished()) == []


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


def test_of_a_failed_task_s_log_the_error_is_shown_and_not_what_came_before():
    assert _what_failed(["parsed", TASK_FAILED, "GateFailed: a", "more"]) == [
        "GateFailed: a",
        "more",
    ]


@pytest.mark.parametrize(
    "lines", [["killed", "by a signal"], ["1 of 3 FAIL test", TASK_FAILED], []]
)
def test_a_log_without_an_error_of_its_own_is_shown_as_it_ends(lines):
    assert _what_failed(lines) == lines


def test_a_night_that_failed_says_what_readers_have():
    assert "last release stays" in _left(None)
    out = _left({"release_id": "2018-01-02-0123456789ab", "is_current": True})
    assert "2018-01-02-0123456789ab is out" in out
    assert "rapport releases report" in out
