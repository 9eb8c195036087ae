"""What a release holds, as the few rows that a report needs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rapport.errors import ReportError

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]


@dataclass(frozen=True)
class Night:
    """One release, opened for questions.

    Attributes:
        release_id: its name.
        as_of: the night it shows.
        gate: what the gate found: ``evaluated`` and ``warnings``.
    """

    release_id: str
    as_of: date
    gate: Row
    connection: "duckdb.DuckDBPyConnection"

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


@contextmanager
def opened(
    folder: Path, *, memory_limit: str | None = None, threads: int | None = None
) -> Iterator[Night]:
    """Open a release: each of its tables is a view on its parquet file.

    Args:
        folder: of the release.
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
                for table in manifest["tables"]:
                    connection.read_parquet(str(folder / table["file"])).create_view(table["name"])
                as_of = date.fromisoformat(manifest["as_of"])
                yield Night(manifest["release_id"], as_of, manifest["gate"], connection)
        except (OSError, ValueError, KeyError) as error:
            raise ReportError(folder.name, f"{type(error).__name__} in its manifest") from error
        except duckdb.Error as error:  # its text may quote a value
            raise ReportError(folder.name, type(error).__name__) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    return value
