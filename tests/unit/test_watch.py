"""Tasks that show parts of the build: how each ends, and what its log says."""

import asyncio
from datetime import date
from types import SimpleNamespace

import pytest
from airflow.triggers.base import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent

from rapport.build.parts import Part
from rapport.build.record import Header, Outcome, RecordWriter
from rapport.orchestration import watch
from rapport.orchestration.watch import PartTrigger, ShownPart

RUN = "night_2018-01-02"
MODEL, TEST = "model.r.fct_orders", "test.r.unique"
BUILT = Outcome(MODEL, "fct_orders", "model", "passed", 1.52, rows=155848)
PASSED = Outcome(TEST, "unique", "test", "passed", 0.25)
FAILED = Outcome(TEST, "unique", "test", "failed", 0.3, failures=2, message="Got 2 results")
SKIPPED = Outcome(MODEL, "fct_orders", "model", "skipped", 0.0, message="test sums failed")


@pytest.fixture
def night(monkeypatch, tmp_path, capsys):
    """A night whose build the test plays; a part of a model and a test watches it."""
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(watch, "ASK_SECONDS", 0.0)
    monkeypatch.setattr(PartTrigger, "_read", (None, None))
    monkeypatch.setattr(PartTrigger, "_asked", {})
    return Night(tmp_path / "warehouse" / "last_build.jsonl", monkeypatch, capsys)


class Night:
    def __init__(self, path, monkeypatch, capsys):
        self.path = path
        self.capsys = capsys
        self.asked = 0
        self.build_is("running")
        monkeypatch.setattr(watch.RuntimeTaskInstance, "get_task_states", self._states)

    def _states(self, *, dag_id, task_ids, run_ids):
        self.asked += 1
        return {run_ids[0]: {task_ids[0]: self.state}} if self.state else {}

    def build_is(self, state):
        """What Airflow says of the build."""
        self.state = state

    def record(self, *outcomes, run_id=RUN):
        """Begin the record of a build of a run."""
        header = Header(run_id, date(2018, 1, 2), "code", ())
        writer = RecordWriter(self.path, header, [Part("marts.fct_orders", (MODEL, TEST))])
        for outcome in outcomes:
            writer.add(outcome)
        return writer

    def watch(self, play=None):
        """Run a part's trigger beside what `play` does; return its event and its log."""

        async def both():
            trigger = PartTrigger("marts.fct_orders")
            trigger.task_instance = SimpleNamespace(run_id=RUN, dag_id="d", task_id="t")
            shown = asyncio.create_task(anext(trigger.run()))
            if play:
                await asyncio.sleep(0.05)
                assert not shown.done()
                play()
            return await asyncio.wait_for(shown, 5)

        event = asyncio.run(both())
        return event, self.capsys.readouterr().out


def end(record, failed=False):
    record.__exit__(RuntimeError if failed else None, None, None)


def test_a_part_ends_well_as_soon_as_its_last_node_did_and_its_log_has_dbt_s_figures(night):
    record = night.record(BUILT)
    event, log = night.watch(lambda: record.add(PASSED))
    assert isinstance(event, TaskSuccessEvent)
    assert "fct_orders: 155,848 rows in 1.52 s" in log
    assert "1 test passed in 0.25 s" in log


def test_a_failed_test_turns_its_part_red_and_is_named_with_dbt_s_message(night):
    record = night.record(BUILT)
    event, log = night.watch(lambda: record.add(FAILED))
    assert isinstance(event, TaskFailedEvent)
    assert "test unique: FAILED on 2 rows after 0.30 s: Got 2 results" in log
    assert "build_failed.md" in log
    assert "clear dbt.build" in log


def test_a_part_that_was_not_reached_is_skipped_and_says_what_failed_before_it(night):
    record = night.record(SKIPPED)
    event, log = night.watch(lambda: record.add(Outcome(TEST, "unique", "test", "skipped", 0.0)))
    assert isinstance(event, TaskSkippedEvent)
    assert "fct_orders: not built; test sums failed" in log


def test_a_test_that_only_warns_leaves_its_part_green(night):
    record = night.record(BUILT)
    warned = Outcome(TEST, "unique", "test", "warned", 0.3, failures=2, message="Got 2 results")
    event, log = night.watch(lambda: record.add(warned))
    assert isinstance(event, TaskSuccessEvent)
    assert "warns on 2 rows" in log


