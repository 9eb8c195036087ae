"""The page's part on what is said of the firm in public, and on what follows loud days."""

from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, number
from rapport.report.night import Night, Row
from rapport.report.pictures import (
    AMBER,
    BLUE,
    GREY,
    SKY,
    VERMILION,
    Picture,
    Size,
    panels,
    picture,
)
from rapport.report.words import Column, Section, Table, percent, plain, signed

if TYPE_CHECKING:
    import altair as alt

DRAWN_DAYS, COMPARED_DAYS = 91, 28  # a quarter; whole weeks
LEAST_DRAWN = 7  # days with a word; of fewer the table says more
PANELS = 3
OUTCOMES = {
    "tickets": "tickets",
    "opt_outs": "opt-outs",
    "complaints": "complaints of messages",
}
VERDICTS = {
    "more": (VERMILION, "more"),
    "fewer": (BLUE, "fewer"),
    "within chance": (GREY, "within chance"),
}


def voice(night: Night) -> Section | None:
    """What is said, about what, what the pages count, and what loud days came before."""
    if not night.has("rpt_public_voice"):
        return None
    section = ("voice", "Public voice: what is said of us, and what follows")
    days = _days(night)
    pages = _pages(night)
    if not days and not pages:
        return Section(
            *section,
            "Nothing is known of it: no source tells what is said in public, or what the firm's "
            "pages count.",
        )
    topics = _topics(night)
    leads = night.rows(
        """
        from rpt_public_voice_leads
        order by
            corrected_chance nulls last, chance nulls last,
            source, signal_kind, signal, outcome, lag_days
        """
    )
    shown = [row for row in leads if row["verdict"] in VERDICTS]
    found = [row for row in shown if row["verdict"] != "within chance"]
    strongest = _strongest(found)
    charted = [row for row in days if row["mentions"]]
    return Section(
        *section,
        " ".join(filter(None, [_said(topics), _followed(leads, strongest)])),
        [
            *([_loudness(night, days)] if len(charted) >= LEAST_DRAWN else []),
            *([_ratios(night, shown)] if shown else []),
        ],
        [
            *([_found_table(strongest)] if strongest else []),
            *([_topic_table(topics)] if len(topics) > 1 else []),
            *([_page_table(pages)] if pages else []),
        ],
        "How a mention speaks is the listening tool's own reckoning. What comes before is not what "
        "brings about: whatever makes people angry in public may bring the tickets too."
        if days
        else "",
    )


def _days(night: Night) -> list[Row]:
    first, last = night.window(DRAWN_DAYS)
    return night.rows(
        """
        select
            voice_date as day,
            cast(sum(mention_count) as bigint) as mentions,
            cast(sum(negative_count) as bigint) as against
        from rpt_public_voice
        where what = 'all' and voice_date between $first and $last
        group by voice_date
        order by voice_date
        """,
        first=first,
        last=last,
    )


def _topics(night: Night) -> list[Row]:
    """All mentions, then each topic, of the last four weeks beside the four before."""
    first, last = night.window(COMPARED_DAYS)
    return night.rows(
        """
        select
            topic,
            cast(sum(mention_count) filter (where voice_date >= $first) as bigint) as mentions,
            cast(sum(scored_count) filter (where voice_date >= $first) as bigint) as scored,
            cast(sum(negative_count) filter (where voice_date >= $first) as bigint) as against,
            sum(mean_sentiment * scored_count) filter (where voice_date >= $first)
            / nullif(sum(scored_count) filter (where voice_date >= $first), 0) as sentiment,
            cast(sum(reach_count) filter (where voice_date >= $first) as bigint) as reach,
            cast(sum(mention_count) filter (where voice_date < $first) as bigint) as mentions_before
        from rpt_public_voice
        where voice_date between $before and $last
        group by what, topic
        order by what, mentions desc nulls last, topic
        """,
        before=night.window(2 * COMPARED_DAYS)[0],
        first=first,
        last=last,
    )


def _pages(night: Night) -> list[Row]:
    if not night.has("rpt_page_signals"):
        return []
    first, last = night.window(COMPARED_DAYS)
    return night.rows(
        """
        select
            source,
            platform,
            signal,
            is_level,
            case
                when is_level then sum(value) filter (where signal_date = latest)
                else sum(value) filter (where signal_date >= $first)
            end as value,
            case
                when is_level then sum(value) filter (where signal_date = latest_before)
                else sum(value) filter (where signal_date < $first)
            end as value_before
        from (
            select
                *,
                max(signal_date) over of_page as latest,
                max(signal_date) filter (where signal_date < $first) over of_page as latest_before
            from rpt_page_signals
            where signal_date between $before and $last
            window of_page as (partition by source, page_id, signal)
        )
        group by source, platform, signal, is_level
        order by source, platform, signal
        """,
        before=night.window(2 * COMPARED_DAYS)[0],
        first=first,
        last=last,
    )


