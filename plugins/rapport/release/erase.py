"""Take erased people out of every release on disk, and leave nothing of the release that had them.

A release that had them is made anew without their rows: under a new name, as its name is its
content; signed, verified, put in the place of the old one, which is removed. Not reduced, as its
database is written anew: in a file that rows were deleted from they can still be read.

What adds up many people (sales of a month, rates of a campaign) stays as it was told. Orders stay
too, as a guest's; so do deals and tickets of a company, without the person.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapport.errors import ReleaseError
from rapport.killpoints import reach
from rapport.release.content import (
    Column,
    Table,
    content_hash_of,
    hashed,
    literal,
    quoted,
)
from rapport.release.publish import write_tables
from rapport.release.store import (
    ASIDE,
    DATABASE,
    ERASED,
    MANIFEST,
    ReleaseInfo,
    changing,
    current_release,
    list_releases,
    place,
    record,
    remove_folder,
    report_path,
    switch,
    verify_release,
)

if TYPE_CHECKING:
    import duckdb

# Whether a customer's id was an erased person's on a night.
IsErased = Callable[[str, date], bool]

SOLD = ("fct_orders", "fct_order_lines")
OF_COMPANIES = ("fct_deals", "fct_deal_stages", "fct_tickets")
# A list says how many are on it; what they are, its rows say.
SIZES = """
select segments.* replace (
    cast(coalesce(members.customers, 0) + coalesce(held_back.customers, 0) as {qualified_count})
        as qualified_count,
    cast(coalesce(members.customers, 0) as {size}) as size,
    cast(coalesce(members.treated, 0) as {treatment_size}) as treatment_size,
    cast(coalesce(members.held_out, 0) as {holdout_size}) as holdout_size,
    cast(coalesce(held_back.customers, 0) as {suppressed_count}) as suppressed_count
)
from old.segments.segments as segments
left join (
    select
        segment,
        count(*) as customers,
        count(*) filter (where arm = 'treatment') as treated,
        count(*) filter (where arm = 'holdout') as held_out
    from kept.segments.segment_members
    group by segment
) as members on segments.segment = members.segment
left join (
    select segment, count(*) as customers
    from kept.segments.segment_suppressions
    group by segment
) as held_back on segments.segment = held_back.segment
"""
COUNTED = ("qualified_count", "size", "treatment_size", "holdout_size", "suppressed_count")
# The one figure of the firm that counts them.
FIGURES = """
select figures.* replace (
    if(figures.figure = 'segment_members', members.customers, figures.figure_value) as figure_value,
    if(figures.figure = 'segment_members', members.customers, figures.counted) as counted
)
from old.metrics.key_figures as figures
cross join (
    select count(distinct customer_id) as customers from kept.segments.segment_members
) as members
"""
DERIVED = ("segments", "key_figures")  # of the other tables, after which they come


def count_erased(releases_dir: Path, is_erased: IsErased) -> int:
    """Return how many rows of all releases are of erased people."""
    import duckdb

    found = 0
    for info in list_releases(releases_dir):
        manifest = _manifest(info)
        if manifest is None:
            continue
        with closing(duckdb.connect()) as connection:
            connection.execute(f"attach {literal(str(info.path / DATABASE))} as old (read_only)")
            found += _mark(connection, manifest, info.as_of, is_erased)
    return found


def erase_from_releases(
    releases_dir: Path,
    is_erased: IsErased,
    *,
    write_report: Callable[[Path], object],
    memory_limit: str | None = None,
    threads: int | None = None,
) -> list[str]:
    """Make every release that has rows of erased people anew without them.

    Args:
        releases_dir: folder of releases.
        is_erased: asked of every customer's id and the night of the release that has it.
        write_report: makes the page of a release again, where it had one.
        memory_limit: DuckDB's, as DuckDB writes it.
        threads: DuckDB's.

    Returns:
        The releases that were made anew, by the names that they have now.

    Raises:
        ReleaseError: the current release is damaged, or one could not be made; each is either as it
            was or without them, and the next call goes on with the others.
    """
    made = []
    # The oldest first: the page of a release names the one before it.
    for info in reversed(list_releases(releases_dir)):
        with changing(releases_dir):
            is_current = current_release(releases_dir) == info.release_id
            manifest = _manifest(info)
            if manifest is None or verify_release(info.path):
                _drop_damaged(releases_dir, info, is_current)
                continue
            anew = _made_anew(
                releases_dir, info, manifest, is_erased, memory_limit=memory_limit, threads=threads
            )
            if anew is None:
                continue
            if problems := verify_release(anew):
                raise ReleaseError(f"release {anew.name} is damaged: {'; '.join(problems)}")
            # Said before done: whoever asks what readers had finds it under its new name.
            record(
                releases_dir,
                ERASED,
                anew.name,
                erased_from=info.release_id,
                is_current=is_current,
            )
            if is_current:
                switch(releases_dir, anew.name)
        reach("release_erased_beside")
        # As long as the old one is there, the next call finds what this one has not done.
        if report_path(info.path).exists():
            write_report(anew)  # takes the folder's lock itself
        reach("release_reported_anew")
        with changing(releases_dir):
            if current_release(releases_dir) == info.release_id:
                raise ReleaseError(
                    f"{info.release_id} was made current again meanwhile: run the request again"
                )
            _remove(releases_dir, info)
        made.append(anew.name)
    return made


def _manifest(info: ReleaseInfo) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((info.path / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return found


def _drop_damaged(releases_dir: Path, info: ReleaseInfo, is_current: bool) -> None:
    """A damaged release can neither be read nor be trusted to hold nobody; none is missed."""
    if is_current:
        raise ReleaseError(
            f"release {info.release_id}, which readers have, is damaged: roll back, or run its "
            "night again, then the request again"
        )
    _remove(releases_dir, info)


def _remove(releases_dir: Path, info: ReleaseInfo) -> None:
    report_path(info.path).unlink(missing_ok=True)
    aside = releases_dir / f"{ASIDE}{info.release_id}"
    info.path.rename(aside)
    remove_folder(aside)
    record(releases_dir, "removed", info.release_id)


def _mark(
    connection: "duckdb.DuckDBPyConnection",
    manifest: Mapping[str, Any],
    night: date,
    is_erased: IsErased,
) -> int:
    """Fill the temporary table ``gone`` with the ids of erased people; count their rows."""
    tables = {
        quoted("old", entry["schema"], entry["name"]): columns
        for entry in manifest["tables"]
        if (columns := _of_customers(entry))
    }
    ids = {
        str(id_)
        for table, columns in tables.items()
        for column in columns
        for (id_,) in connection.execute(
            f"select distinct {quoted(column)} from {table} where {quoted(column)} is not null"
        ).fetchall()
    }
    gone = sorted(id_ for id_ in ids if is_erased(id_, night))
    connection.execute("create or replace temp table gone (customer_id varchar)")
    if not gone:
        return 0
    connection.execute("insert into gone select unnest(?::varchar[])", [gone])
    found = 0
    for table, columns in tables.items():
        (rows,) = connection.execute(
            f"select count(*) from {table} where {_is_of_gone(columns)}"
        ).fetchall()[0]
        found += rows
    return found


def _of_customers(entry: Mapping[str, Any]) -> list[str]:
    return [c["name"] for c in entry["columns"] if c["name"].endswith("customer_id")]


def _is_of_gone(columns: list[str]) -> str:
    asked = " or ".join(f"{quoted(name)} in (select customer_id from gone)" for name in columns)
    return f"coalesce({asked}, false)"


def _made_anew(
    releases_dir: Path,
    info: ReleaseInfo,
    manifest: dict[str, Any],
    is_erased: IsErased,
    *,
    memory_limit: str | None,
    threads: int | None,
) -> Path | None:
    """Build a release without the erased; None where it has none."""
    import duckdb

    options: dict[str, Any] = {"temp_directory": str(releases_dir / f"{ASIDE}spill")}
    options |= {"memory_limit": memory_limit} if memory_limit else {}
    options |= {"threads": threads} if threads else {}
    with closing(duckdb.connect(config=options)) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach {literal(str(info.path / DATABASE))} as old (read_only)")
        if not _mark(connection, manifest, info.as_of, is_erased):
            return None
        connection.execute("attach ':memory:' as kept")
        entries = sorted(manifest["tables"], key=lambda entry: entry["name"] in DERIVED)
        tables = {entry["name"]: _kept(connection, entry) for entry in entries}
        described = [tables[entry["name"]] for entry in manifest["tables"]]
        manifest = manifest | {"tables": [table.as_json() for table in described]}
        content_hash = content_hash_of(manifest["tables"])
        release_id = f"{info.as_of}-{content_hash[:12]}"
        manifest |= {
            "release_id": release_id,
            "content_hash": content_hash,
            "files": {},
            "erased": int(manifest.get("erased", 0)) + 1,
        }
        target = releases_dir / release_id
        if target.is_dir() and not verify_release(target):
            return target
        aside = releases_dir / f"{ASIDE}{os.getpid()}"
        aside.mkdir()
        write_tables(connection, "kept", described, aside, manifest)
        place(aside, target, manifest)
        return target


def _kept(connection: "duckdb.DuckDBPyConnection", entry: Mapping[str, Any]) -> Table:
    """Make the table ``kept.<table>`` of what stays, and describe it."""
    schema, name, columns = entry["schema"], entry["name"], _of_customers(entry)
    old = quoted("old", schema, name)
    query = f"select * from {old}"
    if columns:
        is_of_gone = _is_of_gone(columns)
        if name in SOLD:
            query = (
                f"select * replace (if({is_of_gone}, null, customer_id) as customer_id, "
                f"if({is_of_gone}, 'guest', buyer_kind) as buyer_kind) from {old}"
            )
        elif name in OF_COMPANIES:
            query = (
                f"select * replace (if({is_of_gone}, null, customer_id) as customer_id) "
                f"from {old} where not {is_of_gone} or company_id is not null"
            )
        else:
            query = f"select * from {old} where not {is_of_gone}"
    elif (schema, name) == ("segments", "segments"):
        types = {c["name"]: c["type"] for c in entry["columns"]}
        if types.keys() >= set(COUNTED):
            query = SIZES.format(**{column: types[column] for column in COUNTED})
    elif name == "key_figures":
        query = FIGURES
    connection.execute(f"create schema if not exists {quoted('kept', schema)}")
    connection.execute(f"create table {quoted('kept', schema, name)} as {query}")
    described = tuple(Column(**column) for column in entry["columns"])
    rows, content_hash = hashed(connection, "kept", schema, name, described)
    return Table(
        schema,
        name,
        entry["comment"],
        described,
        rows,
        content_hash,
        tuple(entry.get("untold") or ()),
        tuple(tuple(key) for key in entry.get("keys") or ()),
    )
