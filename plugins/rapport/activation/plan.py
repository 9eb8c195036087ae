"""What is to be sent for one segment, and what stops it.

Seven things have hurt somebody elsewhere, and are guarded against here or where it says so:

1. an empty, absent, failed or switched-off segment takes nobody off; a large fall or rise stops and
   asks;
2. only whom our own account added is taken off; others are drift;
3. consent, erasure and archived state are read again before sending (`rapport.activation.people`,
   and `Destination.look_again`);
4. one person has one record on a list, and a no of any of theirs is theirs (`people`);
5. a minimum stay and a minimum absence, which never hold back a removal for their own word or a
   cap; nothing is ever emptied and filled again;
6. what is written is marked in the account, and no list of ours is evidence of anything;
7. what is meant is stored first, and what came of it is found by reading (`account`, `sending`).
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from rapport.activation.account import Counts, Row
from rapport.activation.destination import List, Member
from rapport.activation.people import AT_ONCE, Meant

# `removals`: only who must not be there any more, at once. A reduced release, and one of an earlier
# night than was sent before, bring nobody.
Mode = Literal["changes", "removals"]


@dataclass(frozen=True)
class Rules:
    """What the firm's policy says of a segment's changes.

    Attributes:
        minimum_stay_days: nights that somebody stays at the least who merely qualifies no more.
        minimum_absence_days: nights that somebody stays away at the least.
        fall_share: of whom a list has, the most that may leave it in one run unasked.
        fall_customers: the same as a number.
        rise_share: of whom a list has, the most that may join it in one run unasked.
        rise_customers: the same as a number.
        least_customers: below so many the share that leaves says nothing, and the share that joins
            is taken of so many: an emptied list is not filled again unasked.
    """

    minimum_stay_days: int = 0
    minimum_absence_days: int = 0
    fall_share: float = 1.0
    fall_customers: int = 1_000_000_000
    rise_share: float = 1.0
    rise_customers: int = 1_000_000_000
    least_customers: int = 0


@dataclass(frozen=True)
class Known:
    """What the account and the destination know of a segment's list.

    Attributes:
        standing: whom it has from us: key -> customer.
        left: who was taken off: key -> (customer, night).
        there: everybody who is on it, as just read; None where it cannot be read.
        waiting: keys of which nobody knows yet whether they are there.
        failed: how often a (key, operation) of the dead letter was tried.
        was_filled: whether anybody was ever added.
    """

    standing: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, tuple[str, date]] = field(default_factory=dict)
    there: Set[str] | None = None
    waiting: Set[str] = frozenset()
    failed: Mapping[tuple[str, str], int] = field(default_factory=dict)
    was_filled: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to be sent for a segment.

    Attributes:
        meant: what is meant.
        adds: who is to be added, each as the destination is told of them.
        removes: who is to be taken off; first those whom nothing holds back.
        adopted: who is there and is ours from now on: by us under another record than we sent, or
            by somebody else and meant, which a repair settles so.
        counts: of it, without what is sent.
        verdict: ``as planned``, ``stopped`` (a person must say that it is meant), ``kept`` (of a
            segment that says nothing nobody is taken off), ``removals`` or ``refused``.
        reason: of another verdict, in words.
        drift: what the account cannot explain: key -> ``gone`` or ``foreign``.
    """

    meant: Meant
    adds: tuple[tuple[Member, Row], ...] = ()
    removes: tuple[Row, ...] = ()
    adopted: tuple[Row, ...] = ()
    counts: Counts = field(default_factory=Counts)
    verdict: str = "as planned"
    reason: str = ""
    drift: Mapping[str, str] = field(default_factory=dict)


