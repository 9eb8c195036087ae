"""Who is meant to be on which list, and who must not be, by the newest news that landed.

The release says who is meant; it may be hours or nights old. So before anything is sent the landing
is asked again, by the models that the lists' own clauses rest on: whoever said no since, was erased
or archived is not meant any more, and whom a destination has from us is judged the same way, member
of a list of tonight or not. Ids are translated as a reduced release does it
(`rapport.release.reduce`): any no of anybody that somebody was merged with or told apart from is
one.
"""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapport.activation.destination import Member, Segment
from rapport.errors import ActivationError
from rapport.landing import last_night
from rapport.release import ReleaseInfo
from rapport.release.content import literal
from rapport.release.publish import open_beside
from rapport.release.reduce import CLAUSES, MODELS, WHO_SAID_NO
from rapport.release.store import DATABASE
from rapport.settings import Settings
from rapport.sources.declared import Declared

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# Removals that nothing holds back: their own word, the law's, or a cap on what they get.
AT_ONCE = frozenset(
    {
        *CLAUSES,
        "no_record_in_destination",
        "over_contacted",
        "over_declared_cap",
        "over_pulse_cap",
        "over_cap",
        "treatment_without_marketing",
        "holdout",
        "same_person",
    }
)
# What a destination without records of its own is told of a member beside who they are.
FACTS = (
    "reason",
    "lane",
    "treatment",
    "channel",
    "owner_id",
    "urgency",
    "send_window",
    "allowed_from_at",
    "allowed_until_at",
)

SEGMENTS = """
create temp table meant_segments as
with

-- A release of an earlier version of the project has no classes and no staff's lists.
segments as (

    select
        null::varchar as message_class,
        null::integer as most_per_owner
    where false
    union all by name
    from released.segments.segments

)

select
    segment,
    coalesce(description, '') as description,
    coalesce(owner, '') as owner,
    destination,
    channel,
    coalesce(treatment, '') as treatment,
    topic,
    coalesce(takes_slot, true) as takes_slot,
    coalesce(message_class = 'service', false) as is_service,
    most_per_owner is not null as is_staff
from segments
"""

# One record of a customer's that a destination can be told, or the customer's own id where it
# keeps none.
RECORDS = """
create temp table records as
select
    contact_map.customer_id,
    contacts.source_record_id as key,
    contacts.created_at as made_at
from intermediate.int_identity__contact_map as contact_map
inner join intermediate.int_identity__contacts as contacts
    on
        contact_map.source = contacts.source
        and contact_map.source_record_id = contacts.source_record_id
where
    contacts.source = $source
    and contacts.is_record and not contacts.is_archived and not contacts.is_removed
    and (contacts.source <> 'klaviyo' or contacts.email is not null)
"""
CUSTOMERS = """
create temp table records as
select
    customer_id,
    customer_id as key,
    null::timestamp as made_at
from intermediate.int_identity__customers
"""

JUDGED = f"""
create temp table leaving as
with

members as (

    select distinct
        people.former_customer_id,
        people.segment,
        said.channel,
        said.destination,
        said.topic,
        said.is_service,
        said.takes_slot
    from (
        select
            customer_id as former_customer_id,
            segment
        from released.segments.segment_members
        union
        -- whom the destination has, whoever they are by now
        select
            coalesce(records.customer_id, standing.customer_id) as former_customer_id,
            standing.segment
        from standing
        left join records on standing.key = records.key
    ) as people
    inner join said on people.segment = said.segment

),

{WHO_SAID_NO}

select
    former_customer_id as customer_id,
    segment,
    clause
from decided
where clause is not null
"""

KNOWN = """
create temp table known_ids as
select distinct
    former_customer_id,
    customer_id
from intermediate.int_identity__former_ids
where coalesce(valid_from <= $as_of, true) and coalesce(valid_to > $as_of, true)
"""

