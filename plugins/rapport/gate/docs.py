"""Data Docs: what the gate found, as pages that need no network and show no value.

They are written from what was evaluated and say what the suites say: how severe a failure is, who
is hurt by it, which figures were measured. Great Expectations' own pages say none of these, call
a warning a failure, and load parts from eight hosts.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

TEMPLATES = Path(__file__).parent


@dataclass(frozen=True)
class Check:
    """One expectation as it was evaluated: figures and row ids, never a value.

    Attributes:
        title: the expectation and its columns, as a suite's reader would look for it.
        limits: what the suite asks for.
        severity: ``critical`` or ``warning``.
        why: who is hurt when it fails, in the suite's words.
        found: what was measured.
        problem: what is wrong with that; None if nothing is.
    """

    title: str
    limits: str
    severity: str
    why: str
    found: str
    problem: str | None

    @property
    def verdict(self) -> str:
        """``passes``, ``warns`` or ``stops``."""
        if self.problem is None:
            return "passes"
        return "warns" if self.severity == "warning" else "stops"

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
        if self.problems or "stops" in verdicts:
            return "stops"
        return "warns" if "warns" in verdicts else "passes"

    @property
    def page(self) -> str:
        """Its page, beside the index."""
        return f"{self.name}.html"

    def count(self, verdict: str) -> int:
        """How many checks ended so."""
        return sum(check.verdict == verdict for check in self.checks)


class Docs:
    """The Data Docs of one checkpoint and night: ``<data_docs_dir>/<checkpoint>/``.

    The last night's are removed first, so that a gate that fails early never shows
    pages of a night that passed.
    """

    def __init__(self, data_docs_dir: Path, checkpoint: str, as_of: date) -> None:
        self.folder = data_docs_dir / checkpoint
        self.checkpoint = checkpoint
        self.as_of = as_of
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(
        self,
        tables: Sequence[Looked],
        critical: Sequence[str],
        warnings: Sequence[str],
        left_out: Sequence[str] = (),
    ) -> list[str]:
        """Write the page one starts from, and a page for each table.

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
        from jinja2 import Environment, FileSystemLoader

        templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        shared = {"checkpoint": self.checkpoint, "as_of": self.as_of}
        page = templates.get_template("table.html.jinja")
        for table in tables:
            (self.folder / table.page).write_text(page.render(shared, table=table))
        index = templates.get_template("index.html.jinja")
        (self.folder / "index.html").write_text(
            index.render(
                shared, tables=tables, critical=critical, warnings=warnings, left_out=left_out
            )
        )
        shutil.copy(TEMPLATES / "docs.css", self.folder / "style.css")
