"""Which landed rows are an erased person's, stream by stream: kept out of pulls, taken out of loads.

Of a source that a firm declares itself its mapping says whose they are
(`rapport.sources.mapped.erased`). One rule for both, asked of tombstones alone: so an erasure that was interrupted goes on without
knowing who it was, and what it took out does not come back with the next pull.

| rows | what becomes of them |
|---|---|
| records of persons (contacts, profiles, shop accounts) | gone: by their id; also under another id, where they have the address and were made before |
| what a person's record says (events, memberships, statuses, refusals, removals) | gone, by the record's id or the address |
| calls, mails, meetings, tasks, tickets, deals, answers of nobody else | gone, by their ids |
| those that somebody else or a company has too | stay; the tie to the person goes |
| the shop's orders | stay as a guest's: what was sold was sold; of what the shop adds to its own columns nothing stays |
"""  # noqa: E501

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from rapport import landing
from rapport.errors import LandingError
from rapport.landing import OF_LANDING, Changed
from rapport.sources.mapped import MappedSource
from rapport.sources.mapped.erased import MappedErased
from rapport.sources.records import moment_of
from rapport.sources.streams import (
    ASSOCIATIONS,
    CONTACTS,
    CUSTOMERS,
    EMAIL_EVENTS,
    EVENTS,
    HUBSPOT,
    LIST_MEMBERS,
    ORDER_LINES,
    ORDERS,
    PROFILES,
    REFUSALS,
    REMOVALS,
    STREAMS,
    SUBSCRIPTION_STATUSES,
    Stream,
)
from rapport.tombstones import Tombstones, requests_in

# Objects of the CRM that are about somebody; whose they are, their ties say.
ABOUT_SOMEBODY = (
    "deals",
    "tickets",
    "feedback_submissions",
    "calls",
    "emails",
    "meetings",
    "notes",
    "tasks",
    "communications",
)
_OBJECTS = tuple(s for s in STREAMS if s.source == HUBSPOT and s.name in ABOUT_SOMEBODY)
# Every stream that may hold a row of a person.
CONCERNED: tuple[Stream, ...] = (
    CONTACTS,
    *_OBJECTS,
    ASSOCIATIONS,
    SUBSCRIPTION_STATUSES,
    EMAIL_EVENTS,
    PROFILES,
    EVENTS,
    LIST_MEMBERS,
    CUSTOMERS,
    ORDERS,
    ORDER_LINES,
    *REMOVALS.values(),
    *REFUSALS.values(),
)
_MERGED = ("hs_merged_object_ids", "hs_calculated_merged_vids")
_EMAILS = ("email", "hs_additional_emails")
_PHONES = ("phone", "mobilephone", "hs_calculated_phone_number", "hs_calculated_mobile_number")
_PROFILE = re.compile(r"of profile (\S+)")
_ADDRESS = re.compile(r"[^\s<>\"',;:()\[\]{}]+@[^\s<>\"',;:()\[\]{}]+")
Row = dict[str, str | None]


