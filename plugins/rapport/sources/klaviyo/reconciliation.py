"""Is what we know still what Klaviyo has?

Klaviyo counts events by metric and day, but not profiles. So each night the counts of the
last days are compared per metric and day with what was landed, and a day that differs is
read again as a whole: what came later than the overlap is landed, what is gone (with its
profile, for privacy) becomes a removal. Once a week the ids of all profiles are listed.

Merging deletes the one profile and hands its events to the other, and nothing says so: no
list of merges, no former id, no redirect from it. What shows is that an event known under one
profile comes under another. So a profile is taken for merged when it is gone and its event is
another's: every night for the events that came again with the overlap, and with the weekly
list by asking for the latest event of each that is gone. Then all events that were landed
under it land anew. Of a profile without events nobody can tell.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from duckdb import DuckDBPyConnection

from rapport.sources.klaviyo.api import PROFILES_PAGE_SIZE, Klaviyo, Record, instant
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


# Whose events were pulled tonight as another's; by the latest of them.
MOVED = """
select before.profile_id, max_by(tonight.profile_id, (tonight.datetime, tonight.id))
from (
    select id, profile_id, datetime from events where load_date = $as_of and profile_id is not null
) as tonight
inner join events as before on tonight.id = before.id
where
    before.load_date < $as_of
    and before.profile_id <> tonight.profile_id
    and not exists (
        select 1
        from removals
        where
            removals.object_type = 'profiles'
            and removals.id = before.profile_id
            and removals.successor_id is not null
    )
group by before.profile_id
"""
LATEST_EVENTS = """
select profile_id, max_by(id, (datetime, id))
from events
where profile_id in (select unnest(?::varchar[]))
group by profile_id
"""
LEFT_BEHIND = """
create or replace table left_behind as
select distinct id from events where profile_id in (select unnest(?::varchar[]))
"""


def reconcile(api: Klaviyo, known: Known, until: datetime) -> Iterator[Page]:
    """Yield lost profiles and events, events of merged profiles, removals, and the totals."""
    with known.open(PROFILES, EVENTS, REMOVALS[KLAVIYO], SOURCE_TOTALS[KLAVIYO]) as landed:
        yield from _Profiles(api, known, landed).run()
    with known.open(EVENTS, METRICS, REMOVALS[KLAVIYO]) as landed:
        yield from _events(api, known, landed, until)


class _Profiles:
    """The profiles on one night."""

    def __init__(self, api: Klaviyo, known: Known, landed: DuckDBPyConnection) -> None:
        self.api = api
        self.known = known
        self.landed = landed
        self.merged: dict[str, str] = {}  # gone -> whose its events are now
        create_state(landed, PROFILES, is_archived="false")
        landed.execute(
            "create table live as select id from state; create table listed (id varchar)"
        )

    def run(self) -> Iterator[Page]:
        moved = self.landed.execute(MOVED, {"as_of": self.known.as_of}).fetchall()
        for start in range(0, len(moved), PROFILES_PAGE_SIZE):
            yield from self._moved(dict(moved[start : start + PROFILES_PAGE_SIZE]))
        if listing_due(self.landed, self.known, PROFILES, turn=0):
            yield from self._compare()
        yield from self._rehome()

    def _moved(self, owners: dict[str, str]) -> Iterator[Page]:
        """Note as merged those that are gone; who is there lost an event, and not more."""
        gone = owners.keys() - {record["id"] for record in self._read(list(owners))}
        yield from self._gone({id_: owners[id_] for id_ in sorted(gone)})

    def _compare(self) -> Iterator[Page]:
        """List all ids, and ask for every one that only one side has."""
        params = {"fields[profile]": "created", "sort": "id", "page[size]": PROFILES_PAGE_SIZE}
        for page in self.api.pages("profiles", params):
            _add(self.landed, "listed", [record["id"] for record in page])
        for query in (
            "select distinct id from listed anti join live using (id)",
            "select distinct id from live anti join listed using (id)",
        ):
            for ids in batches(self.landed, PROFILES_PAGE_SIZE, query):
                # It may have come or gone meanwhile.
                found = self._read(ids)
                there = {record["id"] for record in found}
                yield PROFILES, [self.api.row(PROFILES, record) for record in found]
                for table in ("live", "listed"):
                    _add(self.landed, table, there)
                yield from self._gone(self._owners(sorted(set(ids) - there)))
        yield (
            SOURCE_TOTALS[KLAVIYO],
            [
                total(
                    PROFILES,
                    self.known,
                    source_total=count(self.landed, "select count(distinct id) from listed"),
                    landed_total=count(self.landed, "select count(distinct id) from live"),
                    method="listing",
                )
            ],
        )

    def _read(self, ids: list[str]) -> list[Record]:
        quoted = ",".join(f'"{id_}"' for id_ in ids)
        return [r for page in self.api.profiles(filter=f"any(id,[{quoted}])") for r in page]

    def _owners(self, gone: list[str]) -> dict[str, str | None]:
        """Return for each profile that is gone whose its latest event is now."""
        latest = dict(self.landed.execute(LATEST_EVENTS, [gone]).fetchall()) if gone else {}
        owners: dict[str, str | None] = dict.fromkeys(gone)
        for id_, event in sorted(latest.items()):
            owner = self.api.profile_of_event(event)
            owners[id_] = owner if owner != id_ else None
        return owners

    def _gone(self, successors: Mapping[str, str | None]) -> Iterator[Page]:
        for table in ("live", "listed"):
            _remove(self.landed, table, set(successors))
        self.merged |= {id_: other for id_, other in successors.items() if other}
        yield (
            REMOVALS[KLAVIYO],
            [
                removal(KLAVIYO, self.known, PROFILES.name, id_, other)
                for id_, other in successors.items()
            ],
        )

    def _rehome(self) -> Iterator[Page]:
        """Yield the events that were landed under a merged profile, as the other one's."""
        self.landed.execute(LEFT_BEHIND, [sorted(self.merged)])
        for survivor in sorted(set(self.merged.values())):
            for page in self.api.events(f'equals(profile_id,"{survivor}")'):
                wanted = self.landed.execute(
                    "select id from left_behind where id in (select unnest(?::varchar[]))",
                    [[record["id"] for record in page]],
                ).fetchall()
                ids = {id_ for (id_,) in wanted}
                yield EVENTS, [self.api.row(EVENTS, r) for r in page if r["id"] in ids]


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