# One record for each person: the one that is there already, else their oldest.
WANTED = """
create temp table wanted as
with

candidates as (

    select
        members.segment,
        members.customer_id,
        records.customer_id as person_id,
        records.key,
        records.made_at,
        standing.key is not null as is_there
    from released.segments.segment_members as members
    inner join said on members.segment = said.segment
    inner join known_ids on members.customer_id = known_ids.former_customer_id
    inner join records on known_ids.customer_id = records.customer_id
    left join standing on members.segment = standing.segment and records.key = standing.key
    anti join leaving
        on members.customer_id = leaving.customer_id and members.segment = leaving.segment
    where members.arm = 'treatment'

),

-- two customers of the release may be one person by now, and one may be two
of_each as (

    select *
    from candidates
    qualify
        row_number() over (
            partition by segment, customer_id
            order by is_there desc, key = customer_id desc, made_at nulls last, key
        ) = 1

)

select *
from of_each
qualify
    row_number() over (
        partition by segment, person_id
        order by is_there desc, made_at nulls last, key
    ) = 1
"""

# Of whom a destination has from us and who is not wanted, why not.
UNWANTED = """
create temp table unwanted as
with

people as (

    select
        standing.segment,
        standing.key,
        coalesce(records.customer_id, standing.customer_id) as person_id,
        standing.customer_id,
        standing.since,
        records.key is null as is_gone
    from standing
    left join records on standing.key = records.key
    anti join wanted on standing.segment = wanted.segment and standing.key = wanted.key

),

suppressed as (

    select
        known_ids.customer_id as person_id,
        suppressions.segment,
        min(suppressions.clause) as clause
    from released.segments.segment_suppressions as suppressions
    inner join known_ids on suppressions.customer_id = known_ids.former_customer_id
    group by all

),

held_out as (

    select distinct
        known_ids.customer_id as person_id,
        members.segment
    from released.segments.segment_members as members
    inner join known_ids on members.customer_id = known_ids.former_customer_id
    where members.arm = 'holdout'

)

select
    people.segment,
    people.key,
    people.customer_id,
    people.person_id,
    people.since,
    case
        when people.is_gone then 'no_record_in_destination'
        when leaving.clause is not null then leaving.clause
        when suppressed.clause is not null then suppressed.clause
        when held_out.person_id is not null then 'holdout'
        when same.person_id is not null then 'same_person'
        else 'left'
    end as why
from people
left join leaving
    on people.person_id = leaving.customer_id and people.segment = leaving.segment
left join suppressed
    on people.person_id = suppressed.person_id and people.segment = suppressed.segment
left join held_out
    on people.person_id = held_out.person_id and people.segment = held_out.segment
left join wanted as same
    on people.person_id = same.person_id and people.segment = same.segment
"""


@dataclass(frozen=True)
class Meant:
    """What is meant for one segment at one destination.

    Attributes:
        segment: which.
        is_in_release: False for one that the firm has no more, or that could not be made.
        said: what a later run must know of it if the release has it no more.
        source: members of the release that are to be treated.
        wanted: who is to be there, by key.
        made_at: when we know each wanted record was made, by key.
        persons: who each wanted key is by now.
        unwanted: whom the destination has from us and who is not wanted: key -> why.
        owners_of: the customers of the unwanted, by key.
        since: the night since which each unwanted is there.
        persons_there: by now, of all that the destination has from us and that are not wanted.
    """

    segment: Segment
    is_in_release: bool
    said: Mapping[str, Any]
    source: int = 0
    wanted: Mapping[str, Member] = field(default_factory=dict)
    made_at: Mapping[str, datetime | None] = field(default_factory=dict)
    persons: Mapping[str, str] = field(default_factory=dict)
    unwanted: Mapping[str, str] = field(default_factory=dict)
    owners_of: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, date] = field(default_factory=dict)
    persons_there: Mapping[str, str] = field(default_factory=dict)


