"""Take out of the current release who said no since, on a night that made none of its own.

A reduced release is a copy in which these are moved from ``segments.segment_members`` to
``segments.segment_suppressions``; ``segments.segment_changes`` and the figures of
``segments.segments`` follow. All other files are those of the release it was made from, to the
byte. Nobody is ever added, and nothing that held somebody back is lifted: a yes waits for a night
that passes its gates.
"""

import json
import os
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapport.errors import ReleaseError
from rapport.release.content import Column, content_hash_of, hashed, literal
from rapport.release.publish import open_beside
from rapport.release.store import (
    ASIDE,
    DATABASE,
    MANIFEST,
    Reduction,
    ReleaseInfo,
    changing,
    place,
    readers_release,
    record,
    switch,
    verify_release,
)
from rapport.settings import Settings

if TYPE_CHECKING:
    import duckdb

    from rapport.sources.declared import Declared

# What dbt is to build for it.
MODELS = ("int_segments__refusals", "int_identity__former_ids", "int_identity__customers")
CHANGED = (
    "segments.segment_members",
    "segments.segment_suppressions",
    "segments.segment_changes",
    "segments.segments",
    "metrics.key_figures",
)
# Where somebody fails several clauses, the one that is named; in the order of the segments' own.
CLAUSES = (
    "wants_no_relationship",
    "opted_out",
    "no_consent",
    "not_deliverable",
    "channel_not_allowed",
    "topic_unwanted",
    "paused",
)

# Whoever is on a list is judged as each customer that any record of theirs belongs to by now: whom
# they were merged with, and whom they were told apart from. Any no is one; one record that can be
# addressed is enough. Whom nobody knows any more was erased. It reads `members`: their id of the
# night of `$as_of`, and of each segment what it is and where it goes.
WHO_SAID_NO = """
known as (

    select distinct
        former_customer_id,
        customer_id
    from intermediate.int_identity__former_ids
    where coalesce(valid_from <= $as_of, true) and coalesce(valid_to > $as_of, true)

),

judged as (

    select
        members.former_customer_id,
        members.segment,
        case members.destination
            when 'klaviyo' then customers.has_mailing_profile
            when 'hubspot' then customers.has_crm_contact
            else customers.customer_id is not null
        end as is_addressable,
        case
            when not members.takes_slot or customers.customer_id is null then null
            -- by a channel that nobody asks about
            when refusals.customer_id is null then 'no_consent'
            when members.is_service then refusals.service_clause
            when refusals.clause is not null then refusals.clause
            when list_contains(refusals.refused_topics, members.topic) then 'topic_unwanted'
            when refusals.is_paused then 'paused'
        end as clause
    from members
    left join known on members.former_customer_id = known.former_customer_id
    left join intermediate.int_identity__customers as customers
        on known.customer_id = customers.customer_id
    left join intermediate.int_segments__refusals as refusals
        on customers.customer_id = refusals.customer_id and members.channel = refusals.channel

),

decided as (

    select
        former_customer_id,
        segment,
        case
            when not coalesce(bool_or(is_addressable), false) then 'no_record_in_destination'
            else min_by(clause, list_position($clauses, clause)) filter (where clause is not null)
        end as clause
    from judged
    group by former_customer_id, segment

)
"""

LEAVING = f"""
create temp table leaving as
with

-- A release of an earlier version of the project has no service.
segments as (

    select null::varchar as message_class where false
    union all by name
    from released.segments.segments

),

members as (

    select
        members.customer_id as former_customer_id,
        members.segment,
        members.channel,
        segments.destination,
        segments.topic,
        coalesce(segments.message_class = 'service', false) as is_service,
        coalesce(segments.takes_slot, true) as takes_slot
    from released.segments.segment_members as members
    left join segments on members.segment = segments.segment

),

{WHO_SAID_NO}

select
    former_customer_id as customer_id,
    segment,
    clause
from decided
where clause is not null
"""

SUPPRESSIONS = """
select
    members.customer_id,
    members.segment,
    members.reason,
    members.lane,
    leaving.clause,
    upper(substr(leaving.clause, 1, 1)) || replace(substr(leaving.clause, 2), '_', ' ')
    || ' since release ' || $release_id || ', by the news of the night of ' || $night || '.'
        as clause_reason
from release.segments.segment_members as members
inner join leaving
    on members.customer_id = leaving.customer_id and members.segment = leaving.segment
union all by name
from release.segments.segment_suppressions
"""

MEMBERS = """
select members.*
from release.segments.segment_members as members
anti join leaving
    on members.customer_id = leaving.customer_id and members.segment = leaving.segment
"""

# Who stayed has left; who had joined never was on it.
CHANGES = """
select changes.* replace (
    case when leaving.customer_id is null then changes.change else 'left' end as change,
    coalesce(leaving.clause, changes.clause) as clause
)
from release.segments.segment_changes as changes
left join leaving
    on changes.customer_id = leaving.customer_id and changes.segment = leaving.segment
where leaving.customer_id is null or changes.change = 'stayed'
"""

