"""The page's part on how customers feel along their journeys, and how little of it is known."""

from collections.abc import Iterable
from math import hypot
from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, number
from rapport.report.night import FEELINGS, Night, Row
from rapport.report.pictures import BLUE, GREY, SKY, Picture, Size, picture
from rapport.report.words import Column, Section, Table, in_order, percent, plain, signed

if TYPE_CHECKING:
    import altair as alt

AROUND = 5  # answers before and after the worst moment
COVERED = ("customers", "journeys", "acts", "steps", "stage", "channel")
WHOSE = {
    "customers": "customers",
    "journeys": "journeys",
    "acts": "what customers did",
    "steps": "all steps, with messages that came",
}
HANDLINGS = {
    "handled": "handled well",
    "mishandled": "handled badly",
    "unknown": "not known yet",
    "all": "all",
}
REASONS = {
    "slow": "badly: answered late",
    "reopened": "badly: opened again",
    "negative": "badly: ended unhappy",
}


def emotion(night: Night) -> Section | None:
    """How they feel along the journey, what share says anything, and what a bad case did."""
    if not (
        night.has("rpt_emotion_journey", "mean_emotion_low")
        and night.has("rpt_emotion_coverage", "subject")
    ):
        return None
    section = ("emotion", "Feelings along the journey: what they said, and how few said it")
    if why := night.untold(FEELINGS):
        return Section(*section, why)
    coverage = night.rows("from rpt_emotion_coverage order by what, subject")
    whole = {row["what"]: row for row in coverage if row["subject"] == "all"}
    if not whole.get("journeys", {}).get("total_count"):
        return Section(*section, "Nobody has been on a journey yet.")
    told = _told(whole)
    if not whole["journeys"]["signal_count"]:
        return Section(*section, f"{told} So nothing can be said of how journeys feel.")
    places = [
        row
        for row in night.rows(
            """
            from rpt_emotion_journey
            where stage = 'all' and signal_count > 0
            order by view, position
            """
        )
        if row["view"] != "from_worst"
    ]
    along = [row for row in places if row["view"] == "position" and not row["is_few"]]
    around = [
        row
        for row in places
        if row["view"] == "signals_from_worst"
        and not row["is_few"]
        and abs(row["position"]) <= AROUND
    ]
    services = (
        night.rows("from rpt_service_journeys order by split_by, split_value, handling")
        if night.has("rpt_service_journeys", "silent_share_low", "usual_wait_days")
        else []
    )
    return Section(
        *section,
        " ".join(filter(None, [told, _around_said(around), _service_said(services)])),
        [
            *([_along_picture(night, along)] if len(along) > 1 else []),
            *([_around_picture(night, around)] if len(around) > 1 else []),
        ],
        [
            _coverage_table("What share says anything", whole.values()),
            *([_service_table(services)] if services else []),
            *(
                [_coverage_table("What share says anything, by stage and channel", parts)]
                if (parts := [row for row in coverage if row["what"] not in WHOSE])
                else []
            ),
            *([_places_table(places)] if places else []),
        ],
        "From -1 to 1, where a survey, a tap on an answer or the end of a case says so; who says "
        "nothing is not taken to feel nothing, and who answers is not like who does not. Within a "
        "journey nothing is worse than its worst moment, so that it is better before and after is "
        "partly so by choice; compare what follows it with what went before. Points that rest on "
        "few customers are in the table only.".replace("-1", "\N{MINUS SIGN}1"),
    )


def _told(whole: dict[str, Row]) -> str:
    said = []
    for what, words in (("journeys", "journey"), ("customers", "customer")):
        row = whole.get(what)
        if row and row["total_count"]:
            said.append(
                f"{percent(row['signal_share'], 1)} of {counted(row['total_count'], words)}"
            )
    return f"How they felt is known of {' and of '.join(said)}; of the others nothing is known."


def _around_said(around: list[Row]) -> str:
    by_place = {row["position"]: row for row in around}
    before, worst, after = (by_place.get(place) for place in (-1, 0, 1))
    if not worst or not after:
        return ""
    said = (
        f"After a worst moment ({number(worst['mean_emotion'], 2)} in the mean of "
        f"{counted(worst['signal_count'], 'journey')}) the next that they said was "
        f"{_felt(after)}"
    )
    if before:
        said += f", where the last before it had been {_felt(before)}"
        if after["mean_emotion_high"] < before["mean_emotion_low"]:
            said += ": they do not come back to where they were at once"
    return said + "."


