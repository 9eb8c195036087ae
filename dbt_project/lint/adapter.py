"""Stands in for dbt's adapter, so that a linter can read a model without an engine."""

from collections.abc import Callable, Sequence
from typing import Any


def dispatch(name: str, package: str | None = None) -> Callable[..., str]:
    """Return what writes a macro of ``package`` as a call of a function with the macro's name."""

    def called(*arguments: Any) -> str:
        if name == "sql_text":
            return _as_text(arguments[0])
        if name in _OF_ROWS:
            return f"select * from {arguments[0]}"
        if name in _OF_BRANCHES:
            return f"when {name} then {name}"
        written = _as_text if name in _OF_TEXTS else _written
        texts = [*map(_written, arguments[:1]), *map(written, arguments[1:])]
        return f"{name}({', '.join(texts)})"

    return called


# Which stand for a whole query.
_OF_ROWS = {"landed", "landed_together", "lines_when_typed"}
# Which stand for a branch of a case.
_OF_BRANCHES = {"spelled_instant"}
# Whose arguments but the first are texts (patterns, separators, paths) and no expressions.
_OF_TEXTS = {"finds", "joined", "json_text", "matches", "replaced", "split_text", "trimmed"}


def _as_text(argument: Any) -> str:
    return "null" if argument is None else "'" + str(argument).replace("'", "''") + "'"


def quote(name: str) -> str:
    """Return a name as DuckDB quotes it."""
    return f'"{name}"'


def _written(argument: Any) -> str:
    if argument is None:
        return "null"
    if isinstance(argument, dict):
        return ", ".join(map(str, argument.values()))
    if isinstance(argument, Sequence) and not isinstance(argument, str):
        return ", ".join(map(str, argument))
    return str(argument)
