"""What a suite looks at: a table or an audit, read by DuckDB into a small pandas frame."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapport.gate.declarations import Validation

if TYPE_CHECKING:
    import duckdb

# A frame is a copy in this process's memory. What grows with customers or orders
# is summed up in an audit model first.
MOST_ROWS = 100_000


class Unreadable(Exception):
    """The rows that a suite should look at cannot be had; the message names no value."""


def stamp_of(warehouse_path: Path) -> str:
    """Return a mark that changes when the warehouse file does.

    The gate puts it into its result and the release compares it: what is released is
    what the gate looked at.
    """
    status = warehouse_path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


@contextmanager
def open_reader(
    as_of: date,
    *,
    warehouse_path: Path | None,
    landing_dir: Path | None,
    declared: Collection[str] | None = None,
    missing: Collection[str] = (),
    consenting: Collection[str] = (),
) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open the warehouse for reading, or nothing but memory for audits over the landing.

    SQL finds ``getvariable('as_of')``, ``getvariable('landing')`` and ``getvariable('declared')``,
    the streams that the firm has; null where it has all. ``getvariable('missing')`` are the groups
    of streams whose pull failed tonight; ``getvariable('consenting')`` those of declared sources in
    which somebody may have said no.

    Raises:
        Unreadable: there is no such file, or somebody is writing it.
    """
    import duckdb

    if warehouse_path is not None and not warehouse_path.is_file():
        raise Unreadable("the warehouse file does not exist")
    try:
        if warehouse_path is None:
            connection = duckdb.connect()
        else:
            connection = duckdb.connect(str(warehouse_path), read_only=True)
    except duckdb.Error as error:
        raise Unreadable(f"the warehouse does not open ({type(error).__name__})") from error
    with connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set variable as_of = ?::date", [as_of])
        names = None if declared is None else list(declared)
        connection.execute("set variable declared = ?::varchar[]", [names])
        connection.execute("set variable missing = ?::varchar[]", [list(missing)])
        connection.execute("set variable consenting = ?::varchar[]", [list(consenting)])
        if landing_dir is not None:
            connection.execute("set variable landing = ?", [str(landing_dir)])
        yield connection


def read_frame(connection: "duckdb.DuckDBPyConnection", validation: Validation) -> Any:
    """Return the rows of a table or an audit as a pandas frame.

    Raises:
        Unreadable: they are missing, empty, too many, or the SQL failed.
    """
    import duckdb

    try:
        if validation.query:
            frame = connection.execute(validation.query.read_text(encoding="utf-8")).df()
        else:
            schema, table = validation.table.split(".")
            rows = f'from "{schema}"."{table}" limit {MOST_ROWS + 1}'
            frame = connection.execute(rows).df()
    except (duckdb.CatalogException, duckdb.IOException, duckdb.BinderException) as error:
        # These speak of tables, files and columns, never of a value.
        raise Unreadable(str(error).splitlines()[0]) from error
    except Exception as error:
        raise Unreadable(f"reading it raised {type(error).__name__}") from error
    nameless = sorted(set(validation.row_id) - set(frame.columns))
    if nameless:
        raise Unreadable(f"has no column {', '.join(nameless)} to name its rows by")
    if frame.empty:
        raise Unreadable("is empty")
    if len(frame) > MOST_ROWS:
        raise Unreadable(f"has more than {MOST_ROWS} rows; gate an audit of it instead")
    return frame
