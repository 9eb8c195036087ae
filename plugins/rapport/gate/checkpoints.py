"""Run a checkpoint: every suite it names, over the table it names, then decide."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rapport.errors import GateFailed
from rapport.gate.declarations import Checkpoint, DeclarationError, Validation, load_checkpoint
from rapport.gate.docs import Docs
from rapport.gate.frames import Unreadable, open_reader, read_frame, stamp_of

logger = logging.getLogger(__name__)

# How many rows a line names; all of them are in Data Docs.
NAMED_ROWS = 3


@dataclass(frozen=True)
class CheckpointResult:
    """What a checkpoint found; counts, names and reasons, never a value.

    Attributes:
        checkpoint: its name.
        as_of: the night, ``YYYY-MM-DD``.
        tables: how many tables were looked at.
        evaluated: how many expectations were evaluated.
        critical: what closes the gate, one readable line each.
        warnings: what is only reported, one readable line each.
        stamp: mark of the warehouse file that was looked at; ``None`` for the landing.
    """

    checkpoint: str
    as_of: str
    tables: int
    evaluated: int
    critical: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stamp: str | None = None

    def summary(self) -> dict[str, Any]:
        """Return the result as JSON can hold it, for the manifest and for XCom."""
        return asdict(self)


@dataclass(frozen=True)
class Finding:
    """One failed expectation, or one table that could not be looked at."""

    table: str
    severity: str
    line: str


def run_checkpoint(
    name: str,
    *,
    expectations_dir: Path,
    data_docs_dir: Path,
    as_of: date,
    warehouse_path: Path | None = None,
    landing_dir: Path | None = None,
) -> CheckpointResult:
    """Validate every table of a checkpoint and stop on anything critical or untold.

    Every table is looked at before the decision, so that one night shows everything
    that is wrong with it. Data Docs are written in either case, to
    ``data_docs_dir/<name>/index.html``.

    Args:
        name: file stem under ``expectations_dir/checkpoints``.
        expectations_dir: holds ``checkpoints/``, ``suites/`` and ``audits/``.
        data_docs_dir: where the checkpoint's Data Docs go, replacing the last ones.
        as_of: the night; audits read it as ``getvariable('as_of')``.
        warehouse_path: DuckDB file with the tables; opened for reading only.
        landing_dir: folder that audits read as ``getvariable('landing')``.

    Returns:
        The result, when nothing critical failed.

    Raises:
        GateFailed: an expectation of severity ``critical`` failed, or any suite could
            not be evaluated in full.
    """
    docs = Docs(data_docs_dir, name, as_of)
    try:
        checkpoint = load_checkpoint(expectations_dir, name)
    except DeclarationError as error:
        raise GateFailed(name, [str(error)]) from error

    findings = [Finding("declarations", "critical", problem) for problem in checkpoint.problems]
    evaluated = 0
    stamp = None
    try:
        stamp = stamp_of(warehouse_path) if warehouse_path and warehouse_path.is_file() else None
        with open_reader(as_of, warehouse_path=warehouse_path, landing_dir=landing_dir) as reader:
            runner = _Runner(checkpoint, docs, as_of)
            for validation in checkpoint.validations:
                try:
                    found = list(runner.validate(validation, read_frame(reader, validation)))
                except Unreadable as error:
                    found = [Finding(validation.table, "critical", f"{validation.table}: {error}")]
                findings += found
            evaluated = runner.evaluated
    except Unreadable as error:
        findings.append(Finding("warehouse", "critical", str(error)))
    except Exception as error:
        # Its text may quote a value, so nothing but its type is told unless somebody debugs.
        logger.debug("checkpoint %s raised", name, exc_info=True)
        problem = f"the checkpoint itself raised {type(error).__name__}"
        findings.append(Finding("checkpoint", "critical", problem))

    critical = [finding.line for finding in findings if finding.severity != "warning"]
    warnings = [finding.line for finding in findings if finding.severity == "warning"]
    if not critical and not evaluated:
        critical.append("no expectation was evaluated")
    docs.write_index([v.table for v in checkpoint.validations], evaluated, critical, warnings)
    if critical:
        raise GateFailed(name, critical)
    return CheckpointResult(
        checkpoint=name,
        as_of=as_of.isoformat(),
        tables=len(checkpoint.validations),
        evaluated=evaluated,
        warnings=warnings,
        stamp=stamp,
    )


class _Runner:
    """Great Expectations, set up once for a checkpoint.

    A Great Expectations checkpoint hands one frame to all its validations, so each
    table gets its own; they share the run and the site of Data Docs.
    """

    def __init__(self, checkpoint: Checkpoint, docs: Docs, as_of: date) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is imported
        import great_expectations as gx
        from great_expectations.core import RunIdentifier

        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        self.gx = gx
        self.checkpoint = checkpoint
        self.evaluated = 0
        self.context = gx.get_context(mode="ephemeral")
        self.context.variables.progress_bars = {"globally": False}
        self.source = self.context.data_sources.add_pandas("warehouse")
        self.run_id = RunIdentifier(run_name=as_of.isoformat(), run_time=datetime.now(tz=UTC))
        self.docs = docs
        self.actions = [docs.attach(self.context)]

    def validate(self, validation: Validation, frame: Any) -> Iterator[Finding]:
        """Yield what failed in one table."""
        gx, context, table = self.gx, self.context, validation.table
        declared = validation.suite["expectations"]
        try:
            suite = context.suites.add(gx.ExpectationSuite(name=table, expectations=declared))
            batch = self.source.add_dataframe_asset(table)
            definition = gx.ValidationDefinition(
                name=table, data=batch.add_batch_definition_whole_dataframe("tonight"), suite=suite
            )
            checkpoint = gx.Checkpoint(
                name=f"{self.checkpoint.name}.{table}",
                validation_definitions=[context.validation_definitions.add(definition)],
                actions=self.actions,
                result_format={
                    "result_format": "COMPLETE",
                    "unexpected_index_column_names": validation.row_id,
                    "exclude_unexpected_values": True,
                },
            )
            outcome = context.checkpoints.add(checkpoint).run(
                batch_parameters={"dataframe": frame}, run_id=self.run_id
            )
            (suite_result,) = outcome.run_results.values()
            results = suite_result.results
        except Exception as error:
            logger.debug("table %s raised", table, exc_info=True)
            line = f"{table}: Great Expectations raised {type(error).__name__}"
            yield Finding(table, "critical", line)
            return
        self.evaluated += len(results)
        if any(_raised(result.exception_info) for result in results):
            self.docs.forget(table)
        if len(results) != len(declared):
            line = f"{table}: {len(declared)} expectations declared, {len(results)} evaluated"
            yield Finding(table, "critical", line)
        for result in results:
            problem, severity = _problem_of(result)
            if problem:
                config = result.expectation_config
                line = f"{table}: {_title(config)}: {problem}: {config.meta['why']}"
                yield Finding(table, severity, line)


def _problem_of(result: Any) -> tuple[str | None, str]:
    """Say what is wrong with one result, if anything, and how severe that is."""
    config, outcome = result.expectation_config, result.result
    severity = str(getattr(config.severity, "value", config.severity))
    if _raised(result.exception_info):
        return "could not be evaluated", "critical"
    if not result.success:
        if "unexpected_count" not in outcome:
            return f"found {outcome.get('observed_value', 'otherwise')}", severity
        rows = _named_rows(outcome.get("unexpected_index_list") or [])
        return f"{outcome['unexpected_count']} of {outcome['element_count']} rows{rows}", severity
    missing = outcome.get("missing_count") or 0
    if missing and config.meta.get("nulls") != "pass":
        # Great Expectations leaves nulls out: no value would be as good as a right one.
        return f"{missing} of {outcome['element_count']} rows have no value", severity
    return None, severity


def _raised(exception_info: dict[str, Any]) -> bool:
    """Tell whether an expectation raised; the information is one entry or one per metric."""
    entries = [exception_info, *exception_info.values()]
    return any(isinstance(entry, dict) and entry.get("raised_exception") for entry in entries)


def _named_rows(index: Sequence[dict[str, list[Any]]]) -> str:
    """Name the first failing rows by their surrogate id."""
    columns = {column: ids for entry in index for column, ids in entry.items()}
    rows = list(zip(*columns.values(), strict=True))
    if not rows:
        return ""
    named = ", ".join("/".join(map(str, row)) for row in rows[:NAMED_ROWS])
    return f" ({'/'.join(columns)} {named}{', ...' if len(rows) > NAMED_ROWS else ''})"


def _title(config: Any) -> str:
    """``expect_...(columns)``, as a suite's reader would look for it."""
    kwargs = config.kwargs
    columns = [kwargs[key] for key in ("column", "column_A", "column_B") if kwargs.get(key)]
    columns += kwargs.get("column_list") or []
    return f"{config.type}({', '.join(columns) or 'table'})"
