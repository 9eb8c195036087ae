"""Run a checkpoint: every suite it names, over the table it names, then decide."""

import logging
import os
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rapport import landing
from rapport.errors import GateFailed
from rapport.gate.declarations import DeclarationError, Validation, load_checkpoint
from rapport.gate.docs import RUNBOOKS, Check, Docs, Looked
from rapport.gate.frames import Unreadable, open_reader, read_frame, stamp_of
from rapport.gate.words import in_words, limits, title

logger = logging.getLogger(__name__)

# How many rows a line names; Data Docs name more.
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
        left_out: tables that were not looked at, as the firm has not the streams they need.
        stamp: mark of the warehouse file that was looked at; ``None`` for the landing.
    """

    checkpoint: str
    as_of: str
    tables: int
    evaluated: int
    critical: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    stamp: str | None = None

    def summary(self) -> dict[str, Any]:
        """Return the result as JSON can hold it, for the manifest and for XCom."""
        return asdict(self)


def run_checkpoint(
    name: str,
    *,
    expectations_dir: Path,
    data_docs_dir: Path,
    as_of: date,
    warehouse_path: Path | None = None,
    landing_dir: Path | None = None,
    declared: Collection[str] | None = None,
    missing: Collection[str] = (),
    consenting: Collection[str] = (),
    tell: Callable[[CheckpointResult, Sequence[Looked]], None] = lambda result, tables: None,
) -> CheckpointResult:
    """Validate every table of a checkpoint and stop on anything critical or untold.

    Every table is looked at before the decision, so that one night shows everything
    that is wrong with it. Data Docs are written in either case: ``data_docs_dir/index.html``.

    Args:
        name: file stem under ``expectations_dir/checkpoints``.
        expectations_dir: holds ``checkpoints/``, ``suites/`` and ``audits/``.
        data_docs_dir: where Data Docs are; those of this checkpoint replace the last ones.
        as_of: the night; audits read it as ``getvariable('as_of')``.
        warehouse_path: DuckDB file with the tables; opened for reading only.
        landing_dir: folder that audits read as ``getvariable('landing')``.
        declared: full names of the streams that the firm has, which audits read as
            ``getvariable('declared')``; all there are unless given.
        missing: groups of streams whose pull failed tonight, which audits read as
            ``getvariable('missing')``.
        consenting: groups of declared sources in which somebody may have said no, which audits
            read as ``getvariable('consenting')``.
        tell: told what was found, table by table, whether the gate closes or not.

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
        unreadable = [str(error)]
        unreadable += docs.write([], unreadable, [])
        tell(CheckpointResult(name, as_of.isoformat(), 0, 0, critical=unreadable), [])
        raise GateFailed(name, unreadable) from error

    critical = [f"declarations: {problem}" for problem in checkpoint.problems]
    tables: list[Looked] = []
    lacking = {v.table: lacks for v in checkpoint.validations if (lacks := v.lacks(declared))}
    left_out = [f"{table}: needs {', '.join(lacks)}" for table, lacks in lacking.items()]
    stamp = None
    try:
        stamp = stamp_of(warehouse_path) if warehouse_path and warehouse_path.is_file() else None
        with open_reader(
            as_of,
            warehouse_path=warehouse_path,
            landing_dir=landing_dir,
            declared=declared,
            missing=missing,
            consenting=consenting,
        ) as reader:
            runner = _Runner()
            for validation in checkpoint.validations:
                if validation.table not in lacking:
                    tables.append(_look(runner, reader, validation))
    except Unreadable as error:
        critical.append(str(error))
    except Exception as error:
        # Its text may quote a value, so nothing but its type is told unless somebody debugs.
        logger.debug("checkpoint %s raised", name, exc_info=True)
        critical.append(f"the checkpoint itself raised {type(error).__name__}")

    evaluated = sum(len(table.checks) for table in tables)
    if landing_dir is not None and (critical or any(table.problems for table in tables)):
        critical += landing.examine(landing_dir, as_of)
    for table in tables:
        critical += [f"{table.name}: {problem}" for problem in table.problems]
        critical += [check.line(table.name) for check in table.checks if check.verdict == "stopped"]
    warnings = [
        check.line(table.name)
        for table in tables
        for check in table.checks
        if check.verdict == "warned"
    ]
    if not critical and not evaluated:
        critical.append("no expectation was evaluated")
    critical += docs.write(tables, critical, warnings, left_out)
    result = CheckpointResult(
        checkpoint=name,
        as_of=as_of.isoformat(),
        tables=len(tables),
        evaluated=evaluated,
        critical=critical,
        warnings=warnings,
        left_out=left_out,
        stamp=stamp,
    )
    _log(result, data_docs_dir)
    tell(result, tables)
    if critical:
        raise GateFailed(name, critical)
    return result


def _log(result: CheckpointResult, data_docs_dir: Path) -> None:
    """Write every line that the summary has into the log, too; and where to go on from there."""
    for line in result.critical:
        logger.error("%s", line)
    for line in result.warnings:
        logger.warning("%s", line)
    if result.critical:
        logger.error(
            "The gate is closed for the night of %s: readers keep the release they have. What was "
            "measured: %s. What to do: docs/runbooks/%s",
            result.as_of,
            data_docs_dir / "index.html",
            RUNBOOKS.get(result.checkpoint, ""),
        )


def _look(runner: "_Runner", reader: Any, validation: Validation) -> Looked:
    """Evaluate the suite of one table; one that cannot be read is a problem of it."""
    try:
        return runner.validate(validation, read_frame(reader, validation))
    except Unreadable as error:
        return Looked(validation.table, problems=[str(error)])


