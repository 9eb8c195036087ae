"""HubSpot's static lists (in its screens: segments).

``/crm/lists``, version 2026-09. A list is made MANUAL, found again by the id that the account
keeps, and changed by one call that names whom to add and whom to remove. Each row of an answer is
added, removed, missing (HubSpot knows no such record) or none of these: then nothing changed.

Source: HubSpot, "Lists" guide and reference of the CRM API, 2026-09.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import quote

from rapport.activation.destination import (
    Batch,
    BatchRefused,
    Destination,
    Limit,
    List,
    ListGone,
    Member,
    Operation,
    Outcome,
    Remark,
    Segment,
)
from rapport.activation.limits import Paced, number, size_of_batch
from rapport.activation.moments import SAME_TIME, for_people, time_of, utc
from rapport.errors import SourceRefused
from rapport.sources import versions
from rapport.sources.connection import Connection
from rapport.sources.http import Api
from rapport.sources.streams import HUBSPOT
from rapport.sources.versions import Endpoint

CONTACTS = "0-1"  # the type of what is on the lists
KINDS = ("MANUAL", "SNAPSHOT")  # which may be written to
BATCH_SIZE = 10_000  # the vendor names no most
READ_PAGE_SIZE = 250
RECORD_BATCH_SIZE = 100
LOOKS_AT_ONCE = 8  # an answer takes longer than the limit's pause between two calls
CALLS_PER_MINUTE = 600.0  # 100 in 10 s: of the smallest accounts
NOBODY = 9_000_000_000_000_000  # beyond any id that HubSpot gave
PROPERTIES = ("createdate", "hs_email_optout", "hs_marketable_status")
REMEDY = (
    "Put a service key of its own with the scopes crm.lists.read, crm.lists.write and "
    "crm.objects.contacts.read into the connection's password"
)


class HubSpotLists(Destination):
    """HubSpot as a destination.

    Args:
        connection: ``url`` as far as the host, ``secret`` the key; ``options`` may set ``version``,
            ``batch_size`` and ``calls_per_minute``.
    """

    name = HUBSPOT
    record_source: str | None = HUBSPOT
    reads = True

    def __init__(self, connection: Connection) -> None:
        self.batch_size = size_of_batch(connection, BATCH_SIZE)
        self._version = versions.chosen(HUBSPOT, connection.options)
        self._api = Api(connection, scheme="Bearer", records="results", remedy=REMEDY)
        per_minute = number(connection, "calls_per_minute", CALLS_PER_MINUTE)
        self._calls = Paced("HubSpot's calls, shared with everything on the key", per_minute)

    def open(self, segment: Segment, kept: str | None, *, make: bool) -> List | None:
        """Return a segment's list; one that the account lost is found by its name."""
        name = segment.list_name
        is_new = False
        if kept:
            found = self._call(versions.CRM_LIST, passes=(404,), id=kept)
            if found is None or (found.get("list") or {}).get("deletedAt"):
                raise ListGone(
                    f"HubSpot has the list {kept} of {segment.name} no more; a deleted one can be "
                    "restored for 90 days, and no second one is made meanwhile"
                )
        else:
            found = self._call(
                versions.CRM_LIST_NAMED, passes=(404,), kind=CONTACTS, name=quote(name, safe="")
            )
        if found is None:
            if not make:
                return None
            body = {"name": name, "objectTypeId": CONTACTS, "processingType": "MANUAL"}
            found = self._call(versions.CRM_LISTS, body)
            is_new = True
        return self._described((found or {}).get("list") or {}, segment, is_new)

    def _described(self, found: Mapping[str, Any], segment: Segment, is_new: bool) -> List:
        list_id, name = str(found["listId"]), str(found.get("name") or segment.name)
        kind = str(found.get("processingType") or "of no kind")
        refusal = ""
        if kind not in KINDS:
            refusal = f"the list {list_id} ({name}) is {kind}: only MANUAL and SNAPSHOT lists take"
        elif str(found.get("objectTypeId") or CONTACTS) != CONTACTS:
            refusal = f"the list {list_id} ({name}) is not one of contacts"
        return List(
            list_id,
            name,
            is_new=is_new,
            notes=() if is_new else tuple(self._notes(list_id)),
            refusal=refusal,
            is_closed=bool(refusal),
        )

    def _notes(self, list_id: str) -> Iterator[str]:
        """Say where a list is used and when it was last changed."""
        names = ("hs_list_reference_count", "hs_last_record_added_at", "hs_last_record_removed_at")
        body = {"listIds": [list_id], "count": 1, "additionalProperties": list(names)}
        found = (self._call(versions.CRM_LIST_SEARCH, body) or {}).get("lists") or []
        told: Mapping[str, Any] = (found[0].get("additionalProperties") or {}) if found else {}
        used, added, removed = (told.get(name) for name in names)
        if used not in (None, "", "0"):
            yield f"used in {used} place{'s' * (used != '1')} of HubSpot, such as workflows"
        if added:
            yield f"last added to {for_people(added)}"
        if removed:
            yield f"last removed from {for_people(removed)}"

    def members(self, list_id: str) -> Iterator[tuple[str, datetime | None]]:
        """Yield who is on a list; its own size is an estimate, so all are read."""
        from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

        pages = self._api.pages(
            self._path(versions.CRM_LIST_MEMBERS, id=list_id),
            params={"limit": READ_PAGE_SIZE},
            paginator=JSONResponseCursorPaginator(
                cursor_path="paging.next.after", cursor_param="after"
            ),
        )
        try:
            for page in pages:
                self._calls.wait()
                for each in page:
                    yield str(each["recordId"]), time_of(each.get("membershipTimestamp"))
        except SourceRefused as refusal:
            if refusal.status == 404:
                raise ListGone(f"HubSpot has the list {list_id} no more") from None
            raise

    def look_again(
        self, segment: Segment, known: Mapping[str, datetime | None]
    ) -> Mapping[str, Remark]:
        """Ask of each who would be added whether they are there, and who they are."""
        keys = list(known)
        size = RECORD_BATCH_SIZE
        workers = ThreadPoolExecutor(LOOKS_AT_ONCE)
        try:
            parts = (keys[start : start + size] for start in range(0, len(keys), size))
            records = {
                str(each["id"]): each
                for found in workers.map(self._records, parts)
                for each in found
            }
        finally:
            workers.shutdown(cancel_futures=True)  # where one is refused, all would be
        remarks = {key: _remark(segment, records.get(key), known[key]) for key in keys}
        return {key: remark for key, remark in remarks.items() if remark}

    def _records(
        self, keys: Sequence[str], properties: Sequence[str] = PROPERTIES
    ) -> list[dict[str, Any]]:
        """Return the records of some ids that are there."""
        body = {"inputs": [{"id": key} for key in keys], "properties": list(properties)}
        found = self._call(versions.OBJECT_BATCH, body, kind="contacts") or {}
        return list(found.get("results") or ())

    def send(self, batch: Batch) -> Sequence[Outcome]:
        """Add and remove in one call."""
        body = {
            "recordIdsToAdd": [each.key for each in batch.adds],
            "recordIdsToRemove": [each.key for each in batch.removes],
        }
        try:
            found = self._call(versions.CRM_LIST_CHANGE, body, passes=(404,), id=batch.list_id)
        except SourceRefused as refusal:
            raise BatchRefused(str(refusal.status), refusal.said) from None
        if found is None:
            raise ListGone(f"HubSpot has the list {batch.list_id} of {batch.segment.name} no more")
        # Its own spelling, and the one that everybody expects.
        added = _ids(found, "recordsIdsAdded") | _ids(found, "recordIdsAdded")
        removed = _ids(found, "recordIdsRemoved") | _ids(found, "recordsIdsRemoved")
        missing = _ids(found, "recordIdsMissing") | _ids(found, "recordsIdsMissing")
        return [
            *(_outcome(each, "add", added, missing) for each in batch.adds),
            *(_outcome(each, "remove", removed, missing) for each in batch.removes),
        ]

    def strangers(self, archived: str | None, removed: Sequence[str]) -> Mapping[str, str | None]:
        """Return ids for a probe: nobody's, an archived record's, one that was merged away."""
        merged = None
        if removed:
            eaten = {
                id_
                for record in self._records(removed[:RECORD_BATCH_SIZE], ["hs_merged_object_ids"])
                for id_ in str(record["properties"].get("hs_merged_object_ids")).split(";")
            }
            merged = next((key for key in removed if key in eaten), None)
        return {
            "an id that nobody ever had": self.nobodies(1)[0],
            "an archived record": archived,
            "a record that was merged into another": merged,
        }

    def nobodies(self, count: int) -> list[str]:
        """Return ids that no record ever had."""
        return [str(NOBODY + number) for number in range(count)]

    def drop(self, list_id: str) -> None:
        """Delete a list; HubSpot can restore it for 90 days."""
        self._call(versions.CRM_LIST_DELETION, passes=(404,), id=list_id)

    def limits(self) -> Sequence[Limit]:
        """Return what was used of the account's limit."""
        return [self._calls.told()]

    def _call(
        self,
        endpoint: Endpoint,
        body: dict[str, Any] | None = None,
        *,
        passes: tuple[int, ...] = (),
        **parts: str,
    ) -> dict[str, Any] | None:
        self._calls.wait()
        return self._api.call(endpoint.method, self._path(endpoint, **parts), body, passes=passes)

    def _path(self, endpoint: Endpoint, **parts: str) -> str:
        return endpoint.path(version=self._version, **parts)


