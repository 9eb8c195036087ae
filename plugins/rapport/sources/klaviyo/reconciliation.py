"""Is what we know still what Klaviyo has?

Klaviyo counts events by metric and day, but not profiles. So each night the counts of the last
year are compared per metric and day with what was landed, and those of the years before in turn,
each once a week; a day that differs is read again as a whole: what came later than the overlap is
landed, what is gone (with its profile, for privacy) becomes a removal. What is not counted (a
metric that Klaviyo does not count, or does not list) is named in the totals as not compared.

Once a week all profiles are listed, at as many calls as their ids alone would take: what we lack
or what says otherwise than we know, although its date did not move, is landed.

Merging deletes the one profile and hands its events to the other, and nothing says so: no
list of merges, no former id, no redirect from it. What shows is that an event known under one
profile comes under another. So a profile is taken for merged when it is gone and its event is
another's: every night for the events that came again with the overlap, and with the weekly
list by asking for the latest event of each that is gone. Then all events that were landed
under it land anew. Of a profile without events nobody can tell.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from duckdb import DuckDBPyConnection

from rapport.errors import (
    DeadlinePassed,
    NotBefore,
    SourceDenied,
    SourceError,
    SourceRefused,
)
from rapport.sources.klaviyo.api import (
    EVENTS_PAGE_SIZE,
    PROFILES_PAGE_SIZE,
    Klaviyo,
    instant,
)
from rapport.sources.known import (
    SWEEP_DAYS,
    Known,
    batches,
    changed,
    count,
    create_state,
    listing_due,
    removal,
    total,
)
from rapport.sources.records import Page, Row
from rapport.sources.resuming import resumed
from rapport.sources.streams import EVENTS, KLAVIYO, METRICS, PROFILES, REMOVALS, SOURCE_TOTALS
from rapport.sources.strict import FLAW

COMPARED_DAYS = 365  # as much as Klaviyo counts in one answer
COMPARED_YEARS = 10  # events of any old date may be brought in
MOST_PAGES = 500  # of events that are read again in one night
MOST_UNUSABLE = 3  # counts in a row: then it is not the metric
AGAIN_ROWS = 5000  # compared at once

LANDED_EVENTS = """
create or replace table live as
select id, metric_id, strftime(happened_at, '%Y-%m-%d') as day
from state
where happened_at >= ? and happened_at < ?
"""
EVENT = """
any_value(metric_id) as metric_id, any_value(try_cast(datetime as timestamptz)) as happened_at
"""
# The latest version, as it was landed.
SAID = "arg_max(hash(attributes), (load_date, _dlt_load_id)) as said"
# The metrics of tonight's list: one that was deleted is counted no more.
METRICS_NOW = """
select distinct id
from metrics
-- as text: DuckDB 1.5.5 raises of a folder's date as it is while there is one file
where load_date = (select max(load_date::varchar)::date from metrics)
order by id
"""
CHECKED = """
select
    max(try_cast(checked_on as date)) filter (
        where try_cast(compared_from as timestamptz) = $since
    ),
    min(try_cast(checked_on as date)) filter (where compared_from is not null)