def _strongest(found: list[Row]) -> list[Row]:
    """Of each signal and outcome the first: rows come in the order of chance."""
    strongest: dict[tuple[str, ...], Row] = {}
    for row in found:
        key = (row["source"], row["signal_kind"], row["signal"], row["outcome"])
        strongest.setdefault(key, row)
    return list(strongest.values())


def _said(topics: list[Row]) -> str:
    whole = next((row for row in topics if row["topic"] is None), None)
    if not whole or not whole["mentions"]:
        return f"In the last {COMPARED_DAYS} days nothing was said of us in public."
    said = f"In the last {COMPARED_DAYS} days {counted(whole['mentions'], 'mention')} of us"
    if whole["scored"]:
        said += f", {percent(whole['against'] / whole['scored'])} of the scored ones against us"
    against = [row for row in topics if row["topic"] is not None and row["against"]]
    if against:
        most = max(against, key=lambda row: (row["against"], row["topic"]))
        said += f", most of them about {plain(most['topic'])}"
    return said + "."


def _followed(leads: list[Row], strongest: list[Row]) -> str:
    if not leads:
        return ""
    looked = sum(row["chance"] is not None for row in leads)
    if not looked:
        return "Of too few loud days it is known what followed them."
    if not strongest:
        return (
            f"Of {counted(looked, 'combination')} of signal, outcome and days between none stands "
            "out: loud days foretold nothing that other days did not."
        )
    return (
        "; ".join(_lead(row) for row in strongest[:PANELS])
        + f". {number(looked)} combinations were looked "
        "at, and the verdicts are corrected for that."
    )


def _lead(row: Row) -> str:
    when = {0: "On", 1: "A day after"}.get(row["lag_days"], f"{row['lag_days']} days after")
    return (
        f"{when} loud days {_about(row)} there were {row['verdict']} {OUTCOMES[row['outcome']]} "
        f"than after others ({_ratio(row)} times as many)"
    )


def _about(row: Row) -> str:
    if row["signal_kind"] == "page":
        return f"of the pages' {plain(row['signal'])}"
    return (
        "about anything"
        if row["signal_kind"] == "all_mentions"
        else f"about {plain(row['signal'])}"
    )


