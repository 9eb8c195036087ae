"""HubSpot's CRM API as far as it is used: list, search, batch read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from rapport.errors import SourceError, SourceRefused
from rapport.sources import versions
from rapport.sources.connection import Connection
from rapport.sources.http import Api, Pace, path_of
from rapport.sources.hubspot.types import ObjectType
from rapport.sources.records import Row, to_row
from rapport.sources.resuming import resumed
from rapport.sources.said import said_in
from rapport.sources.splitting import Splitter
from rapport.sources.streams import HUBSPOT, Stream
from rapport.sources.versions import Endpoint

# The most that the API takes or gives at once.
LIST_PAGE_SIZE = 100
SEARCH_PAGE_SIZE = 200
READ_BATCH_SIZE = 100
HISTORY_BATCH_SIZE = 50
# An account may search five times a second; the tasks that search share it (see the pool).
SEARCHES_PER_SECOND = 1.6
GONE = "OBJECT_NOT_FOUND"
ID = "hs_object_id"
REMEDY = (
    "Put a service key (or the token of a private app that there is already) with the scopes "
    "crm.objects.<type>.read for contacts, companies, deals, owners and feedback_submissions, "
    "tickets, sales-email-read, communication_preferences.read, "
    "communication_preferences.statuses.batch.read, marketing-email and content into the "
    "connection's password"
)

Record = dict[str, Any]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Refusal:
    """One input that HubSpot refused when it stood alone, or left out of its answer.

    Attributes:
        stream: which it is missing from.
        part: what of it was asked for.
        id: the input.
        reason: what was answered.
    """

    stream: Stream
    part: str | None
    id: str
    reason: str


@dataclass
class Found:
    """What became of the inputs of a batch.

    Attributes:
        records: those that are there; of a merged one, whom it was merged into.
        absent: the ids that the answer names as not there.
        refused: the ids about which nothing is known.
    """

    records: list[Record] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


class Crm:
    """HubSpot, reached through one connection.

    Args:
        connection: ``url`` as far as the host (``https://api.hubapi.com``), ``secret`` the
            service key; ``options`` may set ``version`` of the dated paths, ``properties`` (by
            type, a list that replaces the default) and ``searches_per_second``.
    """

    def __init__(self, connection: Connection) -> None:
        self.id = connection.id
        self.api = Api(connection, scheme="Bearer", records="results", remedy=REMEDY)
        options = connection.options
        self._version = versions.chosen(HUBSPOT, options)
        self._properties = options.get("properties", {})
        self._pace = Pace(float(options.get("searches_per_second", SEARCHES_PER_SECOND)))
        self._splitters: dict[str, Splitter] = {}
        self._refusals: list[Refusal] = []

    def path(self, endpoint: Endpoint, kind: ObjectType | None = None, **parts: str) -> str:
        """Return the path of a call, on an object type if it is one of these."""
        if kind:
            parts["kind"] = kind.name
        return endpoint.path(version=self._version, **parts)

    def properties(self, kind: ObjectType) -> list[str]:
        """Return the properties that are pulled of a type."""
        return sorted({*self._properties.get(kind.name, kind.properties), kind.modified})

    def rows(self, stream: Stream, records: Iterable[Record]) -> list[Row]:
        """Return records as rows of their stream."""
        return [to_row(stream, record, connection=self.id) for record in records]

    def archived(self, kind: ObjectType) -> Iterator[list[Record]]:
        """Yield pages of all archived records of a type, by id."""
        params = {
            "limit": HISTORY_BATCH_SIZE if kind.history else LIST_PAGE_SIZE,
            "properties": ",".join(self.properties(kind)),
            "archived": "true",
        }
        if kind.history:
            params["propertiesWithHistory"] = ",".join(kind.history)
        yield from resumed(partial(self._from_start, self.path(versions.OBJECTS, kind), params))

    def live(self, kind: ObjectType) -> Iterator[list[Record]]:
        """Yield pages of all live records of a type, by id, without their history."""
        params = {
            "limit": LIST_PAGE_SIZE,
            "properties": ",".join(self.properties(kind)),
            "archived": "false",
        }

        def listing(after: int | None) -> Iterator[list[Record]]:
            if after is None:
                return self._pages(self.path(versions.OBJECTS, kind), params)
            return self.by_id(kind, [], after)

        yield from resumed(listing, lambda page: max((int(r["id"]) for r in page), default=None))

    def by_id(
        self, kind: ObjectType, filters: list[dict[str, str]], after: int = 0
    ) -> Iterator[list[Record]]:
        """Yield pages of the records that pass the filters, in the order of their ids.

        Args:
            kind: their type.
            filters: of the search.
            after: the id after which they begin.
        """
        while True:
            page, _ = self.search(
                kind,
                [*filters, {"propertyName": ID, "operator": "GT", "value": str(after)}],
                sort=ID,
                properties=self.properties(kind),
                limit=SEARCH_PAGE_SIZE,
            )
            yield page
            if len(page) < SEARCH_PAGE_SIZE:
                return
            newest = max(int(record["id"]) for record in page)
            if newest <= after:
                raise SourceError(
                    self.id,
                    f"{self.path(versions.OBJECT_SEARCH, kind)}: a page repeats records already "
                    "read",
                )
            after = newest

    def owners(self) -> Iterator[list[Record]]:
        """Yield pages of all owners, former ones too."""
        for archived in ("false", "true"):
            params = {"limit": LIST_PAGE_SIZE, "archived": archived}
            yield from resumed(partial(self._from_start, self.path(versions.OWNERS), params))

    def _from_start(self, path: str, params: dict[str, Any], _: None) -> Iterator[list[Record]]:
        return self._pages(path, params)

    def _pages(self, path: str, params: dict[str, Any]) -> Iterator[list[Record]]:
        paginator = JSONResponseCursorPaginator(
            cursor_path=path_of("paging.next.after"), cursor_param="after"
        )
        yield from map(list, self.api.pages(path, params=params, paginator=paginator))

    def search(
        self,
        kind: ObjectType,
        filters: list[dict[str, str]],
        *,
        sort: str,
        properties: Sequence[str],
        limit: int,
    ) -> tuple[list[Record], int]:
        """Return the first records that pass the filters, and how many pass them in all.

        Raises:
            SourceError: there are more records than the answer holds, although they would fit.
        """
        path = self.path(versions.OBJECT_SEARCH, kind)
        self._pace.wait()
        answer = self.api.post(
            path,
            {
                "filterGroups": [{"filters": filters}] if filters else [],
                "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
                "properties": list(properties),
                "limit": limit,
                "after": "0",
            },
        )
        page, total = answer["results"], answer.get("total")
        if not isinstance(total, int) or len(page) < min(total, limit):
            raise SourceError(
                self.id, f"{path}: {total} records are left, but the page holds {len(page)}"
            )
        return page, total

    def total(self, kind: ObjectType) -> int:
        """Return how many live records of a type there are."""
        return self.search(kind, [], sort=ID, properties=[], limit=1)[1]

    def read(self, kind: ObjectType, ids: Sequence[str], *, archived: bool = False) -> Found:
        """Read records by id.

        Args:
            kind: their type.
            ids: at most as many as one call takes (`batch_size`).
            archived: read archived records, and only those.

        Raises:
            SourceRefused: not a single id is taken.
        """
        path = self.path(versions.OBJECT_BATCH, kind)
        found = Found()

        def question(part: list[str]) -> dict[str, Any]:
            answer = self.api.post(
                f"{path}?archived={str(archived).lower()}",
                {
                    "inputs": [{"id": id_} for id_ in part],
                    "properties": self.properties(kind),
                    "propertiesWithHistory": list(kind.history),
                },
            )
            return answer | {"errors": self.refuse_errors(path, answer)}

        for part, answer in self.split(path, ids, question, stream=kind.stream):
            if answer is None:
                found.refused |= set(part)
                continue
            found.records += answer["results"]
            found.absent |= {
                str(id_)
                for error in answer["errors"]
                for id_ in (error.get("context") or {}).get("ids") or ()
            }
        return found

    def split(
        self,
        path: str,
        inputs: Sequence[str],
        question: Callable[[list[str]], Answer],
        *,
        stream: Stream,
        part: str | None = None,
    ) -> Iterator[tuple[list[str], Answer | None]]:
        """Yield parts of a batch with their answers; None for an input that is refused alone.

        Such inputs are kept for `refusals`.
        """
        splitter = self._splitters.setdefault(path, Splitter())
        for asked, answer in splitter.ask(inputs, question):
            if isinstance(answer, SourceRefused):
                self._refusals.append(Refusal(stream, part, asked[0], str(answer)))
                yield asked, None
            else:
                yield asked, answer

    def refusals(self) -> list[Refusal]:
        """Return what was refused since this was last asked."""
        taken, self._refusals = self._refusals, []
        return taken

    def refuse_errors(self, path: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the errors inside an answer if all of them say that something is not there.

        Raises:
            SourceRefused: some could not be read for another reason.
        """
        errors = answer.get("errors") or []
        if others := [error for error in errors if error.get("category") != GONE]:
            raise SourceRefused(
                self.id, f"{path}: a part of the batch failed{said_in(others)}", 207
            )
        return list(errors)


def batch_size(kind: ObjectType) -> int:
    """Return how many records of a type one batch read takes."""
    return HISTORY_BATCH_SIZE if kind.history else READ_BATCH_SIZE
