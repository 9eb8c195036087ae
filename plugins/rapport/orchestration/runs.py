"""What Airflow's database knows of the nights, for the page in its UI."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from rapport.orchestration.night import DAG_ID
from rapport.overview import Nights, Run, Task

SHOWN_NIGHTS = 60
PULLS = "extract."


def nights_of(session: Session) -> Nights:
    """Return the last nights and the tasks of the newest, in four queries."""
    # A run that waits has not begun; of the others the one that began last is the newest.
    newest_first = (DagRun.start_date.desc().nulls_first(), DagRun.id.desc())
    found = select(DagRun).where(DagRun.dag_id == DAG_ID).order_by(*newest_first)
    runs: Sequence[Any] = session.scalars(found.limit(SHOWN_NIGHTS)).all()
    dag = session.get(DagModel, DAG_ID)
    return Nights(
        runs=[_run(run) for run in runs],
        tasks=_tasks(session, runs[0].run_id) if runs else [],
        landed=_landed(session, runs[0].run_id) if runs else {},
        is_paused=bool(dag and dag.is_paused),
        next_at=dag.next_dagrun_create_after if dag else None,
    )


def _run(run: Any) -> Run:
    return Run(
        run.run_id,
        run.logical_date.date() if run.logical_date else None,
        str(run.state),
        run.start_date,
        run.end_date,
    )


def _tasks(session: Session, run_id: str) -> list[Task]:
    found: Iterable[Any] = session.execute(
        select(TaskInstance.task_id, TaskInstance.state, TaskInstance.duration)
        .where(TaskInstance.dag_id == DAG_ID, TaskInstance.run_id == run_id)
        .order_by(TaskInstance.task_id)
    )
    return [Task(task_id, str(state or "waiting"), seconds) for task_id, state, seconds in found]


def _landed(session: Session, run_id: str) -> dict[str, dict[str, int]]:
    """What the pulls returned: rows by stream."""
    found: Iterable[Any] = session.execute(
        select(XComModel.task_id, XComModel.value).where(
            XComModel.dag_id == DAG_ID,
            XComModel.run_id == run_id,
            XComModel.key == "return_value",
            XComModel.task_id.startswith(PULLS),
        )
    )
    told = {task_id.removeprefix(PULLS): _plain(value) for task_id, value in found}
    return {group: counts for group, counts in told.items() if isinstance(counts, dict)}


def _plain(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
