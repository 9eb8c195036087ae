"""The records behind a customer, which only the build warehouse knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rapport.errors import ExplainError

if TYPE_CHECKING:
    import duckdb

# By which rule a record belongs to its customer, as a sentence says it.
RULES = {
    "override": "by the firm's own word (seed of identity overrides)",
    "crm_merge": "merged in the CRM",
    "external_id": "the same customer number in another system",
    "email": "the same e-mail address",
    "former_email": "an e-mail address that was theirs",
    "phone": "the same telephone number",
    "fuzzy": "alike in name and place (weighed)",
    "none": "tied to no other record",
}


@dataclass(frozen=True)
class Tie:
    """A record of a customer.

    Attributes:
        source: the system that has it.
        source_record_id: its id there.
        rule: the strongest rule that ties it to another record of theirs, as a sentence says it.
        is_archived: whether the source has put it away or deleted it.
        first_load_date: the night it was first read, as ISO text.
    """

    source: str
    source_record_id: str
    rule: str
    is_archived: bool
    first_load_date: str


def ties_of(warehouse_path: Path, customer_id: str) -> list[Tie]:
    """Return the records of a customer, by source and id.

    Raises:
        ExplainError: the warehouse cannot be asked now.
    """
    with _opened(warehouse_path) as warehouse:
        return [
            Tie(source, record_id, RULES.get(rule, rule), archived, str(first))
            for source, record_id, rule, archived, first in warehouse.execute(
                """
                select
                    tied.source,
                    tied.source_record_id,
                    tied.matched_by,
                    coalesce(contacts.is_archived or contacts.is_removed, false),
                    contacts.first_load_date
                from intermediate.int_identity__contact_map as tied
                left join intermediate.int_identity__contacts as contacts
                    on tied.source = contacts.source
                    and tied.source_record_id = contacts.source_record_id
                where tied.customer_id = ?
                order by tied.source, tied.source_record_id
                """,
                [customer_id],
            ).fetchall()
        ]


def customer_of_record(warehouse_path: Path, source: str, source_record_id: str) -> str:
    """Return whose record it is.

    Raises:
        ExplainError: there is no such record, or the warehouse cannot be asked now.
    """
    with _opened(warehouse_path) as warehouse:
        found = warehouse.execute(
            "select customer_id from intermediate.int_identity__contact_map "
            "where source = ? and source_record_id = ?",
            [source, source_record_id],
        ).fetchone()
        if found:
            return str(found[0])
        sources = [
            name
            for (name,) in warehouse.execute(
                "select distinct source from intermediate.int_identity__contact_map order by all"
            ).fetchall()
        ]
    raise ExplainError(
        f"{source} has no record {source_record_id!r} of a person that the warehouse knows; "
        f"there are records of {', '.join(sources) or 'no source'}"
    )


@contextmanager
def _opened(warehouse_path: Path) -> Iterator["duckdb.DuckDBPyConnection"]:
    import duckdb

    if not warehouse_path.is_file():
        raise ExplainError(f"there is no warehouse at {warehouse_path}: no night was built here")
    try:
        with duckdb.connect(str(warehouse_path), read_only=True) as connection:
            yield connection
    except duckdb.IOException as error:
        raise ExplainError(
            f"{warehouse_path} is being built, or cannot be opened; try again after the build"
        ) from error
    except duckdb.Error as error:  # its text may quote a value
        raise ExplainError(
            f"{warehouse_path} holds no finished build ({type(error).__name__})"
        ) from error