def news_until(settings: Settings, release: ReleaseInfo, declared: Declared) -> date:
    """Return the latest night of which anything is known: landed, or in the release."""
    landed = last_night(settings.landing_dir, declared.sources)
    return max(release.knows_until, landed or release.knows_until)


@contextmanager
def asked_again(
    settings: Settings, release: ReleaseInfo, declared: Declared
) -> Iterator[tuple[Path, date]]:
    """Give a DuckDB file with the models `MODELS` as of the newest night that landed.

    The build file is believed where it is that of the release itself. After a night that failed it
    may be what was wrong, so the landing is asked, as `subtract_opt_outs` does.

    Raises:
        BuildError: who said no cannot be told; nothing may be sent then.
        DamagedLanding: for want of a file.
        PolicyError: for want of policies.
    """
    from rapport.build.run import built_aside, newest_known  # loads what only a build needs

    night = news_until(settings, release, declared)
    is_of_release = release.reduction is None and release.as_of == night
    with _one_at_a_time(settings.activation_dir):  # every destination asks, and asks the same
        ask = newest_known if is_of_release else built_aside
        with ask(settings, night, MODELS, declared=declared) as path:
            yield path, night


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    with (folder / "asking.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def meant_for(
    destination: str,
    record_source: str | None,
    *,
    asked_path: Path,
    release: ReleaseInfo,
    segments: Sequence[str],
    standing: "pa.Table",
    kept: Mapping[str, Mapping[str, Any]],
    may_reenter: Sequence[str] = (),
    memory_limit: str | None = None,
    threads: int | None = None,
) -> dict[str, Meant]:
    """Return what is meant for every segment that goes to a destination or ever went there.

    Args:
        destination: which.
        record_source: whose records its keys are; None where they are customers' ids.
        asked_path: DuckDB file with the models of the newest night.
        release: that readers have.
        segments: names of those that go there by the policy.
        standing: whom it has from us: ``segment``, ``key``, ``customer_id``, ``since``.
        kept: what the account knows of each segment that ever went there.
        may_reenter: segments whose own entry allows a flow to be entered again.
        memory_limit: DuckDB's.
        threads: DuckDB's.

    Raises:
        ActivationError: the release has no segments, or nobody on any of them: that is no reason
            to send nothing, but a fault.
    """
    opened = open_beside(asked_path, asked_path.parent, memory_limit, threads)
    with closing(opened) as connection:
        connection.execute(f"use {asked_path.stem}")
        connection.execute(
            f"attach {literal(str(release.path / DATABASE))} as released (read_only)"
        )
        _demand_lists(connection, destination, release)
        connection.execute(SEGMENTS)
        said = _said(connection, destination, segments, kept)
        connection.register("said", said)
        connection.register("standing", standing)
        if record_source:
            connection.execute(RECORDS, {"source": record_source})
        else:
            connection.execute(CUSTOMERS)
        as_of = {"as_of": release.as_of}
        connection.execute(KNOWN, as_of)
        connection.execute(JUDGED, as_of | {"clauses": list(CLAUSES)})
        connection.execute(WANTED)
        connection.execute(UNWANTED)
        return _by_segment(connection, segments, kept, may_reenter, not record_source)


def _demand_lists(
    connection: "duckdb.DuckDBPyConnection", destination: str, release: ReleaseInfo
) -> None:
    """Refuse a release that says of nobody anything: that nobody is meant is not what it says."""
    for table in ("segments.segments", "segments.segment_members"):
        if not release.rows.get(table):
            raise ActivationError(
                destination,
                f"release {release.release_id} has nobody in {table}: nothing was sent, and nobody "
                "was taken off. Look at the night that made it; `rapport releases rollback` "
                "goes back to one before",
            )


