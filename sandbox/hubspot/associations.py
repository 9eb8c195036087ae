"""HubSpot's associations: who is tied to whom, read from either side."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from sandbox.hubspot.answers import (
    Refused,
    batch_answer,
    digits,
    in_thread,
    input_ids,
    singular,
)
from sandbox.schema import ASSOCIATION_TYPES, PRIMARY_TYPES
from sandbox.store import Store

INPUTS_MAX = 1_000
_OTHER_WAY = {
    **{kind: ASSOCIATION_TYPES[to, start] for (start, to), kind in ASSOCIATION_TYPES.items()},
    **{kind: PRIMARY_TYPES[to, start] for (start, to), kind in PRIMARY_TYPES.items()},
}
# A tie shows as long as neither end is deleted.
_IS_LIVE = (
    "exists (select 1 from records where collection = :{end}_collection and id = {column} "
    "and archived_at is null and valid_from < :now and valid_until >= :now)"
)
_TIES = f"""
with asked as (select value as id from json_each(:ids)),
ties as (
    select from_id as id, to_id as other_id, type_id, label, false as is_reversed
    from associations
    where from_type = :from_type and to_type = :to_type
    and from_id in (select id from asked)
    and valid_from < :now and valid_until >= :now
    union all
    select to_id, from_id, type_id, label, true
    from associations
    where to_type = :from_type and from_type = :to_type
    and to_id in (select id from asked)
    and valid_from < :now and valid_until >= :now
)
select id, other_id, type_id, label, is_reversed from ties
where {_IS_LIVE.format(end="from", column="ties.id")}
and {_IS_LIVE.format(end="to", column="ties.other_id")}
order by id, other_id, type_id
"""

Ties = dict[str, dict[str, list[dict[str, Any]]]]  # id -> other id -> association types


def ties(store: Store, from_type: str, to_type: str, ids: Iterable[str], now: int) -> Ties:
    """Return what the objects of one type are tied to among those of another."""
    values = {
        "from_type": from_type,
        "to_type": to_type,
        "from_collection": f"hubspot/{from_type}",
        "to_collection": f"hubspot/{to_type}",
        "ids": json.dumps(list(ids)),
        "now": now,
    }
    found: Ties = defaultdict(lambda: defaultdict(list))
    for own_id, other_id, type_id, label, is_reversed in store.rows(_TIES, values):
        kind = _OTHER_WAY.get(type_id, type_id) if is_reversed else type_id
        shown = {"category": "HUBSPOT_DEFINED", "typeId": kind, "label": label}
        if shown not in found[own_id][other_id]:
            found[own_id][other_id].append(shown)
    return found


class Associations:
    """The endpoint."""

    def __init__(self, store: Store, settings: Mapping[str, Any]) -> None:
        self.store = store
        self.settings = settings

    async def batch_read(self, request: Request, from_type: str, to_type: str) -> Response:
        """Answer for up to 1,000 objects; each has its own pages."""
        for object_type in (from_type, to_type):
            if self.store.modified_property(object_type) is None:
                raise Refused(f"Unable to infer object type from: {object_type}")

        def handle(asked: dict[str, Any]) -> Response:
            return self._read(from_type, to_type, asked)

        return await in_thread(request, handle, INPUTS_MAX)

    def _read(self, from_type: str, to_type: str, asked: dict[str, Any]) -> Response:
        ids = input_ids(asked)
        after = {
            each["id"]: digits(each["after"], "after")
            for each in asked["inputs"]
            if each.get("after")
        }
        now, size = self.store.now(), int(self.settings["hubspot_associations_page"])
        found = ties(self.store, from_type, to_type, ids, now)
        results, errors = [], []
        for own_id in ids:
            others = [other for other in found.get(own_id, ()) if other > after.get(own_id, "")]
            if not others:
                errors.append(_nothing(from_type, to_type, own_id))
                continue
            result: dict[str, Any] = {
                "from": {"id": own_id},
                "to": [
                    {"toObjectId": int(other), "associationTypes": found[own_id][other]}
                    for other in others[:size]
                ],
            }
            if len(others) > size:
                last = others[size - 1]
                result["paging"] = {"next": {"after": last, "link": f"?after={last}"}}
            results.append(result)
        return batch_answer(results, errors, now)


def _nothing(from_type: str, to_type: str, own_id: str) -> dict[str, Any]:
    """Return the error that HubSpot makes of an object without a tie, known or not."""
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {singular(to_type)} is associated with {singular(from_type)} {own_id}.",
        "context": {
            "fromObjectId": [own_id],
            "fromObjectType": [singular(from_type)],
            "toObjectType": [singular(to_type)],
        },
    }