def _ratio(row: Row) -> str:
    value, low, high = (row[f"rate_ratio{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return NOTHING
    return f"{number(value, 2)}, {number(low, 2)} to {number(high, 2)}"


def _found_table(strongest: list[Row]) -> Table:
    return Table(
        "What followed loud days, where it is more than chance",
        (
            Column("loud", "signal"),
            Column("followed by", "outcome"),
            Column("after days", "lag", "number"),
            Column("loud days", "days", "number"),
            Column("there were", "count", "number"),
            Column("expected", "expected", "number"),
            Column("times as many (95%)", "ratio", "number"),
        ),
        [
            {
                "signal": _about(row).removeprefix("about ").removeprefix("of "),
                "outcome": OUTCOMES[row["outcome"]],
                "lag": number(row["lag_days"]),
                "days": number(row["loud_day_count"]),
                "count": number(row["loud_count"]),
                "expected": number(row["loud_expected_count"]),
                "ratio": _ratio(row),
            }
            for row in strongest
        ],
        folded=False,
        reading="Of each pair the number of days that is furthest from chance. Expected is by "
        "season and weekday.",
    )


def _topic_table(topics: list[Row]) -> Table:
    return Table(
        f"What is said, in the last {COMPARED_DAYS} days",
        (
            Column("about", "topic"),
            Column("mentions", "mentions", "number"),
            Column(f"{COMPARED_DAYS} days before", "before", "number"),
            Column("against us", "against", "number", "of the scored ones"),
            Column(
                "mean (-1 to 1)".replace("-", "\N{MINUS SIGN}"),
                "sentiment",
                "number",
                "of the scored ones",
            ),
            Column("people reached", "reach", "number"),
        ),
        [
            {
                "topic": "everything" if row["topic"] is None else plain(row["topic"]),
                "mentions": number(row["mentions"] or 0),
                "before": number(row["mentions_before"] or 0),
                "against": percent(row["against"] / row["scored"]) if row["scored"] else NOTHING,
                "sentiment": signed(row["sentiment"], 2),
                "reach": number(row["reach"]),
            }
            for row in topics
        ],
        folded=False,
        reading="A mention of several topics is in the row of each. Who was reached twice counts "
        "twice.",
    )


def _page_table(pages: list[Row]) -> Table:
    return Table(
        f"What the pages count, in the last {COMPARED_DAYS} days",
        (
            Column("page on", "platform"),
            Column("figure", "signal"),
            Column("now", "value", "number"),
            Column(f"{COMPARED_DAYS} days before", "before", "number"),
        ),
        [
            {
                "platform": plain(row["platform"]),
                "signal": plain(row["signal"]) + (", at the end" if row["is_level"] else ""),
                "value": number(row["value"]),
                "before": number(row["value_before"]),
            }
            for row in pages
        ],
    )


def _loudness(night: Night, days: list[Row]) -> Picture:
    mentions, against = (sum(row[key] for row in days) for key in ("mentions", "against"))
    return picture(
        lambda size: _loudness_chart(days, size),
        title="Mentions per day, and those that speak against us",
        basis=f"n = {counted(mentions, 'mention')}, {number(against)} of them against us; "
        f"{night.until}",
        reading="The whole bar is all that was said, its lower part what speaks against us.",
        text="; ".join(
            f"{row['day']}: {row['mentions']}, {row['against']} against" for row in days
        ),
    )


def _loudness_chart(days: list[Row], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    kinds = {"against us": AMBER, "all others": SKY}
    values = [
        {"day": row["day"], "kind": kind, "count": count, "place": place}
        for row in days
        for place, (kind, count) in enumerate(
            zip(kinds, (row["against"], row["mentions"] - row["against"]), strict=True)
        )
    ]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_bar(width=max(1.5, (size.width - 80) / DRAWN_DAYS - 1.5))
        .encode(
            x=alt.X("day:T", title=None).axis(
                format="%-d %b", tickCount=4 if size.narrow else 8, grid=False
            ),
            y=alt.Y("count:Q", title="mentions").axis(tickCount=4),
            color=alt.Color("kind:N", sort=list(kinds)).scale(
                domain=list(kinds), range=list(kinds.values())
            ),
            order="place:Q",
        )
        .properties(width=size.width - 70, height=190)
    )


def _ratios(night: Night, shown: list[Row]) -> Picture:
    """The signals and outcomes that are furthest from chance, lag by lag."""
    pairs: dict[tuple[str, ...], str] = {}
    for row in shown:  # in the order of chance
        key = (row["source"], row["signal_kind"], row["signal"], row["outcome"])
        if key not in pairs and len(pairs) < PANELS:
            pairs[key] = (
                f"{OUTCOMES[row['outcome']]} after loud days {_about(row)} · "
                f"{counted(row['loud_day_count'], 'loud day')}"
            )
    rows = [
        row | {"head": pairs[key]}
        for row in shown
        if (key := (row["source"], row["signal_kind"], row["signal"], row["outcome"])) in pairs
    ]
    rows.sort(key=lambda row: (list(pairs.values()).index(row["head"]), row["lag_days"]))
    loud = max(row["loud_day_count"] for row in rows)
    return picture(
        lambda size: _ratio_chart(rows, list(pairs.values()), size),
        title="How many times as many followed loud days as others, by the days between",
        basis=f"n = up to {counted(loud, 'loud day')}; {night.until}",
        reading="Dot and line: ratio and 95% interval; at 1 they are alike. Coloured is what stays "
        "more than chance after a correction for all that was looked at (Holm).",
        text="; ".join(
            f"{row['head']}, {row['lag_days']} days: {_ratio(row)}, {row['verdict']}"
            for row in rows
        ),
    )


def _ratio_chart(rows: list[Row], heads: list[str], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    values = [
        {
            "head": row["head"],
            "lag": row["lag_days"],
            "ratio": row["rate_ratio"],
            "low": row["rate_ratio_low"],
            "high": row["rate_ratio_high"],
            "kind": VERDICTS[row["verdict"]][1],
        }
        for row in rows
        if row["rate_ratio"] is not None and row["rate_ratio_high"] is not None
    ]
    there = [each for each in VERDICTS.values() if each[1] in {value["kind"] for value in values}]
    colour = alt.Color("kind:N", sort=[name for _, name in there]).scale(
        domain=[name for _, name in there], range=[colour for colour, _ in there]
    )
    columns = 1 if size.narrow else min(PANELS, len(heads))
    room = (size.width - 70) // columns - (0 if columns == 1 else 20)
    base = alt.Chart()
    x = alt.X("lag:O", title="days between").axis(
        labelAngle=0, ticks=False, values=list(range(0, 61, 2))
    )
    y = alt.Y("low:Q", title="times as many").scale(zero=False).axis(tickCount=5)
    return (
        alt.layer(
            base.mark_rule(color=GREY, strokeDash=[4, 3]).encode(y=alt.datum(1)),
            base.mark_rule(strokeWidth=2).encode(x=x, y=y, y2="high:Q", color=colour),
            base.mark_point(filled=True, size=50, opacity=1).encode(x=x, y="ratio:Q", color=colour),
            data=alt.Data(values=values),
        )
        .properties(width=room, height=170)
        .facet(panels(heads, Size(size.width, narrow=True)), columns=columns)  # heads of two lines
    )