class _Runner:
    """Great Expectations, set up once for a checkpoint."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is imported
        import great_expectations as gx

        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        self.gx = gx
        self.context = gx.get_context(mode="ephemeral")
        self.context.variables.progress_bars = {"globally": False}
        for name, site in dict(self.context.variables.data_docs_sites).items():
            self.context.delete_data_docs_site(name)  # Data Docs are written by `Docs`
            shutil.rmtree(site["store_backend"]["base_directory"], ignore_errors=True)
        self.source = self.context.data_sources.add_pandas("warehouse")

    def validate(self, validation: Validation, frame: Any) -> Looked:
        """Evaluate the suite of one table."""
        gx, context, table = self.gx, self.context, validation.table
        declared = validation.suite["expectations"]
        try:
            suite = context.suites.add(gx.ExpectationSuite(name=table, expectations=declared))
            batch = self.source.add_dataframe_asset(table)
            definition = gx.ValidationDefinition(
                name=table, data=batch.add_batch_definition_whole_dataframe("tonight"), suite=suite
            )
            results = (
                context.validation_definitions.add(definition)
                .run(
                    batch_parameters={"dataframe": frame},
                    result_format={
                        "result_format": "COMPLETE",
                        "unexpected_index_column_names": validation.row_id,
                        "exclude_unexpected_values": True,
                    },
                )
                .results
            )
        except Exception as error:
            logger.debug("table %s raised", table, exc_info=True)
            problem = f"Great Expectations raised {type(error).__name__}"
            return Looked(table, len(frame), problems=[problem])
        problems = []
        if len(results) != len(declared):
            problems = [f"{len(declared)} expectations declared, {len(results)} evaluated"]
        checks = [_check_of(result, frame) for result in results]
        return Looked(table, len(frame), checks, problems)


def _check_of(result: Any, frame: Any) -> Check:
    """Say what one expectation found, and whether that is as it should be."""
    config, outcome = result.expectation_config, result.result
    severity = str(getattr(config.severity, "value", config.severity))
    row_id, rows = _rows(outcome.get("unexpected_index_list") or [])
    figures = _figures(frame, config.kwargs.get("column"), row_id, rows)
    found, problem = _found(result), None
    if _raised(result.exception_info):
        found = problem = "could not be evaluated"
        severity = "critical"
    elif not result.success:
        problem = found + _named(row_id, rows, figures)
        if "unexpected_count" in outcome:
            found += f" fail ({_percent(outcome)})"
    elif outcome.get("missing_count") and config.meta.get("nulls") != "pass":
        # Great Expectations leaves nulls out: no value would be as good as a right one.
        found = f"{outcome['missing_count']} of {outcome['element_count']} rows have no value"
        problem = found
    elif "unexpected_count" in outcome:
        found += " fail"
    return Check(
        words=in_words(config.type, config.kwargs),
        title=title(config.type, config.kwargs),
        limits=limits(config.kwargs),
        severity=severity,
        why=config.meta["why"],
        found=found,
        problem=problem,
        row_id=row_id,
        rows=tuple(map(_with_figure, rows, figures)) if figures else rows,
    )


def _found(result: Any) -> str:
    """The figures that were measured."""
    outcome = result.result
    if "unexpected_count" not in outcome:
        otherwise = "as expected" if result.success else "otherwise"
        return f"found {outcome.get('observed_value', otherwise)}"
    return f"{outcome['unexpected_count']} of {outcome['element_count']} rows"


def _percent(outcome: dict[str, Any]) -> str:
    """The share of the rows that fail; a tiny one is not none."""
    share = 100 * outcome["unexpected_count"] / outcome["element_count"]
    return f"{share:.1f}%" if share >= 0.05 else "less than 0.1%"


def _raised(exception_info: dict[str, Any]) -> bool:
    """Tell whether an expectation raised; the information is one entry or one per metric."""
    entries = [exception_info, *exception_info.values()]
    return any(isinstance(entry, dict) and entry.get("raised_exception") for entry in entries)


def _rows(index: Sequence[dict[str, list[Any]]]) -> tuple[str, tuple[str, ...]]:
    """Return the columns that name a row, and the failing rows by them: surrogates."""
    columns = {column: ids for entry in index for column, ids in entry.items()}
    rows = zip(*columns.values(), strict=True)
    return "/".join(columns), tuple("/".join(map(str, row)) for row in rows)


def _figures(frame: Any, column: str | None, row_id: str, rows: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the failing rows say in the column: numbers only, which are counts and shares."""
    if not rows or column not in frame or frame[column].dtype.kind not in "iuf":
        return ()
    names = frame[row_id.split("/")].astype(str).agg("/".join, axis=1)
    said = dict(zip(names, frame[column], strict=True))
    return tuple(f"{said[row]:.4g}" if said[row] % 1 else f"{said[row]:.0f}" for row in rows)


def _with_figure(row: str, figure: str) -> str:
    return f"{row}: {figure}"


def _named(row_id: str, rows: tuple[str, ...], figures: tuple[str, ...]) -> str:
    """Name the first failing rows, and what was counted of each."""
    if not rows:
        return ""
    more = ", ..." if len(rows) > NAMED_ROWS else ""
    named = f" ({row_id} {', '.join(rows[:NAMED_ROWS])}{more})"
    return named + (f": {', '.join(figures[:NAMED_ROWS])}{more}" if figures else "")
