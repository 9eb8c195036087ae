"""What a release holds, as the few rows that a report needs."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rapport.errors import ReportError
from rapport.pages import day
from rapport.release.content import literal
from rapport.release.store import Reduction, list_releases, withdrawn

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]
BEFORE = "before"  # the schema that the earlier release's tables are in
# What parts of the page speak of, as the streams that tell of it, any of which would do.
ORDERS = "shop.orders"
CONVERSIONS = "shop.orders or hubspot.deals"
MAIL = "klaviyo.events or hubspot.email_events"
FEELINGS = "hubspot.feedback_submissions or hubspot.tickets or klaviyo.events"


@dataclass(frozen=True)
class Choice:
    """Whom to look at; of what is empty, everything.

    Attributes:
        types: of relationship, as customers are now.
        tiers: of value, as customers are now.
        segments: whose members.
        month: the last month end to look at.
    """

    types: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    month: date | None = None

    def customers(self) -> str:
        """Return the condition on a customer's relationship; empty where it is all of them."""
        return " and ".join(
            [
                *_one_of({"relationship_type": self.types, "value_tier": self.tiers}),
                *(
                    f"customer_id in (select customer_id from members where {condition})"
                    for condition in _one_of({"segment": self.segments})
                ),
            ]
        )

    def condition(self, columns: Collection[str]) -> str:
        """Return which rows of a table to look at, by the columns that it has."""
        of_customers = "customer_id" in columns
        wanted = {"segment": self.segments}
        if not of_customers:  # else a month of theirs would go that they were of another type in
            wanted |= {"relationship_type": self.types, "value_tier": self.tiers}
        conditions = _one_of({key: each for key, each in wanted.items() if key in columns})
        if of_customers and self.customers():
            conditions.append("customer_id in (select customer_id from chosen)")
        if {"from_type", "to_type"} <= set(columns):
            moved = _one_of({"from_type": self.types, "to_type": self.types})
            conditions += [f"({' or '.join(moved)})"] if moved else []
        if "month_end_date" in columns and self.month:
            conditions.append(f"month_end_date <= date '{self.month.isoformat()}'")
        return " and ".join(conditions)


EVERYBODY = Choice()


