"""Is what we know still what Klaviyo has?

Klaviyo counts events by metric and day, but not profiles. So each night the counts of the
last days are compared per metric and day with what was landed, and a day that differs is
read again as a whole: what came later than the overlap is landed, what is gone (with its
profile, for privacy) becomes a removal. Once a week the ids of all profiles are listed.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from duckdb import DuckDBPyConnection

from rapport.sources.klaviyo.api import PROFILES_PAGE_SIZE, Klaviyo, instant
from rapport.sources.known import (
    Known,
    batches,
    count,
    create_state,
    listing_due,
    removal,
    total,
)
from rapport.sources.records import Page
from rapport.sources.streams import EVENTS, KLAVIYO, METRICS, PROFILES, REMOVALS, SOURCE_TOTALS

EVENT_DAYS = 30

LANDED_EVENTS = """
create table live as
select id, metric_id, strftime(happened_at, '%Y-%m-%d') as day
from state
where happened_at >= ? and happened_at < ?
"""
EVENT = """
any_value(metric_id) as metric_id, any_value(try_cast(datetime as timestamptz)) as happened_at
"""
LANDED_DAY = "select count(*) from live where metric_id = ? and day = ?"


def reconcile(api: Klaviyo, known: Known, until: datetime) -> Iterator[Page]:
    """Yield lost profiles and events, removals, and the totals of both."""
    with known.open(PROFILES, REMOVALS[KLAVIYO], SOURCE_TOTALS[KLAVIYO]) as landed:
        if listing_due(landed, known, PROFILES, turn=0):
            yield from _profiles(api, known, landed)
    with known.open(EVENTS, METRICS, REMOVALS[KLAVIYO]) as landed:
        yield from _events(api, known, landed, until)


def _profiles(api: Klaviyo, known: Known, landed: DuckDBPyConnection) -> Iterator[Page]:
    create_state(landed, PROFILES, is_archived="false")
    landed.execute("create table live as select id from state; create table listed (id varchar)")
    params = {
        "fields[profile]": "created",
        "sort": "id",
        "page[size]": PROFILES_PAGE_SIZE,
    }
    for page in api.pages("profiles", params):
        _add(landed, "listed", [record["id"] for record in page])
    for query in (
        "select distinct id from listed anti join live using (id)",
        "select distinct id from live anti join listed using (id)",
    ):
        for ids in batches(landed, PROFILES_PAGE_SIZE, query):
            # What one side lacks is asked for by id: it may have come or gone meanwhile.
            quoted = ",".join(f'"{id_}"' for id_ in ids)
            found = [
                record for page in api.profiles(filter=f"any(id,[{quoted}])") for record in page
            ]
            there = {record["id"] for record in found}
            yield PROFILES, [api.row(PROFILES, record) for record in found]
            for table in ("live", "listed"):
                _add(landed, table, there)
                _remove(landed, table, set(ids) - there)
            gone = sorted(set(ids) - there)
            yield REMOVALS[KLAVIYO], [removal(KLAVIYO, known, PROFILES.name, id_) for id_ in gone]
    yield (
        SOURCE_TOTALS[KLAVIYO],
        [
            total(
                PROFILES,
                known,
                source_total=count(landed, "select count(distinct id) from listed"),
                landed_total=count(landed, "select count(distinct id) from live"),
                method="listing",
            )
        ],
    )


def _events(
    api: Klaviyo, known: Known, landed: DuckDBPyConnection, until: datetime
) -> Iterator[Page]:
    since = until - timedelta(days=EVENT_DAYS)
    create_state(landed, EVENTS, EVENT, is_archived="false")
    landed.execute(LANDED_EVENTS, [since, until])
    metrics = landed.execute("select distinct id from metrics order by id").fetchall()
    source_total = 0
    for (metric,) in metrics:
        for day, there in api.events_per_day(metric, since, until).items():
            found = landed.execute(LANDED_DAY, [metric, day]).fetchone()
            if found and found[0] != there:
                yield from _read_day(api, known, landed, metric, day)
            source_total += there
    yield (
        SOURCE_TOTALS[KLAVIYO],
        [
            total(
                EVENTS,
                known,
                source_total=source_total,
                landed_total=count(landed, "select count(distinct id) from live"),
                method=f"aggregates of {EVENT_DAYS} days",
            )
        ],
    )


def _read_day(
    api: Klaviyo, known: Known, landed: DuckDBPyConnection, metric: str, day: str
) -> Iterator[Page]:
    """Read all events of a metric on a day; yield those we lack, and those that are gone."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    landed.execute("create or replace table listed (id varchar)")
    for page in api.events(
        f'equals(metric_id,"{metric}")',
        f"greater-or-equal(datetime,{instant(start)})",
        f"less-than(datetime,{instant(start + timedelta(days=1))})",
    ):
        ids = [record["id"] for record in page]
        _add(landed, "listed", ids)
        lacking = {
            row[0]
            for row in landed.execute(
                "select unnest(?::varchar[]) as id except select id from live", [ids]
            ).fetchall()
        }
        landed.execute(
            "insert into live select unnest(?::varchar[]), ?, ?", [sorted(lacking), metric, day]
        )
        rows = [api.row(EVENTS, record) for record in page if record["id"] in lacking]
        yield EVENTS, rows
    gone = landed.execute(
        "select id from live anti join listed using (id) where metric_id = ? and day = ?",
        [metric, day],
    ).fetchall()
    _remove(landed, "live", {id_ for (id_,) in gone})
    yield REMOVALS[KLAVIYO], [removal(KLAVIYO, known, EVENTS.name, id_) for (id_,) in gone]


def _add(landed: DuckDBPyConnection, table: str, ids: Iterable[str]) -> None:
    """Add ids; one may stand in a table twice."""
    landed.execute(f"insert into {table} select unnest(?::varchar[])", [list(ids)])


def _remove(landed: DuckDBPyConnection, table: str, ids: set[str]) -> None:
    landed.execute(f"delete from {table} where id in (select unnest(?::varchar[]))", [sorted(ids)])