SIZES = """
select segments.* replace (
    segments.size - coalesce(gone.customers, 0) as size,
    segments.treatment_size - coalesce(gone.treated, 0) as treatment_size,
    segments.holdout_size - coalesce(gone.held_out, 0) as holdout_size,
    segments.suppressed_count + coalesce(gone.customers, 0) as suppressed_count
)
from release.segments.segments as segments
left join (
    select
        members.segment,
        count(*) as customers,
        count(*) filter (where members.arm = 'treatment') as treated,
        count(*) filter (where members.arm = 'holdout') as held_out
    from release.segments.segment_members as members
    inner join leaving
        on members.customer_id = leaving.customer_id and members.segment = leaving.segment
    group by members.segment
) as gone on segments.segment = gone.segment
"""

# The one figure of the firm that counts them.
FIGURES = """
select figures.* replace (
    if(figures.figure = 'segment_members', members.customers, figures.figure_value) as figure_value,
    if(figures.figure = 'segment_members', members.customers, figures.counted) as counted
)
from release.metrics.key_figures as figures
cross join (select count(distinct customer_id) as customers from new_segment_members) as members
"""


def subtract_opt_outs(
    settings: Settings, night: date, *, declared: "Declared"
) -> ReleaseInfo | None:
    """Ask the landing who said no since the current release, and take them out of it.

    A backfill of an old night may have brought something that somebody said, so a current release
    that shows a later night is asked about too. But as that night: what was a no then and is a yes
    since is a yes.

    Args:
        settings: where all is.
        night: the one that ended without a release.
        declared: what the firm has.

    Returns:
        The reduced release, which is current, made now or by this night before; None if there is
        no release, or nobody to take out.

    Raises:
        BuildError: who said no cannot be told; readers have what they had.
        DamagedLanding: for want of a file, which the message names.
        PolicyError: for want of policies.
        ReleaseError: see `reduce_release`.
    """
    from rapport.build.run import built_aside  # loads what only a build needs

    current = readers_release(settings.releases_dir)
    if current is None:
        return None
    asked = max(night, current.knows_until)
    with built_aside(settings, asked, MODELS, declared=declared) as asked_path:
        return reduce_release(
            asked_path=asked_path,
            releases_dir=settings.releases_dir,
            night=asked,
            memory_limit=settings.memory_limit,
            threads=settings.threads,
        )


