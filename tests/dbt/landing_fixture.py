"""Write landing files as the nightly pull does, for given rows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from rapport.sources.streams import STREAMS as LANDED_STREAMS

COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {}
OPTIONAL: dict[tuple[str, str], tuple[str, ...]] = {}
for _stream in LANDED_STREAMS:
    COLUMNS.setdefault(_stream.source, {})[_stream.name] = _stream.columns
    OPTIONAL[_stream.source, _stream.name] = _stream.optional
STREAMS = [(stream.source, stream.name) for stream in LANDED_STREAMS]


def columns_of(source: str, stream: str) -> list[str]:
    return list(COLUMNS[source][stream])


def land(
    landing: Path,
    source: str,
    load_date: str,
    load_id: str,
    rows: Mapping[str, Sequence[Mapping[str, object]]],
    *,
    complete: bool = True,
) -> None:
    """Add one load of a source; a stream without rows gets an empty file.

    A column that a source may lack lands where a row has it. Values become text as they are, dicts
    and lists become JSON, a missing column is null.
    ``complete=False`` leaves the load as a killed one does: files, but not listed.
    """
    unknown = set(rows) - set(COLUMNS[source])
    assert not unknown, f"{source} has no {unknown}"
    with duckdb.connect() as connection:
        for stream in COLUMNS[source]:
            given = {column for row in rows.get(stream, []) for column in row}
            more = [column for column in OPTIONAL[source, stream] if column in given]
            columns = [*columns_of(source, stream), *more, "_dlt_load_id"]
            connection.execute(
                "create or replace table landed ("
                + ", ".join(f'"{column}" varchar' for column in columns)
                + ")"
            )
            for row in rows.get(stream, []):
                wrong = set(row) - set(columns)
                assert not wrong, f"{source}.{stream} has no {wrong}"
                values = [_text(row.get(column)) for column in columns[:-1]]
                connection.execute(
                    f"insert into landed values ({', '.join('?' for _ in columns)})",
                    [*values, load_id],
                )
            folder = landing / source / stream / f"load_date={load_date}"
            folder.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f"copy landed to '{folder / f'{load_id}.0.parquet'}' "
                "(format parquet, compression zstd)"
            )
    loads = landing / source / "_dlt_loads"
    loads.mkdir(parents=True, exist_ok=True)
    if complete:
        line = {"load_id": load_id, "schema_name": source, "status": 0, "inserted_at": load_date}
        (loads / f"{source}__{load_id}.jsonl").write_text(json.dumps(line))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
