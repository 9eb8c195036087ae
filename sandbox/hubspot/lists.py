"""HubSpot's lists of contacts: made, found, filled, read, deleted and restored."""

from typing import Any
from urllib.parse import unquote

from fastapi import Request
from fastapi.responses import Response

from sandbox import changes
from sandbox.calls import current
from sandbox.clock import FOREVER, hubspot_time
from sandbox.hubspot.answers import Refused, answer, batch_answer, digits, in_thread, integer
from sandbox.lists import SHOWN, Lists
from sandbox.schema import CONTACTS, CRM_LISTS
from sandbox.schema import Record as Row
from sandbox.store import VISIBLE_RECORD, Record

CONTACT_TYPE = "0-1"
WRITABLE = ("MANUAL", "SNAPSHOT")  # a DYNAMIC list decides by itself who is on it
KINDS = (*WRITABLE, "DYNAMIC")
MEMBERS_MAX = 250
SEARCH_MAX = 500
RECORDS_MAX = 1_000
PROPERTIES = ("hs_list_reference_count", "hs_list_size")
_MEMBERS = f"""
from list_members inner join records
on records.collection = '{CONTACTS}' and records.id = list_members.profile_id
where {SHOWN} and {VISIBLE_RECORD} and records.archived_at is null
"""


class CrmLists:
    """The endpoints.

    Args:
        lists: who is on which.
        settings: what HubSpot does not document: ``hubspot_archived_ids``, ``hubspot_merged_ids``,
            ``hubspot_most_ids`` and ``hubspot_most_ids_status``.
    """

    def __init__(self, lists: Lists, settings: dict[str, Any]) -> None:
        self.lists = lists
        self.store = lists.store
        self.settings = settings

    async def create(self, request: Request) -> Response:
        """Make a list, whose name no other has."""
        return await in_thread(request, self._create)

    def by_id(self, list_id: str) -> Response:
        """Answer for one list."""
        return answer({"list": self._shown(self._list(list_id))})

    def by_name(self, object_type: str, name: str) -> Response:
        """Answer for the list of a name, whatever its case."""
        found = self._named(unquote(name)) if object_type == CONTACT_TYPE else None
        if found is None:
            raise _gone(f"name {name}")
        return answer({"list": self._shown(found)})

    async def search(self, request: Request) -> Response:
        """Answer which lists there are, with how often each is used and when it last changed."""
        return await in_thread(request, self._search)

    def delete(self, list_id: str) -> Response:
        """Delete a list, which can be restored."""
        self._list(list_id)
        with self.lists.changes.hand(is_call=True) as hand:
            changes.archive(hand, CRM_LISTS, list_id)
            current().did("deleted", CRM_LISTS, [list_id], hand.now)
        return Response(status_code=204)

    def restore(self, list_id: str) -> Response:
        """Bring a deleted list back."""
        found = self.store.by_ids(CRM_LISTS, [list_id], self.store.now())
        if not found:
            raise _gone(f"ID {list_id}")
        if found[0].archived_at is not None:
            with self.lists.changes.hand(is_call=True) as hand:
                changes.restore(hand, CRM_LISTS, list_id)
                current().did("made", CRM_LISTS, [list_id], hand.now)
        return Response(status_code=204)

    async def add_and_remove(self, request: Request, list_id: str) -> Response:
        """Add contacts to a list and remove others from it."""
        return await in_thread(request, lambda asked: self._add_and_remove(list_id, asked))

    def members(self, request: Request, list_id: str) -> Response:
        """List the members of a list, by id."""
        return self._members(request, list_id, "list_members.profile_id")

    def join_order(self, request: Request, list_id: str) -> Response:
        """List the members of a list, by when they joined."""
        return self._members(request, list_id, "list_members.joined_at")

    async def of_records(self, request: Request) -> Response:
        """Answer which lists some contacts are on."""
        return await in_thread(request, self._of_records, RECORDS_MAX)

    def _create(self, asked: dict[str, Any]) -> Response:
        name, kind = asked.get("name"), asked.get("processingType")
        if not (isinstance(name, str) and name.strip()):
            raise Refused("name must not be empty")
        if asked.get("objectTypeId") != CONTACT_TYPE:
            raise Refused(f"objectTypeId: this account has lists of contacts ({CONTACT_TYPE}) only")
        if kind not in KINDS:
            raise Refused(f"processingType must be one of {', '.join(KINDS)}")
        if self._named(name):
            raise Refused(
                f"A list already exists with the name {name!r}.",
                sub_category="ILS.DUPLICATE_LIST_NAMES",
            )
        with self.lists.changes.hand(is_call=True) as hand:
            (last,) = hand.crm.execute(
                "select max(cast(id as integer)) from records where collection = ?", [CRM_LISTS]
            ).fetchone()
            list_id = str((last or 0) + 1)
            since = hand.now - changes.BEFORE_NOW
            body = changes.json_text({"name": name, "processingType": kind})
            hand.insert(Row(CRM_LISTS, list_id, since, FOREVER, since, since, None, body))
            current().did("made", CRM_LISTS, [list_id], hand.now)
        return answer({"list": self._shown(self._list(list_id))})

    def _search(self, asked: dict[str, Any]) -> Response:
        offset = integer(asked.get("offset", 0), "offset", 0, 1_000_000)
        count = integer(asked.get("count", 20), "count", 1, SEARCH_MAX)
        wanted = [*PROPERTIES, *asked.get("additionalProperties", [])]
        query = str(asked.get("query") or "").lower()
        ids, kinds = asked.get("listIds"), asked.get("processingTypes")
        found = [
            each
            for each in self._all()
            if query in each.body["name"].lower()
            and (not ids or each.id in map(str, ids))
            and (not kinds or each.body["processingType"] in kinds)
        ]
        page = found[offset : offset + count]
        now = self.store.now()
        shown = [
            {
                **self._shown(each),
                "additionalProperties": {
                    name: value
                    for name, value in self._properties(each, now).items()
                    if name in wanted and value is not None
                },
            }
            for each in page
        ]
        end = offset + len(page)
        more = {"offset": end, "hasMore": end < len(found), "total": len(found)}
        return answer({"lists": shown, **more})

    def _properties(self, each: Record, now: int) -> dict[str, str | None]:
        """Return what a search tells of a list; its size is an estimate, as HubSpot's is."""
        ((size, joined),) = self.store.rows(
            f"select count(*), max(joined_at) {_MEMBERS} and list_id = :list_id",
            {**self.lists.shown(now), "list_id": each.id},
        )
        removed = [
            effect.at for _, effect in self.lists.calls.changes(each.id) if effect.what == "removed"
        ]
        return {
            "hs_list_reference_count": str(len(self.lists.flows(each.id, now))),
            "hs_list_size": str(size - size % 10),
            "hs_last_record_added_at": str(joined) if joined else None,
            "hs_last_record_removed_at": str(removed[-1]) if removed else None,
        }

    def _add_and_remove(self, list_id: str, asked: dict[str, Any]) -> Response:
        found = self._list(list_id)
        if found.body["processingType"] not in WRITABLE:
            raise Refused(
                f"List {list_id} is {found.body['processingType']}: its members cannot be changed"
            )
        add, remove = (_ids(asked, name) for name in ("recordIdsToAdd", "recordIdsToRemove"))
        most = int(self.settings["hubspot_most_ids"])
        if most and len(add) + len(remove) > most:
            status = int(self.settings["hubspot_most_ids_status"])
            raise Refused("Too many records in one request", status)
        stands, missing = self._standing([*add, *remove])
        to_add = {stands[each]: each for each in add if each in stands}
        to_remove = {stands[each]: each for each in remove if each in stands}
        added, removed = self.lists.change(list_id, list(to_add), list(to_remove))
        if self.settings["hubspot_merged_ids"] == "as_given":
            added, removed = [to_add[each] for each in added], [to_remove[each] for each in removed]
        body = {
            "recordsIdsAdded": added,
            "recordIdsRemoved": removed,
            "recordIdsMissing": missing,
        }
        return answer({name: ids for name, ids in body.items() if ids})

    def _standing(self, ids: list[str]) -> tuple[dict[str, str], list[str]]:
        """Return for each id the contact it stands for, and which ids stand for none."""
        now, asked = self.store.now(), list(dict.fromkeys(ids))
        merged: dict[str, str] = {}
        if self.settings["hubspot_merged_ids"] != "missing":
            standing = self.store.successors(CONTACTS, asked, now)
            merged = {each: other for each, other in standing.items() if each != other}
        named = {each: merged.get(each, each) for each in asked}
        archived = self.store.archived(CONTACTS, set(named.values()), now)
        takes_archived = self.settings["hubspot_archived_ids"] == "added"
        stands = {
            each: other
            for each, other in named.items()
            if other in archived and (takes_archived or not archived[other])
        }
        return stands, [each for each in asked if each not in stands]

    def _members(self, request: Request, list_id: str, key: str) -> Response:
        self._list(list_id)
        query, now = request.query_params, self.store.now()
        limit = integer(query.get("limit", "100"), "limit", 1, MEMBERS_MAX)
        start = query.get("after", "0_0")
        at, _, record = start.rpartition("_")
        found = self.store.rows(
            f"select list_members.profile_id, joined_at, {key} {_MEMBERS} and list_id = :list_id "
            f"and ({key}, list_members.profile_id) > (:key, :record) "
            f"order by {key}, list_members.profile_id limit :limit",
            {
                **self.lists.shown(now),
                "list_id": list_id,
                "key": int(digits(at or "0", "after")) if "joined" in key else record,
                "record": digits(record, "after"),
                "limit": limit + 1,
            },
        )
        results = [
            {"recordId": record_id, "membershipTimestamp": hubspot_time(joined_at)}
            for record_id, joined_at, _ in found[:limit]
        ]
        body: dict[str, Any] = {"results": results}
        if len(found) > limit:
            last, joined_at, _ = found[limit - 1]
            after = f"{joined_at}_{last}" if "joined" in key else last
            link = str(request.url.include_query_params(after=after))
            body["paging"] = {"next": {"after": after, "link": link}}
        return answer(body)

    def _of_records(self, asked: dict[str, Any]) -> Response:
        ids = [str(each.get("recordId")) for each in asked["inputs"]]
        now = self.store.now()
        known = self.store.archived(CONTACTS, ids, now)
        there = [each for each in dict.fromkeys(ids) if known.get(each) is False]
        rows = self.store.rows(
            f"select list_members.profile_id, list_id, joined_at {_MEMBERS} "
            "and list_members.profile_id in (select value from json_each(:ids)) "
            "and list_id in (select value from json_each(:lists)) order by list_id",
            {
                **self.lists.shown(now),
                "ids": changes.json_text(there),
                "lists": changes.json_text([each.id for each in self._all()]),
            },
        )
        results = [
            {
                "objectTypeId": CONTACT_TYPE,
                "recordId": each,
                "recordListMemberships": [
                    {
                        "listId": list_id,
                        "listVersion": 1,
                        "firstAddedTimestamp": hubspot_time(joined_at),
                        "lastAddedTimestamp": hubspot_time(joined_at),
                        "isPublicList": True,
                    }
                    for member, list_id, joined_at in rows
                    if member == each
                ],
            }
            for each in there
        ]
        gone = [each for each in dict.fromkeys(ids) if each not in set(there)]
        errors = [
            {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "message": "Could not find some records",
                "context": {"ids": gone},
            }
        ]
        return batch_answer(results, errors if gone else [], now)

    def _all(self) -> list[Record]:
        values = {"collection": CRM_LISTS, "now": self.store.now()}
        return self.store.records("archived_at is null", "order by cast(id as integer)", values)

    def _list(self, list_id: str) -> Record:
        found = self.store.by_ids(CRM_LISTS, [list_id], self.store.now())
        if not found or found[0].archived_at is not None:
            raise _gone(f"ID {list_id}")
        return found[0]

    def _named(self, name: str) -> Record | None:
        return next((each for each in self._all() if _same(each.body["name"], name)), None)

    def _shown(self, found: Record) -> dict[str, Any]:
        made, changed = hubspot_time(found.created_at), hubspot_time(found.modified_at)
        return {
            "listId": found.id,
            "listVersion": 1,
            "name": found.body["name"],
            "objectTypeId": CONTACT_TYPE,
            "processingType": found.body["processingType"],
            "processingStatus": "COMPLETE",
            "createdAt": made,
            "updatedAt": changed,
            "createdById": "4100001",
            "updatedById": "4100001",
        }


def _ids(asked: dict[str, Any], name: str) -> list[str]:
    """Return the ids of a member that must be there, even if empty."""
    ids = asked.get(name)
    if not isinstance(ids, list) or not all(isinstance(each, str | int) for each in ids):
        raise Refused(f"Invalid input JSON: {name} must be a list of record ids")
    return list(map(str, ids))


def _same(one: str, other: str) -> bool:
    return one.strip().lower() == other.strip().lower()


def _gone(what: str) -> Refused:
    return Refused(f"List does not exist with {what}.", 404, "OBJECT_NOT_FOUND")