def test_a_build_that_was_killed_leaves_no_part_waiting(night):
    night.record(BUILT)
    event, log = night.watch(lambda: night.build_is("failed"))
    assert isinstance(event, TaskSkippedEvent)
    assert "was not built as a whole" in log


@pytest.mark.parametrize("state", ["upstream_failed", "skipped", "failed"])
def test_a_build_that_never_began_leaves_no_part_waiting(night, state):
    night.build_is(state)
    event, _ = night.watch()
    assert isinstance(event, TaskSkippedEvent)


def test_another_run_s_build_is_not_taken_for_this_one_s(night):
    end(night.record(BUILT, FAILED, run_id="night_2017-06-30"), failed=True)
    mine = []
    event, _ = night.watch(lambda: mine.append(night.record(BUILT, PASSED)))
    assert isinstance(event, TaskSuccessEvent)


def test_a_second_try_is_waited_for_and_not_the_first_one_shown_again(night):
    """The build and its parts were cleared together; the parts come first."""
    end(night.record(BUILT, FAILED), failed=True)
    night.build_is("queued")
    event, _ = night.watch(lambda: night.record(BUILT, PASSED))
    assert isinstance(event, TaskSuccessEvent)


def test_a_part_that_is_cleared_alone_shows_the_same_again_and_says_what_to_clear(night):
    end(night.record(BUILT, FAILED), failed=True)
    night.build_is("failed")
    event, log = night.watch()
    assert isinstance(event, TaskFailedEvent)
    assert "clear dbt.build" in log


def test_what_airflow_said_of_the_first_try_is_not_believed_of_the_second(night, monkeypatch):
    """The build was cleared a few seconds after its first try had failed."""
    monkeypatch.setattr(watch, "ASK_SECONDS", 60.0)
    end(night.record(BUILT, FAILED), failed=True)
    long_ago = watch.time.monotonic() - 3
    monkeypatch.setattr(PartTrigger, "_asked", {RUN: watch._Asked(long_ago, "failed")})
    night.build_is("queued")
    event, _ = night.watch(lambda: night.record(BUILT, PASSED))
    assert isinstance(event, TaskSuccessEvent)


def test_no_part_takes_an_old_answer_while_another_asks(night, monkeypatch):
    """All of a run's triggers begin at once; one asks and the others look at what it noted."""
    monkeypatch.setattr(watch, "ASK_SECONDS", 60.0)
    end(night.record(BUILT, FAILED), failed=True)
    long_ago = watch.time.monotonic() - 3
    monkeypatch.setattr(PartTrigger, "_asked", {RUN: watch._Asked(long_ago, "failed")})
    night.build_is("running")

    async def many():
        shown = []
        for _ in range(20):
            trigger = PartTrigger("marts.fct_orders")
            trigger.task_instance = SimpleNamespace(run_id=RUN, dag_id="d", task_id="t")
            shown.append(asyncio.create_task(anext(trigger.run())))
        await asyncio.sleep(0.2)
        assert not any(task.done() for task in shown)
        night.record(BUILT, PASSED)
        return await asyncio.wait_for(asyncio.gather(*shown), 10)

    assert all(isinstance(event, TaskSuccessEvent) for event in asyncio.run(many()))


def test_many_parts_ask_airflow_once(night, monkeypatch):
    monkeypatch.setattr(watch, "ASK_SECONDS", 60.0)
    record = night.record(BUILT)

    async def many():
        shown = []
        for _ in range(50):
            trigger = PartTrigger("marts.fct_orders")
            trigger.task_instance = SimpleNamespace(run_id=RUN, dag_id="d", task_id="t")
            shown.append(asyncio.create_task(anext(trigger.run())))
        await asyncio.sleep(0.2)
        record.add(PASSED)
        return await asyncio.wait_for(asyncio.gather(*shown), 10)

    assert all(isinstance(event, TaskSuccessEvent) for event in asyncio.run(many()))
    assert night.asked == 1


def test_a_trigger_can_be_made_again_from_what_it_says_of_itself():
    path, arguments = PartTrigger("identity").serialize()
    assert path == "rapport.orchestration.watch.PartTrigger"
    assert PartTrigger(**arguments).part == "identity"


def test_a_shown_part_cannot_be_run_by_a_worker():
    task = ShownPart(task_id="x", part="identity")
    with pytest.raises(NotImplementedError, match="only shows what"):
        task.execute({})
