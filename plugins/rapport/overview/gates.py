"""The page's part on the gates: what they stopped and let through last, and whom it concerns."""

from datetime import date
from pathlib import Path
from typing import Any

from rapport.gate.docs import GATES, last_verdicts
from rapport.overview.nights import Run
from rapport.overview.words import link
from rapport.pages import counted, day, why_and_where
from rapport.report.words import Column, Section, Table

DOCS = "data_docs/index.html"


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
    tables = [
        _lines(GATES.get(gate, gate), each)
        for gate, each in said.items()
        if each["critical"] or each["warnings"]
    ]
    return Section(*section, " ".join(found), tables=tables)


def _in_words(gate: str, looks_at: str, said: dict[str, Any] | None, last: Run | None) -> str:
    if said is None:
        return f"{looks_at}: the gate {gate} has never run."
    night = f"in the night of {day(said['as_of'])}"
    if last and last.as_of and date.fromisoformat(said["as_of"]) != last.as_of:
        night += f" (not come to {last.name})"
    checks = sum(table["checks"] for table in said["tables"])
    looked = f"{counted(len(said['tables']), 'table')}, {counted(checks, 'check')}"
    if said["verdict"] == "unfinished":
        return f"{looks_at}: {night} the gate has not come to an end, and nothing passes meanwhile."
    if said["critical"]:
        return (
            f"{looks_at}: stopped {night} ({looked}) by {len(said['critical'])}; nothing of it "
            "went on, and readers have the last release."
        )
    if said["warnings"]:
        warnings = counted(len(said["warnings"]), "warning")
        return f"{looks_at}: let through {night} ({looked}), with {warnings}."
    return f"{looks_at}: let through {night} ({looked}); nothing to look at."


def _lines(looks_at: str, said: dict[str, Any]) -> Table:
    lines = [("stopped", line) for line in said["critical"]]
    lines += [("let through", line) for line in said["warnings"]]
    return Table(
        looks_at,
        (
            Column("verdict", "verdict"),
            Column("whom it concerns", "why", "words"),
            Column("where", "where", "words"),
        ),
        [
            dict(zip(("verdict", "why", "where"), (verdict, *why_and_where(line)), strict=True))
            for verdict, line in lines
        ],
        folded=False,
        reading=f"Night of {day(said['as_of'])}. ",
    )


def docs_link() -> str:
    """Return the link to Data Docs."""
    return link(DOCS, "Data Docs: every check of both gates")
