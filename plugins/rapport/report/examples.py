"""The page's part on single journeys: five of each outcome, as timelines."""

from typing import TYPE_CHECKING, Any

from rapport.pages import counted, number
from rapport.report.drawing import Drawing, box, circle, label, line, svg
from rapport.report.night import CONVERSIONS, Night, Row
from rapport.report.pictures import BLUE, GRID, INK, MUTED, VERMILION
from rapport.report.words import LEAST_OBSERVATIONS, Section, percent, plain

if TYPE_CHECKING:
    from markupsafe import Markup

SHOWN_PER_OUTCOME = 5
MARKS = 60  # a journey of more days with something on them is cut
OUTCOMES = {"converted": "converted", "abandoned": "given up", "open": "still open"}
BECAME = {"converted": "converted", "abandoned": "was given up", "open": "is still open"}
ENDINGS = {
    "converted": "a square: the conversion",
    "abandoned": "the dashed line: the silence in which it was given up",
    "open": "the dotted line: what is not known yet",
}
LETTERS = {
    "email": "E",
    "sms": "T",
    "push": "N",
    "phone": "P",
    "meeting": "M",
    "chat": "C",
    "web": "W",
    "store": "S",
    "letter": "L",
    "post": "L",
    "ad": "A",
    "social": "F",
    "sales": "D",
}
DONE = {  # what a customer did, or had done to them, as a story tells it
    "attempted": "tried to reach us",
    "called": "talked",
    "met": "met us",
    "ordered": "ordered",
    "deal_won": "signed a deal",
    "redeemed": "used a coupon",
    "returned": "returned goods",
    "ticket_opened": "opened a case",
    "ticket_closed": "had the case closed",
    "surveyed": "was asked",
    "delivered": "got a message",
    "sent": "was written to",
}
TICKS = (0.25, 0.5, 1, 2, 5, 10, 14, 20, 30, 50, 60, 90, 100, 200, 365, 730)


def examples(night: Night) -> Section | None:
    """Five journeys of each outcome, of the usual length, so that a marketer can judge."""
    if not (night.has("fct_journeys", "duration_hours") and night.has("fct_journey_steps")):
        return None
    section = ("examples", "Do they read like shopping? Five journeys of each outcome")
    if why := night.untold(CONVERSIONS):
        return Section(*section, why)
    totals = night.rows(
        """
        select
            status,
            count(*) as journeys,
            count(*) filter (where step_count = 1) as single
        from fct_journeys
        group by status
        order by status
        """
    )
    if not totals:
        return Section(*section, "Nobody has been on a journey yet.")
    days = _days(night)
    drawings, untold = [], []
    by_outcome = {row["status"]: row for row in totals}
    for outcome in OUTCOMES:
        total = by_outcome.get(outcome, {"journeys": 0, "single": 0})
        shown = [row for row in days if row["status"] == outcome]
        if shown:
            drawings.append(_drawing(outcome, total, shown))
        elif total["journeys"]:
            untold.append(f"no journey that {BECAME[outcome]} has more than one step")
        else:
            untold.append(f"no journey {BECAME[outcome]}")
    if not drawings:
        return Section(*section, "No journey has more than one step yet: there is nothing to draw.")
    single = sum(row["single"] for row in totals)
    journeys = sum(row["journeys"] for row in totals)
    return Section(
        *section,
        "Not the best examples and not the longest: drawn by a lot among journeys of the usual "
        "number of steps and days, the same as long as the journeys are."
        + (f" {_share(single, journeys)} one step alone and not drawn." if single else "")
        + (f" Not shown: {', '.join(untold)}." if untold else ""),
        drawings=drawings,
        note="Several of a kind on a day are one mark, with their number. customer_id is a "
        "surrogate that names nobody.",
    )


def _share(single: int, journeys: int) -> str:
    if journeys < LEAST_OBSERVATIONS:
        are = "is" if single == 1 else "are"
        return f"{number(single)} of {counted(journeys, 'journey')} {are}"
    return f"{percent(single / journeys)} of {counted(journeys, 'journey')} are"