@dataclass(frozen=True)
class Erased:
    """Takes erased people out of rows, as a pull brings them or a load has them.

    Attributes:
        landing_dir: the landing.
        tombstones: whose.
        source: of the rows.
        mapped: what the firm declares of it, if it is one of its own.
    """

    landing_dir: Path
    tombstones: Tombstones
    source: str
    mapped: MappedSource | None = None
    _requests: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, landing_dir: Path, source: str, mapped: MappedSource | None = None) -> "Erased":
        """Return what takes out everybody that a landing has tombstones of.

        Raises:
            ErasureError: the tombstones cannot be read.
        """
        found = requests_in(landing_dir)
        return cls(landing_dir, Tombstones.load(landing_dir), source, mapped, found)

    def demand_still_all(self) -> None:
        """Refuse what was looked through before somebody was erased.

        Raises:
            LandingError: there is a tombstone that was not asked.
        """
        if requests_in(self.landing_dir) != self._requests:
            raise LandingError(
                "somebody was erased while this was pulled; run it again, it goes on from there"
            )

    def __call__(self, stream: str, rows: pa.Table) -> Changed:
        """Return the rows of a stream without them."""
        rule = self._rules.get(stream) if self.tombstones and rows.num_rows else None
        return rule(rows) if rule else Changed(rows)

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the source's streams that may hold a row of a person."""
        if self.mapped:
            return MappedErased(self.mapped, self.tombstones).streams
        return tuple(stream.name for stream in CONCERNED if stream.source == self.source)

    @cached_property
    def _rules(self) -> Mapping[str, Callable[[pa.Table], Changed]]:
        if self.mapped:
            return MappedErased(self.mapped, self.tombstones).rules()
        by_name: dict[str, Callable[[pa.Table], Changed]] = {
            REMOVALS[self.source].name: self._removals,
        }
        if self.source == HUBSPOT:
            by_name |= {
                CONTACTS.name: self._contacts,
                ASSOCIATIONS.name: self._associations,
                SUBSCRIPTION_STATUSES.name: partial(
                    self._by_address, column="subscriber", at="read_on"
                ),
                EMAIL_EVENTS.name: partial(self._by_address, column="recipient", at="created_at"),
            }
            for stream in _OBJECTS:
                by_name[stream.name] = partial(self._by_id, stream=stream.full_name, column="id")
        elif self.source == PROFILES.source:
            by_name |= {
                name: partial(self._by_id, stream=PROFILES.full_name, column="profile_id")
                for name in (EVENTS.name, LIST_MEMBERS.name)
            }
            by_name[PROFILES.name] = self._profiles
        else:
            by_name |= {
                CUSTOMERS.name: self._customers,
                ORDERS.name: partial(
                    self._nobodys,
                    stream=ORDERS,
                    theirs=CUSTOMERS.full_name,
                    column="customer_id",
                    clears="customer_id",
                ),
                ORDER_LINES.name: partial(
                    self._nobodys, stream=ORDER_LINES, theirs=ORDERS.full_name, column="order_id"
                ),
            }
        if self.source in REFUSALS:
            by_name[REFUSALS[self.source].name] = self._refusals
        return by_name

    # -- one for each kind of row --------------------------------------------------------------

    def _contacts(self, rows: pa.Table) -> Changed:
        def is_theirs(row: Row) -> bool:
            if self.tombstones.has_record(CONTACTS.full_name, row["id"]):
                return True
            said = _json(row.get("properties"))
            # A record that ate theirs has what they had.
            merged = re.findall(r"[^;:\s]+", ";".join(str(said.get(n) or "") for n in _MERGED))
            if any(self.tombstones.has_record(CONTACTS.full_name, id_) for id_ in merged):
                return True
            emails = [a for n in _EMAILS for a in re.split(r"[;,\s]+", str(said.get(n) or ""))]
            return self._was_theirs(
                row.get("created_at"), emails, [str(said.get(n) or "") for n in _PHONES]
            )

        return _without(rows, ("id", "created_at", "properties"), is_theirs)

    def _profiles(self, rows: pa.Table) -> Changed:
        def is_theirs(row: Row) -> bool:
            if self.tombstones.has_record(PROFILES.full_name, row["id"]):
                return True
            said = _json(row.get("attributes"))
            return self._was_theirs(
                row.get("created") or said.get("created"),
                [str(said.get("email") or "")],
                [str(said.get("phone_number") or "")],
            )

        return _without(rows, ("id", "created", "attributes"), is_theirs)

    def _customers(self, rows: pa.Table) -> Changed:
        def is_theirs(row: Row) -> bool:
            return self.tombstones.has_record(
                CUSTOMERS.full_name, row["customer_id"]
            ) or self._was_theirs(row.get("created_at"), [row.get("email") or ""], [])

        return _without(rows, ("customer_id", "email", "created_at"), is_theirs)

    def _was_theirs(self, made_at: Any, emails: Iterable[str], phones: Iterable[str]) -> bool:
        """Whether a record that was made then has an address or number that was theirs then."""
        until = [self.tombstones.email_until(email) for email in emails]
        until += [self.tombstones.phone_until(phone) for phone in phones]
        ends = [end for end in until if end]
        if not ends:
            return False
        made = moment_of(made_at)  # what has no time was there always
        return made is None or made <= max(ends)

    def _by_id(self, rows: pa.Table, stream: str, column: str) -> Changed:
        if column not in rows.column_names or not self.tombstones.knows(stream):
            return Changed(rows)
        ids = pc.unique(rows[column]).to_pylist()
        theirs = [id_ for id_ in ids if self.tombstones.has_record(stream, id_)]
        return _masked(rows, pc.is_in(rows[column], pa.array(theirs, pa.string())))

    def _by_address(self, rows: pa.Table, column: str, at: str) -> Changed:
        """Rows that say by an address alone whose they are.

        What came after the erasure is of whoever has registered with it since, if anybody did.
        """
        until = {
            address: end
            for address in pc.unique(rows[column]).to_pylist()
            if (end := self.tombstones.email_until(address))
        }
        if not until:
            return Changed(rows)
        taken = self._taken_anew(until)

        def is_theirs(row: Row) -> bool:
            end = until.get(str(row[column]))
            moment = moment_of(row.get(at))
            return end is not None and (moment is None or moment <= end or row[column] not in taken)

        return _without(rows, (column, at), is_theirs)

    def _taken_anew(self, addresses: Iterable[str]) -> set[str]:
        """Return those of some addresses that a contact has who registered after the erasure.

        Whoever had registered before does not land, so a contact that is there is one of these.
        """
        wanted = {self.tombstones.hashing.email(a): a for a in addresses}  # type: ignore[union-attr]
        found: set[str] = set()
        complete = landing.completed_loads(self.landing_dir, HUBSPOT)
        for path in (self.landing_dir / HUBSPOT / CONTACTS.name).glob("load_date=*/*.parquet"):
            if path.name.rsplit(".", 2)[0] not in complete:
                continue
            for row in landing.read(path).select(["id", "created_at", "properties"]).to_pylist():
                said = _json(row["properties"])
                for name in _EMAILS:
                    for address in re.split(r"[;,\s]+", str(said.get(name) or "")):
                        end = self.tombstones.email_until(address)
                        made = moment_of(row["created_at"])
                        if end and made and made > end:
                            found.add(wanted.get(self.tombstones.hashing.email(address), ""))  # type: ignore[union-attr]
        return found

    def _associations(self, rows: pa.Table) -> Changed:
        has = self.tombstones.has_record
        mask, targets, altered = [], [], 0
        columns = [rows[name].to_pylist() for name in ("from_type", "from_id", "to_type")]
        for kind, id_, other, said in zip(*columns, rows["targets"].to_pylist(), strict=True):
            mask.append(has(f"{HUBSPOT}.{str(kind).lower()}", id_))
            kept, stream = said, f"{HUBSPOT}.{str(other).lower()}"
            if said and self.tombstones.knows(stream):
                ties = _json(said, list)
                stay = [t for t in ties if not has(stream, str((t or {}).get("toObjectId")))]
                if len(stay) < len(ties):
                    kept = orjson.dumps(stay).decode()
            altered += kept is not said and not mask[-1]
            targets.append(kept)
        if not altered:
            return _masked(rows, pa.array(mask))
        place = rows.column_names.index("targets")
        rows = rows.set_column(place, "targets", pa.array(targets, pa.string()))
        return Changed(rows.filter(pc.invert(pa.array(mask))), sum(mask), altered)

    def _removals(self, rows: pa.Table) -> Changed:
        def is_theirs(row: Row) -> bool:
            stream = f"{self.source}.{row['object_type']}"
            return self.tombstones.has_record(stream, row["id"]) or self.tombstones.has_record(
                stream, row.get("successor_id")
            )

        return _without(rows, ("object_type", "id", "successor_id"), is_theirs)

    def _refusals(self, rows: pa.Table) -> Changed:
        def is_theirs(row: Row) -> bool:
            stream = f"{self.source}.{row['stream']}"
            persons = CONTACTS if self.source == HUBSPOT else PROFILES
            named = _PROFILE.findall(row.get("part") or "")
            record = row.get("record") or ""
            said = _json(record)
            ids = [row.get("id"), *named, str(said.get("id") or ""), _profile_of(said)]
            return (
                any(
                    self.tombstones.has_record(s, i)
                    for s in (stream, persons.full_name)
                    for i in ids
                )
                or bool(self.tombstones.email_until(row.get("id")))
                or any(self.tombstones.email_until(a) for a in _ADDRESS.findall(record))
            )

        return _without(rows, ("stream", "id", "part", "record"), is_theirs)

    def _nobodys(
        self, rows: pa.Table, stream: Stream, theirs: str, column: str, clears: str = ""
    ) -> Changed:
        """Leave of their rows what the shop's own columns say, and not whose they are."""
        more = [n for n in rows.column_names if n not in (*stream.declared, *OF_LANDING)]
        cleared = [*more, *([clears] if clears in rows.column_names else [])]
        if column not in rows.column_names or not cleared or not self.tombstones.knows(theirs):
            return Changed(rows)
        ids = pc.unique(rows[column]).to_pylist()
        known = [id_ for id_ in ids if self.tombstones.has_record(theirs, id_)]
        mask = pc.is_in(rows[column], pa.array(known, pa.string()))
        if not clears:  # of these the key stays, so what was cleared before is looked at
            said = [pc.is_valid(rows[name]) for name in more]
            any_said = said[0]
            for each in said[1:]:
                any_said = pc.or_(any_said, each)
            mask = pc.and_(mask, any_said)
        number = pc.sum(mask).as_py() or 0
        if not number:
            return Changed(rows)
        for name in cleared:
            place = rows.column_names.index(name)
            empty = pc.if_else(mask, pa.scalar(None, rows[name].type), rows[name])
            rows = rows.set_column(place, name, empty)
        return Changed(rows, altered=number)


def _without(rows: pa.Table, columns: Sequence[str], is_theirs: Callable[[Row], bool]) -> Changed:
    there = [name for name in columns if name in rows.column_names]
    said = rows.select(there).to_pylist()
    return _masked(rows, pa.array([is_theirs(row) for row in said], pa.bool_()))


def _masked(rows: pa.Table, theirs: Any) -> Changed:
    number = pc.sum(theirs).as_py() or 0
    return Changed(rows.filter(pc.invert(theirs)), number) if number else Changed(rows)


def _json(text: str | None, kind: type = dict) -> Any:
    try:
        found = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return kind()
    return found if isinstance(found, kind) else kind()


def _profile_of(event: dict[str, Any]) -> str:
    """Return whose an event is, as Klaviyo writes it."""
    ties = event.get("relationships")
    data = ties.get("profile", {}).get("data") if isinstance(ties, dict) else None
    return str(data.get("id") or "") if isinstance(data, dict) else ""
