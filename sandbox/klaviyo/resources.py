"""How Klaviyo shows a resource: JSON texts, put together around the texts that are stored.

Nothing is parsed that need not be: an event costs a few microseconds.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from sandbox.calls import current
from sandbox.clock import klaviyo_time

# Relations that only carry links, unless the record says more and the request includes it.
RELATIONS = {
    "profile": ("lists", "segments", "push-tokens"),
    "metric": ("flow-triggers",),
    "campaign": ("tags",),
    "list": ("profiles", "tags", "flow-triggers"),
    "flow": ("flow-actions", "tags"),
    "flow-action": ("flow", "flow-messages"),
    "flow-message": ("flow-action", "template"),
}
ON_DEMAND = {"tags"}  # shown with its ids only when it is included


def text(value: Any) -> str:
    """Return the JSON text of a value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def kind_of(collection: str) -> str:
    """Return the resource type of a collection: ``klaviyo/profile`` holds profiles."""
    return collection.split("/")[1]


def resource(
    row: tuple[str, str, str, str],
    base: str,
    shown: Collection[str] | None = None,
    *,
    hidden: Collection[str] = (),
    included: Collection[str] = (),
    more: Mapping[str, Any] | None = None,
) -> str:
    """Return a resource as JSON text.

    Args:
        row: collection, id, and the texts of the attributes and of the relations.
        base: what its links start with.
        shown: the sparse fieldset asked for; None for everything.
        hidden: attributes that are not shown.
        included: relations that the request includes.
        more: attributes that are not in the record.
    """
    collection, record_id, attributes, related_text = row
    kind = kind_of(collection)
    own = f"{base}/{kind}s/{record_id}"
    if shown is not None or hidden or more or kind == "profile":
        known = {**json.loads(attributes), **(more or {})}
        kept = {name: value for name, value in known.items() if name not in hidden}
        if kind == "profile" and "subscriptions" in kept:
            _show_consent(record_id, kept["subscriptions"])
        attributes = text(_sparse(kept, shown))
    relationships: dict[str, Any] = {}
    for relation, (related_kind, ids) in related(related_text).items():
        links = relation_links(own, relation)
        if relation in ON_DEMAND and relation not in included:
            relationships[relation] = {"links": links}
            continue
        one = isinstance(ids, str)
        data = [{"type": related_kind, "id": each} for each in ([ids] if one else ids)]
        relationships[relation] = {"data": data[0] if one else data, "links": links}
    for relation in RELATIONS.get(kind, ()):
        relationships.setdefault(relation, {"links": relation_links(own, relation)})
    return (
        f'{{"type":"{kind}","id":{text(record_id)},"attributes":{attributes},'
        f'"relationships":{text(relationships)},"links":{{"self":{text(own)}}}}}'
    )


def _show_consent(profile_id: str, subscriptions: Mapping[str, Any]) -> None:
    """Note for the record who is shown as out: by their own word, or suppressed for another."""
    email = subscriptions.get("email", {}).get("marketing", {})
    reasons = {each.get("reason") for each in email.get("suppression", ())}
    is_out = email.get("consent") == "UNSUBSCRIBED" or "UNSUBSCRIBE" in reasons
    current().show(f"id:{profile_id}", "everything", is_out)
    current().show(f"id:{profile_id}", "suppressed", bool(reasons))


def related(stored: str) -> dict[str, list[Any]]:
    """Return the relations that a record is stored with."""
    found: dict[str, list[Any]] = {} if stored == "{}" else json.loads(stored)
    return found


def event(
    row: tuple[Any, ...],
    base: str,
    shown: Collection[str] | None = None,
    *,
    attributed: bool = False,
) -> str:
    """Return an event as JSON text; a row is id, key, uuid, time, metric, profile, properties.

    With ``attributed`` it tells the ids of its attributions, which are a resource of their own. A
    metric that Klaviyo cannot tell any more is empty, and so is the relation to it.
    """
    event_id, _, uuid, at, metric_id, profile_id, properties = row
    own = f"{base}/events/{event_id}"
    stamp = klaviyo_time(at)
    if shown is None:
        attributes = (
            f'{{"timestamp":{at // 1_000},"event_properties":{properties},'
            f'"datetime":"{stamp}","uuid":"{uuid}"}}'
        )
    else:
        known = {
            "timestamp": at // 1_000,
            "event_properties": json.loads(properties),
            "datetime": stamp,
            "uuid": uuid,
        }
        attributes = text(_sparse(known, shown))
    ties = ",".join(
        f'"{kind}":{{'
        + (f'"data":{{"type":"{kind}","id":"{tied}"}},' if tied else "")
        + f'"links":{{"self":"{own}/relationships/{kind}","related":"{own}/{kind}"}}}}'
        for kind, tied in (("profile", profile_id), ("metric", metric_id))
    )
    if attributed:
        credits = [{"type": "attribution", "id": attribution_id(event_id)}]
        data = text(credits if credited_message(properties) else [])
        links = text(relation_links(own, "attributions"))
        ties += f',"attributions":{{"data":{data},"links":{links}}}'
    return (
        f'{{"type":"event","id":"{event_id}","attributes":{attributes},'
        f'"relationships":{{{ties}}},"links":{{"self":"{own}"}}}}'
    )


def credited_message(properties: str) -> str | None:
    """Return the message that an event is put down to, if any."""
    if '"$attribution"' not in properties:
        return None
    message: str | None = json.loads(properties)["$attribution"].get("$message")
    return message


def attribution_id(event_id: str) -> str:
    """Return the id of the attribution of an event."""
    return blake2b(f"attribution of {event_id}".encode(), digest_size=16).hexdigest()


def attribution(event_id: str, message_id: str, campaign_id: str, base: str) -> str:
    """Return what an event is put down to, as JSON text."""
    own = attribution_id(event_id)
    tied = {"event": event_id, "campaign": campaign_id, "campaign-message": message_id}
    return text(
        {
            "type": "attribution",
            "id": own,
            "relationships": {
                kind: {"data": {"type": kind, "id": id_}} for kind, id_ in tied.items()
            },
            "links": {"self": f"{base}/attributions/{own}"},
        }
    )


def document(
    data: Iterable[str], links: Mapping[str, str], included: Iterable[str] | None = None
) -> str:
    """Return a page of resources as JSON text."""
    tail = "" if included is None else f',"included":[{",".join(included)}]'
    return f'{{"data":[{",".join(data)}],"links":{text(links)}{tail}}}'


def relation_links(own: str, relation: str) -> dict[str, str]:
    """Return the two links of a relation."""
    return {"self": f"{own}/relationships/{relation}", "related": f"{own}/{relation}"}


def _sparse(attributes: dict[str, Any], shown: Collection[str] | None) -> dict[str, Any]:
    """Keep the fields asked for; ``location.city`` asks for the whole of ``location``.

    Of a definition only the members that are named are shown, however deep they lie.
    """
    if shown is None:
        return attributes
    names = {name.split(".")[0] for name in shown}
    kept = {name: value for name, value in attributes.items() if name in names}
    paths = [name.split(".")[1:] for name in shown if name.startswith("definition.")]
    if paths and isinstance(kept.get("definition"), dict):
        kept["definition"] = _members(kept["definition"], paths)
    return kept


def _members(whole: dict[str, Any], paths: list[list[str]]) -> dict[str, Any]:
    """Return the members of an object that some paths lead to."""
    found: dict[str, Any] = {}
    for name, value in whole.items():
        further = [path[1:] for path in paths if path[0] == name]
        if [] in further or (further and not isinstance(value, dict)):
            found[name] = value
        elif further:
            found[name] = _members(value, further)
    return found
