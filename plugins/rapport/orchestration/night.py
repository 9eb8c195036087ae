"""Run one night through the embedded Airflow and watch it."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay

from rapport.errors import RapportError, SettingsError

DAG_ID = "customer_relationship_nightly"
BUILD = "dbt.build"
# What a night does after it: each reads the warehouse, or the release that came of it.
AFTER_BUILD = (
    "check_release",
    "publish_release",
    "subtract_opt_outs",
    "report_night",
    "load_bi",
    "archive_night",
)
ACTIVE = ("queued", "running")
POLL_SECONDS = 1.0
PAGE_SIZE = 100  # Airflow gives no more, whatever is asked for
DAG_SECONDS = 120.0
# A machine that builds a warehouse may answer late; what only asks may be asked again.
LATE_SECONDS = 300.0
DONE = {"success", "failed", "skipped", "upstream_failed", "removed"}


@dataclass(frozen=True)
class Step:
    """A task that changed state.

    Attributes:
        task_id: as Airflow has it.
        state: ``running``, or a final state.
        seconds: from start to end; 0 while it runs.
    """

    task_id: str
    state: str
    seconds: float

    @property
    def part(self) -> str | None:
        """The part of the build that the task shows, if it is one of those."""
        shows = self.task_id.startswith("dbt.") and self.task_id != BUILD
        return self.task_id.removeprefix("dbt.") if shows else None


class Airflow:
    """The few calls of Airflow's REST API that a night needs.

    Args:
        url: base URL.
        login: user and password.
    """

    def __init__(self, url: str, login: tuple[str, str]) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)
        user, password = login
        answer = self._http.post("/auth/token", json={"username": user, "password": password})
        if not answer.is_success:
            raise SettingsError(f"Airflow at {url} refused the login of {user!r}")
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def start_night(self, as_of: date) -> tuple[str, bool]:
        """Trigger the night; return the run's id, and True if it was running already.

        A night that ran before gets a new run, one second later, so that what the old one did
        can still be looked at.
        """
        runs = self._runs_of(as_of)
        active = [run for run in runs if run["state"] in ACTIVE]
        if active:
            return str(active[0]["dag_run_id"]), True
        # After the last one, as earlier ones may have been deleted.
        last = max((datetime.fromisoformat(run["logical_date"]) for run in runs), default=None)
        at = last + timedelta(seconds=1) if last else _logical_date(as_of)
        number = int((at - _logical_date(as_of)).total_seconds()) + 1
        run_id = f"night_{as_of}" + (f"_{number}" if number > 1 else "")
        try:
            answer = self._http.post(
                f"/api/v2/dags/{DAG_ID}/dagRuns",
                json={"dag_run_id": run_id, "logical_date": at.isoformat()},
            )
        except httpx.ReadTimeout:
            if any(run["dag_run_id"] == run_id for run in self._runs_of(as_of)):
                return run_id, False  # it was taken, and only the answer was late
            raise
        if not answer.is_success:
            raise RapportError(f"Airflow did not take the run {run_id}: {answer.text[:500]}")
        return run_id, False

    def active_nights(self, besides: date | None = None) -> list[str]:
        """Return the ids of the runs that wait or run, but for those of one night."""
        runs = self._all(f"/api/v2/dags/{DAG_ID}/dagRuns", "dag_runs", state=list(ACTIVE))
        return [
            str(run["dag_run_id"])
            for run in runs
            if datetime.fromisoformat(run["logical_date"]).date() != besides
        ]

    def has_connection(self, connection_id: str) -> bool:
        """Whether a connection was made in Airflow; those of the environment it does not list."""
        return self._ask(f"/api/v2/connections/{connection_id}").is_success

    def seconds_of_last_night(self) -> float | None:
        """Return how long the last night that succeeded took, None before the first."""
        found = self._get(
            f"/api/v2/dags/{DAG_ID}/dagRuns", state="success", order_by="-end_date", limit=1
        )["dag_runs"]
        return float(found[0]["duration"]) if found else None

    def wait_for_dag(self, since: datetime) -> None:
        """Wait until the DAG processor has read the nightly; raise with its error if it cannot.

        Args:
            since: what was read before is of other files or connections.
        """
        deadline = time.monotonic() + DAG_SECONDS
        while not self._is_read(since):
            found = self._get("/api/v2/importErrors", order_by="-timestamp")["import_errors"]
            errors = [each for each in found if datetime.fromisoformat(each["timestamp"]) >= since]
            if errors:
                raise RapportError(f"the DAG cannot be read:\n{errors[0]['stack_trace']}")
            if time.monotonic() > deadline:
                raise RapportError(
                    f"the DAG processor has not read {DAG_ID} after {DAG_SECONDS:.0f} s; "
                    "see logs/dag-processor.log"
                )
            time.sleep(0.5)

    def _is_read(self, since: datetime) -> bool:
        answer = self._ask(f"/api/v2/dags/{DAG_ID}")
        read_at: str = (answer.json().get("last_parsed_time") or "") if answer.is_success else ""
        return bool(read_at) and datetime.fromisoformat(read_at) >= since

    def follow(self, run_id: str) -> Iterator[tuple[list[Step], list[Step]]]:
        """Yield (tasks that changed, all tasks) until the run is over."""
        known: dict[str, str] = {}
        while True:
            over = self.state(run_id) in {"success", "failed"}
            tasks = self._all(
                f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances", "task_instances"
            )
            steps = [
                Step(task["task_id"], task["state"] or "waiting", task["duration"] or 0.0)
                for task in sorted(tasks, key=lambda task: task["end_date"] or "9")
            ]
            changed = [step for step in steps if known.get(step.task_id) != step.state]
            known |= {step.task_id: step.state for step in steps}
            yield changed, steps
            if over:
                return
            time.sleep(POLL_SECONDS)

    def state(self, run_id: str) -> str:
        """Return the state of a run."""
        return str(self._get(f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}")["state"])

    def returned(self, run_id: str, task_id: str) -> Any:
        """Return what a task returned, or None."""
        answer = self._ask(
            f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{task_id}"
            "/xcomEntries/return_value",
            params={"deserialize": True},
        )
        return answer.json()["value"] if answer.is_success else None

    def log_tail(self, run_id: str, task_id: str, lines: int) -> list[str]:
        """Return the last messages of a task's last try."""
        task = self._get(f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{task_id}")
        log = self._get(
            f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{task_id}"
            f"/logs/{max(task['try_number'], 1)}",
        )
        content = log.get("content") or []
        texts: list[str] = []
        for entry in content:
            if isinstance(entry, dict) and not str(entry.get("event", "")).startswith("::"):
                texts.append(str(entry["event"]))
                # The first is the error; the others are what it came from.
                texts += [
                    f"{error['exc_type']}: {error['exc_value']}"
                    for error in (entry.get("error_detail") or [])[:1]
                ]
        return [_plain(text) for text in texts if text.strip()][-lines:]

    def _runs_of(self, as_of: date) -> list[dict[str, Any]]:
        day = _logical_date(as_of)
        return self._all(
            f"/api/v2/dags/{DAG_ID}/dagRuns",
            "dag_runs",
            logical_date_gte=day.isoformat(),
            logical_date_lt=(day + timedelta(hours=12)).isoformat(),
        )

    def _all(self, path: str, member: str, **params: Any) -> list[dict[str, Any]]:
        """Every record of a list, however few a page may hold."""
        found: list[dict[str, Any]] = []
        while True:
            body = self._get(path, **params, limit=PAGE_SIZE, offset=len(found))
            found += body[member]
            if not body[member] or len(found) >= body["total_entries"]:
                return found

    @retry(
        retry=retry_if_exception_type(httpx.TimeoutException),
        stop=stop_after_delay(LATE_SECONDS),
        reraise=True,
    )
    def _ask(self, path: str, **options: Any) -> httpx.Response:
        return self._http.get(path, **options)

    def _get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self._ask(path, params=params)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body


def _plain(text: str) -> str:
    """Log text without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _logical_date(as_of: date) -> datetime:
    return datetime(as_of.year, as_of.month, as_of.day, 2, tzinfo=UTC)
