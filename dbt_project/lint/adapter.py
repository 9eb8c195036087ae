"""Stands in for dbt's adapter, so that a linter can read a model without an engine."""

from collections.abc import Callable, Sequence
from typing import Any


def dispatch(name: str, package: str | None = None) -> Callable[..., str]:
    """Return what writes a macro of ``package`` as a call of a function with the macro's name."""

    def called(*arguments: Any) -> str:
        if name == "sql_text":
            return _as_text(arguments[0])
        written = _as_text if name in _OF_TEXTS else _written
        return f"{name}({', '.join([_written(arguments[0]), *map(written, arguments[1:])])})"

    return called


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
