"""What people outside say, and what the firm's pages count: exports of two further tools.

All of it is simulated around the tickets of the company, whichever it is, so that a truth is
known: bursts of angry words about `FOREBODING` come three days before days with many tickets,
bursts about `LOUD` come whenever a hash says so, and nothing else has to do with anything.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sandbox.clock import LAST_INSTANT, moment, parse_instant
from sandbox.exports import Export, Row
from sandbox.people import draw, share

DAY, HOUR = 86_400_000, 3_600_000
END = parse_instant(LAST_INSTANT)
FOREBODING, LOUD = "freshness", "prices"
LEAD_DAYS = 3
TOPICS = (FOREBODING, LOUD, "recipes", "opening_hours")
PLATFORMS = ("mastodon", "instagram", "reviews", "forum")
PAGES = (("page-1", "facebook"), ("page-2", "instagram"))
# What a word of a mood says; no tool writes its text into more than the export.
WORDS = {
    -1: "this was the last time, {}",
    0: "somebody knows about {}?",
    1: "very pleased with {}",
}
CANDIDATES, BURST = 30, 16  # on a day of a whole company: words that may fall, angry ones more
WHOLE = 1_000  # households; of a smaller company correspondingly less is said
TICKETY_SHARE = 0.08  # of the days: those with the most tickets
TOLD_BEFORE, FALSE_ALARM = 0.85, 0.015  # shares of those days, and of the others, with a burst
LOUD_SHARE = 0.07


def exports(folder: Path, households: int, days: int, until: int = END) -> Iterator[Export]:
    """Yield the mentions, the authors that are known, and the insights of the pages.

    Args:
        folder: of the company, with ``crm.sqlite`` and ``shop.sqlite``.
        households: of the company.
        days: of its history.
        until: no file grows from then on.
    """
    first = END - days * DAY
    with closing(sqlite3.connect(folder / "crm.sqlite")) as crm:
        tickets = Counter(
            (opened - first) // DAY
            for (opened,) in crm.execute(
                "select min(created_at) from records where collection = 'hubspot/tickets' "
                "group by id"
            )
        )
    with closing(sqlite3.connect(folder / "shop.sqlite")) as shop:
        customers = shop.execute(
            "select customer_id, email from _customers where replaced_at > '9' order by customer_id"
        ).fetchall()
        products = [
            row[0] for row in shop.execute("select product_id from _products order by 1 limit 5000")
        ]
    known = [each for each in customers if draw("author", each[0]) % 40 == 0 and each[1]]
    yield Export(
        "listening",
        "mentions",
        (
            *("Mention ID", "Date", "Platform", "Author ID", "Topics", "Product"),
            *("Sentiment", "Reach", "Text", "Updated"),
        ),
        [
            row
            for row in _mentions(first, days, households, tickets, known, products)
            if row.shown_from < until
        ],
    )
    yield Export(
        "listening",
        "authors",
        ("Author ID", "E-mail", "First seen"),
        [Row(first, (f"a{number}", email, _time(first))) for number, email in known],
        by_month=False,
    )
    yield Export(
        "page",
        "insights",
        ("Page ID", "Platform", "Day", "Reach", "Visits", "Followers", "Engagements"),
        [row for row in _insights(first, days) if row.shown_from < until],
    )


def bursts(days: int, tickets: Counter[int]) -> dict[str, set[int]]:
    """Return the days, counted from the first, on which angry words about a topic pile up."""
    tickety = sorted(range(days), key=lambda day: (-tickets[day], day))
    many = set(tickety[: int(TICKETY_SHARE * days)])
    return {
        FOREBODING: {
            day
            for day in range(days)
            if share("foreboding", day) < (TOLD_BEFORE if day + LEAD_DAYS in many else FALSE_ALARM)
        },
        LOUD: {day for day in range(days) if share("loud", day) < LOUD_SHARE},
    }


def _mentions(
    first: int,
    days: int,
    households: int,
    tickets: Counter[int],
    known: list[tuple[int, str]],
    products: list[object],
) -> Iterator[Row]:
    said_more = min(1.0, households / WHOLE)
    burst = bursts(days, tickets)
    for day in range(days):
        is_weekend = moment(first + day * DAY).weekday() >= 5
        words = [
            TOPICS[draw("topic", day, place) % len(TOPICS)]
            for place in range(CANDIDATES)
            if share("said", day, place) < said_more * (0.9 if is_weekend else 0.65)
        ]
        angry = [
            topic
            for topic, on in burst.items()
            if day in on
            for place in range(BURST)
            if share("angry", topic, day, place) < said_more
        ]
        for place, topic in enumerate(words + angry):
            about = (day, place)
            at = first + day * DAY + draw("at", *about) % DAY // 1000 * 1000
            mood = (draw("mood", *about) % 7) / 3 - 1 if place < len(words) else -0.8
            author = known[draw("who", *about) % len(known)][0] if known else None
            is_known = author is not None and place < len(words) and share("known", *about) < 0.05
            topics = [topic]
            if place < len(words) and share("second topic", *about) < 0.1:
                topics.append("stores")
            yield Row(
                at + 2 * HOUR,  # the tool has found and read it
                (
                    f"m{day:03}-{place:03}",
                    _time(at),
                    PLATFORMS[draw("where", *about) % len(PLATFORMS)],
                    f"a{author}" if is_known else None,
                    "; ".join(topics),
                    products[draw("product", *about) % len(products)]
                    if products and topic == "recipes" and is_known
                    else None,
                    None if share("unscored", *about) < 0.1 else round(mood, 2),
                    draw("reach", *about) % 2_000 + 20,
                    WORDS[round(mood)].format(topic.replace("_", " ")),
                    _time(at + 2 * HOUR),
                ),
            )


def _insights(first: int, days: int) -> Iterator[Row]:
    for day in range(days):
        for number, (page, platform) in enumerate(PAGES):
            reach = 900 + 400 * number + draw("seen", page, day) % 600
            yield Row(
                first + (day + 1) * DAY + 6 * HOUR,  # a day's figures come in the next morning
                (
                    page,
                    platform,
                    f"{moment(first + day * DAY):%Y-%m-%d}",
                    reach,
                    int(reach * (0.04 + 0.03 * share("visits", page, day))),
                    4_000 + 3 * day + draw("followers", page, day) % 3,
                    int(reach * (0.02 + 0.02 * share("engaged", page, day))),
                ),
            )


def _time(ms: int) -> str:
    return f"{moment(ms):%Y-%m-%dT%H:%M:%SZ}"