from source_totals
where stream = 'events'
"""


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
    with known.open(EVENTS, METRICS, REMOVALS[KLAVIYO], SOURCE_TOTALS[KLAVIYO]) as landed:
        yield from _Events(api, known, landed).run(until)


class _Profiles:
    """The profiles on one night."""

    def __init__(self, api: Klaviyo, known: Known, landed: DuckDBPyConnection) -> None:
        self.api = api
        self.known = known
        self.landed = landed
        self.merged: dict[str, str] = {}  # gone -> whose its events are now
        create_state(landed, PROFILES, SAID, is_archived="false")
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
        found, refused = self.api.profiles_of(list(owners))
        gone = owners.keys() - {record["id"] for record in found} - refused
        yield from self._gone({id_: owners[id_] for id_ in sorted(gone)})

    def _compare(self) -> Iterator[Page]:
        """List all profiles: land what says otherwise, ask for what only one side has."""
        again: list[Row] = []
        for page in resumed(lambda _: self.api.profiles(sort="id")):
            _add(self.landed, "listed", [record["id"] for record in page])
            again += [self.api.row(PROFILES, record) for record in page]
            if len(again) >= AGAIN_ROWS:
                yield from self._changed(again)
                again = []
        yield from self._changed(again)
        for query in (
            "select distinct id from listed anti join live using (id)",
            "select distinct id from live anti join listed using (id)",
        ):
            for ids in batches(self.landed, PROFILES_PAGE_SIZE, query):
                # It may have come or gone meanwhile.
                found, refused = self.api.profiles_of(ids)
                there = {record["id"] for record in found}
                yield PROFILES, [self.api.row(PROFILES, record) for record in found]
                for table in ("live", "listed"):
                    _add(self.landed, table, there)
                yield from self._gone(self._owners(sorted(set(ids) - there - refused)))
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

    def _changed(self, rows: list[Row]) -> Iterator[Page]:
        told = [row for row in rows if FLAW not in row]
        ids = changed(self.landed, told, "attributes", "hash(attributes)") if told else set()
        yield PROFILES, [row for row in rows if row["id"] in ids or FLAW in row]

    def _owners(self, gone: list[str]) -> dict[str, str | None]:
        """Return for each profile that is gone whose its latest event is now."""
        latest = dict(self.landed.execute(LATEST_EVENTS, [gone]).fetchall()) if gone else {}
        owners: dict[str, str | None] = dict.fromkeys(gone)
        for id_, event in sorted(latest.items()):
            try:
                owner = self.api.profile_of_event(event)
            except SourceRefused as refusal:  # whose it is now, nobody knows
                self.api.refuse(EVENTS, str(refusal), id_=event)
                continue
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
        if not self.merged:
            return
        self.landed.execute(LEFT_BEHIND, [sorted(self.merged)])
        for survivor in sorted(set(self.merged.values())):
            try:
                yield from self._take_over(survivor)
            except SourceRefused as refusal:
                self.api.refuse(EVENTS, str(refusal), part=f"of profile {survivor}")

    def _take_over(self, survivor: str) -> Iterator[Page]:
        for page in self.api.events(f'equals(profile_id,"{survivor}")'):
            wanted = self.landed.execute(
                "select id from left_behind where id in (select unnest(?::varchar[]))",
                [[record["id"] for record in page]],
            ).fetchall()
            ids = {id_ for (id_,) in wanted}
            yield EVENTS, [self.api.row(EVENTS, r) for r in page if r["id"] in ids]


@dataclass
class _Run:
    """Days of a metric, one after the other, that are read again.

    Attributes:
        start: the first day.
        end: the day after the last.
        there: how many events Klaviyo counts on them.
        differing: how many of the days differ.
    """

    start: date
    end: date
    there: int
    differing: int = 1


class _Events:
    """The events on one night."""

    def __init__(self, api: Klaviyo, known: Known, landed: DuckDBPyConnection) -> None:
        self.api = api
        self.known = known
        self.landed = landed
        self.pages_left = MOST_PAGES
        create_state(landed, EVENTS, EVENT, is_archived="false")

    def run(self, until: datetime) -> Iterator[Page]:
        for since, end in self._spans(until):
            yield from self._compare(since, end)

    def _spans(self, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the last year, and of the years before those whose turn it is.

        A year that a skipped night has left out is made good.
        """
        recent = until - timedelta(days=COMPARED_DAYS)
        yield recent, until
        found = self.landed.execute("select year(min(happened_at)) from state").fetchone()
        first = min(until.year - COMPARED_YEARS, found[0] if found and found[0] else until.year)
        for year in range(recent.year, max(first, 1970) - 1, -1):
            since = datetime(year, 1, 1, tzinfo=UTC)
            end = min(datetime(year + 1, 1, 1, tzinfo=UTC), recent)
            if since < end and self._is_due(since):
                yield since, end

    def _is_due(self, since: datetime) -> bool:
        if (self.known.as_of.toordinal() + since.year) % SWEEP_DAYS == 0:
            return True
        found = self.landed.execute(CHECKED, {"since": since}).fetchone() or (None, None)
        last = found[0] or found[1]
        return last is not None and (self.known.as_of - last).days >= SWEEP_DAYS

    def _compare(self, since: datetime, until: datetime) -> Iterator[Page]:
        """Compare a span by metric and day, read again what differs, and yield the total."""
        self.landed.execute(LANDED_EVENTS, [since, until])
        metrics = [id_ for (id_,) in self.landed.execute(METRICS_NOW).fetchall()]
        left_out: list[dict[str, Any]] = self._unlisted(metrics)
        source_total = landed_total = compared = unusable = 0
        for metric in metrics:
            try:
                counts = self.api.events_per_day(metric, since, until)
                unusable = 0
            except (SourceDenied, NotBefore, DeadlinePassed):
                raise
            except SourceError as error:
                unusable += not isinstance(error, SourceRefused)
                if unusable >= MOST_UNUSABLE:
                    raise
                left_out.append({"metric": metric, "why": str(error)})
                continue
            for run in self._runs(metric, counts):
                why = yield from self._read(metric, run, since, until)
                if why:
                    named = {"metric": metric, "from": str(run.start), "to": str(run.end)}
                    left_out.append(named | {"why": why})
                    for day in _days(run):
                        counts.pop(day, None)
                    self.landed.execute(
                        "delete from live where metric_id = ? and day >= ? and day < ?",
                        [metric, str(run.start), str(run.end)],
                    )
            compared += 1
            source_total += sum(counts.values())
            landed_total += self._landed(metric)
        yield (
            SOURCE_TOTALS[KLAVIYO],
            [
                total(
                    EVENTS,
                    self.known,
                    source_total=source_total if compared else None,
                    landed_total=landed_total if compared else None,
                    method="aggregates by metric and day",
                    since=since,
                    until=until,
                    not_compared=left_out,
                )
            ],
        )

    def _unlisted(self, metrics: list[str]) -> list[dict[str, Any]]:
        """Name the metrics of landed events that Klaviyo does not list, so nobody counts them."""
        found = self.landed.execute(
            "select metric_id, count(distinct id) from live "
            "where metric_id is null or metric_id not in (select unnest(?::varchar[])) "
            "group by metric_id order by metric_id",
            [metrics],
        ).fetchall()
        why = "Klaviyo does not list this metric"
        return [{"metric": id_, "landed": landed, "why": why} for id_, landed in found]

    def _landed(self, metric: str) -> int:
        found = self.landed.execute(
            "select count(distinct id) from live where metric_id = ?", [metric]
        ).fetchone()
        return int(found[0]) if found else 0

    def _runs(self, metric: str, counts: Mapping[str, int]) -> list[_Run]:
        """Return the days that differ, the latest first; near ones as one, if that saves calls."""
        landed = dict(
            self.landed.execute(
                "select day, count(distinct id) from live where metric_id = ? group by day",
                [metric],
            ).fetchall()
        )
        runs: list[_Run] = []
        between = 0
        for day in sorted({*counts, *landed}):
            there = counts.get(day, 0)
            between += there
            if there == landed.get(day, 0):
                continue
            start = date.fromisoformat(day)
            end = start + timedelta(days=1)
            if runs and between < EVENTS_PAGE_SIZE:
                last = runs[-1]
                runs[-1] = _Run(last.start, end, last.there + between, last.differing + 1)
            else:
                runs.append(_Run(start, end, there))
            between = 0
        return runs[::-1]

    def _read(
        self, metric: str, run: _Run, since: datetime, until: datetime
    ) -> Generator[Page, None, str | None]:
        """Read all events of some days of a span; yield those we lack, and those that are gone.

        An event that the listing leaves out is gone only if Klaviyo counts no more than it lists.

        Returns:
            Why the days cannot be compared, if so.
        """
        self.landed.execute("create or replace table listed (id varchar)")
        for _ in range(2):
            if self.pages_left < 1:
                return f"{MOST_PAGES} pages were read again tonight; the rest is left for the next"
            try:
                start, end = max(since, _midnight(run.start)), min(until, _midnight(run.end))
                yield from self._list(metric, start, end)
            except SourceRefused as refusal:
                return str(refusal)
            listed = count(self.landed, "select count(distinct id) from listed")
            if listed >= run.there:
                yield from self._note_gone(metric, run)
                return None
        return f"{run.there} events are counted, but {listed} listed"

    def _list(self, metric: str, since: datetime, until: datetime) -> Iterator[Page]:
        for page in self.api.events(
            f'equals(metric_id,"{metric}")', f"less-than(datetime,{instant(until)})", since=since
        ):
            self.pages_left -= 1
            _add(self.landed, "listed", [record["id"] for record in page])
            lacking = {
                id_
                for (id_,) in self.landed.execute(
                    "select unnest(?::varchar[]) as id except select id from live",
                    [[record["id"] for record in page]],
                ).fetchall()
            }
            rows = [self.api.row(EVENTS, r) for r in page if r["id"] in lacking]
            told = [(row["id"], str(row.get("datetime"))[:10]) for row in rows]
            self.landed.execute(
                "insert into live select unnest(?::varchar[]), ?, unnest(?::varchar[])",
                [[id_ for id_, _ in told], metric, [day for _, day in told]],
            )
            yield EVENTS, rows

    def _note_gone(self, metric: str, run: _Run) -> Iterator[Page]:
        gone = self.landed.execute(
            "select distinct id from live anti join listed using (id) "
            "where metric_id = ? and day >= ? and day < ? order by id",
            [metric, str(run.start), str(run.end)],
        ).fetchall()
        _remove(self.landed, "live", {id_ for (id_,) in gone})
        yield (
            REMOVALS[KLAVIYO],
            [removal(KLAVIYO, self.known, EVENTS.name, id_) for (id_,) in gone],
        )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _days(run: _Run) -> list[str]:
    return [str(run.start + timedelta(days=n)) for n in range((run.end - run.start).days)]


def _add(landed: DuckDBPyConnection, table: str, ids: Iterable[str]) -> None:
    """Add ids; one may stand in a table twice."""
    landed.execute(f"insert into {table} select unnest(?::varchar[])", [list(ids)])


def _remove(landed: DuckDBPyConnection, table: str, ids: set[str]) -> None:
    landed.execute(f"delete from {table} where id in (select unnest(?::varchar[]))", [sorted(ids)])
