"""Run one night through the embedded Airflow and watch it."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from rapport.errors import RapportError, SettingsError

DAG_ID = "customer_relationship_nightly"
PRODUCER = "dbt.dbt_producer_watcher"
POLL_SECONDS = 1.0
PAGE_SIZE = 100  # Airflow gives no more, whatever is asked for
DAG_SECONDS = 120.0
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


class DbtLog:
    """What dbt has finished since the last look, from the log it writes as it goes.

    Airflow's own tasks of a model only mirror dbt: their durations say nothing about it.

    Args:
        path: dbt's log file, JSON lines while it runs under Airflow.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def finished(self) -> Iterator[Step]:
        """Yield models, seeds and failed tests that finished, with dbt's own seconds."""
        if not self._path.exists():
            return
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                step = _finished(line)
                if step:
                    yield step


def _finished(line: bytes) -> Step | None:
    try:
        event = json.loads(line)
        data, name = event["data"], event["info"]["name"]
    except (ValueError, KeyError, TypeError):
        return None
    if name in {"LogModelResult", "LogSeedResult"}:
        node = data["node_info"]
        state = "failed" if data["status"] == "ERROR" else "success"
        return Step(f"dbt {node['node_name']}", state, data["execution_time"])
    if name == "LogTestResult" and data["status"] not in {"pass", "warn"}:
        return Step(f"dbt test {data['name']}", "failed", data["execution_time"])
    return None


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

    def start_night(self, as_of: date) -> str:
        """Trigger the night, or join it if it is running already; return the run's id.

        A night that ran before gets a new run, one second later: clearing the old one
        would make Cosmos start one dbt per model.
        """
        runs = self._runs_of(as_of)
        active = [run for run in runs if run["state"] in {"queued", "running"}]
        if active:
            return str(active[0]["dag_run_id"])
        at = _logical_date(as_of) + timedelta(seconds=len(runs))
        run_id = f"night_{as_of}" + (f"_{len(runs) + 1}" if runs else "")
        answer = self._http.post(
            f"/api/v2/dags/{DAG_ID}/dagRuns",
            json={"dag_run_id": run_id, "logical_date": at.isoformat()},
        )
        if not answer.is_success:
            raise RapportError(f"Airflow did not take the run {run_id}: {answer.text[:500]}")
        return run_id

    def wait_for_dag(self) -> None:
        """Wait until the DAG processor has read the nightly; raise with its error if it cannot."""
        deadline = time.monotonic() + DAG_SECONDS
        while not self._http.get(f"/api/v2/dags/{DAG_ID}").is_success:
            errors = self._get("/api/v2/importErrors").get("import_errors", [])
            if errors:
                raise RapportError(f"the DAG cannot be read:\n{errors[0]['stack_trace']}")
            if time.monotonic() > deadline:
                raise RapportError(
                    f"the DAG processor has not read {DAG_ID} after {DAG_SECONDS:.0f} s; "
                    "see logs/dag-processor.log"
                )
            time.sleep(0.5)

    def follow(self, run_id: str) -> Iterator[tuple[list[Step], list[Step]]]:
        """Yield (tasks that changed, tasks that run) until the run is over."""
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
            yield changed, [step for step in steps if step.state == "running"]
            if over:
                return
            time.sleep(POLL_SECONDS)

    def state(self, run_id: str) -> str:
        """Return the state of a run."""
        return str(self._get(f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}")["state"])

    def returned(self, run_id: str, task_id: str) -> Any:
        """Return what a task returned, or None."""
        answer = self._http.get(
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

    def _get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self._http.get(path, params=params)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body


def _plain(text: str) -> str:
    """Log text without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _logical_date(as_of: date) -> datetime:
    return datetime(as_of.year, as_of.month, as_of.day, 2, tzinfo=UTC)
