"""HubSpot's deletion for good, as the law asks for it."""

from typing import Any

from fastapi import Request
from fastapi.responses import Response

from sandbox import changes
from sandbox.calls import current
from sandbox.hubspot.answers import Refused, in_thread
from sandbox.schema import CONTACTS


class Erasure:
    """The endpoint."""

    def __init__(self, made: changes.Changes) -> None:
        self.changes = made

    async def contact(self, request: Request) -> Response:
        """Delete a contact for good, by id or by address; an address nobody has is blocked."""
        return await in_thread(request, self._contact)

    def _contact(self, asked: dict[str, Any]) -> Response:
        name, property_ = asked.get("objectId"), asked.get("idProperty", "hs_object_id")
        if not isinstance(name, str) or property_ not in ("hs_object_id", "email"):
            raise Refused("objectId is needed, and idProperty, if any, is email")
        store = self.changes.store
        now = store.now()
        if property_ == "email":
            values = {"collection": CONTACTS, "now": now, "email": name}
            found = store.records("lower(body ->> '$.email') = lower(:email)", "", values)
        else:
            found = store.by_ids(CONTACTS, store.successors(CONTACTS, [name], now).values(), now)
            if not found:
                raise Refused("resource not found", 404, "OBJECT_NOT_FOUND")
        with self.changes.hand(is_call=True) as hand:
            for each in found:
                changes.delete(hand, CONTACTS, each.id)
            current().did("erased", CONTACTS, [each.id for each in found], hand.now)
        return Response(status_code=204)
