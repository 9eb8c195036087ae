"""From what the warehouse knows of records to who was which customer, as numbers."""

from typing import TYPE_CHECKING, Any

import numpy as np

from rapport.identity.components import FOREVER, Holdings, Ints, Policy, timeline

if TYPE_CHECKING:
    import pyarrow

RULES = ("override", "crm_merge", "external_id", "email", "former_email", "phone", "fuzzy")
"""The strongest first; the macro ``identity_rules`` has the same list."""

APART = "apart"
"""Holders of the same value under this are two people, whatever else they share."""

_LEVELS = (
    ("override",),
    ("crm_merge",),
    ("external_id",),
    ("email",),
    ("former_email", "email"),  # whoever holds now what another held before
    ("phone",),
    ("fuzzy",),
)


POLICY = Policy(
    levels=[[RULES.index(rule) for rule in level] for level in _LEVELS],
    identifying=RULES.index("external_id"),
)


def replay(contacts: Any, holdings: Any) -> "pyarrow.Table":
    """Return (record_number, valid_from, anchor_number), one row per change of a record's customer.

    Args:
        contacts: DuckDB relation of ``int_identity__contacts``.
        holdings: DuckDB relation of ``int_identity__holdings``; what is void ties nobody.
    """
    import pyarrow

    records = contacts.order("record_number").project(_day("first_load_date", "day"))
    rule = f"list_position({[*RULES, APART]}, rule) - 1 as rule"
    held = _numbers(
        holdings.filter("void_reason is null").project(
            f"record_number, {rule}, value_number, "
            f"{_day('valid_from', 'since')}, {_day('valid_to', 'until')}"
        )
    )
    is_tie = held["rule"] != len(RULES)
    states = timeline(
        _numbers(records)["day"],
        Holdings(
            held["record_number"],
            held["rule"],
            held["value_number"],
            held["since"],
            held["until"],
        ).take(is_tie),
        _pairs(held["value_number"], held["record_number"], held["since"], ~is_tie),
        POLICY,
    )
    return pyarrow.table(
        {
            "record_number": states.record,
            "valid_from": states.since.astype("datetime64[D]"),
            "anchor_number": states.anchor,
        }
    )


def _day(column: str, name: str) -> str:
    return f"coalesce(date_diff('day', date '1970-01-01', {column}), {FOREVER}) as {name}"


def _numbers(relation: Any) -> dict[str, Ints]:
    return {
        name: np.asarray(values, dtype=np.int64) for name, values in relation.fetchnumpy().items()
    }


def _pairs(value: Ints, record: Ints, since: Ints, rows: Any) -> Ints:
    """The two holders of each value, and since when."""
    order = np.argsort(value[rows], kind="stable")
    value, record, since = value[rows][order], record[rows][order], since[rows][order]
    first = np.flatnonzero(value[1:] == value[:-1])
    return np.stack([record[first], record[first + 1], since[first]], axis=1)
