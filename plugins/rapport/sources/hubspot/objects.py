"""Changed and archived records of any object type.

Changed records come from search, sorted by modified date. Every page is a query of its own
that starts at the last date read, never an offset: a search may not look beyond 10,000
results, and with offsets a record that is modified during the pull moves to the end and
shifts an unread one out of sight. Search sorts by one property only, so records of one
instant have no order; where they cross the end of a page, the page gives up those of its
last instant and the next one brings all of them; where they fill a page, they are read by id.

Search does not show archived records, and archiving moves no modified date, so all archived
ones are listed each time. Nor does it show earlier values: types with a history are read
again, by batch.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from rapport.errors import SourceError
from rapport.sources.hubspot.crm import SEARCH_PAGE_SIZE, Crm, Record, batch_size
from rapport.sources.hubspot.types import ObjectType
from rapport.sources.records import Page
from rapport.sources.streams import OWNERS
from rapport.sources.versions import OBJECT_SEARCH


def pull_objects(crm: Crm, kind: ObjectType, since: datetime | None) -> Iterator[Page]:
    """Yield the records changed since a moment (None: all), and all archived ones."""
    yield from pull_changed(crm, kind, since)
    for page in crm.archived(kind):
        yield kind.stream, crm.rows(kind.stream, page)


def pull_owners(crm: Crm) -> Iterator[Page]:
    """Yield all owners."""
    for page in crm.owners():
        yield OWNERS, crm.rows(OWNERS, page)


def pull_changed(crm: Crm, kind: ObjectType, since: datetime | None) -> Iterator[Page]:
    """Yield the live records changed since a moment, with their history if they have one."""
    for page in _changed(crm, kind, _milliseconds(since) if since else 0):
        yield kind.stream, crm.rows(kind.stream, _with_history(crm, kind, page))


def _changed(crm: Crm, kind: ObjectType, start: int) -> Iterator[list[Record]]:
    """Yield pages of records modified at or after an instant, oldest change first."""
    while True:
        page = _search(crm, kind, [_filter(kind.modified, "GTE", start)], kind.modified)
        times = [_modified(crm, kind, record) for record in page]
        if times and min(times) < start:
            raise SourceError(
                crm.id, f"{crm.path(OBJECT_SEARCH, kind)}: a page repeats records already read"
            )
        if len(page) < SEARCH_PAGE_SIZE:
            yield page
            return
        newest = max(times)
        if newest == start:
            yield from crm.by_id(kind, [_filter(kind.modified, "EQ", newest)])
            start = newest + 1
        else:
            yield [record for record, at in zip(page, times, strict=True) if at < newest]
            start = newest


def _search(crm: Crm, kind: ObjectType, filters: list[dict[str, str]], sort: str) -> list[Record]:
    page, _ = crm.search(
        kind, filters, sort=sort, properties=crm.properties(kind), limit=SEARCH_PAGE_SIZE
    )
    return page


def _with_history(crm: Crm, kind: ObjectType, page: list[Record]) -> list[Record]:
    """Return the records as batch read has them; who is not read stays as found."""
    if not kind.history:
        return page
    size = batch_size(kind)
    ids = [record["id"] for record in page]
    read = {
        record["id"]: record
        for start in range(0, len(ids), size)
        for record in crm.read(kind, ids[start : start + size]).records
    }
    return [read.get(record["id"], record) for record in page]


def _filter(name: str, operator: str, value: int) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _modified(crm: Crm, kind: ObjectType, record: Record) -> int:
    try:
        return _milliseconds(datetime.fromisoformat(record["properties"][kind.modified]))
    except (KeyError, TypeError, ValueError):
        raise SourceError(
            crm.id,
            f"{crm.path(OBJECT_SEARCH, kind)}: record {record.get('id')} has no usable "
            f"{kind.modified!r}",
        ) from None


def _milliseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
