"""HubSpot's CRM API as far as it is used: list, search, batch read."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from rapport.errors import SourceError
from rapport.sources.connection import Connection
from rapport.sources.http import Api, Pace
from rapport.sources.hubspot.types import ObjectType
from rapport.sources.records import Row, to_row
from rapport.sources.streams import Stream

OBJECTS_PATH = "/crm/v3/objects"  # the dated one works as well; set `objects_path` to use it
OWNERS_PATH = "/crm/v3/owners"
# The most that the API takes or gives at once.
LIST_PAGE_SIZE = 100
SEARCH_PAGE_SIZE = 200
READ_BATCH_SIZE = 100
HISTORY_BATCH_SIZE = 50
# An account may search five times a second; the tasks that search share it (see the pool).
SEARCHES_PER_SECOND = 1.6
GONE = "OBJECT_NOT_FOUND"
REMEDY = (
    "Put a service key, or the token of a private app, with the scopes crm.objects.<type>.read for "
    "contacts, companies, deals, owners and feedback_submissions, tickets, sales-email-read, "
    "communication_preferences.read, communication_preferences.statuses.batch.read, "
    "marketing-email and content into the connection's password"
)

Record = dict[str, Any]


class Crm:
    """HubSpot, reached through one connection.

    Args:
        connection: ``url`` as far as the host (``https://api.hubapi.com``), ``secret`` the
            private app's token; ``options`` may set ``objects_path``, ``owners_path``,
            ``properties`` (by type, a list that replaces the default) and
            ``searches_per_second``.
    """

    def __init__(self, connection: Connection) -> None:
        self.id = connection.id
        self.api = Api(connection, scheme="Bearer", records="results", remedy=REMEDY)
        options = connection.options
        self._objects_path = options.get("objects_path", OBJECTS_PATH)
        self._owners_path = options.get("owners_path", OWNERS_PATH)
        self._properties = options.get("properties", {})
        self._pace = Pace(float(options.get("searches_per_second", SEARCHES_PER_SECOND)))

    def path(self, kind: ObjectType, call: str = "") -> str:
        """Return the path of a call on an object type."""
        return f"{self._objects_path}/{kind.name}{call}"

    def properties(self, kind: ObjectType) -> list[str]:
        """Return the properties that are pulled of a type."""
        return sorted({*self._properties.get(kind.name, kind.properties), kind.modified})

    def rows(self, stream: Stream, records: Iterable[Record]) -> list[Row]:
        """Return records as rows of their stream."""
        return [to_row(stream, record, connection=self.id) for record in records]

    def listed(self, kind: ObjectType, *, archived: bool) -> Iterator[list[Record]]:
        """Yield pages of all live or all archived records of a type, by id."""
        params = {
            "limit": HISTORY_BATCH_SIZE if kind.history else LIST_PAGE_SIZE,
            "properties": ",".join(self.properties(kind)),
            "archived": str(archived).lower(),
        }
        if kind.history:
            params["propertiesWithHistory"] = ",".join(kind.history)
        yield from self._pages(self.path(kind), params)

    def ids(self, kind: ObjectType) -> Iterator[list[str]]:
        """Yield pages of the ids of all live records."""
        params = {"limit": LIST_PAGE_SIZE, "properties": "hs_object_id", "archived": "false"}
        for page in self._pages(self.path(kind), params):
            yield [record["id"] for record in page]

    def owners(self) -> Iterator[list[Record]]:
        """Yield pages of all owners, former ones too."""
        for archived in ("false", "true"):
            params = {"limit": LIST_PAGE_SIZE, "archived": archived}
            yield from self._pages(self._owners_path, params)

    def _pages(self, path: str, params: dict[str, Any]) -> Iterator[list[Record]]:
        paginator = JSONResponseCursorPaginator(
            cursor_path="paging.next.after", cursor_param="after"
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
        path = self.path(kind, "/search")
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
        return self.search(kind, [], sort="hs_object_id", properties=[], limit=1)[1]

    def read(self, kind: ObjectType, ids: Sequence[str], *, archived: bool = False) -> list[Record]:
        """Return the records of the ids that are there; of a merged one, whom it was merged into.

        Args:
            kind: their type.
            ids: at most as many as one call takes (`batch_size`).
            archived: read archived records, and only those.

        Raises:
            SourceError: some could not be read for another reason than being gone.
        """
        return self.look_up(kind, ids, archived=archived)[0]

    def look_up(
        self, kind: ObjectType, ids: Sequence[str], *, archived: bool = False
    ) -> tuple[list[Record], set[str]]:
        """Return what `read` does, and the ids that the answer names as not there."""
        path = self.path(kind, "/batch/read")
        answer = self.api.post(
            f"{path}?archived={str(archived).lower()}",
            {
                "inputs": [{"id": id_} for id_ in ids],
                "properties": self.properties(kind),
                "propertiesWithHistory": list(kind.history),
            },
        )
        errors = self.refuse_errors(path, answer)
        absent = {
            str(id_) for error in errors for id_ in (error.get("context") or {}).get("ids") or ()
        }
        return answer["results"], absent

    def refuse_errors(self, path: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the errors inside an answer if all of them say that something is not there."""
        errors = answer.get("errors") or []
        others = {str(e.get("category")) for e in errors if e.get("category") != GONE}
        if others:
            raise SourceError(self.id, f"{path}: a part of the batch failed: {sorted(others)}")
        return list(errors)


def batch_size(kind: ObjectType) -> int:
    """Return how many records of a type one batch read takes."""
    return HISTORY_BATCH_SIZE if kind.history else READ_BATCH_SIZE