def _said(
    connection: "duckdb.DuckDBPyConnection",
    destination: str,
    segments: Sequence[str],
    kept: Mapping[str, Mapping[str, Any]],
) -> "pa.Table":
    """What is to be known of each segment, by the release or, for one it lacks, by the account."""
    import pyarrow as pa

    names = ("segment", "channel", "topic", "takes_slot", "is_service")
    rows = {
        row[0]: row
        for row in connection.execute(
            f"select {', '.join(names)} from meant_segments where list_contains(?, segment)",
            [list(segments)],
        ).fetchall()
    }
    for segment, known in kept.items():
        rows.setdefault(segment, (segment, *(known.get(name) for name in names[1:])))
    types = (pa.string(), pa.string(), pa.string(), pa.bool_(), pa.bool_())
    columns = [pa.array([row[i] for row in rows.values()], kind) for i, kind in enumerate(types)]
    columns.append(pa.array([destination] * len(rows), pa.string()))
    return pa.table(columns, names=[*names, "destination"])


def _by_segment(
    connection: "duckdb.DuckDBPyConnection",
    segments: Sequence[str],
    kept: Mapping[str, Mapping[str, Any]],
    may_reenter: Sequence[str],
    with_facts: bool,
) -> dict[str, Meant]:
    known = {
        row[0]: row
        for row in connection.execute(
            "select segment, description, owner, channel, treatment, is_staff, topic, takes_slot, "
            "is_service from meant_segments"
        ).fetchall()
    }
    sizes = dict(
        connection.execute(
            "select segment, count(*) from released.segments.segment_members "
            "where arm = 'treatment' group by segment"
        ).fetchall()
    )
    found = {}
    for name in dict.fromkeys([*segments, *kept]):
        row = known.get(name) if name in segments else None
        if row:
            description, owner, channel, treatment, is_staff, *rest = row[1:]
            segment = Segment(
                name, description, owner, channel, treatment, is_staff, name in may_reenter
            )
            names = ("channel", "topic", "takes_slot", "is_service")
            said = dict(zip(names, (channel, *rest), strict=True))
        else:
            segment, said = Segment(name), dict(kept.get(name, {}))
        wanted = _wanted(connection, name, with_facts) if row else {}
        found[name] = Meant(
            segment,
            is_in_release=row is not None,
            said=said,
            source=sizes.get(name, 0) if row else 0,
            wanted={key: member for key, (member, _, _) in wanted.items()},
            made_at={key: made_at for key, (_, made_at, _) in wanted.items()},
            persons={key: person for key, (_, _, person) in wanted.items()},
            **_unwanted(connection, name),
        )
    return found


def _wanted(
    connection: "duckdb.DuckDBPyConnection", segment: str, with_facts: bool
) -> dict[str, tuple[Member, datetime | None, str]]:
    if not with_facts:
        rows = connection.execute(
            "select key, customer_id, made_at, person_id from wanted where segment = ?", [segment]
        ).fetchall()
        return {
            key: (Member(key, customer), made_at, person) for key, customer, made_at, person in rows
        }
    has = {
        row[0]
        for row in connection.execute(
            "select column_name from (describe released.segments.segment_members)"
        ).fetchall()
    }
    facts = [name for name in FACTS if name in has]
    rows = connection.execute(
        f"select wanted.key, wanted.customer_id, wanted.person_id, "
        f"{', '.join(f'members.{name}' for name in facts)} "
        "from wanted inner join released.segments.segment_members as members "
        "on wanted.segment = members.segment and wanted.customer_id = members.customer_id "
        "where wanted.segment = ?",
        [segment],
    ).fetchall()
    return {
        row[0]: (Member(row[0], row[1], dict(zip(facts, row[3:], strict=True))), None, row[2])
        for row in rows
    }


def _unwanted(connection: "duckdb.DuckDBPyConnection", segment: str) -> dict[str, Any]:
    rows = connection.execute(
        "select key, customer_id, person_id, since, why from unwanted where segment = ?", [segment]
    ).fetchall()
    return {
        "unwanted": {row[0]: row[4] for row in rows},
        "owners_of": {row[0]: row[1] for row in rows},
        "persons_there": {row[0]: row[2] for row in rows},
        "since": {row[0]: row[3] for row in rows},
    }