def _days(night: Night) -> list[Row]:
    """What happened in the journeys that were drawn, by day and channel; the earliest first.

    Usual is the middle half of those with two steps and more, by steps and by days alike; where
    nothing is in both middles, by steps alone.
    """
    return _marks(
        night.rows(
            """
        with

        longer as (

            select
                *,
                step_count between quantile_disc(step_count, 0.25) over (partition by status)
                and quantile_disc(step_count, 0.75) over (partition by status) as has_usual_steps,
                duration_hours between quantile_disc(duration_hours, 0.25) over (
                    partition by status
                ) and quantile_disc(duration_hours, 0.75) over (
                    partition by status
                ) as has_usual_days
            from fct_journeys
            where step_count > 1 and not is_left_censored

        ),

        -- one of each customer
        of_customers as (

            select *
            from longer
            qualify
                row_number() over (
                    partition by status, customer_id
                    order by
                        has_usual_steps and has_usual_days desc,
                        has_usual_steps desc,
                        md5('five of each' || journey_id)
                ) = 1

        ),

        drawn as (

            select
                *,
                row_number() over (
                    partition by status
                    order by
                        has_usual_steps and has_usual_days desc,
                        has_usual_steps desc,
                        md5('five of each' || journey_id)
                ) as place
            from of_customers
            qualify place <= $shown

        )

        select
            drawn.status,
            drawn.place,
            left(drawn.customer_id, 10) as customer,
            drawn.step_count as steps,
            drawn.duration_hours / 24 as days,
            date_diff('day', drawn.started_date, steps.step_date) as day,
            steps.channel,
            steps.is_impression,
            steps.is_conversion,
            steps.event_type as event,
            min(steps.step_number) as first_step,
            count(*) as count
        from drawn
        inner join fct_journey_steps as steps on drawn.journey_id = steps.journey_id
        group by all
        order by drawn.status, drawn.place, day, first_step
        """,
            shown=SHOWN_PER_OUTCOME,
        )
    )


def _marks(events: list[Row]) -> list[Row]:
    """Put together what was done on the same channel on the same day: a mark has no more room."""
    marks: dict[tuple[Any, ...], Row] = {}
    for row in events:
        key = tuple(
            row[each]
            for each in ("status", "place", "day", "channel", "is_impression", "is_conversion")
        )
        mark = marks.setdefault(key, row | {"events": [], "count": 0})
        mark["events"].append(row["event"])
        mark["count"] += row["count"]
    return list(marks.values())


def _letter(channel: str) -> str:
    return LETTERS.get(channel) or channel[:1].upper()


def _legend(days: list[Row]) -> str:
    there = sorted({row["channel"] for row in days}, key=lambda each: (_letter(each), each))
    return f"Letters: {', '.join(f'{_letter(each)} {plain(each)}' for each in there)}."


def _drawing(outcome: str, total: Row, shown: list[Row]) -> Drawing:
    journeys: dict[int, list[Row]] = {}
    for row in shown:
        journeys.setdefault(row["place"], []).append(row)
    words = tuple(_story(days, outcome) for days in journeys.values())
    text = f"Timelines of {counted(len(journeys), 'journey')} {OUTCOMES[outcome]}"
    return Drawing(
        f"Journeys {OUTCOMES[outcome]}: {number(len(journeys))} of {number(total['journeys'])}",
        f"n = {counted(total['journeys'], 'journey')}",
        f"{_legend(shown)} Filled: what they did themselves; hollow: a message that reached them; "
        f"{ENDINGS[outcome]}. The axis is in days since the first step.",
        _timelines(list(journeys.values()), outcome, 928, text),
        _timelines(list(journeys.values()), outcome, 358, text),
        words,
    )


