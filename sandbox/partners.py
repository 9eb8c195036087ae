"""Whom the company deals with beside its customers, as its procurement tool exports it.

All of it is simulated, and its truth is known: each supplier and agency has habits (``HABITS``)
with a state planted in them, and the stores are those that the company's orders name.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.clock import FOREVER, LAST_INSTANT, moment, parse_instant
from sandbox.exports import Export, Row
from sandbox.people import draw, share

DAY, HOUR = 86_400_000, 3_600_000
END = parse_instant(LAST_INSTANT)
SOURCE = "procurement"
LATELY = 90  # days before the end, in which a tone may have changed
TRIES = 3  # conversations that one side may begin on a day
KINDS = ("late_delivery", "wrong_invoice", "damaged_goods", "contract")
SEVERITIES = ("low", "medium", "medium", "high", "critical")
STORES_WITH_CONTACTS = 40


@dataclass(frozen=True)
class Habits:
    """How a partner and the company deal with each other.

    Attributes:
        partner: its id.
        kind: ``store``, ``supplier`` or ``agency``.
        planted: the verdict that these habits should lead to.
        theirs, ours: conversations that either side begins in 30 days.
        slow: share of theirs that we answer after more than a working day, or never.
        silent: share of ours that they never answer.
        owners, people: whether another of ours, or of theirs, takes over every month.
        tone, tone_lately: how they speak to us, from -1 to 1.
        issues: raised in 30 days, by either side.
        unsettled: share of them that stay open.
        wired: whether a machine of ours sends them orders every day.
        until: days before the end after which nothing passes.
    """

    partner: str
    kind: str
    planted: str
    theirs: float = 5
    ours: float = 5
    slow: float = 0.1
    silent: float = 0.1
    owners: bool = False
    people: bool = False
    tone: float = 0.3
    tone_lately: float = 0.3
    issues: float = 1
    unsettled: float = 0.05
    wired: bool = False
    until: int = 0


HABITS = (
    Habits("supplier-01", "supplier", "neglected", theirs=7, slow=0.85),
    Habits("supplier-02", "supplier", "overloaded", theirs=3, ours=45, silent=0.6),
    Habits("supplier-03", "supplier", "unsteady", owners=True),
    Habits("supplier-04", "supplier", "unsteady", people=True),
    Habits(
        "supplier-05", "supplier", "souring", theirs=8, ours=8, tone=0.4, tone_lately=-0.4, issues=3
    ),
    Habits("supplier-06", "supplier", "fine", wired=True),
    Habits("supplier-07", "supplier", "unsettled", issues=4, unsettled=0.65),
    Habits("supplier-08", "supplier", "fine", theirs=12, ours=12),
    Habits("supplier-09", "supplier", "too_few", theirs=0.1, ours=0.1, issues=0),
    Habits("supplier-10", "supplier", "too_few", until=400),
    Habits("agency-01", "agency", "fine", theirs=9, ours=6, tone=0.1, tone_lately=0.1),
    Habits("agency-02", "agency", "neglected", theirs=9, slow=0.8, tone=0.0, tone_lately=0.0),
)


@dataclass(frozen=True)
class Contact:
    """One contact, ``at`` in epoch milliseconds; ``direction`` is ``in``, ``out`` or ``both``."""

    number: str
    partner: str
    direction: str
    channel: str
    at: int
    owner: str
    person: str
    by_machine: bool = False
    thread: str | None = None
    answers: str | None = None
    tone: float | None = None


@dataclass(frozen=True)
class Issue:
    """One issue, its times in epoch milliseconds."""

    number: str
    partner: str
    raised_by: str
    kind: str
    severity: str
    owner: str
    opened: int
    answered: int | None
    closed: int | None


def contacts(habits: Habits, days: int, owners: Sequence[str], seed: int) -> Iterator[Contact]:
    """Yield what passes between a partner and the company in so many days before the end."""
    steady = draw("who", seed, habits.partner) % len(owners)
    for day in range(days - habits.until):
        start = END - (days - day) * DAY
        month = moment(start).year * 12 + moment(start).month
        about = (seed, habits.partner, day)
        turn = month % len(owners) if habits.owners else steady
        if share("deputy", *about) < 0.08:
            turn = (turn + 1) % len(owners)
        contact = Contact(
            number=f"{habits.partner}-{day:03}",
            partner=habits.partner,
            direction="both",
            channel="meeting",
            at=start + 10 * HOUR,
            owner=owners[turn],
            person=f"{habits.partner}-p{month % 12 if habits.people else 0}",
        )
        if habits.ours >= 1 and moment(start).day == 1 + draw("met on", seed, habits.partner) % 28:
            yield replace(
                contact, number=f"{contact.number}-met", tone=_tone(habits, day, days, about)
            )
        if habits.wired:
            yield replace(
                contact,
                number=f"{contact.number}-edi",
                direction="out",
                channel="web",
                at=start + 4 * HOUR,
                by_machine=True,
            )
        for begun_by, rate in (("in", habits.theirs), ("out", habits.ours)):
            for place in range(TRIES):
                if share("begun", begun_by, place, *about) < rate / 30 / TRIES:
                    yield from _conversation(habits, contact, begun_by, place, days, day, about)


def _conversation(
    habits: Habits,
    contact: Contact,
    begun_by: str,
    place: int,
    days: int,
    day: int,
    about: tuple[object, ...],
) -> Iterator[Contact]:
    """Yield a letter, what it was answered, and sometimes a word of thanks."""
    about = (begun_by, place, *about)
    tone = _tone(habits, day, days, about)
    letter = replace(
        contact,
        number=f"{contact.number}-{begun_by}{place}",
        direction=begun_by,
        channel="email",
        at=contact.at - 2 * HOUR + draw("minute", *about) % (9 * 60) * 60_000,
        tone=tone if begun_by == "in" else None,
    )
    letter = replace(letter, thread=letter.number)
    yield letter
    lazy = habits.slow if begun_by == "in" else habits.silent
    late = share("late", *about) < lazy
    if late and (begun_by == "out" or share("never", *about) < 0.3):
        return
    hours = 20 + 80 * share("hours", *about) if late else 0.5 + 11 * share("hours", *about)
    answer = replace(
        letter,
        number=f"{letter.number}-a",
        direction="out" if begun_by == "in" else "in",
        at=letter.at + int(hours * HOUR) // 1000 * 1000,
        answers=letter.number,
        tone=None if begun_by == "in" else tone,
    )
    yield answer
    if share("thanks", *about) < 0.3:
        yield replace(
            letter,
            number=f"{letter.number}-t",
            at=answer.at + HOUR,
            answers=answer.number,
            tone=tone if begun_by == "in" else None,
        )


def _tone(habits: Habits, day: int, days: int, about: tuple[object, ...]) -> float | None:
    """Return how a contact speaks; the tool reads no mood in one of ten."""
    if share("unread", *about) < 0.1:
        return None
    mean = habits.tone_lately if day >= days - LATELY else habits.tone
    return round(mean + 0.6 * (share("tone", *about) - 0.5), 2)


def issues(habits: Habits, days: int, owners: Sequence[str], seed: int) -> Iterator[Issue]:
    """Yield what somebody has to put right."""
    for day in range(days - habits.until):
        about = (seed, habits.partner, day)
        if share("issue", *about) >= habits.issues / 30:
            continue
        opened = END - (days - day) * DAY + 9 * HOUR
        theirs = share("raised", *about) < 0.6
        lazy = habits.slow if theirs else habits.silent
        late = share("late issue", *about) < lazy
        settled = share("settled", *about) >= habits.unsettled
        answered = opened + (30 if late else 3) * HOUR
        yield Issue(
            number=f"{habits.partner}-i{day:03}",
            partner=habits.partner,
            raised_by="partner" if theirs else "us",
            kind=KINDS[draw("kind", *about) % len(KINDS)],
            severity=SEVERITIES[draw("severity", *about) % len(SEVERITIES)],
            owner=owners[draw("who", seed, habits.partner) % len(owners)],
            opened=opened,
            answered=answered if settled or not late else None,
            closed=answered + (24 + draw("work", *about) % 200) * HOUR if settled else None,
        )


def stores(ids: Sequence[str]) -> list[Habits]:
    """Return the habits of stores: some write now and then, the others never did."""
    return [
        Habits(number, "store", "", theirs=2, ours=2, issues=0.3)
        if place < STORES_WITH_CONTACTS
        else Habits(number, "store", "too_few", theirs=0, ours=0, issues=0, until=FOREVER)
        for place, number in enumerate(ids)
    ]


def exports(folder: Path, days: int, seed: int, until: int = END) -> Iterator[Export]:
    """Yield the partners, what passes between them and the company, and the issues.

    Args:
        folder: of the company, with ``crm.sqlite`` and ``shop.sqlite``.
        days: of its history.
        seed: of what is made up.
        until: no file grows from then on.
    """
    with closing(sqlite3.connect(folder / "crm.sqlite")) as crm:
        owners = [
            row[0]
            for row in crm.execute(
                "select distinct id from records where collection = 'hubspot/owners' order by id"
            )
        ]
    with closing(sqlite3.connect(folder / "shop.sqlite")) as shop:
        ids = [
            str(row[0])
            for row in shop.execute("select distinct store_id from _orders order by store_id")
        ]
    yield from exports_of([*HABITS, *stores(ids)], owners, days, seed, until)


def exports_of(
    everybody: Sequence[Habits], owners: Sequence[str], days: int, seed: int, until: int = END
) -> Iterator[Export]:
    """Yield the same of given partners, whom given staff look after."""
    first = END - days * DAY
    yield Export(
        SOURCE,
        "partners",
        ("Partner", "Kind", "Looked after by", "People", "Country", "Since", "Until"),
        [Row(first, _partner(each, owners, seed, days)) for each in everybody],
        by_month=False,
    )
    yield Export(
        SOURCE,
        "contacts",
        (
            *("Contact", "Partner", "Direction", "Channel", "By", "Our colleague", "Their person"),
            *("Thread", "Answers", "Tone", "Date"),
        ),
        [
            Row(
                each.at,
                (
                    *(each.number, each.partner, each.direction, each.channel),
                    "machine" if each.by_machine else "person",
                    *(
                        each.owner,
                        each.person,
                        each.thread,
                        each.answers,
                        each.tone,
                        _time(each.at),
                    ),
                ),
            )
            for habits in everybody
            for each in contacts(habits, days, owners, seed)
            if each.at < until
        ],
    )
    yield Export(
        SOURCE,
        "issues",
        (
            *("Issue", "Partner", "Raised by", "Kind", "Severity", "Our colleague"),
            *("Opened", "Answered", "Closed"),
        ),
        [
            row
            for habits in everybody
            for each in issues(habits, days, owners, seed)
            for row in _versions(each, until)
        ],
        by_month=False,
    )


def _partner(habits: Habits, owners: Sequence[str], seed: int, days: int) -> tuple[object, ...]:
    people = 12 if habits.people else 1
    ended = 0 < habits.until < FOREVER
    return (
        *(habits.partner, habits.kind),
        owners[draw("who", seed, habits.partner) % len(owners)],
        "; ".join(f"{habits.partner}-p{number}" for number in range(people)),
        "US",
        f"{moment(END - days * DAY):%Y-%m-%d}",
        f"{moment(END - habits.until * DAY):%Y-%m-%d}" if ended else None,
    )


def _versions(issue: Issue, until: int) -> Iterator[Row]:
    """Yield the issue's line as it was when it was opened, answered and closed."""
    moments = [at for at in (issue.opened, issue.answered, issue.closed) if at and at < until]
    for at, after in zip(moments, [*moments[1:], FOREVER], strict=False):
        yield Row(
            at,
            (
                *(issue.number, issue.partner, issue.raised_by, issue.kind, issue.severity),
                issue.owner,
                *(
                    _time(each) if each and each <= at else None
                    for each in (issue.opened, issue.answered, issue.closed)
                ),
            ),
            after,
        )


def _time(ms: int) -> str:
    return f"{moment(ms):%Y-%m-%dT%H:%M:%SZ}"
