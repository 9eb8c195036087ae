"""Tombstones: by what an erased person is known again, and by nothing that says who they were.

``<landing>/.erased/<request>.json``, one for each request, and ``<landing>/.erased/.key``. They lie
in the landing because they say what must never land again: a landing that is copied keeps its word.
A tombstone holds HMAC-SHA256 values (RFC 2104, cut to 128 bits) of record ids, addresses, telephone
numbers and customers' ids, with a key that is in no copy of the landing but the home's own backup.

A record comes back under its id, or as another one that has their address. So

- an id is never theirs again: whatever comes under it is kept out for good;
- an address or a number is theirs for what was made before the erasure. Whoever registers with it
  later is a new person, who begins with nothing.
"""

import hmac
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from rapport.errors import ErasureError
from rapport.identity.addresses import email_key
from rapport.identity.phones import e164
from rapport.keys import make_key, name_of_key, read_key

FOLDER, KEY_FILE = ".erased", ".key"
_DIGITS = 32  # hexadecimal, of each value
_ENDING = 6  # digits of a telephone number that tell at once that it is not theirs
_NO_DIGIT = re.compile(r"\D")


@dataclass(frozen=True)
class Tombstone:
    """What is known of the people of one request, as keyed hashes.

    Attributes:
        request: its id.
        erased_at: when it was made.
        key: name of the key.
        records: hashes of the ids of their records, by ``source.stream``; of the shop's orders,
            which stay without them, too.
        emails: hashes of their addresses, of those that nobody else has.
        phones: hashes of their telephone numbers in E.164, likewise.
        phone_endings: hashes of the last digits of these.
        phone_regions: countries that numbers without one are read by.
        customers: hash of each id that they had as customers, with the nights on which it was
            theirs: the first, and the first on which it was not any more; None without an end.
    """

    request: str
    erased_at: datetime
    key: str
    records: Mapping[str, Sequence[str]] = field(default_factory=dict)
    emails: Sequence[str] = ()
    phones: Sequence[str] = ()
    phone_endings: Sequence[str] = ()
    phone_regions: Sequence[str] = ()
    customers: Sequence[tuple[str, date | None, date | None]] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as its file has it."""
        return {
            "format": 1,
            "request": self.request,
            "erased_at": self.erased_at.isoformat(),
            "key": self.key,
            "records": {stream: sorted(ids) for stream, ids in sorted(self.records.items())},
            "emails": sorted(self.emails),
            "phones": sorted(self.phones),
            "phone_endings": sorted(self.phone_endings),
            "phone_regions": list(self.phone_regions),
            "customers": sorted(
                (
                    [hashed, since and since.isoformat(), until and until.isoformat()]
                    for hashed, since, until in self.customers
                ),
                key=str,
            ),
        }

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Tombstone":
        """Return what a file says."""

        def night(text: str | None) -> date | None:
            return date.fromisoformat(text) if text else None

        return cls(
            request=found["request"],
            erased_at=datetime.fromisoformat(found["erased_at"]),
            key=found["key"],
            records=found["records"],
            emails=found["emails"],
            phones=found["phones"],
            phone_endings=found["phone_endings"],
            phone_regions=found["phone_regions"],
            customers=[(h, night(since), night(until)) for h, since, until in found["customers"]],
        )


class Hashing:
    """Turns what names a person into keyed hashes.

    Args:
        key: of the installation.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.name = name_of_key(key, "erasure")

    def of(self, kind: str, value: str) -> str:
        """Return the hash of a value; the same value of another kind has another one."""
        text = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256").hex()[:_DIGITS]

    def record(self, stream: str, id_: str) -> str:
        """Return the hash of a record's id; ``stream`` is ``source.stream``."""
        return self.of(stream, id_)

    def customer(self, customer_id: str) -> str:
        """Return the hash of a customer's id."""
        return self.of("customer", customer_id)

    def email(self, address: str | None) -> str | None:
        """Return the hash of an address in any spelling; None for what is no address."""
        plain = email_key(address)
        return self.of("email", plain) if plain else None

    def phone(self, number: str) -> str:
        """Return the hash of a number in E.164."""
        return self.of("phone", number)

    def phone_ending(self, raw: str | None) -> str | None:
        """Return the hash of a number's last digits; None where it has too few."""
        digits = "".join(str(int(digit)) for digit in _NO_DIGIT.sub("", raw or ""))
        return self.of("ending", digits[-_ENDING:]) if len(digits) >= _ENDING else None


