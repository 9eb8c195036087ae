"""Changes on demand: records that are edited, deleted, merged or tied while somebody reads.

Each change is a JSON object; ``CHANGES`` says which there are and what they take. They happen one
second before the sandbox's now, and are written down, so that `Changes.undo` takes them back.
What a call to one of the APIs writes is done by the same hand, and taken back on its own.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from sandbox import schema
from sandbox.clock import FOREVER, hubspot_time, klaviyo_time, parse_instant
from sandbox.schema import (
    ASSOCIATION_TYPES,
    CONTACTS,
    CRM_LISTS,
    FLOWS,
    LISTS,
    METRICS,
    OBJECT_TYPES,
    PROFILES,
    WORKFLOWS,
)
from sandbox.store import VISIBLE, Store

BEFORE_NOW = 1_000
MERGE_PROPERTIES = ("hs_merged_object_ids", "hs_calculated_merged_vids")
ONCE: dict[str, Any] = {"duration": 1, "unit": "alltime"}  # how often a flow may be entered
MOST = 20_000  # records that one change may make


class BadChange(ValueError):
    """A change that cannot be understood, or not be made."""


class Changes:
    """Makes changes in the database of a company, and takes them back."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._alone = RLock()  # one writer at a time: SQLite would refuse the second

    @contextmanager
    def hand(self, *, is_call: bool) -> Iterator["Hand"]:
        """Give a hand that writes at the sandbox's now, all of it or nothing."""
        with self._alone, self.store.crm as crm:  # commits, or rolls back
            yield Hand(crm, self.store.now(), is_call)

    def apply(self, changes: Iterable[Any]) -> list[dict[str, Any]]:
        """Make some changes, all of them or none.

        Returns:
            Per change its kind and the ids it touched.

        Raises:
            BadChange: one of them cannot be made.
        """
        done = []
        with self.hand(is_call=False) as hand:
            for change in changes:
                check(change)
                given = {name: value for name, value in change.items() if name != "change"}
                ids = CHANGES[change["change"]][0](hand, **given)
                done.append({"change": change["change"], "ids": ids})
        return done

    def undo(self, *, with_calls: bool = False) -> None:
        """Take back every change, and what calls wrote if that is wanted: the latest first."""
        with self.hand(is_call=False) as hand:
            crm = hand.crm
            made = crm.execute(
                "select table_name, row, column_name, old_value from scripted "
                "where is_call <= ? order by rowid desc",
                [with_calls],
            ).fetchall()
            for table, row, column, old_value in made:
                if column is None:
                    crm.execute(f"delete from {table} where rowid = ?", [row])
                else:
                    statement = f"update {table} set {column} = ? where rowid = ?"
                    crm.execute(statement, [old_value, row])
            crm.execute("delete from scripted where is_call <= ?", [with_calls])
            if with_calls:
                crm.execute("delete from list_members where added_really > 0")
                crm.execute(
                    "update list_members set removed_really = ? where removed_really < ?",
                    [FOREVER, FOREVER],
                )


def check(change: Any) -> None:
    """Check the form of a change.

    Raises:
        BadChange: it is of no known kind, or lacks a member, or has an unknown one.
    """
    kind = change.get("change") if isinstance(change, dict) else None
    if kind not in CHANGES:
        raise BadChange(f"change {kind!r} is unknown; there are {', '.join(CHANGES)}")
    _, needed, allowed = CHANGES[kind]
    given = set(change) - {"change"}
    if missing := needed - given:
        raise BadChange(f"{kind} needs {', '.join(sorted(missing))}")
    if unknown := given - needed - allowed:
        raise BadChange(f"unknown in {kind}: {', '.join(sorted(unknown))}")


