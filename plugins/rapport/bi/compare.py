"""Hold what Postgres has against the release, value by value.

Each row of a table is hashed by DuckDB on either side, and the hashes are added up: the sums are
equal if every row of one is in the other, as often, in whatever order. Both are of one process, as
DuckDB's hash is of one version only.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rapport.bi.server import LOADING
from rapport.errors import BiError
from rapport.release.content import literal, quoted

if TYPE_CHECKING:
    import duckdb

# PostgreSQL has no text with a NUL character in it; Unicode's sign for what cannot be shown is.
IN_PLACE_OF_NUL = "\N{REPLACEMENT CHARACTER}"


def demand_equal(
    duck: "duckdb.DuckDBPyConnection", table: Mapping[str, Any], schema: str = LOADING
) -> None:
    """Compare one table of the release that is attached as ``release`` with that of ``bi``.

    Raises:
        BiError: a column, its type, a row or a value differs.
    """
    ours = quoted("release", table["schema"], table["name"])
    theirs = quoted("bi", schema, table["name"])
    columns = [duck.execute(f"describe from {each}").fetchall() for each in (ours, theirs)]
    shapes = [[(name, kind) for name, kind, *_ in each] for each in columns]
    if shapes[0] != shapes[1]:
        wrong = sorted({name for name, _ in set(shapes[0]) ^ set(shapes[1])})
        raise BiError(f"{table['name']}: Postgres has other columns or types: {', '.join(wrong)}")
    found = _sums(duck, f"from {theirs}")
    if found not in (_sums(duck, f"from {ours}"), _sums(duck, _as_postgres_can(duck, ours))):
        raise BiError(
            f"{table['name']}: Postgres has other values than the release, in {found[0]:,} rows; "
            "`rapport releases verify` says whether the release is whole"
        )


def _sums(duck: "duckdb.DuckDBPyConnection", rows: str) -> tuple[Any, ...]:
    sums = duck.execute(f"select count(*), sum(hash(rows)::hugeint) from ({rows}) as rows")
    return sums.fetchall()[0]


def _as_postgres_can(duck: "duckdb.DuckDBPyConnection", table: str) -> str:
    """Return a query of a table's rows in which no text has a NUL character, in lists neither."""
    sign = literal(IN_PLACE_OF_NUL)
    mended = {
        "VARCHAR": "replace({0}, chr(0), {1})",
        "VARCHAR[]": "list_transform({0}, lambda x: replace(x, chr(0), {1}))",
    }
    written = [
        f"{mended[kind].format(quoted(name), sign)} as {quoted(name)}"
        for name, kind, *_ in duck.execute(f"describe from {table}").fetchall()
        if kind in mended
    ]
    return f"select * replace ({', '.join(written)}) from {table}" if written else f"from {table}"
