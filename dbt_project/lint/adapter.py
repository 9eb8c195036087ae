"""Stands in for dbt's adapter, so that a linter can read a model without an engine."""

from collections.abc import Callable, Sequence
from typing import Any


def dispatch(name: str, package: str | None = None) -> Callable[..., str]:
    """Return what writes a macro of ``package`` as a call of a function with the macro's name."""

    def called(*arguments: Any) -> str:
        if name == "sql_text":
            return "'" + str(arguments[0]).replace("'", "''") + "'"
        return f"{name}({', '.join(map(_written, arguments))})"

    return called


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