class Hand:
    """Writes rows, and notes each so that it can be undone."""

    def __init__(self, crm: sqlite3.Connection, now: int, is_call: bool) -> None:
        self.crm = crm
        self.now = now
        self.is_call = is_call

    def insert(self, row: schema.Row) -> None:
        """Add a row."""
        table = schema.TABLES[type(row)]
        added = self.crm.execute(schema.insertion(type(row)), row).lastrowid
        self.crm.execute(
            "insert into scripted values (?, ?, null, null, ?)", [table, added, self.is_call]
        )

    def update(self, table: str, row: int, column: str, value: Any) -> None:
        """Give one column of a row another value."""
        self.crm.execute(
            f"insert into scripted select ?, rowid, ?, {column}, ? from {table} where rowid = ?",
            [table, column, self.is_call, row],
        )
        self.crm.execute(f"update {table} set {column} = ? where rowid = ?", [value, row])

    def current(self, collection: str, record_id: str) -> tuple[int, schema.Record]:
        """Return the row and the version of a record as it stands."""
        found = self.crm.execute(
            "select rowid, * from records "
            f"where collection = :collection and id = :id and {VISIBLE}",
            {"collection": collection, "id": record_id, "now": self.now},
        ).fetchone()
        if found is None:
            raise BadChange(f"{collection} {record_id} is not there now")
        return found[0], schema.Record(*found[1:])

    def moment(self, version: schema.Record) -> int:
        """Return an instant before now and after the beginning of a version."""
        at = max(self.now - BEFORE_NOW, version.valid_from + 1)
        if at >= self.now:
            raise BadChange(f"{version.collection} {version.id} was changed too often")
        return at

    def replace(self, row: int, old: schema.Record, new: schema.Record) -> None:
        """End a version where its successor begins."""
        self.update("records", row, "valid_until", new.valid_from)
        self.insert(new._replace(valid_until=old.valid_until))

    def forget_later(self, version: schema.Record) -> None:
        """Let the versions that would follow never show: the record goes another way now."""
        later = self.crm.execute(
            "select rowid, valid_from from records "
            "where collection = ? and id = ? and valid_from >= ?",
            [version.collection, version.id, version.valid_until],
        ).fetchall()
        for row, valid_from in later:
            self.update("records", row, "valid_until", valid_from)


def _modify(
    hand: Hand,
    collection: str,
    id: str,
    values: dict[str, Any] | None = None,
    silently: bool = False,
) -> list[str]:
    """Edit a record; its modified date moves unless that is to happen silently."""
    row, old = hand.current(collection, id)
    at = hand.moment(old)
    body = {**json.loads(old.body), **_values(collection, values)}
    new = old._replace(valid_from=at)
    if not silently:
        new = new._replace(modified_at=at)
        for name in ("lastmodifieddate", "hs_lastmodifieddate"):
            if name in body:
                body[name] = hubspot_time(at)
        for name in ("updated", "updated_at"):
            if name in body:
                body[name] = klaviyo_time(at)
    hand.replace(row, old, new._replace(body=json_text(body)))
    return [id]


def archive(hand: Hand, collection: str, id: str) -> list[str]:
    """Delete a record as HubSpot does: it is archived, and its modified date stays."""
    row, old = hand.current(collection, id)
    at = hand.moment(old)
    hand.forget_later(old)
    hand.update("records", row, "valid_until", at)
    hand.insert(old._replace(valid_from=at, valid_until=FOREVER, archived_at=at))
    return [id]


def restore(hand: Hand, collection: str, id: str) -> list[str]:
    """Bring an archived record back."""
    row, old = hand.current(collection, id)
    hand.replace(row, old, old._replace(valid_from=hand.moment(old), archived_at=None))
    return [id]


def delete(hand: Hand, collection: str, id: str) -> list[str]:
    """Delete a record for good: no list shows it again."""
    row, old = hand.current(collection, id)
    hand.forget_later(old)
    hand.update("records", row, "valid_until", hand.moment(old))
    return [id]