def _story(days: list[Row], outcome: str) -> str:
    """Tell a journey in a line: what happened on which day."""
    by_day: dict[int, list[str]] = {}
    for row in days:
        by_day.setdefault(row["day"], []).append(_told(row))
    told = "; ".join(f"day {day}: {', '.join(parts)}" for day, parts in by_day.items())
    ends = {"abandoned": "; then nothing more", "open": "; what follows is not known yet"}
    return f"{days[0]['customer']}, {told}{ends.get(outcome, '')}."


def _told(row: Row) -> str:
    done = " and ".join(DONE.get(event) or plain(event) for event in row["events"])
    times = f", {number(row['count'])} times" if row["count"] > 1 else ""
    return f"{done} ({plain(row['channel'])}{times})"


def _timelines(journeys: list[list[Row]], outcome: str, width: int, text: str) -> "Markup":
    """Each journey a line above the others' axis; marks of one day stand upon each other."""
    narrow = width < 400
    left, right, mark = (12, 30, 9) if narrow else (120, 40, 9)
    last = max(1, *(row["day"] for days in journeys for row in days))
    scale = (width - left - right) / last
    parts: list[Markup] = []
    y = 4.0
    for days in journeys:
        stacks = _stacks(days, scale, mark)
        rise = max(len(stack) for _, stack in stacks)
        if narrow:
            parts.append(label(0, y + 8, days[0]["customer"], fill=MUTED))
            y += 20
        base = y + rise * (2 * mark + 2) - mark
        if not narrow:
            parts.append(label(0, base, days[0]["customer"], fill=MUTED))
        ends = stacks[-1][0]
        parts.append(line(left, base, left + ends, base, INK))
        if outcome != "converted":
            dashes, colour = ("5 4", VERMILION) if outcome == "abandoned" else ("1 4", INK)
            parts.append(
                line(
                    left + ends,
                    base,
                    width - 2,
                    base,
                    colour,
                    f'stroke-dasharray="{dashes}" stroke-width="1.5"',
                )
            )
        for x, stack in stacks:
            for place, row in enumerate(stack):
                parts += _mark(left + x, base - place * (2 * mark + 2), mark, row)
        y = base + mark + 8
    return svg(width, y + 22, text, [*_axis(left, y, scale, last, narrow), *parts])


def _stacks(days: list[Row], scale: float, mark: float) -> list[tuple[float, list[Row]]]:
    """The marks by place: days too near each other to stand side by side share one."""
    stacks: list[tuple[float, list[Row]]] = []
    for row in days[:MARKS]:
        x = row["day"] * scale
        if stacks and x - stacks[-1][0] < 2 * mark + 1:
            stacks[-1][1].append(row)
        else:
            stacks.append((x, [row]))
    return stacks


def _mark(x: float, y: float, radius: float, row: Row) -> "list[Markup]":
    letter = _letter(row["channel"])
    hollow = row["is_impression"]
    if row["is_conversion"]:
        shape = box(x - radius, y - radius, 2 * radius, 2 * radius, BLUE)
    else:
        shape = circle(x, y, radius - 0.5, "#fff" if hollow else INK, INK)
    drawn = [shape, label(x, y, letter, anchor="middle", fill=INK if hollow else "#fff", size=11)]
    if row["count"] > 1:
        drawn.append(
            label(x + radius + 1, y, f"\N{MULTIPLICATION SIGN}{row['count']}", size=10, halo=True)
        )
    return drawn


def _axis(left: float, foot: float, scale: float, last: int, narrow: bool) -> "list[Markup]":
    step = next((tick for tick in TICKS if tick >= 1 and last / tick <= (5 if narrow else 9)), last)
    parts: list[Markup] = []
    tick = 0.0
    while tick <= last:
        x = left + tick * scale
        parts += [
            line(x, 0, x, foot, GRID),
            label(x, foot + 9, f"{tick:g}", anchor="middle", fill=MUTED)
            if tick
            else label(x - 8, foot + 9, "day 0", fill=MUTED),
        ]
        tick += step
    return parts
