"""How the nightly shows dbt: one task builds, and one per part shows what became of it."""

from itertools import groupby
from typing import Any

from airflow.sdk import TaskGroup, chain, task

from rapport.build.parts import Part, load_parts
from rapport.orchestration import steps
from rapport.orchestration.defaults import WAREHOUSE_POOL
from rapport.orchestration.watch import ShownPart
from rapport.settings import Settings


def dbt_build(checked: Any) -> Any:
    """Return the task that builds and tests every model, and draw the tasks that show its parts.

    What comes after the build waits for the build alone, which fails when any model or test of
    it fails: a picture of it that is missing must not hold back a release.

    Args:
        checked: the task before the build.
    """
    with TaskGroup("dbt"):
        # Not tried again by itself: a test that failed fails the same way twice.
        build = task(task_id="build", pool=WAREHOUSE_POOL, retries=0)(steps.build)()
        shown: list[ShownPart] = []
        parts = sorted(load_parts(Settings.from_env().dbt_project_dir), key=_place)
        for group, members in groupby(parts, key=_group):
            if group:
                with TaskGroup(group):
                    shown += [_shown(part) for part in members]
            else:
                shown += [_shown(part) for part in members]
        chain(checked, build, shown)
        chain(checked, shown)
    return build


def _shown(part: Part) -> ShownPart:
    return ShownPart(task_id=part.id.rpartition(".")[2], part=part.id)


def _group(part: Part) -> str:
    return part.id.rpartition(".")[0]


def _place(part: Part) -> tuple[str, str]:
    return _group(part), part.id