def _merge(
    hand: Hand,
    collection: str,
    id: str,
    into: str,
    new_id: str | None = None,
    memberships: str = "both",
) -> list[str]:
    """Merge a record into another as the vendor does.

    In HubSpot the survivor keeps its id and its modified date; with `new_id` both go into a new
    record of that id, as contacts and companies do now. In Klaviyo the survivor's date moves.
    Whose list memberships the survivor has (both, primary, none) no vendor says.
    """
    if id == into:
        raise BadChange("a record cannot be merged into itself")
    if memberships not in ("both", "primary", "none"):
        raise BadChange("memberships that survive are both, primary or none")
    (gone_row, gone), (row, old) = hand.current(collection, id), hand.current(collection, into)
    at = max(hand.moment(gone), hand.moment(old))
    hand.forget_later(gone)
    hand.update("records", gone_row, "valid_until", at)
    hand.insert(schema.Redirect(collection, id, new_id or into, at))
    _move_memberships(hand, (id, into), str(new_id or into), memberships, at)
    if collection == PROFILES:
        body = {**json.loads(gone.body), **_known(json.loads(old.body))}
        body["updated"] = klaviyo_time(at)
        hand.replace(row, old, old._replace(valid_from=at, modified_at=at, body=json_text(body)))
        return [id, into]
    if new_id:
        return _merge_into_new(hand, gone, (row, old), str(new_id), at)
    body = merged_body(json.loads(old.body), json.loads(gone.body), collection, id, at)
    hand.replace(row, old, old._replace(valid_from=at, body=json_text(body)))
    eaten = {name: body.get(name) for name in MERGE_PROPERTIES}
    later = hand.crm.execute(
        "select rowid, body from records where collection = ? and id = ? and valid_from > ?",
        [collection, into, at],
    ).fetchall()
    for later_row, text in later:
        hand.update("records", later_row, "body", json_text({**json.loads(text), **eaten}))
    _move_ties(hand, collection.split("/")[1], id, into, at)
    return [id, into]


def _merge_into_new(
    hand: Hand, gone: schema.Record, primary: tuple[int, schema.Record], new_id: str, at: int
) -> list[str]:
    """End the primary record too, and make the one that both are now."""
    row, old = primary
    hand.forget_later(old)
    hand.update("records", row, "valid_until", at)
    hand.insert(schema.Redirect(old.collection, old.id, new_id, at))
    hand.insert(merged_record(old, gone, new_id, at))
    for id_ in (gone.id, old.id):
        _move_ties(hand, old.collection.split("/")[1], id_, new_id, at)
    return [gone.id, old.id, new_id]


def merged_record(
    primary: schema.Record, other: schema.Record, new_id: str, at: int
) -> schema.Record:
    """Return the new record that two became: the primary's values, and whom it ate."""
    made = min(primary.created_at, other.created_at)
    body = merged_body(
        json.loads(primary.body), json.loads(other.body), primary.collection, other.id, at
    )
    eaten = [body["hs_merged_object_ids"], primary.id]
    modified = OBJECT_TYPES[primary.collection.split("/")[1]]
    body |= {
        "hs_merged_object_ids": ";".join(eaten),
        "hs_object_id": new_id,
        "createdate": hubspot_time(made),
        modified: hubspot_time(at),
    }
    if primary.collection == CONTACTS:
        # Only of the last merge: those that came with an earlier one are not in it.
        body["hs_calculated_merged_vids"] = f"{primary.id}:{at};{other.id}:{at}"
    return schema.Record(primary.collection, new_id, at, FOREVER, made, at, None, json_text(body))


