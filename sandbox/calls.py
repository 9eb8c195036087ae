"""The sandbox's own record of every call: what it changed, and what it was told by the answer.

A call that changed something is in it even if its answer was cut off or never came: that is what
an oracle needs. Instants are ticks, one more at each beginning and end of a call, so that of two
calls at once nobody has to guess which came first.
"""

import itertools
import time
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any


@dataclass
class Effect:
    """What a call did: ``added`` to a list, ``removed`` from it, ``made``, ``deleted``, ``erased``.

    Attributes:
        what: one of the words above.
        where: the list, or the collection that a record was in.
        ids: whom or what, in the order in which it was done.
        at: the sandbox's now, in epoch milliseconds.
    """

    what: str
    where: str
    ids: list[str]
    at: int


@dataclass
class Call:
    """One request to a vendor.

    Attributes:
        number: 1 for the first one.
        began: tick at which it came.
        ended: tick at which its whole answer was on its way; None if that never was.
        at: Unix time at which it came.
        status: of the answer.
        fault: kind of the rule that spoilt it.
        effects: what it changed, whatever became of the answer.
        shown: whom its answer shows as out (or not), and by what.
    """

    number: int
    vendor: str
    method: str
    path: str
    began: int
    at: float
    ended: int | None = None
    status: int | None = None
    fault: str | None = None
    effects: list[Effect] = field(default_factory=list)
    shown: list[tuple[str, str, bool]] = field(default_factory=list)

    def did(self, what: str, where: str, ids: Iterable[str], at: int) -> None:
        """Note what the call changed, if it changed anything."""
        if ids := list(ids):
            self.effects.append(Effect(what, where, ids, at))

    def show(self, who: str, why: str, is_out: bool) -> None:
        """Note that the answer shows somebody as out, or as not out, in one respect."""
        self.shown.append((who, why, is_out))


@dataclass
class Said:
    """An answer that reached the reader and showed somebody as out for the first time, or back.

    Attributes:
        tick: at which the answer was on its way.
        vendor: whose answer.
        who: ``id:<record>`` or ``mail:<address>``.
        why: ``everything``, ``suppressed``, ``archived``, or the subscription's id.
        is_out: false for somebody who is back.
    """

    tick: int
    vendor: str
    who: str
    why: str
    is_out: bool


@dataclass
class Start:
    """A flow that somebody started by joining a list."""

    flow_id: str
    list_id: str
    profile_id: str
    at: int
    call: int


class Calls:
    """The record."""

    def __init__(self) -> None:
        self._alone = Lock()
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        with self._alone:
            self.all: list[Call] = []
            self.said: list[Said] = []
            self.starts: list[Start] = []
            self._ticks = itertools.count(1)
            self._out: dict[tuple[str, str, str], bool] = {}

    def begin(self, vendor: str, method: str, path: str) -> Call:
        """Note a call, and make it the one that `current` returns from here on."""
        with self._alone:
            number, began = len(self.all) + 1, next(self._ticks)
            call = Call(number, vendor, method, path, began, time.time())
            self.all.append(call)
        _CURRENT.set(call)
        return call

    def end(self, call: Call, *, is_whole: bool) -> None:
        """Note that a call was answered, and if the answer was whole, what its reader now knows."""
        with self._alone:
            call.ended = next(self._ticks)
            for who, why, is_out in call.shown if is_whole else ():
                key = call.vendor, who, why
                if self._out.get(key, False) != is_out:
                    self._out[key] = is_out
                    self.said.append(Said(call.ended, *key, is_out))
            call.shown.clear()

    def changes(self, list_id: str | None = None) -> list[tuple[Call, Effect]]:
        """Return who was added to lists and removed from them, in order."""
        return [
            (call, effect)
            for call in list(self.all)
            for effect in call.effects
            if effect.what in ("added", "removed") and list_id in (None, effect.where)
        ]

    def shown(self, path: str = "") -> list[dict[str, Any]]:
        """Return the calls whose ``METHOD /path?query`` holds a text."""
        return [
            {**asdict(call), "shown": []}
            for call in list(self.all)
            if path in f"{call.method} {call.path}"
        ]


_CURRENT: ContextVar[Call | None] = ContextVar("call", default=None)


def current() -> Call:
    """Return the call that is being answered."""
    return _CURRENT.get() or Call(0, "", "", "", 0, 0.0)
