"""What a release holds: its tables, and a hash that stands for their content.

The hash does not depend on the order of rows, on threads or on the version of DuckDB's
own hash functions: each row becomes JSON text (which tells null from an empty text and
one column from its neighbour), its MD5 is added up in two halves, and the sums stand for
the rows. A sum, unlike an exclusive or, also changes when a row comes twice.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rapport.errors import ReleaseError

if TYPE_CHECKING:
    import duckdb

SCHEMAS = ("marts", "segments", "metrics")
FILLED = ("marts", "segments")  # without which there is no release
# One model per segment feeds segment_members; only that table is for readers.
INTERNAL_PREFIX = "seg_"


@dataclass(frozen=True)
class Column:
    """A column as DuckDB names and types it, with its description."""

    name: str
    type: str
    comment: str | None


@dataclass(frozen=True)
class Table:
    """A relation of the warehouse that is released.

    Attributes:
        schema: ``marts`` or ``segments``.
        name: of the table, and of its parquet file.
        comment: its description.
        columns: in order.
        rows: how many.
        content_hash: of names, types and rows; sha256.
        untold: columns of which none of the firm's sources tells anything; null in a release.
        keys: columns that no two rows share, of each key; the first is the table's grain.
    """

    schema: str
    name: str
    comment: str | None
    columns: tuple[Column, ...]
    rows: int
    content_hash: str
    untold: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()

    @property
    def full_name(self) -> str:
        """``schema.table``."""
        return f"{self.schema}.{self.name}"

    @property
    def file(self) -> str:
        """Name of its parquet file."""
        return f"{self.name}.parquet"

    def as_json(self) -> dict[str, Any]:
        """Return the table's entry in the manifest."""
        return asdict(self) | {"file": self.file}

    def source(self, catalog: str) -> str:
        """Return a query of its rows in a warehouse, as a release has them."""
        return _rows_of(catalog, self.schema, self.name, self.columns, self.untold)


def quoted(*names: str) -> str:
    """Quote identifiers and join them by dots."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: str) -> str:
    """Quote a text for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def tables_of(
    connection: "duckdb.DuckDBPyConnection",
    catalog: str,
    untold: Sequence[tuple[str, str, str]] = (),
    keys: Sequence[tuple[str, str]] = (),
) -> list[Table]:
    """Describe and hash every relation of a warehouse that belongs into a release.

    Args:
        connection: with the warehouse attached.
        catalog: the name it is attached by.
        untold: mart, column and the streams that would tell of it, where the firm has none of them:
            the release has null there, as 0 would be a figure.
        keys: table and its columns, between commas, of each key; a table's grain before its others.

    Returns:
        The tables, by name.

    Raises:
        ReleaseError: a schema holds nothing, or two tables would share a parquet file.
    """
    relations = connection.execute(
        """
        select schema_name, table_name, comment from duckdb_tables() where database_name = $catalog
        union all
        select schema_name, view_name, comment from duckdb_views() where database_name = $catalog
        order by all
        """,
        {"catalog": catalog},
    ).fetchall()
    relations = [
        relation
        for relation in relations
        if relation[0] in SCHEMAS and not relation[1].startswith(INTERNAL_PREFIX)
    ]
    for schema in FILLED:
        if schema not in {relation[0] for relation in relations}:
            raise ReleaseError(
                f"the warehouse has no table in schema {schema}: run the build first"
            )
    names = [name for _, name, _ in relations]
    shared = sorted({name for name in names if names.count(name) > 1})
    if shared:
        raise ReleaseError(f"two schemas have a table {', '.join(shared)}; rename one")
    return [_described(connection, catalog, relation, untold, keys) for relation in relations]


def _described(
    connection: "duckdb.DuckDBPyConnection",
    catalog: str,
    relation: tuple[str, str, str | None],
    untold: Sequence[tuple[str, str, str]],
    keys: Sequence[tuple[str, str]],
) -> Table:
    schema, name, comment = relation
    would_tell = {column: streams for mart, column, streams in untold if mart == name}
    columns = tuple(
        Column(column, kind, _with_reason(said, would_tell.get(column)))
        for column, kind, said in connection.execute(
            "select column_name, data_type, comment from duckdb_columns() "
            "where database_name = ? and schema_name = ? and table_name = ? order by column_index",
            [catalog, schema, name],
        ).fetchall()
    )
    rows, content_hash = hashed(connection, catalog, schema, name, columns, tuple(would_tell))
    of_table = tuple(tuple(key.split(",")) for table, key in keys if table == name)
    return Table(schema, name, comment, columns, rows, content_hash, tuple(would_tell), of_table)


def hashed(
    connection: "duckdb.DuckDBPyConnection",
    catalog: str,
    schema: str,
    name: str,
    columns: Sequence[Column],
    untold: Sequence[str] = (),
) -> tuple[int, str]:
    """Return how many rows a table has, and the hash of its names, types and rows."""
    counted = connection.execute(
        f"""
        select
            count(*),
            coalesce(sum(md5_number_lower(content)::hugeint), 0)::varchar,
            coalesce(sum(md5_number_upper(content)::hugeint), 0)::varchar
        from (
            select to_json(rows)::varchar as content
            from ({_rows_of(catalog, schema, name, columns, untold)}) as rows
        )
        """
    ).fetchone()
    assert counted is not None
    shape = [(column.name, column.type) for column in columns]
    return counted[0], digest([schema, name, shape, counted])


def _rows_of(
    catalog: str, schema: str, name: str, columns: Sequence[Column], untold: Sequence[str]
) -> str:
    nulls = ", ".join(
        f"null::{column.type} as {quoted(column.name)}"
        for column in columns
        if column.name in untold
    )
    replaced = f" replace ({nulls})" if nulls else ""
    return f"select *{replaced} from {quoted(catalog, schema, name)}"


def _with_reason(comment: str | None, streams: str | None) -> str | None:
    if streams is None:
        return comment
    return f"{comment or ''} Not known: nothing was ever read of {streams}.".strip()


def digest(content: Any) -> str:
    """Return the sha256 of something JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def content_hash_of(tables: list[dict[str, Any]]) -> str:
    """Return the hash that names a release, from its tables' manifest entries.

    Descriptions count: they are what a reader sees beside the numbers.
    """
    return digest(
        [
            [
                table["schema"],
                table["name"],
                table["content_hash"],
                table["comment"],
                [column["comment"] for column in table["columns"]],
            ]
            for table in tables
        ]
    )
