"""The report of an erasure: which places were looked at, and what was there before and after."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rapport.settings import make_private


@dataclass
class Looked:
    """One place.

    Attributes:
        place: what it is, for people.
        unit: what is counted there.
        before: how many of them were of the erased people, when it was first looked at.
        after: how many are, now that it is done; None as long as it is not.
        note: what is to be known of it, or to be done.
    """

    place: str
    unit: str
    before: int
    after: int | None = None
    note: str = ""

    @property
    def is_done(self) -> bool:
        """Whether nothing of them is there."""
        return self.after == 0


@dataclass
class Report:
    """What was done for one request; holds nothing by which anybody could be known.

    Attributes:
        request: its id.
        erased_at: when its tombstone was put.
        people: how many they are.
        places: each in the order in which it was looked at.
        finished_at: when nothing of them was anywhere; None as long as something is open.
    """

    request: str
    erased_at: datetime
    people: int
    places: list[Looked] = field(default_factory=list)
    finished_at: datetime | None = None

    @property
    def open(self) -> list[Looked]:
        """The places that are not done."""
        return [looked for looked in self.places if not looked.is_done]

    def as_json(self) -> dict[str, Any]:
        """Return it as its file has it."""
        return {
            "format": 1,
            "request": self.request,
            "erased_at": self.erased_at.isoformat(),
            "people": self.people,
            "places": [vars(looked) for looked in self.places],
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
        }

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Report":
        """Return what a file says."""
        return cls(
            request=found["request"],
            erased_at=datetime.fromisoformat(found["erased_at"]),
            people=found["people"],
            places=[Looked(**looked) for looked in found["places"]],
            finished_at=found["finished_at"] and datetime.fromisoformat(found["finished_at"]),
        )

    @classmethod
    def read(cls, folder: Path, request: str) -> "Report | None":
        """Return the report of a request, None if there is none."""
        path = folder / f"{request}.json"
        return cls.of(json.loads(path.read_bytes())) if path.exists() else None

    def write(self, folder: Path) -> None:
        """Write it, whole and on the disk."""
        put_private(folder / f"{self.request}.json", json.dumps(self.as_json(), indent=2) + "\n")


def put_private(path: Path, text: str) -> None:
    """Write a file for its owner only, whole and on the disk."""
    make_private(path.parent)
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
