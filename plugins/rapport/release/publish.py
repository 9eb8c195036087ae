"""Make a release of the warehouse that the gate has just passed."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapport.errors import ReleaseError
from rapport.gate import stamp_of
from rapport.killpoints import reach
from rapport.release.content import Table, content_hash_of, digest, literal, quoted, tables_of
from rapport.release.store import (
    ASIDE,
    DATABASE,
    ReleaseInfo,
    changing,
    place,
    readers_release,
    record,
    remove_older,
    switch,
    verify_release,
    withdrawn,
)
from rapport.warehouse import build_lock

if TYPE_CHECKING:
    import duckdb

TOOLS = ("rapport", "duckdb", "dbt-core", "dbt-duckdb", "great-expectations", "dlt")


def publish_release(
    *,
    warehouse_path: Path,
    releases_dir: Path,
    as_of: date,
    gate: Mapping[str, Any],
    came_in: Mapping[str, Any] | None = None,
    keep: int = 7,
    take_current: bool = False,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> ReleaseInfo:
    """Release the marts and segments of a warehouse, or find them released already.

    Args:
        warehouse_path: the build file; opened for reading only.
        releases_dir: folder of releases, made if need be.
        as_of: the night that the warehouse shows.
        gate: summary of the gate's result over this very file.
        came_in: summary of the source gate's result over what the file was built of; readers get
            its warnings beside the gate's. Its ``support_ends`` goes by the day it was made on, so
            the manifest alone tells it.
        keep: how many nights stay on disk; the current one always does.
        take_current: become current even if a later night is, or if a rollback had
            withdrawn this content.
        memory_limit: DuckDB's, as DuckDB writes it.
        threads: DuckDB's.

    Returns:
        The release, and whether readers get it.

    Raises:
        ReleaseError: the gate did not pass this file, or the release could not be
            made; nothing half-made can be seen.
        BuildError: another process builds, or erases somebody.
    """
    if keep < 1:
        raise ReleaseError(f"keep must be at least 1, not {keep}")
    # Whoever erases somebody takes the warehouse away, and must not in the middle of this.
    with changing(releases_dir), build_lock(warehouse_path):
        _demand_passed(gate, warehouse_path, as_of)
        opened = open_beside(warehouse_path, releases_dir, memory_limit, threads)
        with closing(opened) as connection:
            found = _found(gate, came_in)
            info = _released(connection, warehouse_path, releases_dir, as_of, found)
        return _placed(info, releases_dir, keep=keep, take_current=take_current)


def _demand_passed(gate: Mapping[str, Any], warehouse_path: Path, as_of: date) -> None:
    """Refuse a warehouse that the gate did not pass, as it lies there now."""
    if not gate.get("evaluated") or gate.get("critical"):
        raise ReleaseError("the publish gate did not pass: nothing is released")
    if gate.get("as_of") != as_of.isoformat():
        raise ReleaseError(f"the gate passed the night of {gate.get('as_of')}, not of {as_of}")
    if not warehouse_path.is_file():
        raise ReleaseError(
            f"{warehouse_path} does not exist any more: an erasure, or somebody, took it away "
            "after the gate had passed it; run the night again"
        )
    if gate.get("stamp") != stamp_of(warehouse_path):
        raise ReleaseError("the warehouse changed after the gate had passed it: run the gate again")


def _found(gate: Mapping[str, Any], came_in: Mapping[str, Any] | None) -> dict[str, Any]:
    """Put together what both gates found, as a release tells it."""
    gates = [came_in or {}, gate]
    return {key: value for key, value in gate.items() if key != "stamp"} | {
        "evaluated": sum(each.get("evaluated", 0) for each in gates),
        "warnings": [line for each in gates for line in each.get("warnings") or ()],
        "left_out": [line for each in gates for line in each.get("left_out") or ()],
        "support_ends": list((came_in or {}).get("support_ends") or ()),
    }


def open_beside(
    warehouse_path: Path, releases_dir: Path, memory_limit: str | None, threads: int | None
) -> "duckdb.DuckDBPyConnection":
    """Attach a warehouse, read-only, under its own name, which its views refer to it by."""
    import duckdb

    options: dict[str, Any] = {"temp_directory": str(releases_dir / f"{ASIDE}spill")}
    if memory_limit:
        options["memory_limit"] = memory_limit
    if threads:
        options["threads"] = threads
    connection = duckdb.connect(config=options)
    connection.execute("set timezone = 'UTC'")
    warehouse = quoted(warehouse_path.stem)
    connection.execute(f"attach {literal(str(warehouse_path))} as {warehouse} (read_only)")
    return connection


def _released(
    connection: "duckdb.DuckDBPyConnection",
    warehouse_path: Path,
    releases_dir: Path,
    as_of: date,
    gate: dict[str, Any],
) -> ReleaseInfo:
    """Find or build the release of what the warehouse holds."""
    catalog = warehouse_path.stem
    state = _rows(connection, catalog, "build_state", "as_of_date, fingerprint")
    if state and state[0][0] != as_of:
        raise ReleaseError(f"the warehouse shows the night of {state[0][0]}, not of {as_of}")
    untold = _rows(connection, catalog, "untold_columns", "mart, column_name, known_by")
    keys = sorted(
        _rows(connection, catalog, "released_keys", "table_name, key_number, column_names")
    )
    tables = tables_of(connection, catalog, untold, [(table, key) for table, _, key in keys])
    entries = [table.as_json() for table in tables]
    content_hash = content_hash_of(entries)
    release_id = f"{as_of}-{content_hash[:12]}"
    target = releases_dir / release_id
    rows = {table.full_name: table.rows for table in tables}
    if target.is_dir() and not verify_release(target):
        return ReleaseInfo(release_id, as_of, target, rows)

    reach("release_described")
    aside = releases_dir / f"{ASIDE}{os.getpid()}"
    aside.mkdir()
    manifest = {
        "format": 1,
        "release_id": release_id,
        "as_of": as_of.isoformat(),
        "clock": _clock(connection, catalog),
        "content_hash": content_hash,
        "gate": gate,
        "policies": _policies(connection, catalog),
        "sources": _sources(connection, catalog),
        "tables": entries,
        # How it came about; two builds of one content may differ here and nowhere else.
        "provenance": {
            "code": state[0][1] if state else None,
            "landing": _loads(_rows(connection, catalog, "built_loads", "source, load_id")),
            "python": sys.version.split()[0],
            "tools": {tool: _version(tool) for tool in TOOLS},
        },
    }
    write_tables(connection, catalog, tables, aside, manifest)
    place(aside, target, manifest)
    return ReleaseInfo(release_id, as_of, target, rows, built=True)


def write_tables(
    connection: "duckdb.DuckDBPyConnection",
    catalog: str,
    tables: Sequence[Table],
    folder: Path,
    manifest: Mapping[str, Any],
) -> None:
    """Write the tables twice, sorted by all their columns: for SQL and as parquet."""
    connection.execute(f"attach {literal(str(folder / DATABASE))} as release")
    _write_release_row(connection, manifest)
    for schema in sorted({table.schema for table in tables}):
        connection.execute(f"create schema {quoted('release', schema)}")
    about = (
        f"{{release_id: {literal(manifest['release_id'])}, as_of: {literal(manifest['as_of'])}}}"
    )
    for table in tables:
        source = f"({table.source(catalog)})"
        copy = quoted("release", table.schema, table.name)
        copied = connection.execute(f"create table {copy} as from {source} order by all").fetchone()
        if copied != (table.rows,):
            raise ReleaseError(f"{table.full_name}: {table.rows} rows counted, {copied} copied")
        _comment(connection, "table", copy, table.comment)
        for column in table.columns:
            _comment(connection, "column", f"{copy}.{quoted(column.name)}", column.comment)
        # The copy is sorted already, and DuckDB keeps that order with any number of threads.
        connection.execute(
            f"copy (from {copy}) to {literal(str(folder / table.file))} "
            f"(format parquet, compression zstd, kv_metadata {about})"
        )
    connection.execute("checkpoint release")
    connection.execute("detach release")


def _write_release_row(
    connection: "duckdb.DuckDBPyConnection", manifest: Mapping[str, Any]
) -> None:
    """Write the one row by which a reader of the file knows which night it has."""
    gate, reduction = manifest["gate"], manifest.get("reduction") or {}
    connection.execute(
        """
        create table release.main.release as
        select
            $release_id::varchar as release_id,
            $as_of::date as as_of_date,
            $last_complete_date::date as last_complete_date,
            $reporting_time_zone::varchar as reporting_time_zone,
            $content_hash::varchar as content_hash,
            $reduced_from::varchar as reduced_from,
            $reduced_by_date::date as reduced_by_date,
            $evaluated::integer as gate_expectation_count,
            $warnings::varchar[] as gate_warnings
        """,
        {key: manifest[key] for key in ("release_id", "as_of", "content_hash")}
        | manifest["clock"]
        | {"reduced_from": reduction.get("reduced_from"), "reduced_by_date": reduction.get("night")}
        | {"evaluated": gate["evaluated"], "warnings": gate["warnings"]},
    )
    _comment(
        connection,
        "table",
        "release.main.release",
        "One row: which release this file is, the night it shows and what the gate found.",
    )


def _comment(
    connection: "duckdb.DuckDBPyConnection", kind: str, target: str, text: str | None
) -> None:
    if text:
        connection.execute(f"comment on {kind} {target} is {literal(text)}")


def _placed(info: ReleaseInfo, releases_dir: Path, *, keep: int, take_current: bool) -> ReleaseInfo:
    """Decide whether the release becomes current, then drop what is too old."""
    readers_have = readers_release(releases_dir)
    current = readers_have.release_id if readers_have else None
    note = ""
    if current == info.release_id:
        pass
    elif not take_current and readers_have and readers_have.as_of > info.as_of:
        note = f"current shows a later night ({current})"
    elif not take_current and readers_have and readers_have.knows_until > info.as_of:
        note = f"current respects the opt-outs of a later night ({current})"
    elif not take_current and info.release_id in withdrawn(releases_dir):
        note = "a rollback withdrew it; roll back to it to bring it back"
    else:
        switch(releases_dir, info.release_id)
        current = info.release_id
    is_current = current == info.release_id
    event = "built" if info.built else "found"
    record(releases_dir, event, info.release_id, is_current=is_current, note=note)
    remove_older(releases_dir, keep=keep, spare=info.release_id)
    return ReleaseInfo(
        info.release_id, info.as_of, info.path, info.rows, is_current, info.built, note
    )


def _rows(
    connection: "duckdb.DuckDBPyConnection",
    catalog: str,
    table: str,
    columns: str,
    schema: str = "ops",
) -> list[Any]:
    """Read a table, of schema ops unless another is given; no rows where there is none."""
    import duckdb

    try:
        return connection.execute(
            f"select {columns} from {quoted(catalog, schema, table)}"
        ).fetchall()
    except duckdb.CatalogException:
        return []


def _clock(connection: "duckdb.DuckDBPyConnection", catalog: str) -> dict[str, str | None]:
    """Say whose clock the days are on, and which was its last day of which nothing is missing."""
    columns = "reporting_time_zone, last_complete_date"
    [(zone, last), *_] = _rows(connection, catalog, "reporting_clock", columns) or [(None, None)]
    return {
        "reporting_time_zone": zone,
        "last_complete_date": last.isoformat() if last else None,
    }


def _policies(connection: "duckdb.DuckDBPyConnection", catalog: str) -> dict[str, Any]:
    """Say under which policies the warehouse was built: what somebody decided, and a digest of all.

    All of them are the table ``marts.policies``.
    """
    rows = _rows(connection, catalog, "policies", "policy, value, source, is_changed", "marts")
    values = {policy: json.loads(value) for policy, value, _, _ in rows}
    return {
        "digest": digest(values),
        "decided": {
            policy: {"value": values[policy], "source": source}
            for policy, _, source, is_changed in sorted(rows)
            if is_changed or source == "orders"
        },
    }


def _sources(connection: "duckdb.DuckDBPyConnection", catalog: str) -> dict[str, Any]:
    """Say which sources the firm has, and which streams are left out of the release and why.

    All of them are the table ``marts.source_streams``.
    """
    columns = "stream_name, source, state, missing_scope"
    rows = sorted(_rows(connection, catalog, "source_streams", columns, "marts"))
    read = sorted({source for _, source, state, _ in rows if state != "not_declared"})
    return {
        "read": read,
        "not_declared": sorted({source for _, source, _, _ in rows} - set(read)),
        "switched_off": [name for name, _, state, _ in rows if state == "switched_off"],
        "refused": {name: scope for name, _, state, scope in rows if state == "refused"},
    }


def _loads(loads: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Say per source how many loads of the landing the build saw, and the last of them."""
    by_source: dict[str, list[str]] = {}
    for source, load in sorted(loads):
        by_source.setdefault(source, []).append(load)
    return {
        source: {"loads": len(ids), "last_load_id": max(ids)} for source, ids in by_source.items()
    }


def _version(tool: str) -> str | None:
    try:
        return version(tool)
    except PackageNotFoundError:
        return None
