"""What every DAG of the house shares."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.timetables.base import Timetable
from airflow.timetables.interval import CronDataIntervalTimetable

from rapport.settings import Settings
from rapport.sources.declared import SOURCES

# Before any firm's first night, whatever it calls plausible: Airflow calls a run of an earlier date
# a success and runs nothing.
START_DATE = datetime(1900, 1, 1, tzinfo=UTC)

# With the CeleryExecutor, who runs a task; without, nobody asks. Pulls, and the look at what they
# brought, need the sources and the landing; all else needs the warehouse and the releases, and runs
# on the one worker that has them.
PULLS_QUEUE, WAREHOUSE_QUEUE = "pulls", "warehouse"

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "data-platform",
    "queue": WAREHOUSE_QUEUE,
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=2),
}

# One slot: whoever writes the warehouse or switches the release holds it. Each source that Rapport
# has itself has a pool too, of its own name; pools.json says how many pulls may run at once.
WAREHOUSE_POOL = "warehouse"


def pool_of(source: str) -> str:
    """Return the pool of a source's pulls; one that the firm declares has one pull, and no pool."""
    return source if source in SOURCES else "default_pool"


def nightly_schedule() -> Timetable | None:
    """Return the nightly timetable; None where nights are only run when asked for.

    The logical date is the start of the interval: the run of 02:00 on the 3rd is the
    night of the 2nd, which is over by then.
    """
    cron = Settings.from_env().schedule
    return CronDataIntervalTimetable(cron, timezone="UTC") if cron else None


def hourly_schedule() -> Timetable | None:
    """Return when the release's age is looked at; None where no nights are scheduled."""
    cron = "17 * * * *" if Settings.from_env().schedule else None
    return CronDataIntervalTimetable(cron, timezone="UTC") if cron else None


def daily_schedule() -> Timetable | None:
    """Return when open erasures are gone on with; None where no nights are scheduled."""
    cron = "23 11 * * *" if Settings.from_env().schedule else None
    return CronDataIntervalTimetable(cron, timezone="UTC") if cron else None


def weekly_schedule() -> Timetable | None:
    """Return when the house is looked after; None where no nights are scheduled."""
    cron = "43 12 * * 0" if Settings.from_env().schedule else None
    return CronDataIntervalTimetable(cron, timezone="UTC") if cron else None