def _felt(row: Row) -> str:
    low, high = (number(row[f"mean_emotion_{end}"], 2) for end in ("low", "high"))
    return f"{number(row['mean_emotion'], 2)} ({low} to {high})"


def _service_said(services: list[Row]) -> str:
    of = {
        row["handling"]: row
        for row in services
        if row["split_by"] == "all" and row["handling"] in ("handled", "mishandled")
    }
    if len(of) < 2 or any(row["is_few"] for row in of.values()):
        return (
            "Of too few journeys with a case it is known what customers did after it, to compare "
            "cases handled well and badly."
            if services
            else ""
        )
    well, badly = of["handled"], of["mishandled"]
    more = badly["silent_share"] - well["silent_share"]
    low = more - hypot(
        badly["silent_share"] - badly["silent_share_low"],
        well["silent_share_high"] - well["silent_share"],
    )
    high = more + hypot(
        badly["silent_share_high"] - badly["silent_share"],
        well["silent_share"] - well["silent_share_low"],
    )
    said = (
        f"After a case handled well {percent(well['silent_share'], 1)} stopped ordering, after one "
        f"handled badly {percent(badly['silent_share'], 1)} "
        f"({signed(100 * more, 1)} points, {signed(100 * low, 1)} to {signed(100 * high, 1)})"
    )
    if low <= 0 <= high:
        return f"{said}: chance alone can make that difference."
    return f"{said}; harder cases are handled badly more often, so not all of it is the handling."


def _coverage_table(title: str, coverage: Iterable[Row]) -> Table:
    def place(row: Row) -> tuple[int, str]:
        known = list(COVERED)
        return (known.index(row["what"]) if row["what"] in known else len(known)), row["subject"]

    return Table(
        title,
        (
            Column("of", "of"),
            Column("there are", "total", "number"),
            Column("say how they feel", "signal", "number"),
            Column("in a survey", "survey", "number", "of these ways"),
            Column("at the end of a case", "ticket", "number", "of these ways"),
            Column("by a tap", "pulse", "number", "of these ways"),
            Column("in public", "mention", "number", "of these ways"),
        ),
        [
            {
                "of": WHOSE.get(row["what"]) or f"{row['what']}: {plain(row['subject'])}",
                "total": number(row["total_count"]),
                "signal": f"{number(row['signal_count'])} ({percent(row['signal_share'], 1)})",
                **{each: number(row[f"{each}_count"]) for each in ("survey", "ticket", "pulse")},
                # of a release before there were mentions nothing is known
                "mention": number(row.get("mention_count")),
            }
            for row in sorted(coverage, key=place)
        ],
        folded="by" in title.split(),
    )


def _places_table(places: list[Row]) -> Table:
    views = {"position": "step of a journey", "signals_from_worst": "answers from the worst moment"}
    return Table(
        "All points of the charts",
        (
            Column("counted as", "view"),
            Column("place", "position", "number"),
            Column("steps", "steps", "number"),
            Column("say how they feel", "signals", "number"),
            Column("customers", "customers", "number"),
            Column("mean (95%)", "mean", "number"),
            Column("below 0", "negative", "number"),
            Column("above 0", "positive", "number"),
            Column("days from the worst moment", "days", "number"),
        ),
        [
            {
                "view": views.get(row["view"]) or plain(row["view"]),
                "position": number(row["position"]) + (" and on" if row["is_open_ended"] else ""),
                "steps": number(row["step_count"]),
                "signals": number(row["signal_count"]),
                "customers": number(row["customer_count"]),
                "mean": _felt(row),
                "negative": percent(row["negative_share"]),
                "positive": percent(row["positive_share"]),
                "days": NOTHING
                if row["median_hours_from_worst"] is None
                else number(row["median_hours_from_worst"] / 24, 1),
            }
            for row in places
        ],
    )


def _along_picture(night: Night, along: list[Row]) -> Picture:
    signals = sum(row["signal_count"] for row in along)
    return picture(
        lambda size: _feeling_chart(along, size, "step of the journey", "share that says anything"),
        title="How they felt, by the step of a journey",
        basis=f"n = {counted(signals, 'answer')}; {night.until}",
        reading="Dot and line: mean and 95% interval of those who said it. Bars: the share of "
        "steps that say anything; what the dots say is of no more than these. Longer journeys "
        "alone have late steps, and an unhappy customer's are longer.",
        text="; ".join(
            f"step {row['position']}: {_felt(row)}, "
            f"{percent(row['signal_count'] / row['step_count'], 1)} say anything"
            for row in along
        ),
    )


