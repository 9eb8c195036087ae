"""What may be written to the Klaviyo look-alike: lists, who is on them, and who is to be deleted.

Nothing here touches consent: joining a list is no subscription.
"""

import json
from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from sandbox import changes
from sandbox.calls import current
from sandbox.clock import FOREVER, klaviyo_time
from sandbox.ids import code
from sandbox.klaviyo import resources
from sandbox.klaviyo.asked import MEDIA_TYPE, Refused
from sandbox.lists import Lists
from sandbox.schema import LISTS, PROFILES, Record

PROFILES_MAX = 1_000
OPT_IN = ("single_opt_in", "double_opt_in")
BY = ("id", "email", "phone_number")


class Writes:
    """The endpoints.

    Args:
        lists: who is on which.
        base: returns what the links of an answer start with.
        settings: what Klaviyo does not document: ``klaviyo_unknown_ids``, ``klaviyo_deleted_ids``
            and ``klaviyo_merged_ids``, and the status of a refusal, ``klaviyo_refusal_status``.
    """

    def __init__(
        self, lists: Lists, base: Callable[[Request], str], settings: dict[str, Any]
    ) -> None:
        self.lists = lists
        self.store = lists.store
        self.base = base
        self.settings = settings

    async def create_list(self, request: Request) -> Response:
        """Make a list; another may have the same name."""
        return await _in_thread(request, lambda asked: self._create_list(request, asked))

    def delete_list(self, list_id: str) -> Response:
        """Delete a list for good."""
        self._must_exist(list_id)
        with self.lists.changes.hand(is_call=True) as hand:
            changes.delete(hand, LISTS, list_id)
            current().did("deleted", LISTS, [list_id], hand.now)
        return Response(status_code=204)

    async def join(self, request: Request, list_id: str) -> Response:
        """Add up to 1,000 profiles to a list."""
        return await _in_thread(request, lambda asked: self._change(list_id, asked, joins=True))

    async def leave(self, request: Request, list_id: str) -> Response:
        """Take up to 1,000 profiles off a list."""
        return await _in_thread(request, lambda asked: self._change(list_id, asked, joins=False))

    async def delete_profiles(self, request: Request) -> Response:
        """Delete whoever has an id, an address or a telephone number."""
        return await _in_thread(request, self._delete_profiles)

    def _create_list(self, request: Request, asked: dict[str, Any]) -> Response:
        attributes = _resource(asked.get("data"), "list").get("attributes", {})
        name, opt_in = attributes.get("name"), attributes.get("opt_in_process") or OPT_IN[1]
        if not (isinstance(name, str) and name.strip()):
            raise Refused("'name' is a required field for the resource 'list'.")
        if opt_in not in OPT_IN:
            raise Refused(f"'{opt_in}' is not a valid opt_in_process.")
        with self.lists.changes.hand(is_call=True) as hand:
            (made,) = hand.crm.execute(
                "select count(*) from records where collection = ?", [LISTS]
            ).fetchone()
            list_id, since = code("made list", made, length=6), hand.now - changes.BEFORE_NOW
            stamp = klaviyo_time(since)
            body = {"name": name, "created": stamp, "updated": stamp, "opt_in_process": opt_in}
            text = changes.json_text(body)
            hand.insert(Record(LISTS, list_id, since, FOREVER, since, since, None, text))
            current().did("made", LISTS, [list_id], hand.now)
        shown = resources.resource((LISTS, list_id, text, "{}"), self.base(request))
        return Response(f'{{"data":{shown}}}', 201, media_type=MEDIA_TYPE)

    def _change(self, list_id: str, asked: dict[str, Any], *, joins: bool) -> Response:
        self._must_exist(list_id)
        data = asked.get("data")
        if not isinstance(data, list) or not 1 <= len(data) <= PROFILES_MAX:
            raise Refused(f"'data' must hold 1 to {PROFILES_MAX} profiles.")
        ids = self._standing([str(_resource(each, "profile").get("id") or "") for each in data])
        self.lists.change(list_id, ids if joins else [], [] if joins else ids)
        return Response(status_code=204)

    def _standing(self, ids: list[str]) -> list[str]:
        """Return whom some ids stand for; whom they do not is refused or ignored, as told."""
        now = self.store.now()
        there = self.store.archived(PROFILES, ids, now)
        strange = [each for each in ids if each not in there]
        if not strange:
            return ids
        successors = self.store.successors(PROFILES, strange, now)
        known = self.store.ever(PROFILES, strange)
        for each in strange:
            kind = (
                "merged" if successors[each] != each else "deleted" if each in known else "unknown"
            )
            if self.settings[f"klaviyo_{kind}_ids"] == "refuse":
                status = int(self.settings["klaviyo_refusal_status"])
                name = {404: "not_found"}.get(status, "invalid")
                raise Refused("A profile with this id does not exist.", "", status, name)
        follows = self.settings["klaviyo_merged_ids"] == "follow"
        standing = {each: other for each, other in successors.items() if follows}
        named = [standing.get(each, each) for each in ids]
        there |= self.store.archived(PROFILES, named, now)
        return [each for each in named if each in there]

    def _delete_profiles(self, asked: dict[str, Any]) -> Response:
        job = _resource(asked.get("data"), "data-privacy-deletion-job").get("attributes", {})
        profile = _resource((job.get("profile") or {}).get("data"), "profile")
        given = {**profile, **profile.get("attributes", {})}
        by = [name for name in BY if given.get(name)]
        if len(by) != 1:
            raise Refused("Exactly one of id, email and phone_number is needed.")
        column = "id" if by == ["id"] else f"body ->> '$.{by[0]}'"
        with self.lists.changes.hand(is_call=True) as hand:
            found = self.store.records(
                f"{column} = :given",
                "",
                {"collection": PROFILES, "now": hand.now, "given": given[by[0]]},
            )
            for each in found:
                changes.delete(hand, PROFILES, each.id)
            current().did("erased", PROFILES, [each.id for each in found], hand.now)
        return Response(status_code=202)

    def _must_exist(self, list_id: str) -> None:
        if not self.store.by_ids(LISTS, [list_id], self.store.now()):
            raise Refused("A list with this id does not exist.", "", 404, "not_found")


async def _in_thread(request: Request, handle: Callable[[dict[str, Any]], Response]) -> Response:
    """Read the JSON object that a request brings, and answer it in a thread."""
    try:
        asked = json.loads(await request.body())
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise Refused("The body is no JSON object.")
    return await run_in_threadpool(handle, asked)


def _resource(given: Any, kind: str) -> dict[str, Any]:
    """Return a resource identifier or object of the right type."""
    if not isinstance(given, dict) or given.get("type") != kind:
        raise Refused(f"A resource of type '{kind}' is expected.")
    return given