def _one_of(wanted: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [
        f"{column} in ({', '.join(map(literal, terms))})"
        for column, terms in wanted.items()
        if terms
    ]


@dataclass(frozen=True)
class Earlier:
    """The release of an earlier night: its name, the night it shows, its last complete day."""

    release_id: str
    as_of: date
    last_day: date


@dataclass(frozen=True)
class Night:
    """One release, opened for questions.

    Attributes:
        release_id: its name.
        as_of: the night it shows.
        last_day: the last day of the firm's clock of which nothing is missing.
        time_zone: of the firm's clock; empty where the release does not say.
        gate: what the gate found: ``evaluated`` and ``warnings``; and, of the day it was made,
            ``support_ends``.
        before: the release of the latest earlier night that is still there, for what has changed;
            its tables are in the schema of the same name.
        reduction: who was taken off the lists after the night, if anybody was.
    """

    release_id: str
    as_of: date
    last_day: date
    time_zone: str
    gate: Row
    connection: "duckdb.DuckDBPyConnection"
    before: Earlier | None = None
    reduction: Reduction | None = None

    def rows(self, sql: str, **parameters: Any) -> list[Row]:
        """Return what a query finds, as JSON can hold it.

        Queries add up and order: the rows are few, and always the same.
        """
        found = self.connection.execute(sql, parameters)
        names = [column[0] for column in found.description or ()]
        return [
            {name: _plain(value) for name, value in zip(names, row, strict=True)}
            for row in found.fetchall()
        ]

    @property
    def until(self) -> str:
        """How far figures go, as captions say it."""
        return f"last complete day {day(self.last_day)}"

    def has(self, table: str, *columns: str, schema: str = "main") -> bool:
        """Tell whether a table is in the release, with these columns.

        Releases of other versions of the project are read too, above all the one before.
        """
        there = self.connection.execute(
            "select column_name from duckdb_columns() where schema_name = ? and table_name = ?",
            [schema, table],
        ).fetchall()
        return bool(there) and set(columns) <= {name for (name,) in there}

    def untold(self, streams: str) -> str:
        """Say why nothing can be said: none of the streams (``a or b``) was ever read.

        Empty where one was, and for releases that do not tell.
        """
        names = streams.split(" or ")
        if not self.has("source_streams"):
            return ""
        [told] = self.rows(
            "select count(*) as streams from source_streams "
            "where list_contains($names, stream_name) and (state = 'read' or record_count > 0)",
            names=names,
        )
        if told["streams"]:
            return ""
        return f"Nobody knows: it takes {streams}, and the firm has none of it to read."

    def had(self, table: str, *columns: str) -> bool:
        """Tell whether the release before has a table, with these columns."""
        return self.has(table, *columns, schema=BEFORE)

    def window(self, days: int) -> tuple[date, date]:
        """Return the first and the last of so many complete days."""
        return date.fromordinal(self.last_day.toordinal() - days + 1), self.last_day


@contextmanager
def opened(
    folder: Path,
    choice: Choice = EVERYBODY,
    *,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> Iterator[Night]:
    """Open a release: each of its tables is a view on its parquet file.

    Args:
        folder: of the release.
        choice: whom to look at.
        memory_limit: DuckDB's, as DuckDB writes it.
        threads: DuckDB's.

    Raises:
        ReportError: it is no release, or a table cannot be read or is not what it was.
    """
    import duckdb

    with TemporaryDirectory() as spill:
        options: Row = {"temp_directory": spill}
        options |= {"memory_limit": memory_limit} if memory_limit else {}
        options |= {"threads": threads} if threads else {}
        try:
            manifest = json.loads((folder / "manifest.json").read_bytes())
            with duckdb.connect(config=options) as connection:
                _choose(connection, folder, choice)
                _attach(connection, folder, manifest, "main", choice)
                as_of = date.fromisoformat(manifest["as_of"])
                yield Night(
                    manifest["release_id"],
                    as_of,
                    _last_day(manifest),
                    (manifest.get("clock") or {}).get("reporting_time_zone") or "",
                    manifest["gate"],
                    connection,
                    _attach_earlier(connection, folder, as_of, choice),
                    Reduction.of(manifest),
                )
        except (OSError, ValueError, KeyError) as error:
            raise ReportError(folder.name, f"{type(error).__name__} in its manifest") from error
        except duckdb.Error as error:  # its text may quote a value
            raise ReportError(folder.name, type(error).__name__) from error


def _choose(connection: "duckdb.DuckDBPyConnection", folder: Path, choice: Choice) -> None:
    """Note which customers are looked at, where it is not all of them."""
    if not (condition := choice.customers()):
        return
    if choice.segments:
        connection.read_parquet(str(folder / "segment_members.parquet")).create_view("members")
    there = connection.read_parquet(str(folder / "dim_customer_relationships.parquet"))
    there.filter(condition).select("customer_id").create("chosen")
    connection.execute("drop view if exists members")


def _attach(
    connection: "duckdb.DuckDBPyConnection",
    folder: Path,
    manifest: Row,
    schema: str,
    choice: Choice,
) -> None:
    connection.execute(f"use {schema}")
    for table in manifest["tables"]:
        rows = connection.read_parquet(str(folder / table["file"]))
        condition = choice.condition(rows.columns)
        (rows.filter(condition) if condition else rows).create_view(table["name"])
    connection.execute("use main")


def _attach_earlier(
    connection: "duckdb.DuckDBPyConnection", folder: Path, as_of: date, choice: Choice
) -> Earlier | None:
    """Attach the release of the latest earlier night that readers were not taken away from.

    One that cannot be read is passed over: what has changed is told when it can be.
    """
    import duckdb

    gone = withdrawn(folder.parent)
    for info in list_releases(folder.parent):
        if info.as_of >= as_of or info.release_id in gone:
            continue
        connection.execute(f"create schema {BEFORE}")
        try:
            manifest = json.loads((info.path / "manifest.json").read_bytes())
            _attach(connection, info.path, manifest, BEFORE, choice)
            return Earlier(info.release_id, info.as_of, _last_day(manifest))
        except (OSError, ValueError, KeyError, TypeError, duckdb.Error):
            connection.execute("use main")
            connection.execute(f"drop schema {BEFORE} cascade")
    return None


def _last_day(manifest: Row) -> date:
    """The last complete day of the firm's clock; the night itself where no clock is told."""
    clock = manifest.get("clock") or {}
    return date.fromisoformat(clock.get("last_complete_date") or manifest["as_of"])


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    return value
