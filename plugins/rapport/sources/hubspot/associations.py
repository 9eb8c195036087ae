"""Which records belong to which: complete sets, read again before they can be stale.

Tying two records together moves nobody's modified date, and so does cutting the tie. So the
ties of what changed tonight and of what happened lately are read every night, a seventh of
all others too, and whatever was not read for a week, or never. Each answer is the whole
set of one record; the latest one counts, and an empty one says that there is none.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from rapport.errors import SourceRefused
from rapport.sources import versions
from rapport.sources.hubspot.crm import Crm
from rapport.sources.hubspot.types import ObjectType
from rapport.sources.known import (
    DUE,
    IS_RESUMED,
    SWEEP_DAYS,
    Known,
    batches,
    create_state,
    unless_refused,
)
from rapport.sources.records import Page, Row, as_text
from rapport.sources.streams import ASSOCIATIONS, HUBSPOT, REFUSALS, REMOVALS
from rapport.sources.strict import FLAW

BATCH_SIZE = 1000  # the API's most
RECENT_DAYS = 14
NO_TIES = "crm.associations.NO_ASSOCIATIONS_FOUND"

# Happened: an engagement says so itself, of others it is when they were entered.
HAPPENED = """
max(greatest(
    try_cast(created_at as timestamptz),
    try_cast(
        case when json_valid(properties) then properties ->> '$.hs_timestamp' end as timestamptz
    )
)) as happened_at
"""
READ = f"""
create table read as
select tie, id, max(try_cast(read_on as date)) as read_on, {IS_RESUMED} as is_resumed
from (
    select from_type || ':' || to_type as tie, from_id as id, read_on, _dlt_load_id
    from associations
    union all
    select part, id, noticed_on, _dlt_load_id
    from refusals
    where stream = 'associations'
)
group by tie, id
"""
DUE_IDS = f"""
select state.id
from state
left join read on state.id = read.id and read.tie = $tie
where
    not state.is_archived
    and not coalesce(read.is_resumed, false)
    and (state.happened_at >= $as_of::date - $recent::integer or {DUE})
"""


def pull_associations(
    crm: Crm,
    known: Known,
    pairs: Sequence[tuple[ObjectType, ObjectType]],
    *,
    recent_days: int = RECENT_DAYS,
) -> Iterator[Page]:
    """Yield the ties of every record that is due.

    Args:
        crm: HubSpot.
        known: what is landed, which says who is due.
        pairs: from which type to which.
        recent_days: how long after it happened a record is read every night.
    """
    kinds = list(dict.fromkeys(source for source, _ in pairs))
    streams = [kind.stream for kind in kinds]
    is_lost = known.is_lost(ASSOCIATIONS)
    with known.open(*streams, ASSOCIATIONS, REMOVALS[HUBSPOT], REFUSALS[HUBSPOT]) as landed:
        landed.execute(READ)
        for kind in kinds:
            create_state(landed, kind.stream, HAPPENED)
            for _, target in [pair for pair in pairs if pair[0] is kind]:
                due = {
                    "tie": _tie(kind, target),
                    "as_of": known.as_of,
                    "recent": recent_days,
                    "sweep": SWEEP_DAYS,
                    "everything": is_lost,
                }
                pages = (
                    page
                    for ids in batches(landed, BATCH_SIZE, DUE_IDS, due)
                    for page in _pull(crm, known, kind, target, ids)
                )
                yield from unless_refused(kind.stream, known, crm.id, pages)


def _tie(kind: ObjectType, target: ObjectType) -> str:
    """What a refusal calls the ties between two types."""
    return f"{kind.name}:{target.name}"


def _pull(
    crm: Crm, known: Known, kind: ObjectType, target: ObjectType, ids: list[str]
) -> Iterator[Page]:
    """Yield one row per record that is still there."""
    path = crm.path(versions.ASSOCIATIONS, kind, other=target.name)
    parts = crm.split(
        path,
        ids,
        lambda part: _read(crm, path, part),
        stream=ASSOCIATIONS,
        part=_tie(kind, target),
    )
    for _, found in parts:
        if found is not None:
            yield ASSOCIATIONS, _rows(known, kind, target, found)


def _read(crm: Crm, path: str, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the ties of each record that is still there.

    Raises:
        SourceRefused: the batch is refused, or the answer leaves out a part of it.
    """
    ties: dict[str, list[dict[str, Any]]] = {}
    gone: set[str] = set()
    inputs = [{"id": id_} for id_ in ids]
    while inputs:
        asked = {each["id"]: each.get("after") for each in inputs}
        answer = crm.api.post(path, {"inputs": inputs})
        answered: set[str] = set()
        inputs = []
        for result in answer["results"]:
            if flaw := result.get(FLAW):
                raise SourceRefused(crm.id, f"{path}: {flaw}", 200)
            id_ = str(result["from"]["id"])
            answered.add(id_)
            ties.setdefault(id_, []).extend(result["to"])
            after = ((result.get("paging") or {}).get("next") or {}).get("after")
            if after is not None:
                if after == asked.get(id_):
                    raise SourceRefused(
                        crm.id, f"{path}: a cursor repeats; it would never end", 200
                    )
                inputs.append({"id": id_, "after": after})
        for error in crm.refuse_errors(path, answer):
            named = {str(id_) for each in error.get("context", {}).values() for id_ in each}
            answered |= named
            if error.get("subCategory") == NO_TIES:
                ties |= {id_: [] for id_ in named & asked.keys() - ties.keys()}
            else:
                gone |= named
        if unanswered := asked.keys() - answered:
            raise SourceRefused(
                crm.id, f"{path}: no answer for {len(unanswered)} of {len(asked)} records", 200
            )
    return {id_: targets for id_, targets in ties.items() if id_ not in gone}


def _rows(
    known: Known, kind: ObjectType, target: ObjectType, found: dict[str, list[dict[str, Any]]]
) -> list[Row]:
    alike = dict.fromkeys(ASSOCIATIONS.columns) | {
        "from_type": kind.name,
        "to_type": target.name,
        "read_on": known.as_of.isoformat(),
    }
    return [
        {**alike, "from_id": id_, "targets": as_text(targets)} for id_, targets in found.items()
    ]