@dataclass(frozen=True)
class Tombstones:
    """All tombstones of a landing, to be asked of a value whether it is an erased person's.

    Attributes:
        hashing: with the installation's key; None where nobody was ever erased.
        all: one for each request.
    """

    hashing: Hashing | None = None
    all: tuple[Tombstone, ...] = ()

    @classmethod
    def load(cls, landing_dir: Path) -> "Tombstones":
        """Return those of a landing.

        Raises:
            ErasureError: one cannot be read, or the key is not the one they were made with. Whoever
                pulls without them brings people back, so nothing may be pulled then.
        """
        paths = sorted((landing_dir / FOLDER).glob("*.json"))
        if not paths:
            return cls()
        hashing = Hashing(
            read_key(
                landing_dir / FOLDER / KEY_FILE,
                ErasureError,
                "from the home's backup: without it nobody can tell whom the tombstones are of, "
                "and erased people would come back",
            )
        )
        found = []
        for path in paths:
            try:
                tombstone = Tombstone.of(json.loads(path.read_bytes()))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ErasureError(
                    f"{path} cannot be read ({type(error).__name__}): put it back from the backup "
                    "or the archive; without it whom it is of would come back"
                ) from error
            if tombstone.key != hashing.name:
                raise ErasureError(
                    f"{path} was made with another key than {landing_dir / FOLDER / KEY_FILE}: put "
                    "back the key that it was, from the home's backup"
                )
            found.append(tombstone)
        return cls(hashing, tuple(found))

    def __bool__(self) -> bool:
        return bool(self.all)

    def of(self, request: str) -> "Tombstones":
        """Return the one of a request alone; none where there is none."""
        return Tombstones(self.hashing, tuple(t for t in self.all if t.request == request))

    # -- what is asked of them -----------------------------------------------------------------

    def has_record(self, stream: str, id_: str | None) -> bool:
        """Whether a record id of ``source.stream`` is of an erased person."""
        known = self._records.get(stream)
        return bool(known and id_ and self._hashing.record(stream, id_) in known)

    def knows(self, stream: str) -> bool:
        """Whether any record of ``source.stream`` is of an erased person."""
        return stream in self._records

    def email_until(self, address: str | None) -> datetime | None:
        """Return until when an address is an erased person's; None if it is nobody's of them."""
        hashed = self._hashing.email(address) if self._emails and address else None
        return self._emails.get(hashed) if hashed else None

    def phone_until(self, raw: str | None) -> datetime | None:
        """Return until when a number, as somebody typed it, is an erased person's."""
        if not self._phones or self._hashing.phone_ending(raw) not in self._endings:
            return None
        readings = {e164(raw, region) for region in (None, *self._regions)}
        times = [self._phones.get(self._hashing.phone(n)) for n in readings if n]
        return max((time for time in times if time), default=None)

    def has_customer(self, customer_id: str | None, night: date | None = None) -> bool:
        """Whether a customer's id is an erased person's, on a night or on any."""
        if not customer_id:
            return False
        spans = self._customers.get(self._hashing.customer(customer_id), ())
        if night is None:  # of an id that was theirs for a while only, somebody else is known too
            return any(since is None and until is None for since, until in spans)
        return any(
            (since is None or since <= night) and (until is None or night < until)
            for since, until in spans
        )

    @property
    def _hashing(self) -> Hashing:
        assert self.hashing is not None
        return self.hashing

    @cached_property
    def _records(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for tombstone in self.all:
            for stream, ids in tombstone.records.items():
                found.setdefault(stream, set()).update(ids)
        return found

    @cached_property
    def _emails(self) -> dict[str, datetime]:
        return _latest((t.emails, t.erased_at) for t in self.all)

    @cached_property
    def _phones(self) -> dict[str, datetime]:
        return _latest((t.phones, t.erased_at) for t in self.all)

    @cached_property
    def _endings(self) -> set[str]:
        return {hashed for t in self.all for hashed in t.phone_endings}

    @cached_property
    def _regions(self) -> list[str]:
        return sorted({region for t in self.all for region in t.phone_regions})

    @cached_property
    def _customers(self) -> dict[str, list[tuple[date | None, date | None]]]:
        found: dict[str, list[tuple[date | None, date | None]]] = {}
        for tombstone in self.all:
            for hashed, since, until in tombstone.customers:
                found.setdefault(hashed, []).append((since, until))
        return found


def _latest(times: Iterable[tuple[Sequence[str], datetime]]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for hashes, erased_at in times:
        for hashed in hashes:
            found[hashed] = max(erased_at, found.get(hashed, erased_at))
    return found


def hashing_of(landing_dir: Path, *, make: bool) -> Hashing | None:
    """Return the installation's key as a hashing; made with the first erasure, and never before.

    Raises:
        ErasureError: the key cannot be read, or is gone although there are tombstones.
    """
    folder = landing_dir / FOLDER
    path = folder / KEY_FILE
    if not path.exists():
        if any(folder.glob("*.json")):
            Tombstones.load(landing_dir)  # says what is wrong
        if not make:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        return Hashing(make_key(path))
    return Hashing(read_key(path, ErasureError, "from the home's backup"))


def put(landing_dir: Path, tombstone: Tombstone) -> None:
    """Write a tombstone, whole and on the disk; from here on the person does not come back."""
    folder = landing_dir / FOLDER
    path = folder / f"{tombstone.request}.json"
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, json.dumps(tombstone.as_json(), indent=1).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def requests_in(landing_dir: Path) -> frozenset[str]:
    """Return the ids of the requests that a landing has tombstones of."""
    return frozenset(path.stem for path in (landing_dir / FOLDER).glob("*.json"))


def request_of(hashing: Hashing, customer_ids: Iterable[str]) -> str:
    """Return the id of a request: the same people make the same request, whatever it was called."""
    ids = "\n".join(sorted(set(customer_ids)))
    return hashing.of("request", sha256(ids.encode()).hexdigest())[:16]


def now() -> datetime:
    """Return the moment, as tombstones note it."""
    return datetime.now(UTC).replace(microsecond=0)