def reduce_release(
    *,
    asked_path: Path,
    releases_dir: Path,
    night: date,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> ReleaseInfo | None:
    """Make a release without those who said no since the current one, and give it to readers.

    Args:
        asked_path: DuckDB file with the models `MODELS`, of `night`.
        releases_dir: folder of releases.
        night: the one that the file shows.
        memory_limit: DuckDB's, as DuckDB writes it.
        threads: DuckDB's.

    Returns:
        The reduced release, which is current, made now or by this night before; None if nobody is
        to be taken out, or if a release of a later night was published in the meantime.

    Raises:
        ReleaseError: the current release is damaged, or the reduced one could not be made;
            nothing half-made can be seen.
    """
    with changing(releases_dir):
        current = readers_release(releases_dir)
        if current is None or current.knows_until > night:
            return None
        if problems := verify_release(current.path):
            raise ReleaseError(f"release {current.release_id} is damaged: {'; '.join(problems)}")
        opened = open_beside(asked_path, releases_dir, memory_limit, threads)
        with closing(opened) as connection:
            reduction = _who_leaves(connection, current, asked_path, night)
            if not reduction.customers:
                return current if current.reduction and current.knows_until == night else None
            info = _reduced(connection, current, reduction)
        if problems := verify_release(info.path):
            raise ReleaseError(f"release {info.release_id} is damaged: {'; '.join(problems)}")
        # Said before done, as in a rollback: nobody comes back because the log came too late.
        record(releases_dir, "reduced", info.release_id, **reduction.as_json())
        switch(releases_dir, info.release_id)
        return replace(info, is_current=True)


def _who_leaves(
    connection: "duckdb.DuckDBPyConnection", current: ReleaseInfo, asked_path: Path, night: date
) -> Reduction:
    """Fill the temporary table ``leaving`` and add it up."""
    connection.execute(f"use {asked_path.stem}")
    database = literal(str(current.path / DATABASE))
    connection.execute(f"attach {database} as released (read_only)")
    connection.execute(LEAVING, {"as_of": current.as_of, "clauses": list(CLAUSES)})
    connection.execute("detach released")
    taken_out: dict[str, dict[str, int]] = {}
    for segment, clause, number in connection.execute(
        "select segment, clause, count(*) from leaving group by all order by all"
    ).fetchall():
        taken_out.setdefault(segment, {})[clause] = number
    counted = connection.execute("select count(distinct customer_id) from leaving").fetchone()
    assert counted is not None
    return Reduction(current.release_id, night, counted[0], taken_out)


def _reduced(
    connection: "duckdb.DuckDBPyConnection", current: ReleaseInfo, reduction: Reduction
) -> ReleaseInfo:
    """Build the reduced release, or find it as a process that died had left it."""
    releases_dir = current.path.parent
    aside = releases_dir / f"{ASIDE}{os.getpid()}"
    aside.mkdir()
    shutil.copyfile(current.path / DATABASE, aside / DATABASE)
    connection.execute(f"attach {literal(str(aside / DATABASE))} as release")
    told = {"release_id": current.release_id, "night": reduction.night.isoformat()}
    # All are asked before the first is changed.
    connection.execute(f"create temp table new_segment_suppressions as {SUPPRESSIONS}", told)
    connection.execute(f"create temp table new_segment_members as {MEMBERS}")
    connection.execute(f"create temp table new_segments as {SIZES}")
    manifest = json.loads((current.path / MANIFEST).read_bytes())
    # A release of an earlier version of the project tells no changes.
    if any(entry["name"] == "segment_changes" for entry in manifest["tables"]):
        connection.execute(f"create temp table new_segment_changes as {CHANGES}")
    if any(entry["name"] == "key_figures" for entry in manifest["tables"]):
        connection.execute(f"create temp table new_key_figures as {FIGURES}")
    entries = [
        _rewritten(connection, entry) if _is_changed(entry) else entry
        for entry in manifest["tables"]
    ]
    content_hash = content_hash_of(entries)
    release_id = f"{current.as_of}-{content_hash[:12]}"
    target = releases_dir / release_id
    rows = {f"{entry['schema']}.{entry['name']}": int(entry["rows"]) for entry in entries}
    info = ReleaseInfo(release_id, current.as_of, target, rows, reduction=reduction)
    _demand_nobody_lost(current.rows, rows)
    if target.is_dir() and not verify_release(target):
        return info

    about = f"{{release_id: {literal(release_id)}, as_of: {literal(str(current.as_of))}}}"
    for entry in filter(_is_changed, entries):
        connection.execute(
            f"copy (from release.{entry['schema']}.{entry['name']}) to "
            f"{literal(str(aside / entry['file']))} "
            f"(format parquet, compression zstd, kv_metadata {about})"
        )
    _say_in_the_database(connection, release_id, content_hash, reduction)
    kept = {entry["file"] for entry in entries if not _is_changed(entry)}
    for name in kept:
        _link(current.path / name, aside / name)
    manifest |= {
        "release_id": release_id,
        "content_hash": content_hash,
        "reduction": reduction.as_json(),
        "tables": entries,
        "files": {name: manifest["files"][name] for name in kept},
    }
    place(aside, target, manifest)
    return replace(info, built=True)


def _is_changed(entry: dict[str, Any]) -> bool:
    return f"{entry['schema']}.{entry['name']}" in CHANGED


def _rewritten(connection: "duckdb.DuckDBPyConnection", entry: dict[str, Any]) -> dict[str, Any]:
    """Put a table's new rows in the place of the old ones; return its entry in the manifest."""
    name, table = entry["name"], f"release.{entry['schema']}.{entry['name']}"
    connection.execute(f"delete from {table}")
    connection.execute(f"insert into {table} by name from new_{name} order by all")
    columns = [Column(**column) for column in entry["columns"]]
    rows, content_hash = hashed(connection, "release", entry["schema"], name, columns)
    return entry | {"rows": rows, "content_hash": content_hash}


def _demand_nobody_lost(before: dict[str, int], after: dict[str, int]) -> None:
    """Hold the lists to what they are: who qualifies is a member or is held back."""
    lists = ("segments.segment_members", "segments.segment_suppressions")
    if sum(before[name] for name in lists) != sum(after[name] for name in lists):
        raise ReleaseError("a customer would be lost between members and suppressions")
    may_change = {*lists, "segments.segment_changes"}
    if any(before[name] != rows for name, rows in after.items() if name not in may_change):
        raise ReleaseError("a table would change its rows that holds no list")
    changes = before.get("segments.segment_changes", 0) - after.get("segments.segment_changes", 0)
    if not 0 <= changes <= before[lists[0]] - after[lists[0]]:
        raise ReleaseError("a change of a list would be lost that nobody left")


def _say_in_the_database(
    connection: "duckdb.DuckDBPyConnection",
    release_id: str,
    content_hash: str,
    reduction: Reduction,
) -> None:
    """Tell a reader of the file which release it is."""
    # A release of an earlier version of the project does not have them.
    for column in ("reduced_from varchar", "reduced_by_date date"):
        connection.execute(f"alter table release.main.release add column if not exists {column}")
    connection.execute(
        "update release.main.release set release_id = ?, content_hash = ?, "
        "reduced_from = ?, reduced_by_date = ?",
        [release_id, content_hash, reduction.reduced_from, reduction.night],
    )
    connection.execute("checkpoint release")
    connection.execute("detach release")


def _link(source: Path, target: Path) -> None:
    """Give a file that nobody ever changes a second name, or copy it where that cannot be."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
