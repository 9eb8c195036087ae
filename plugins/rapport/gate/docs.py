"""Data Docs: what the gates found, as pages that need no network and show no value.

They are written from what was evaluated and say what the suites say: what is expected in words, how
severe a failure is, who is hurt by it, which figures were measured. Great Expectations' own pages
say none of these, call a warning a failure, and load parts from eight hosts.

::

    data_docs/
      index.html               every gate's last verdict, and a row per table
      sources/<table>.html     a table, expectation by expectation
      sources/verdict.json     what the index says of the gate, for machines
      publish/...
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rapport import pages

# The gates in the order of the night, with what they look at; others come after them.
GATES = {"sources": "What came in", "publish": "What goes out"}
RUNBOOKS = {"sources": "source_gate_failed.md", "publish": "publish_gate_failed.md"}
VERDICT = "verdict.json"
MOST_ROWS = 100  # how many rows a page names
_ORDER = ("stopped", "warned", "passed")


@dataclass(frozen=True)
class Check:
    """One expectation as it was evaluated: figures and row ids, never a value.

    Attributes:
        words: what is expected, as a sentence.
        title: the expectation and its columns, as a suite's reader would look for it.
        limits: what the suite asks for, as it is written there.
        severity: ``critical`` or ``warning``.
        why: who is hurt when it fails, in the suite's words.
        found: what was measured.
        problem: what is wrong with that, with the first rows; None if nothing is.
        row_id: columns that name a row.
        rows: the rows that fail, by these columns.
    """

    words: str
    title: str
    limits: str
    severity: str
    why: str
    found: str
    problem: str | None
    row_id: str = ""
    rows: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``passed``, ``warned`` or ``stopped``."""
        if self.problem is None:
            return "passed"
        return "warned" if self.severity == "warning" else "stopped"

    def line(self, table: str) -> str:
        """What is wrong, as errors and summaries say it: whom it concerns, then the figures."""
        why = self.why if self.why[-1:] in ".?!" else f"{self.why}."
        return f"{why} ({table}: {self.title}: {self.problem})"


@dataclass(frozen=True)
class Looked:
    """One table after the gate has looked at it.

    Attributes:
        name: ``schema.table``.
        rows: how many rows were looked at; None if it could not be read.
        checks: what was evaluated.
        problems: why it could not be looked at in full; any of them closes the gate.
    """

    name: str
    rows: int | None = None
    checks: list[Check] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """The severest verdict of its checks."""
        verdicts = {check.verdict for check in self.checks}
        if self.problems:
            return "stopped"
        return next((verdict for verdict in _ORDER if verdict in verdicts), "passed")

    @property
    def page(self) -> str:
        """Its page, in the gate's folder."""
        return f"{self.name}.html"

    @property
    def severest_first(self) -> list[Check]:
        """Its checks: what stops, what warns, what passes, each in the suite's order."""
        return sorted(self.checks, key=lambda check: _ORDER.index(check.verdict))

    def count(self, verdict: str) -> int:
        """How many checks ended so."""
        return sum(check.verdict == verdict for check in self.checks)

    def summary(self) -> dict[str, Any]:
        """Return the table's row of the index."""
        return {
            "table": self.name,
            "page": self.page,
            "verdict": self.verdict,
            "rows": self.rows,
            "checks": len(self.checks),
            "stopped": self.count("stopped") + len(self.problems),
            "warned": self.count("warned"),
            "stopped_by": [
                {"why": check.why, "title": check.title, "found": check.found}
                for check in self.checks
                if check.verdict == "stopped"
            ],
        }


class Docs:
    """The Data Docs of one checkpoint and night: ``<data_docs_dir>/<checkpoint>/``.

    The last night's are removed first, so that a gate that fails early, or is killed, never shows
    pages of a night that passed.
    """

    def __init__(self, data_docs_dir: Path, checkpoint: str, as_of: date) -> None:
        self.folder = data_docs_dir / checkpoint
        self.checkpoint = checkpoint
        self.as_of = as_of
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.folder.mkdir(parents=True)
            self._say("unfinished")
        except OSError:  # `write` tells
            self._remove_verdict()

    def write(
        self,
        tables: Sequence[Looked],
        critical: Sequence[str],
        warnings: Sequence[str],
        left_out: Sequence[str] = (),
    ) -> list[str]:
        """Write a page for each table and the index of all gates.

        Args:
            tables: what was looked at, in the checkpoint's order.
            critical: what closes the gate; empty when it passes.
            warnings: what is only reported.
            left_out: tables that were not looked at, and why.

        Returns:
            Why they could not be written; nothing else is lost with them.
        """
        try:
            self._write(tables, critical, warnings, left_out)
        except OSError as error:
            self._remove_verdict()
            reason = error.strerror or type(error).__name__
            return [f"Data Docs cannot be written to {self.folder.parent}: {reason}"]
        return []

    def _write(
        self,
        tables: Sequence[Looked],
        critical: Sequence[str],
        warnings: Sequence[str],
        left_out: Sequence[str],
    ) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        template = pages.environment(Path(__file__).parent).get_template("table.html.jinja")
        for table in tables:
            page = template.render(
                gate=self.checkpoint,
                looks_at=GATES.get(self.checkpoint, self.checkpoint),
                as_of=self.as_of,
                table=table,
                most_rows=MOST_ROWS,
            )
            _put(self.folder / table.page, page)
        self._say(
            "stopped" if critical else "warned" if warnings else "passed",
            tables=[table.summary() for table in tables],
            critical=list(critical),
            warnings=list(warnings),
            left_out=list(left_out),
        )

    def _remove_verdict(self) -> None:
        """Leave no verdict at all where the last one cannot be written."""
        for path in (self.folder / VERDICT, self.folder.parent / "index.html"):
            path.unlink(missing_ok=True)

    def _say(self, verdict: str, **found: Any) -> None:
        said = {
            "gate": self.checkpoint,
            "as_of": self.as_of.isoformat(),
            "verdict": verdict,
            "tables": [],
            "critical": [],
            "warnings": [],
            "left_out": [],
        } | found
        _put(self.folder / VERDICT, json.dumps(said, indent=2, ensure_ascii=False) + "\n")
        index = pages.environment(Path(__file__).parent).get_template("index.html.jinja")
        gates = last_verdicts(self.folder.parent)
        _put(self.folder.parent / "index.html", index.render(gates=gates, looks_at=GATES))


def last_verdicts(data_docs_dir: Path) -> list[dict[str, Any]]:
    """Return what each gate said last, in the order of the night.

    Returns:
        ``gate``, ``as_of`` (YYYY-MM-DD), ``verdict`` (``passed``, ``warned``, ``stopped`` or
        ``unfinished``, of a gate that runs or was killed), ``tables``, ``critical``, ``warnings``
        and ``left_out``; none before the first night.
    """
    found = {}
    for path in data_docs_dir.glob(f"*/{VERDICT}"):
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found[said["gate"]] = said
    return [found[gate] for gate in sorted(found, key=lambda g: ([*GATES, g].index(g), g))]


def _put(path: Path, text: str) -> None:
    """Write a page in one step, as somebody may be reading it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
