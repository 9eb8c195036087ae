"""The page's part on the gates: what they stopped and let through last, and whom it concerns."""

from datetime import date
from pathlib import Path
from typing import Any

from rapport.gate.docs import GATES, last_verdicts
from rapport.overview.nights import Run
from rapport.pages import counted, day, why_and_where
from rapport.report.words import Column, Section, Table


def gates(data_docs_dir: Path, last: Run | None) -> Section:
    """What each gate said last.

    Args:
        data_docs_dir: where the gates write.
        last: the newest night, which a gate may not have come to.
    """
    section = ("gates", "Gates: what they stopped and let through")
    try:
        said = {each["gate"]: each for each in last_verdicts(data_docs_dir)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Section(
            *section,
            f"What the gates said last cannot be read ({type(error).__name__} in {data_docs_dir}); "
            "the next night writes it anew.",
        )
    found = [_in_words(gate, looks_at, said.get(gate), last) for gate, looks_at in GATES.items()]
    tables = [_lines(each) for each in said.values() if each["critical"] or each["warnings"]]
    return Section(*section, " ".join(found), tables=tables)


def _in_words(gate: str, looks_at: str, said: dict[str, Any] | None, last: Run | None) -> str:
    if said is None:
        return f"{looks_at}: the gate {gate} has never run."
    night = f"the night of {day(said['as_of'])}"
    checks = sum(table["checks"] for table in said["tables"])
    looked = f"{counted(checks, 'check')} of {counted(len(said['tables']), 'table')}"
    if said["verdict"] == "unfinished":
        told = f"{night} is being looked at, or its gate was ended; nothing passes meanwhile."
    elif said["critical"]:
        told = f"{night} was stopped, after {looked}; readers have the last release."
    else:
        told = f"{night} passed {looked}"
        told += f", with {counted(len(said['warnings']), 'warning')}." if said["warnings"] else "."
    if last and last.as_of and date.fromisoformat(said["as_of"]) != last.as_of:
        told += f" It has not looked at {last.name}."
    return f"{looks_at}: {told}"


def _lines(said: dict[str, Any]) -> Table:
    """What a gate objects to, as it says it: whom it concerns, then where it was found."""
    lines = [("stopped", line) for line in said["critical"]]
    lines += [("let through", line) for line in said["warnings"]]
    parted = [(verdict, *why_and_where(line)) for verdict, line in lines]
    looks_at = GATES.get(said["gate"], said["gate"])
    return Table(
        f"{looks_at} in the night of {day(said['as_of'])}",
        (
            Column("verdict", "verdict"),
            Column("whom it concerns", "why", "words"),
            Column("found", "where", "words"),
        ),
        [{"verdict": verdict, "why": why, "where": where} for verdict, why, where in parted],
        folded=False,
    )
