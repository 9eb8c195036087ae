"""Who is told, and by what of Airflow: a night that failed, a night that is late, an old release.

A night that fails calls `AlertNotifier` once, in the DAG processor, whatever of it failed. A night
that is late is noticed by the scheduler and told by the triggerer (`release_is_late`), so also
when every slot of the executor waits for a task that hangs. The age of the release is looked at
by a DAG of its own. This is what DAGs are drawn with; what is told then is in
`rapport.orchestration.telling`, which loads what only they need who tell.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import AsyncCallback, BaseNotifier, DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowFailException
from asgiref.sync import sync_to_async

from rapport.settings import Settings


def note_failure(context: Any) -> None:
    """Leave why a task failed for good, for the message about its night.

    Called in the task's own process, which alone has the error. Where that was killed, the DAG
    processor is called in its place, without an error: nothing can be left then.
    """
    from rapport.alerts import NOTE, cause_of

    error = context.get("exception")
    if isinstance(error, AirflowFailException) and error.__context__:
        error = error.__context__  # what is not worth another try is raised as this one
    if isinstance(error, BaseException):
        context["ti"].xcom_push(key=NOTE, value=cause_of(error))


class AlertNotifier(BaseNotifier):
    """Tells of a night that failed: `on_failure_callback` of its DAG."""

    def notify(self, context: Any) -> None:
        """Tell of the run in the context."""
        from rapport.orchestration.telling import tell_of_failure

        tell_of_failure(context)


class ActivationNotifier(BaseNotifier):
    """Tells of segments that were not sent, or not all: `on_failure_callback` of their DAG."""

    def notify(self, context: Any) -> None:
        """Tell of the run in the context."""
        from rapport.orchestration.telling import tell_of_activation

        tell_of_activation(context)


async def release_is_late(context: dict[str, Any]) -> None:
    """Tell that a night has no release by its hour; called by Airflow when the hour is over."""
    from rapport.orchestration.telling import tell_of_late

    await sync_to_async(tell_of_late)(context["dag_run"], context["deadline"]["deadline_time"])


def release_deadline() -> DeadlineAlert:
    """Return by when a night must have a release.

    Counted from when its run was queued: from the logical date, a night of long ago would be late
    at once.
    """
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=Settings.from_env().release_within_minutes),
        callback=AsyncCallback(release_is_late),
        name="release",
    )


def check_release_age() -> dict[str, Any]:
    """Look at how old the current release is; return which it is and its age in hours.

    Somebody who triggers it with the parameter `trial` is sent a message over every channel.

    Raises:
        AirflowFailException: it is older than it may be, which was told, at most once a day; or the
            trial reached nobody.
    """
    from rapport.orchestration.telling import tell_of_age

    return tell_of_age()
