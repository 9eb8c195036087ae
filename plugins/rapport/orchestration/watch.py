"""Tasks that show what the build made of one part each.

dbt builds everything in one process, the task ``dbt.build``. A part is a task of its own so that
it can be seen, but it runs nothing: a trigger in the triggerer reads the build's record and ends
the task in the part's colour, with what dbt said of it as its log. No worker process is started.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import BaseOperator
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.task.trigger_rule import TriggerRule
from airflow.triggers.base import (
    BaseTaskEndEvent,
    BaseTrigger,
    StartTriggerArgs,
    TaskFailedEvent,
    TaskSkippedEvent,
    TaskSuccessEvent,
)
from asgiref.sync import sync_to_async

from rapport.build.record import Record, read_record, told
from rapport.orchestration.night import BUILD
from rapport.settings import Settings

POLL_SECONDS = 0.5
ASK_SECONDS = 5.0
OVER = {"success", "failed", "upstream_failed", "skipped", "removed"}


class ShownPart(BaseOperator):
    """Shows one part of the build.

    It starts once a task before it has succeeded, beside the build and not after it; the build is
    upstream of it all the same, so that clearing the build clears what shows it.
    """

    start_from_trigger = True

    def __init__(self, *, part: str, **kwargs: Any) -> None:
        # What failed here failed in the build, which tells of it.
        kwargs["on_failure_callback"] = None
        super().__init__(retries=0, trigger_rule=TriggerRule.ONE_SUCCESS, **kwargs)
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{PartTrigger.__module__}.{PartTrigger.__qualname__}",
            trigger_kwargs={"part": part},
            next_method="execute",
        )

    def execute(self, context: Any, event: Any = None) -> NoReturn:
        """Never run: the trigger ends the task."""
        raise NotImplementedError(f"{self.task_id} only shows what {BUILD} did")


@dataclass
class _Asked:
    at: float
    state: str | None


class PartTrigger(BaseTrigger):
    """Waits until the build has an outcome for every node of a part.

    Which nodes these are, the build's record says: it knows the project as it was built, while
    Airflow may have read the DAG before a model or test was added.

    Args:
        part: the part's id.
    """

    _read: tuple[object, Record | None] = (None, None)
    _asked: dict[str, _Asked] = {}  # noqa: RUF012 - one for all triggers of this process

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part = part

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Say how to make this trigger again."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"part": self.part}

    async def run(self) -> AsyncIterator[BaseTaskEndEvent]:
        """End the task as its part ended."""
        path = Settings.from_env().build_record_path
        instance: Any = self.task_instance
        began, was_running = time.monotonic(), False
        while True:
            record = self._of_run(path, instance.run_id)
            was_running = was_running or (record is not None and record.ended is None)
            # An ended build that this trigger did not see running may be about to be tried again.
            if record and was_running and record.has_ended(self.part):
                yield self._end(record)
                return
            if await self._build_is_over(instance, began):
                yield self._end(self._of_run(path, instance.run_id))
                return
            await asyncio.sleep(POLL_SECONDS)

    def _end(self, record: Record | None) -> BaseTaskEndEvent:
        outcomes = record.of_part(self.part) if record else []
        bad = [each for each in outcomes if each.status == "failed"]
        for line in told([each for each in outcomes if each not in bad]):
            self.log.info("%s", line)
        for line in told(bad):
            self.log.error("%s", line)
        if bad:
            self.log.error(
                "docs/runbooks/build_failed.md says what to do. This task only shows what became "
                "of %s; clear %s to build on from what failed",
                self.part,
                BUILD,
            )
            return TaskFailedEvent()
        if record and record.has_ended(self.part) and all(each.is_good for each in outcomes):
            return TaskSuccessEvent()
        self.log.warning(
            "%s was not built as a whole: the log of %s says why. This task builds nothing itself; "
            "clear %s instead, which clears this one too",
            self.part,
            BUILD,
            BUILD,
        )
        return TaskSkippedEvent()

    @classmethod
    def _of_run(cls, path: Path, run_id: str) -> Record | None:
        """The build's record if it is this run's; read once for all triggers when it changed."""
        try:
            stat = path.stat()
            state = (path, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        except FileNotFoundError:
            return None
        if cls._read[0] != state:
            PartTrigger._read = (state, read_record(path))
        record = cls._read[1]
        return record if record and record.header.run_id == run_id else None

    @classmethod
    async def _build_is_over(cls, instance: Any, began: float) -> bool:
        """Whether Airflow says that the build has ended and is not to be tried again.

        What it said before a trigger began may be of an earlier try, but for the moment that the
        triggers of one run take to begin.
        """
        now = time.monotonic()
        asked = cls._asked.get(instance.run_id)
        if asked is None or now - asked.at > ASK_SECONDS or asked.at < began - 1:
            # Before the answer is there, so that no other trigger asks too, nor takes an old one.
            cls._asked[instance.run_id] = _Asked(now, None)
            states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
                dag_id=instance.dag_id, task_ids=[BUILD], run_ids=[instance.run_id]
            )
            asked = _Asked(now, states.get(instance.run_id, {}).get(BUILD))
            cls._asked[instance.run_id] = asked
        return asked.state in OVER
