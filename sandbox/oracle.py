"""What the record of calls proves: nobody was added to a list after their no had been served."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sandbox.calls import Calls, Said
from sandbox.schema import CONTACTS, PROFILES
from sandbox.store import Store

COLLECTIONS = {"hubspot": CONTACTS, "klaviyo": PROFILES}
WIDE = {"everything", "archived"}  # what holds for every list


def added_after_opt_out(store: Store, calls: Calls) -> list[dict[str, Any]]:
    """Return each addition that began after the answer with that person's opt-out had been sent.

    A person is whoever has the same address or the same customer number, in either vendor's
    records as they were at any time: it is the person who says no, not the record. An opt-out
    of one subscription counts for no list here, since which list is about it only a policy says.
    """
    added = [
        (call, effect.where, each)
        for call, effect in calls.changes()
        if effect.what == "added"
        for each in effect.ids
    ]
    said = [each for each in list(calls.said) if each.why in WIDE]
    keys = _keys(store, {(call.vendor, member) for call, _, member in added} | set(_records(said)))
    outs = _outs(said, keys)
    wrong = []
    for call, list_id, member in added:
        reasons = _standing(outs, keys[call.vendor, member], call.began)
        if reasons:
            wrong.append({"call": call.number, "list_id": list_id, "id": member, "served": reasons})
    return wrong


def _records(said: Iterable[Said]) -> Iterator[tuple[str, str]]:
    """Yield the records that answers were about, where they were not about an address."""
    for each in said:
        if each.who.startswith("id:"):
            yield each.vendor, each.who.removeprefix("id:")


def _outs(said: Iterable[Said], keys: Mapping[tuple[str, str], set[str]]) -> dict[str, list[Said]]:
    """Return for each thing that a person is known by what was told of them, in order."""
    outs: dict[str, list[Said]] = defaultdict(list)
    for each in said:
        kind, _, name = each.who.partition(":")
        for key in keys[each.vendor, name] if kind == "id" else {each.who}:
            outs[key].append(each)
    return outs


def _standing(outs: Mapping[str, list[Said]], keys: Iterable[str], tick: int) -> list[str]:
    """Return which opt-outs of a person had been served before a tick, and not been lifted."""
    last: dict[tuple[str, str, str], bool] = {}
    for key in keys:
        for each in outs.get(key, ()):
            if each.tick < tick:
                last[each.vendor, each.who, each.why] = each.is_out
    return sorted(" ".join(what) for what, is_out in last.items() if is_out)


def _keys(store: Store, records: Iterable[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """Return for each record what its person is known by: itself, addresses, customer numbers."""
    found = {(vendor, each): {f"{vendor}:{each}"} for vendor, each in records}
    for vendor, collection in COLLECTIONS.items():
        ids = [each for of, each in found if of == vendor]
        rows = store.rows(
            "select id, body ->> '$.email', body ->> '$.hs_additional_emails', "
            "coalesce(body ->> '$.shop_customer_number', body ->> '$.external_id') from records "
            "where collection = :collection and id in (select value from json_each(:ids))",
            {"collection": collection, "ids": json.dumps(ids)},
        )
        for record_id, email, further, number in rows:
            known = found[vendor, record_id]
            addresses = [email, *(further or "").split(";")]
            known |= {f"mail:{each.lower()}" for each in addresses if each}
            known |= {f"number:{number}"} if number else set()
    return found