def _around_picture(night: Night, around: list[Row]) -> Picture:
    return picture(
        lambda size: _feeling_chart(
            around, size, "answers before and after the worst moment", "answers"
        ),
        title="How they felt before and after the worst moment of a journey",
        basis=f"n = {counted(sum(row['signal_count'] for row in around), 'answer')}; {night.until}",
        reading="0 is the worst moment, 1 the next time that they said how they feel, "
        "\N{MINUS SIGN}1 the last time before. Bars: how many answers there are.",
        text="; ".join(f"{number(row['position'])}: {_felt(row)}" for row in around),
    )


def _feeling_chart(rows: list[Row], size: Size, across: str, below: str) -> "alt.TopLevelMixin":
    import altair as alt

    shares = rows[0]["view"] == "position"
    values = [
        {
            "place": number(row["position"]),
            "mean": row["mean_emotion"],
            "low": row["mean_emotion_low"],
            "high": row["mean_emotion_high"],
            "told": row["signal_count"] / row["step_count"] if shares else row["signal_count"],
        }
        for row in rows
    ]
    room = size.width - 70
    places = [value["place"] for value in values]
    x = alt.X("place:N", title=None, sort=places).axis(labelAngle=0, ticks=False)
    base = alt.Chart(alt.Data(values=values))
    y = alt.Y("low:Q", title="mean feeling").scale(domain=[-1, 1]).axis(tickCount=5)
    upper = alt.layer(
        alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color=GREY).encode(y="y:Q"),
        base.mark_rule(color=BLUE, strokeWidth=2).encode(x=x, y=y, y2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1, color=BLUE).encode(x=x, y="mean:Q"),
    ).properties(width=room, height=170)
    lower = (
        base.mark_bar(color=SKY, size=16)
        .encode(
            x=alt.X("place:N", title=across, sort=places).axis(labelAngle=0, ticks=False),
            y=alt.Y("told:Q", title=below.removeprefix("share that ")).axis(
                tickCount=3, format="%" if shares else ",d"
            ),
        )
        .properties(width=room, height=70)
    )
    return alt.vconcat(upper, lower, spacing=8)


def _service_table(services: list[Row]) -> Table:
    shown = [
        row | {"words": words}
        for split, names in (("all", HANDLINGS), ("reason", REASONS))
        for name in in_order(
            (
                row["handling" if split == "all" else "split_value"]
                for row in services
                if row["split_by"] == split
            ),
            names,
        )
        for row in services
        if row["split_by"] == split and row["handling" if split == "all" else "split_value"] == name
        for words in [names.get(name) or plain(name)]
    ]

    def compared(row: Row, key: str) -> str:
        if not row["compared_count"]:
            return NOTHING
        if row["is_few"]:
            return f"{number(row[f'{key}_count'])} of {number(row['compared_count'])}"
        low, high = (percent(row[f"{key}_share_{end}"], 1) for end in ("low", "high"))
        return f"{percent(row[f'{key}_share'], 1)} ({low} to {high})"

    return Table(
        "What customers did after a service case",
        (
            Column("case", "words"),
            Column("journeys", "journeys", "number"),
            Column("can be compared", "compared", "number"),
            Column("after it", "wait", "number", "mean days to an order"),
            Column("usual", "usual_wait", "number", "mean days to an order"),
            Column("after it (95%)", "again", "number", "ordered again as usual"),
            Column("usual", "usual_again", "number", "ordered again as usual"),
            Column("stopped ordering (95%)", "silent", "number"),
        ),
        [
            {
                "words": row["words"],
                "journeys": number(row["journey_count"]),
                "compared": number(row["compared_count"]),
                "wait": NOTHING if row["is_few"] else number(row["mean_wait_days"], 1),
                "usual_wait": NOTHING if row["is_few"] else number(row["usual_wait_days"], 1),
                "again": compared(row, "again"),
                "usual_again": NOTHING if row["is_few"] else percent(row["usual_again_share"], 1),
                "silent": compared(row, "silent"),
            }
            for row in shown
        ],
        folded=False,
        reading="Usual: what the same customers do after any other moment of their time before. "
        "Compared are cases of customers whose rhythm is known and after which time enough has "
        "passed; of few of them nothing is said in shares.",
    )