def planned(
    meant: Meant,
    known: Known,
    rules: Rules,
    there: List | None,
    *,
    as_of: date,
    mode: Mode = "changes",
    is_confirmed: bool = False,
    repairs: bool = False,
) -> Plan:
    """Compare what is meant with what a destination has from us.

    Args:
        meant: who is to be on the list.
        known: of the list.
        rules: of the segment.
        there: the list; None where it is yet to be made.
        as_of: the night that the release shows.
        mode: whether anybody may be added at all.
        is_confirmed: whether a person said that so many, or the first fill, is meant.
        repairs: whether drift is undone, and not only told.
    """
    joining, adopted, held_adds = _joining(meant, known, rules, as_of)
    at_once, leaving, held_removes = _leaving(meant, rules, as_of)
    drift = {key: kind for key, kind in _drift(known).items() if key not in adopted}
    if repairs:
        for key, kind in drift.items():
            if kind == "foreign" and key in meant.wanted:
                adopted[key] = "drift"  # to take them off and bring them again starts flows anew
            elif kind == "foreign":
                leaving.append(key)
            elif key in meant.wanted:
                joining.append(key)
    verdict, reason = _verdict(
        meant,
        known,
        rules,
        there,
        mode=mode,
        is_confirmed=is_confirmed,
        joining=len(joining),
        leaving=len(leaving),
    )
    if verdict == "stopped":
        reason += f"; if it is meant: `rapport activate --confirm {meant.segment.name}`"
    passes = verdict == "as planned"
    stopped = 0 if passes else len(joining) + len(leaving)
    if not passes:
        joining, leaving = [], []
    if there is not None and there.is_closed:
        stopped, at_once = stopped + len(at_once), []
    removes = [
        Row(
            key,
            meant.owners_of.get(key, ""),
            "remove",
            meant.unwanted.get(key, "drift"),
            known.failed.get((key, "remove"), 0) + 1,
        )
        for key in (*sorted(at_once), *sorted(leaving))
    ]
    adds = [
        (
            meant.wanted[key],
            Row(
                key,
                meant.wanted[key].customer_id,
                "add",
                "drift" if drift.get(key) == "gone" else "joined",
                known.failed.get((key, "add"), 0) + 1,
            ),
        )
        for key in sorted(joining)
    ]
    return Plan(
        meant,
        tuple(adds),
        tuple(removes),
        tuple(
            Row(key, meant.wanted[key].customer_id, "add", why)
            for key, why in sorted(adopted.items())
        ),
        Counts(
            source=meant.source,
            wanted=len(meant.wanted),
            there=len(known.standing),
            changed=len(adds) + len(removes) + stopped,
            held=held_adds + held_removes,
            stopped=stopped,
            drift_gone=sum(kind == "gone" for kind in drift.values()),
            drift_foreign=sum(kind == "foreign" for kind in drift.values()),
        ),
        verdict,
        reason,
        drift,
    )


def _drift(known: Known) -> dict[str, str]:
    """Tell whom somebody else took off or put there."""
    if known.there is None:
        return {}
    ours = known.standing.keys()
    gone = dict.fromkeys(ours - known.there - known.waiting, "gone")
    return gone | dict.fromkeys(known.there - ours - known.waiting, "foreign")


def _joining(
    meant: Meant, known: Known, rules: Rules, as_of: date
) -> tuple[list[str], dict[str, str], int]:
    """Who is to be added, who is there by us already and why, how many must stay away for now."""
    there = known.there or frozenset()
    away_since = as_of - timedelta(days=rules.minimum_absence_days)
    away = {key for key, (_, since) in known.left.items() if since > away_since}
    away |= {customer for customer, since in known.left.values() if since > away_since}
    # Whose other record we had sent: their merged record took the place with it.
    ours = set(meant.persons_there.values())
    joining: list[str] = []
    adopted: dict[str, str] = {}
    held = 0
    for key, member in meant.wanted.items():
        if key in known.standing:
            continue
        if key in there:
            if meant.persons.get(key) in ours:
                adopted[key] = "merged"
            continue  # somebody put them there; it stays theirs
        if key in away or member.customer_id in away:
            held += 1
        else:
            joining.append(key)
    return joining, adopted, held


def _leaving(meant: Meant, rules: Rules, as_of: date) -> tuple[list[str], list[str], int]:
    """Who is taken off at once, who otherwise, and how many stay their minimum."""
    since = as_of - timedelta(days=rules.minimum_stay_days)
    at_once, leaving, held = [], [], 0
    for key, why in meant.unwanted.items():
        if why in AT_ONCE:
            at_once.append(key)
        elif why == "left" and meant.since[key] > since:
            held += 1
        else:
            leaving.append(key)
    return at_once, leaving, held


def _verdict(
    meant: Meant,
    known: Known,
    rules: Rules,
    there: List | None,
    *,
    mode: Mode,
    is_confirmed: bool,
    joining: int,
    leaving: int,
) -> tuple[str, str]:
    """Say whether it goes out as it is, and if it does not, why not."""
    have = len(known.standing)
    if not meant.is_in_release:
        return "kept", (
            f"the release has no such segment; of the {have:,} who are there only those leave who "
            "said no. A segment that is meant to end gets its list emptied by hand"
        )
    if there is not None and there.refusal:
        return "refused", there.refusal
    if mode == "removals":
        return "removals", (
            "the release brings nobody: it is reduced, or of an earlier night than was sent before"
        )
    if is_confirmed:
        return "as planned", ""
    if not meant.source and have:
        return "stopped", (
            f"nobody is on the segment tonight and {have:,} are on the list: an empty segment "
            "takes nobody off unasked"
        )
    said = "; ".join(_beyond(rules, have, joining, leaving, known.was_filled))
    if said:
        return "stopped", f"{said}, of {have:,} who are there: more than goes out unasked"
    if joining and not known.was_filled and there is not None and there.asks_before_filling:
        return "stopped", there.asks_before_filling
    return "as planned", ""


def _beyond(rules: Rules, have: int, joining: int, leaving: int, was_filled: bool) -> Iterable[str]:
    """Say what of a change is beyond the bounds; a first fill rises from nothing."""
    falls = have >= rules.least_customers and leaving > rules.fall_share * have
    if falls or leaving > rules.fall_customers:
        yield f"{leaving:,} would leave"
    rises = joining > rules.rise_share * max(have, rules.least_customers)
    if was_filled and (rises or joining > rules.rise_customers):
        yield f"{joining:,} would join"
