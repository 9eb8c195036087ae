"""Expectations in words, as their suites say them."""

from collections.abc import Callable, Mapping
from typing import Any

COLUMNS = ("column", "column_A", "column_B", "column_list")


def title(type_: str, kwargs: Mapping[str, Any]) -> str:
    """Return ``expect_...(columns)``, as a suite's reader would look for it."""
    columns = [kwargs[key] for key in COLUMNS[:-1] if kwargs.get(key)]
    columns += kwargs.get("column_list") or []
    return f"{type_}({', '.join(columns) or 'table'})"


def limits(kwargs: Mapping[str, Any]) -> str:
    """Return what the suite asks for besides the columns, as it is written there."""
    return ", ".join(
        f"{key}: {value}"
        for key, value in kwargs.items()
        if key not in (*COLUMNS, "batch_id") and value is not None
    )


def in_words(type_: str, kwargs: Mapping[str, Any]) -> str:
    """Return an expectation as a sentence.

    Example:
        >>> in_words("expect_column_values_to_be_between", {"column": "share", "max_value": 0.6})
        'share is at most 0.6'
    """
    say = _SENTENCES.get(type_)
    if say:
        return say(kwargs)
    subject = ", ".join(_columns(kwargs)) or "the table"
    return f"{subject}: {type_.removeprefix('expect_').replace('_', ' ')}"


def _between(kwargs: Mapping[str, Any]) -> str:
    least, most = kwargs.get("min_value"), kwargs.get("max_value")
    above = "more than" if kwargs.get("strict_min") else "at least"
    below = "less than" if kwargs.get("strict_max") else "at most"
    if least is not None and least == most:
        return str(least)
    said = [f"{above} {least}"] * (least is not None) + [f"{below} {most}"] * (most is not None)
    return " and ".join(said) or "any number"


def _columns(kwargs: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for key in COLUMNS:
        value = kwargs.get(key) or []
        found += [value] if isinstance(value, str) else value
    return found


def _listed(values: Any) -> str:
    return ", ".join(
        str(value).lower() if isinstance(value, bool) else str(value) for value in values
    )


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "expect_column_values_to_be_between": lambda k: f"{k['column']} is {_between(k)}",
    "expect_column_values_to_be_in_set": lambda k: (
        f"{k['column']} is {'one of ' * (len(k['value_set']) > 1)}{_listed(k['value_set'])}"
    ),
    "expect_column_values_to_match_regex": lambda k: f"{k['column']} is like {k['regex']}",
    "expect_column_values_to_not_match_regex": lambda k: f"{k['column']} is not like {k['regex']}",
    "expect_column_values_to_not_be_null": lambda k: f"{k['column']} has a value",
    "expect_column_values_to_be_unique": lambda k: f"{k['column']} is different in every row",
    "expect_compound_columns_to_be_unique": lambda k: (
        f"{' and '.join(k['column_list'])} together are different in every row"
    ),
    "expect_column_pair_values_to_be_equal": lambda k: f"{k['column_A']} equals {k['column_B']}",
    "expect_table_row_count_to_equal": lambda k: f"the table has {k['value']} rows",
    "expect_table_row_count_to_be_between": lambda k: f"the number of rows is {_between(k)}",
}