def _known(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def merged_body(
    survivor: dict[str, Any], gone: dict[str, Any], collection: str, gone_id: str, at: int
) -> dict[str, Any]:
    """Return a survivor's properties: its own, the other's where it had none, and whom it ate."""
    body = {**survivor}
    for name, value in gone.items():
        if body.get(name) is None:
            body[name] = value
    eaten = [survivor.get("hs_merged_object_ids"), gone.get("hs_merged_object_ids"), gone_id]
    body["hs_merged_object_ids"] = ";".join(each for each in eaten if each)
    if collection == CONTACTS:
        body["hs_additional_emails"] = _further_emails(survivor, gone) or None
        when = [survivor.get("hs_calculated_merged_vids"), gone.get("hs_calculated_merged_vids")]
        when.append(f"{gone_id}:{at}")
        body["hs_calculated_merged_vids"] = ";".join(each for each in when if each)
    return body


def _further_emails(survivor: dict[str, Any], gone: dict[str, Any]) -> str:
    """Return the addresses of both besides the survivor's own, as HubSpot keeps them."""
    listed = [
        address
        for body in (survivor, gone)
        for address in (body.get("email"), *(body.get("hs_additional_emails") or "").split(";"))
    ]
    own = _email(survivor) or _email(gone)
    return ";".join(dict.fromkeys(each for each in listed if each and each.lower() != own))


def _email(body: dict[str, Any]) -> str:
    """Return an address as HubSpot compares it."""
    return str(body.get("email") or "").lower()


def _move_ties(hand: Hand, object_type: str, gone: str, into: str, at: int) -> None:
    """End the ties of a merged record, and give them to the survivor."""
    for side in ("from", "to"):
        rows = hand.crm.execute(
            f"select rowid, * from associations where {side}_type = ? and {side}_id = ? "
            "and valid_until > ?",
            [object_type, gone, at],
        ).fetchall()
        for row, *values in rows:
            tie = schema.Association(*values)
            hand.update("associations", row, "valid_until", max(at, tie.valid_from))
            moved = tie._replace(valid_from=max(at, tie.valid_from))
            is_from = side == "from"
            hand.insert(moved._replace(from_id=into) if is_from else moved._replace(to_id=into))


def _move_memberships(hand: Hand, two: tuple[str, str], survivor: str, kept: str, at: int) -> None:
    """End the memberships of two merged records, and give the survivor those that are kept."""
    gone, primary = two
    rows = hand.crm.execute(
        "select rowid, list_id, profile_id, joined_at from list_members where profile_id in (?, ?) "
        "and valid_from < ? and valid_until >= ? and removed_really = ?",
        [gone, primary, hand.now, hand.now, FOREVER],
    ).fetchall()
    keeps = {"both": {gone, primary}, "primary": {primary}, "none": set()}[kept]
    stays = {list_id for _, list_id, member, _ in rows if member == survivor and member in keeps}
    for row, list_id, member, joined_at in rows:
        if member == survivor and member in keeps:
            continue
        hand.update("list_members", row, "valid_until", at)
        if member in keeps and list_id not in stays:
            stays.add(list_id)
            hand.insert(schema.ListMember(list_id, survivor, joined_at, at, FOREVER))


def _unmerge(hand: Hand, collection: str, id: str) -> list[str]:
    """Let a merged-away id live again, and strike it from the survivor's list."""
    found = hand.crm.execute(
        "select successor_id from redirects where collection = ? and id = ?", [collection, id]
    ).fetchone()
    last = hand.crm.execute(
        "select * from records where collection = ? and id = ? and valid_from < valid_until "
        "and valid_from < ? order by valid_from desc limit 1",
        [collection, id, hand.now],
    ).fetchone()
    if found is None or last is None:
        raise BadChange(f"{collection} {id} was not merged away")
    row, old = hand.current(collection, found[0])
    at = hand.moment(old)
    body = json.loads(old.body)
    for name in MERGE_PROPERTIES:
        kept = [each for each in (body.get(name) or "").split(";") if each.split(":")[0] != id]
        body[name] = ";".join(kept) or None
    hand.replace(row, old, old._replace(valid_from=at, body=json_text(body)))
    hand.insert(schema.Record(*last)._replace(valid_from=at, valid_until=FOREVER))
    return [id, found[0]]


def _create(
    hand: Hand,
    collection: str,
    id: str | None = None,
    values: dict[str, Any] | None = None,
    at: str | None = None,
    count: int = 1,
) -> list[str]:
    """Make records that all say they were made and modified at one instant, and show only now."""
    stamp = _instant(at, hand)
    vendor, kind = collection.split("/")
    ids = [str(id)] if id else _new_ids(hand, collection, count)
    if vendor == "hubspot":
        modified = OBJECT_TYPES.get(kind, "hs_lastmodifieddate")
        times = {"createdate": hubspot_time(stamp), modified: hubspot_time(stamp)}
    else:
        ending = "_at" if kind.startswith("campaign") else ""
        times = {f"created{ending}": klaviyo_time(stamp), f"updated{ending}": klaviyo_time(stamp)}
    for each in ids:
        body = {**times, **_values(collection, values)}
        if vendor == "hubspot":
            body["hs_object_id"] = each
        since = hand.now - BEFORE_NOW
        hand.insert(
            schema.Record(collection, each, since, FOREVER, stamp, stamp, None, json_text(body))
        )
    return ids


def _associate(hand: Hand, start: list[str], end: list[str], label: str | None = None) -> list[str]:
    """Tie two objects; nobody's modified date moves."""
    type_id = ASSOCIATION_TYPES.get((start[0], end[0]))
    if type_id is None:
        raise BadChange(f"{start[0]} and {end[0]} cannot be tied")
    since = hand.now - BEFORE_NOW
    hand.insert(
        schema.Association(start[0], start[1], end[0], end[1], type_id, label, since, FOREVER)
    )
    return [start[1], end[1]]


def _dissociate(hand: Hand, start: list[str], end: list[str]) -> list[str]:
    """Untie two objects."""
    found = hand.crm.execute(
        "select rowid from associations where valid_until >= ? and ("
        "(from_type, from_id, to_type, to_id) = (?, ?, ?, ?) or "
        "(to_type, to_id, from_type, from_id) = (?, ?, ?, ?))",
        [hand.now, *start, *end, *start, *end],
    ).fetchall()
    if not found:
        raise BadChange(f"{start} and {end} are not tied")
    for (row,) in found:
        hand.update("associations", row, "valid_until", hand.now - BEFORE_NOW)
    return [start[1], end[1]]


def _event(
    hand: Hand,
    metric: str,
    profile_id: str,
    values: dict[str, Any] | None = None,
    at: str | None = None,
    count: int = 1,
) -> list[str]:
    """Add Klaviyo events of one instant, which show only now: the late ones.

    An empty metric is one that cannot be told any more.
    """
    found = hand.crm.execute(
        "select id from records where collection = ? and body ->> '$.name' = ?", [METRICS, metric]
    ).fetchone() or (None if metric else ("",))
    if found is None:
        raise BadChange(f"there is no metric {metric!r}")
    stamp = _instant(at, hand)
    (made,) = hand.crm.execute("select count(*) from scripted").fetchone()
    ids = [f"late{made + number:07d}" for number in range(_checked(count))]
    for each in ids:
        uuid = f"00000000-0000-1000-8000-0{each.removeprefix('late'):0>11}"
        since = hand.now - BEFORE_NOW
        hand.insert(
            schema.Event(each, uuid, stamp, since, found[0], profile_id, json_text(values or {}))
        )
    return ids


def _state(
    hand: Hand,
    email: str,
    subscription_id: str,
    status: str,
    at: str | None = None,
    channel: str = "EMAIL",
) -> list[str]:
    """Let an address say something about a subscription, or about all of them (``*``)."""
    since = hand.now - BEFORE_NOW
    rows = hand.crm.execute(
        "select rowid, valid_from from subscriptions where lower(email) = lower(?) "
        "and subscription_id = ? and channel = ? and valid_until > ?",
        [email, subscription_id, channel, since],
    ).fetchall()
    for row, valid_from in rows:
        hand.update("subscriptions", row, "valid_until", max(since, valid_from))
    stamp = _instant(at, hand)
    hand.insert(
        schema.Subscription(email, channel, subscription_id, status, stamp, "{}", since, FOREVER)
    )
    return [email]


def _join(hand: Hand, list_id: str, profile_id: str, at: str | None = None) -> list[str]:
    """Put a profile on a list."""
    stamp, since = _instant(at, hand), hand.now - BEFORE_NOW
    hand.insert(schema.ListMember(list_id, profile_id, stamp, since, FOREVER))
    return [profile_id]


def _leave(hand: Hand, list_id: str, profile_id: str) -> list[str]:
    """Take a profile off a list."""
    rows = hand.crm.execute(
        "select rowid from list_members where list_id = ? and profile_id = ? and valid_until >= ? "
        "and removed_really = ?",
        [list_id, profile_id, hand.now, FOREVER],
    ).fetchall()
    if not rows:
        raise BadChange(f"{profile_id} is not on list {list_id}")
    for (row,) in rows:
        hand.update("list_members", row, "valid_until", hand.now - BEFORE_NOW)
    return [profile_id]


def _flow(
    hand: Hand,
    list_id: str,
    reentry: dict[str, Any] | None = None,
    status: str = "live",
    name: str = "On joining",
) -> list[str]:
    """Hang a flow (Klaviyo) or a workflow (HubSpot) on a list: whoever joins starts it.

    Reentry is spelt as in Klaviyo: ``{"duration": 1, "unit": "alltime"}``, once ever, if not told;
    an empty one is told to nobody.
    """
    (lists,) = hand.crm.execute(
        "select max(collection) from records where collection in (?, ?) and id = ?",
        [LISTS, CRM_LISTS, list_id],
    ).fetchone()
    if lists is None:
        raise BadChange(f"there is no list {list_id}")
    collection = FLOWS if lists == LISTS else WORKFLOWS
    (made,) = hand.crm.execute("select count(*) from scripted").fetchone()
    since, stamp = hand.now - BEFORE_NOW, klaviyo_time(hand.now - BEFORE_NOW)
    body = {
        "name": name,
        "status": status,
        "archived": False,
        "created": stamp,
        "updated": stamp,
        "trigger_type": "Added to List",
        "definition": {
            "triggers": [{"type": "list", "id": list_id}],
            "profile_filter": None,
            "actions": [],
            "entry_action_id": None,
            "reentry_criteria": ONCE if reentry is None else reentry or None,
        },
    }
    flow_id = f"FL{made:04d}"
    hand.insert(
        schema.Record(collection, flow_id, since, FOREVER, since, since, None, json_text(body))
    )
    return [flow_id]


_RECORD = {"collection", "id"}
# Kind -> what makes it, what it needs, what it may have.
CHANGES: dict[str, tuple[Callable[..., list[str]], set[str], set[str]]] = {
    "modify": (_modify, _RECORD, {"values", "silently"}),
    "archive": (archive, _RECORD, set()),
    "restore": (restore, _RECORD, set()),
    "delete": (delete, _RECORD, set()),
    "merge": (_merge, {*_RECORD, "into"}, {"new_id", "memberships"}),
    "unmerge": (_unmerge, _RECORD, set()),
    "create": (_create, {"collection"}, {"id", "values", "at", "count"}),
    "associate": (_associate, {"start", "end"}, {"label"}),
    "dissociate": (_dissociate, {"start", "end"}, set()),
    "event": (_event, {"metric", "profile_id"}, {"values", "at", "count"}),
    "state": (_state, {"email", "subscription_id", "status"}, {"at", "channel"}),
    "join": (_join, {"list_id", "profile_id"}, {"at"}),
    "leave": (_leave, {"list_id", "profile_id"}, set()),
    "flow": (_flow, {"list_id"}, {"reentry", "status", "name"}),
}


def _values(collection: str, values: dict[str, Any] | None) -> dict[str, Any]:
    """Return values as the body holds them: HubSpot's are all text or null."""
    if values is not None and not isinstance(values, dict):
        raise BadChange("values is an object")
    if collection.startswith("hubspot/"):
        return {
            name: value if value is None else str(value) for name, value in (values or {}).items()
        }
    return values or {}


def _instant(at: str | None, hand: Hand) -> int:
    try:
        return parse_instant(at) if at else hand.now - BEFORE_NOW
    except (ValueError, TypeError) as problem:
        raise BadChange(f"at: {problem}") from None


def _new_ids(hand: Hand, collection: str, count: int) -> list[str]:
    (last,) = hand.crm.execute(
        "select max(id) from records where collection = ?", [collection]
    ).fetchone()
    if collection.startswith("hubspot/"):
        first = int(last or 30_000_000_000) + 1
        return [str(first + number) for number in range(_checked(count))]
    (made,) = hand.crm.execute("select count(*) from scripted").fetchone()
    return [f"ZZ{made + number:024d}" for number in range(_checked(count))]


def _checked(count: Any) -> int:
    if not isinstance(count, int) or not 1 <= count <= MOST:
        raise BadChange(f"count is a whole number from 1 to {MOST:,}")
    return count


def json_text(value: Any) -> str:
    """Return the JSON text of a value, as the tables hold it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
