"""Checkpoints and suites as they stand in ``expectations/``, read strictly.

The suites are YAML in Great Expectations' own field names. What Great Expectations
forgives is refused here, because it forgives by checking less: an expectation of an
unknown type is dropped from the suite with a log line, a key written twice silently
loses its first value, an expectation without a severity or a reason stops or reports
for reasons nobody can look up.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SEVERITIES = ("critical", "warning")

# Results of these hold counts and row ids only. Expectations on a column's maximum,
# its distinct values and the like put values into results and Data Docs; say the same
# with an expectation on the rows of an audit.
VALUE_FREE = re.compile(
    r"expect_(column_values|column_pair_values|multicolumn|compound_columns"
    r"|table_row_count|table_column)_\w+"
)
TABLE = re.compile(r"[a-z_]\w*\.[a-z_]\w*")
NEED = re.compile(rf"{TABLE.pattern}( or {TABLE.pattern})*")


class DeclarationError(ValueError):
    """A file under ``expectations/`` cannot be taken at its word."""


@dataclass(frozen=True)
class Validation:
    """One table of a checkpoint and what it must fulfil.

    Attributes:
        table: ``schema.table``; for an audit, the name that reports use.
        row_id: columns that name a row in reports; surrogates, never personal.
        query: SQL file that yields the rows, when they are no table of the warehouse.
        suite: the suite in Great Expectations' own form.
        needs: streams without which it has nothing to look at; each may be several (``a or b``).
    """

    table: str
    row_id: list[str]
    query: Path | None
    suite: dict[str, Any]
    needs: tuple[str, ...] = ()

    def lacks(self, declared: Collection[str] | None) -> list[str]:
        """Return what it needs of streams that a firm has not; None is a firm that has all."""
        if declared is None:
            return []
        return [need for need in self.needs if not set(need.split(" or ")) & set(declared)]


@dataclass
class Checkpoint:
    """A checkpoint: what can be validated, and what is wrong with the rest."""

    name: str
    validations: list[Validation] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise DeclarationError(f"key written twice: {', '.join(twice)}")
        return super().construct_mapping(node, deep)


def load_checkpoint(expectations_dir: Path, name: str) -> Checkpoint:
    """Read a checkpoint and every suite it names.

    A suite that cannot be used becomes a problem, so that the others are still
    evaluated and the night's report is whole.

    Args:
        expectations_dir: holds ``checkpoints/``, ``suites/`` and ``audits/``.
        name: file stem under ``checkpoints/``.

    Returns:
        The checkpoint; it has a problem, a validation or both.

    Raises:
        DeclarationError: the checkpoint itself cannot be read or names no table.
    """
    content = _read(expectations_dir / "checkpoints" / f"{name}.yml", {"name", "validations"})
    if content["name"] != name or not isinstance(content["validations"], list):
        raise DeclarationError(f"checkpoints/{name}.yml: must be named {name} and list validations")
    checkpoint = Checkpoint(name)
    seen: set[Any] = set()
    for entry in content["validations"]:
        try:
            validation = _validation(expectations_dir, entry)
            if validation.table in seen:
                raise DeclarationError("is validated twice; one suite per table")
            seen.add(validation.table)
            checkpoint.validations.append(validation)
        except DeclarationError as error:
            table = entry.get("table") if isinstance(entry, Mapping) else entry
            checkpoint.problems.append(f"{table}: {error}")
    if not checkpoint.validations and not checkpoint.problems:
        raise DeclarationError(f"checkpoints/{name}.yml: validates nothing")
    return checkpoint


def _validation(expectations_dir: Path, entry: Any) -> Validation:
    _demand(entry, "validation", required={"table", "suite", "id"}, optional={"query"})
    table, row_id = entry["table"], entry["id"]
    if not isinstance(table, str) or not TABLE.fullmatch(table):
        raise DeclarationError("table must be written schema.table")
    if not row_id or not all(isinstance(column, str) for column in row_id):
        raise DeclarationError("id must list the columns that name a row")
    query = expectations_dir / "audits" / f"{entry['query']}.sql" if "query" in entry else None
    if query and not query.is_file():
        raise DeclarationError(f"audits/{entry['query']}.sql does not exist")
    path = expectations_dir / "suites" / f"{entry['suite']}.yml"
    suite = _read(path, {"name", "expectations"}, {"needs"})
    needs = suite.pop("needs", [])
    if not isinstance(needs, list) or not all(NEED.fullmatch(str(need)) for need in needs):
        raise DeclarationError(f"suite {entry['suite']}: needs must list streams (source.stream)")
    if suite["name"] != table:
        raise DeclarationError(f"suite {entry['suite']} is named {suite['name']!r}, not {table!r}")
    if not isinstance(suite["expectations"], list) or not suite["expectations"]:
        raise DeclarationError(f"suite {entry['suite']} expects nothing")
    for number, expectation in enumerate(suite["expectations"], start=1):
        try:
            _check_expectation(expectation)
        except DeclarationError as error:
            message = f"suite {entry['suite']}, expectation {number}: {error}"
            raise DeclarationError(message) from None
    return Validation(table, list(row_id), query, suite, tuple(needs))


def _check_expectation(expectation: Any) -> None:
    _demand(expectation, "expectation", required={"type", "kwargs", "severity", "meta"})
    _demand(expectation["meta"], "meta", required={"why"}, optional={"nulls"})
    if not VALUE_FREE.fullmatch(str(expectation["type"])):
        raise DeclarationError(f"{expectation['type']} is unknown or would show values")
    if expectation["severity"] not in SEVERITIES:
        raise DeclarationError(f"severity must be one of {', '.join(SEVERITIES)}")
    if not str(expectation["meta"]["why"] or "").strip():
        raise DeclarationError("meta.why must say who is hurt")
    if expectation["meta"].get("nulls", "pass") != "pass":
        raise DeclarationError("meta.nulls can only be 'pass'")


def _read(path: Path, keys: set[str], optional: set[str] | None = None) -> dict[str, Any]:
    place = f"{path.parent.name}/{path.name}"
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
        _demand(content, place, required=keys, optional=optional)
    except OSError as error:
        raise DeclarationError(f"{place}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, DeclarationError) as error:
        raise DeclarationError(f"{place}: {error}") from error
    return dict(content)


def _demand(
    content: Any, what: str, *, required: set[str], optional: set[str] | None = None
) -> None:
    """Refuse a mapping that lacks a key or has one that nobody would read."""
    if not isinstance(content, Mapping):
        raise DeclarationError(f"{what} is not a mapping")
    lacking = sorted(required - set(content))
    unknown = sorted(str(key) for key in set(content) - required - (optional or set()))
    if lacking:
        raise DeclarationError(f"{what} lacks {', '.join(lacking)}")
    if unknown:
        raise DeclarationError(f"{what} has unknown {', '.join(unknown)}")