def _remark(
    segment: Segment, record: Mapping[str, Any] | None, made_at: datetime | None
) -> Remark | None:
    """What HubSpot says of a record of its own."""
    if record is None:  # one that was merged answers as the record that it was merged into
        return Remark("no_record", "HubSpot has no record of this id any more")
    if record.get("archived"):
        return Remark("archived", "the record is archived in HubSpot")
    properties: Mapping[str, Any] = record.get("properties") or {}
    made = time_of(properties.get("createdate") or record.get("createdAt"))
    if made and made_at and abs(made - utc(made_at)) > SAME_TIME:
        return Remark("other_record", "the record was made at another time than the one we know")
    if segment.channel == "email" and str(properties.get("hs_email_optout")).lower() == "true":
        return Remark("opted_out", "HubSpot says that they opted out of all e-mail")
    if segment.channel == "email" and properties.get("hs_marketable_status") == "false":
        return Remark(
            "not_marketing",
            "is no marketing contact: HubSpot sends them no marketing mail",
            refuses=False,
        )
    return None


def _outcome(member: Member, operation: Operation, done: set[str], missing: set[str]) -> Outcome:
    if member.key in missing:
        return Outcome(member.key, operation, "missing", "missing", "HubSpot knows no such record")
    if member.key in done:
        return Outcome(member.key, operation, "added" if operation == "add" else "removed")
    return Outcome(member.key, operation, "unchanged")


def _ids(found: Mapping[str, Any], name: str) -> set[str]:
    return {str(each) for each in found.get(name) or ()}
