"""What is told: read of Airflow and the home folder, sent over the connections that there are.

Airflow lets it take as long as the reading of a DAG. A message that cannot be sent is an error in
the log, and changes nothing else.
"""

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.sdk.execution_time.xcom import XCom

from rapport.alerts import (
    NOTE,
    Alert,
    Place,
    Told,
    activation_failed,
    night_failed,
    night_failed_somehow,
    release_missing,
    release_old,
    trial,
)
from rapport.orchestration.channels import send
from rapport.orchestration.links import page_url
from rapport.orchestration.night import BUILD, DAG_ID
from rapport.release import readers_release
from rapport.settings import Settings

logger = logging.getLogger(__name__)

ACTIVATION_DAG = "segment_activation"


def tell_of_failure(context: Any) -> None:
    """Tell of the run that failed."""
    run_id = str(context["run_id"])
    logical_date = getattr(context.get("dag_run"), "logical_date", None)
    as_of = logical_date.date() if logical_date else None
    tell(lambda: _of_night(run_id, as_of))


def _of_night(run_id: str, as_of: date | None) -> Alert:
    try:
        return _in_full(run_id, as_of)
    except Exception as error:  # an Airflow that is mute, a disk that is full
        why = type(error).__name__
        logger.exception("what failed in %s could not be learned", run_id)
        now = datetime.now(UTC)
        return night_failed_somehow(place(), now, as_of=as_of, run_id=run_id, why=why)


def _in_full(run_id: str, as_of: date | None) -> Alert:
    failed = [task for task, state in _states(run_id).items() if state == "failed"]
    return night_failed(
        Settings.from_env(),
        place(),
        datetime.now(UTC),
        as_of=as_of,
        run_id=run_id,
        failed={task: _left(run_id, task, NOTE) or {} for task in failed if not _shows(task)},
        published=_left(run_id, "publish_release"),
        subtracted=_left(run_id, "subtract_opt_outs"),
    )


def tell_of_activation(context: Any) -> None:
    """Tell of a run of activation that failed."""
    settings, now, run_id = Settings.from_env(), datetime.now(UTC), str(context["run_id"])
    tell(lambda: activation_failed(settings, place(ACTIVATION_DAG), now, run_id=run_id))


def tell_of_late(run: dict[str, Any], due: datetime | str) -> None:
    """Tell of a run whose hour is over, unless readers have its night or people know.

    Airflow calls for every run that did not succeed by then, so also for one that failed.
    """
    run_id, settings = str(run["dag_run_id"]), Settings.from_env()
    at = run.get("logical_date")
    as_of = datetime.fromisoformat(at).date() if at else None
    current = readers_release(settings.releases_dir)
    if current and as_of and current.as_of >= as_of:
        logger.info("%s is late, but readers have %s", run_id, current.release_id)
    elif Told(settings.home).of_run(run_id):
        logger.info("%s is late, and people know that it failed", run_id)
    else:
        tell(lambda: _of_late(settings, run, run_id, as_of, due))


def _of_late(
    settings: Settings, run: dict[str, Any], run_id: str, as_of: date | None, due: datetime | str
) -> Alert:
    states = {task: state for task, state in _states(run_id).items() if not _shows(task)}
    return release_missing(
        settings,
        place(),
        datetime.now(UTC),
        as_of=as_of,
        run_id=run_id,
        due=datetime.fromisoformat(due) if isinstance(due, str) else due,
        state=str(run["state"]),
        running=[task for task, state in states.items() if state == "running"],
        failed=[task for task, state in states.items() if state == "failed"],
    )


def tell_of_age() -> dict[str, Any]:
    """Tell of a current release that is too old, at most once a day, or send a trial."""
    settings, now = Settings.from_env(), datetime.now(UTC)
    if get_current_context()["params"].get("trial"):
        reached = send(trial(settings, place(), now))
        if not reached:
            raise AirflowFailException("the trial reached nobody; the lines above say why")
        return {"told": reached}
    current = readers_release(settings.releases_dir)
    age = current.night_age_seconds if current else None
    if current is None or age is None:
        logger.info("there is no release yet whose age is known")
        return {"release_id": current.release_id if current else None, "age_hours": None}
    if age <= settings.release_max_age_hours * 3600:
        return {"release_id": current.release_id, "age_hours": round(age / 3600, 1)}
    if Told(settings.home).of_release(current.release_id, now):
        logger.info("people were told within a day")
    else:
        tell(lambda: release_old(settings, place(), now, age_seconds=age))
    raise AirflowFailException(
        f"release {current.release_id} is {age / 3600:.0f} h old, and may be "
        f"{settings.release_max_age_hours} h: docs/runbooks/alerts.md"
    )


def tell(compose: Callable[[], Alert]) -> None:
    """Send a message over every channel that there is, and note that it was sent.

    Whatever goes wrong is said in the log and nowhere else: what is told of has happened already.
    """
    try:
        alert = compose()
        sent = send(alert)
        if sent:
            Told(Settings.from_env().home).note(alert, sent)
    except Exception as error:
        logger.exception("an alert could not be told: %s", type(error).__name__)


def place(dag_id: str = DAG_ID) -> Place:
    """Return where people reach Airflow, as far as its configuration says."""
    parts = urlsplit(conf.get("api", "base_url", fallback="") or "")
    base = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return Place(base, page_url(), f"{parts.path.rstrip('/')}/dags/{dag_id}/runs/")


def _shows(task_id: str) -> bool:
    """Whether a task only shows a part of the build."""
    return task_id.startswith("dbt.") and task_id != BUILD


def _states(run_id: str) -> dict[str, str]:
    states: dict[str, dict[str, str]] = RuntimeTaskInstance.get_task_states(
        dag_id=DAG_ID, run_ids=[run_id]
    )
    return states.get(run_id, {})


def _left(run_id: str, task_id: str, key: str = "return_value") -> Any:
    """What a task of the run left; None where it left nothing."""
    return XCom.get_one(key=key, dag_id=DAG_ID, task_id=task_id, run_id=run_id)
