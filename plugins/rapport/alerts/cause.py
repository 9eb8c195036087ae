"""Why a step failed, in words that may leave the house."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from rapport.alerts.message import Step
from rapport.build.record import Outcome, read_record
from rapport.errors import BuildError, GateFailed, RapportError
from rapport.gate import last_verdicts
from rapport.pages import counted, why_and_where
from rapport.settings import Settings
from rapport.sources.said import masked

# Under which key a task that fails for good leaves why, for whoever tells of it.
NOTE = "failure"
BUILD = "dbt.build"
GATE_OF = {"check_sources": "sources", "check_release": "publish"}
MOST_LINES = 8
LONGEST = 400

# What DuckDB and dbt say before a row is read can quote code, and nothing else.
_OF_CODE = re.compile(r"(Binder|Catalog|Parser|Compilation|Dependency) Error")
_HEADINGS = re.compile(r"(Runtime|Database|Compilation) Error in .*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def cause_of(error: BaseException) -> dict[str, Any]:
    """Return what may be told of an error: its kind, and its first sentence where that is ours.

    An error that Rapport did not raise may quote anything, so only its kind is told, and what the
    system says of a file or a connection.
    """
    return {"error": type(error).__name__, "said": _said(error)}


def _said(error: BaseException) -> str:
    if isinstance(error, GateFailed):  # its lines name rows; what it found is read of its verdict
        return (
            f"the gate {error.checkpoint!r} is closed by {counted(len(error.failures), 'finding')}"
        )
    if isinstance(error, BuildError):
        heading, _, failed = str(error).partition("\n")
        if not failed:
            return masked(heading) if heading.startswith("dbt ") else sentence_of(heading)
        name, colon, message = failed.partition(": ")
        return f"{name}{colon}{of_database(message)}"
    if isinstance(error, RapportError):
        return sentence_of(str(error))
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return ""


def sentence_of(text: str) -> str:
    """Return the first sentence of a text, of bounded length."""
    first = _SENTENCE.split(" ".join(text.split()), maxsplit=1)[0]
    return first if len(first) <= LONGEST else f"{first[:LONGEST]} ..."


def of_database(message: str) -> str:
    """Return the first sentence of what dbt or DuckDB says, without a value of a row.

    Example:
        >>> of_database("Conversion Error: could not convert 'Ada' to DATE. More follows.")
        'Conversion Error: could not convert … to DATE.'
    """
    lines = [line.strip() for line in message.splitlines()]
    first = sentence_of(next((each for each in lines if each and not _HEADINGS.match(each)), ""))
    return first if _OF_CODE.match(first) else masked(first)


def steps_of(
    settings: Settings, as_of: date | None, run_id: str, failed: Mapping[str, Mapping[str, Any]]
) -> list[Step]:
    """Return the steps that failed, with why.

    Args:
        settings: where the gates' verdicts and the build's record are.
        as_of: the night.
        run_id: its run.
        failed: what each failed task left under `NOTE`, by its id; empty where it left nothing, as
            a task does whose process was killed.
    """
    return [
        Step(
            task_id,
            str(note.get("said") or ""),
            str(note.get("error") or ""),
            tuple(_found(settings, as_of, run_id, task_id)),
        )
        for task_id, note in failed.items()
    ]


def _found(settings: Settings, as_of: date | None, run_id: str, task_id: str) -> list[str]:
    if task_id == BUILD:
        return _of_build(settings, run_id)
    if task_id in GATE_OF:
        return _of_gate(settings, as_of, GATE_OF[task_id])
    return []


def _of_gate(settings: Settings, as_of: date | None, gate: str) -> list[str]:
    """What closed a gate: whom it concerns, then the figures; rows are not named."""
    try:
        said = {each["gate"]: each for each in last_verdicts(settings.data_docs_dir)}.get(gate)
    except (OSError, ValueError, KeyError, TypeError):
        return []
    if not said or not as_of or said["as_of"] != as_of.isoformat():
        return []
    found = [
        f"{failing['why']} ({table['table']}: {failing['title']}: {failing['found']})"
        for table in said["tables"]
        for failing in table.get("stopped_by", ())
    ]
    told = {line.partition(" (")[0] for line in found}
    rest = [why_and_where(line)[0] for line in said["critical"]]
    return _most(found + [line for line in rest if line not in told])


def _of_build(settings: Settings, run_id: str) -> list[str]:
    record = read_record(settings.build_record_path)
    if not record or record.header.run_id != run_id:
        return []
    failed = [each for each in record.outcomes.values() if each.status == "failed"]
    skipped = sum(each.status == "skipped" for each in record.outcomes.values())
    lines = _most([_of_outcome(each) for each in failed])
    if skipped:
        lines.append(f"{counted(skipped, 'model or test', 'models and tests')} not built after it")
    return lines


def _of_outcome(outcome: Outcome) -> str:
    rows = f" on {counted(outcome.failures, 'row')}" if outcome.failures else ""
    message = of_database(outcome.message)
    return f"{outcome.kind} {outcome.name} failed{rows}{': ' * bool(message)}{message}"


def _most(lines: list[str]) -> list[str]:
    more = [f"... and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return lines[:MOST_LINES] + more
