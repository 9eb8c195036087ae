"""The page's part on attribution: what channels are owed by each model, and how sure that is."""

from datetime import date
from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, number
from rapport.report.night import CONVERSIONS, Night, Row
from rapport.report.pictures import AMBER, BLUE, GREY, VERMILION, Picture, Size, panels, picture
from rapport.report.words import (
    LEAST_OBSERVATIONS,
    Column,
    Section,
    Table,
    in_order,
    percent,
    plain,
)

if TYPE_CHECKING:
    import altair as alt

MODELS = (
    "first",
    "last",
    "last_non_direct",
    "linear",
    "position",
    "time_decay",
    "markov_1",
    "markov_2",
    "shapley",
)
WAYS = {"counted": "messages that came count too", "ignored": "their own acts alone"}
OWED_BY = "linear"  # the model that stands beside what the lot says: it prefers no place
UNTOUCHED = "none"
CAMPAIGNS_SHOWN = 12
CHANNELS_CHARTED = 6


def attribution(night: Night) -> Section | None:
    """What channels are owed of the last whole month's conversions, by all models side by side."""
    if not night.has("rpt_channel_attribution", "month_date", "credit_count_low"):
        return None
    section = ("attribution", "Attribution: what channels are owed, and how sure that is")
    if why := night.untold(CONVERSIONS):
        return Section(*section, why)
    rows = night.rows(
        """
        from rpt_channel_attribution
        where
            month_date = (
                select max(month_date)
                from rpt_channel_attribution
                where last_day(month_date) <= $last and credit_count > 0
            )
        order by impressions, channel, model
        """,
        last=night.last_day,
    )
    if not rows:
        return Section(*section, "No month in which anybody converted is over yet.")
    by_channel = _by_channel(rows)
    campaigns, tables, pictures = _increments(night, rows[0]["month_date"])
    charted = _charted(rows)
    return Section(
        *section,
        f"{_finding(rows)} {campaigns}",
        [*([_channel_picture(night, rows, charted)] if charted else []), *pictures],
        [_channel_table(by_channel, rows), *tables, *_all_figures(rows)],
        "No model knows what would have happened without a channel: they share out what did "
        "happen, each by an opinion, and where they differ the difference is the opinion. A chain "
        "of order 1 (markov 1) forgets how a journey came to a channel and so walks detours that "
        "nobody walked; order 2 (markov 2) remembers the touch before, and needs more journeys "
        "for it. The intervals say what chance does, not whether a model is right.",
    )


def _named(month: str) -> str:
    return f"{date.fromisoformat(month):%B %Y}"


def _by_channel(rows: list[Row]) -> dict[str, dict[str, dict[str, Row]]]:
    """The rows by channel, way of counting impressions, and model; nobody's channel last."""
    found: dict[str, dict[str, dict[str, Row]]] = {}
    for row in rows:
        found.setdefault(row["channel"], {}).setdefault(row["impressions"], {})[row["model"]] = row
    most = {
        channel: max(row["credit_count"] for models in ways.values() for row in models.values())
        for channel, ways in found.items()
    }
    return {
        channel: found[channel]
        for channel in sorted(found, key=lambda each: (each == UNTOUCHED, -most[each], each))
    }


def _finding(rows: list[Row]) -> str:
    by_way = {
        way: [row for row in rows if row["impressions"] == way and row["model"] == OWED_BY]
        for way in WAYS
    }
    month = _named(rows[0]["month_date"])
    total = {way: sum(row["credit_count"] for row in found) for way, found in by_way.items()}
    alone = {
        way: sum(row["credit_count"] for row in found if row["channel"] == UNTOUCHED)
        for way, found in by_way.items()
    }
    ways = [way for way in WAYS if total[way]]
    if not ways:
        return f"Of {month} nothing can be shared out."
    said = f"In {month} there {_were(total[ways[0]], 'conversion')}. "
    if round(total[ways[0]]) == 1:
        return said + _of_one({way: alone[way] > total[way] / 2 for way in ways})
    told = []
    if "counted" in ways:
        told.append(
            f"{percent(alone['counted'] / total['counted'])} had nothing before them that anybody "
            "recorded"
        )
    if "ignored" in ways:
        told.append(
            f"{percent(alone['ignored'] / total['ignored'])} no act of the customer's, if messages "
            "that merely came do not count"
        )
    said += f"{', '.join(told)}: " if told else ""
    return said + (
        "these are nobody's (none)"
        + (
            ", for most customers come by habit and need no message."
            if 2 * alone[ways[0]] > total[ways[0]]
            else "."
        )
        + " The rest is shared out below."
    )


def _of_one(is_alone: dict[str, bool]) -> str:
    """What came before a single conversion: shares of one say less than words."""
    told = []
    if "counted" in is_alone:
        told.append(f"{'nothing' if is_alone['counted'] else 'something'} that anybody recorded")
    if "ignored" in is_alone:
        told.append(
            f"{'no' if is_alone['ignored'] else 'an'} act of the customer's, if messages that "
            "merely came do not count"
        )
    nobodys = next(iter(is_alone.values()))
    end = "it is nobody's (none)" if nobodys else "it is shared out below"
    return f"Before it there was {', '.join(told)}: {end}."


def _were(count: float, one: str) -> str:
    return f"{'was' if round(count) == 1 else 'were'} {counted(round(count), one)}"


def _range(models: dict[str, Row] | None, key: str = "credit_count") -> str:
    """The least and the most that any model gives."""
    if not models:
        return NOTHING
    low, high = (number(find(row[key] for row in models.values())) for find in (min, max))
    return low if low == high else f"{low} to {high}"


def _channel_table(by_channel: dict[str, dict[str, dict[str, Row]]], rows: list[Row]) -> Table:
    def touched(models: dict[str, Row] | None) -> str:
        return number(next(iter(models.values()))["journey_count"]) if models else NOTHING

    return Table(
        f"Conversions of {_named(rows[0]['month_date'])} that each channel is owed, "
        "by the models that give it least and most",
        (
            Column("channel", "channel"),
            *(
                column
                for way, said in WAYS.items()
                for column in (
                    Column("journeys", f"{way}_journeys", "number", said),
                    Column("conversions", f"{way}_range", "number", said),
                    Column(rows[0]["currency_code"], f"{way}_money", "number", said),
                )
            ),
        ),
        [
            {"channel": _channel(channel)}
            | {
                key: cell
                for way in WAYS
                for key, cell in (
                    (f"{way}_journeys", touched(ways.get(way))),
                    (f"{way}_range", _range(ways.get(way))),
                    (f"{way}_money", _range(ways.get(way), "credit_amount")),
                )
            }
            for channel, ways in by_channel.items()
        ],
        folded=False,
        reading="Over the channels each model gives out all conversions of the month, no more and "
        "no fewer; never add up models.",
    )


def _channel(channel: str) -> str:
    return "none: nothing before it" if channel == UNTOUCHED else plain(channel)


def _all_figures(rows: list[Row]) -> list[Table]:
    models = in_order((row["model"] for row in rows), MODELS)
    return [
        Table(
            f"All models, {said}: conversions and their 95% interval",
            (
                Column("channel", "channel"),
                *(Column(plain(model), model, "number") for model in models),
            ),
            [
                {"channel": _channel(channel)}
                | {
                    model: f"{number(found[model]['credit_count'], 1)} "
                    f"({number(found[model]['credit_count_low'], 1)} to "
                    f"{number(found[model]['credit_count_high'], 1)})"
                    if model in found
                    else NOTHING
                    for model in models
                }
                for channel, ways in _by_channel(rows).items()
                if (found := ways.get(way))
            ],
        )
        for way, said in WAYS.items()
        if any(row["impressions"] == way for row in rows)
    ]


def _charted(rows: list[Row]) -> list[str]:
    """The channels whose journeys are enough for a shape to mean something."""
    return [
        channel
        for channel, ways in _by_channel(rows).items()
        if channel != UNTOUCHED
        and max(row["journey_count"] for models in ways.values() for row in models.values())
        >= LEAST_OBSERVATIONS
    ][:CHANNELS_CHARTED]


def _channel_picture(night: Night, rows: list[Row], charted: list[str]) -> Picture:
    shown = [row for row in rows if row["channel"] in charted]
    journeys = {
        channel: max(row["journey_count"] for row in shown if row["channel"] == channel)
        for channel in charted
    }
    by_channel = _by_channel(shown)
    return picture(
        lambda size: _channel_chart(shown, journeys, size),
        title="Conversions owed to a channel, by each model",
        basis=f"n = journeys that ended in {_named(rows[0]['month_date'])} and that the "
        f"channel touched; {night.until}",
        reading="A line is the 95% interval. Each channel has a scale of its own, from 0; channels "
        f"that touched fewer than {LEAST_OBSERVATIONS} journeys are in the table only.",
        text="; ".join(
            f"{plain(channel)}: "
            + ", ".join(f"{said} {_range(ways[way])}" for way, said in WAYS.items() if way in ways)
            for channel, ways in by_channel.items()
        ),
    )


def _channel_chart(shown: list[Row], journeys: dict[str, int], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    heads = {channel: f"{plain(channel)} · n {number(n)}" for channel, n in journeys.items()}
    models = in_order((row["model"] for row in shown), MODELS)
    rows = [
        {
            "head": heads[row["channel"]],
            "model": plain(row["model"]),
            "way": WAYS[row["impressions"]],
            "owed": round(row["credit_count"], 2),
            "low": round(row["credit_count_low"], 2),
            "high": round(row["credit_count_high"], 2),
        }
        for row in shown
    ]
    ways = [said for way, said in WAYS.items() if any(row["impressions"] == way for row in shown)]
    colours = alt.Color(
        "way:N", legend=alt.Legend(columns=1 if size.narrow else 2), scale=alt.Scale()
    ).scale(domain=ways, range=[BLUE, AMBER][: len(ways)])
    across = 1 if size.narrow else 3
    base = alt.Chart().encode(
        y=alt.Y("model:N", sort=[plain(model) for model in models], title=None).axis(
            ticks=False, grid=True, labelPadding=6
        ),
        yOffset=alt.YOffset("way:N", sort=ways),
        color=colours,
    )
    return (
        alt.layer(
            base.mark_rule(strokeWidth=1.5).encode(
                x=alt.X("low:Q", title="conversions").axis(tickCount=4).scale(zero=True),
                x2="high:Q",
            ),
            base.mark_point(filled=True, size=30, opacity=1).encode(
                x="owed:Q",
                shape=alt.Shape("way:N", sort=ways).scale(
                    domain=ways, range=["circle", "diamond"][: len(ways)]
                ),
            ),
        )
        .properties(width=(size.width - 108 - (across - 1) * 22) / across, height=20 * len(models))
        .facet(facet=panels(heads.values(), size), data=alt.Data(values=rows), columns=across)
        .resolve_scale(x="independent")
    )


def _increments(night: Night, month: str) -> tuple[str, list[Table], list[Picture]]:
    """What campaigns caused in the month by the lot, beside what they are owed."""
    if not night.has("rpt_campaign_attribution", "month_date", "campaign_incremental_count"):
        return "", [], []
    found = night.rows(
        """
        from rpt_campaign_attribution
        where
            month_date = $month
            and incremental_count is not null
            and model = $model
            and impressions = 'counted'
        order by treated_count desc, campaign_id
        limit $shown
        """,
        month=month,
        model=OWED_BY,
        shown=CAMPAIGNS_SHOWN,
    )
    if not found:
        return (
            f"No campaign of {_named(month)} kept enough customers out by lot: what campaigns "
            "caused is not known.",
            [],
            [],
        )
    for place, row in enumerate(found, start=1):
        row["number"] = place
    beyond = [row for row in found if row["credit_count"] > row["incremental_count_high"]]
    sure = [row for row in found if row["incremental_count_low"] > 0]
    said = (
        f"{counted(len(found), 'campaign')} kept customers out by lot: of "
        f"{'none of them' if not sure else number(len(sure))} it is sure that "
        f"{'it' if len(sure) <= 1 else 'they'} made people order"
    )
    said += f", and {OWED_BY} owes {number(len(beyond))} more than they caused." if beyond else "."
    table = Table(
        "Campaigns with customers kept out by lot: owed, and caused",
        (
            Column("no.", "number", "number"),
            Column("campaign", "name", "name"),
            Column("customers", "reached", "number", "reached"),
            Column("ordered", "ordered", "number", "reached"),
            Column("customers", "kept", "number", "kept out"),
            Column("ordered", "kept_ordered", "number", "kept out"),
            Column(f"owed by {OWED_BY} (95%)", "owed", "number", "orders"),
            Column("caused (95%)", "caused", "number", "orders"),
            Column("caused in all (95%)", "caused_in_all", "number", "orders"),
        ),
        [
            {
                "number": number(row["number"]),
                "name": row["campaign_name"] or NOTHING,
                "reached": number(row["treated_count"]),
                "ordered": _of(row["treated_ordered_count"], row["treated_count"]),
                "kept": number(row["control_count"]),
                "kept_ordered": _of(row["control_ordered_count"], row["control_count"]),
                "caused": _interval(row, "incremental_count"),
                "caused_in_all": _interval(row, "campaign_incremental_count"),
                "owed": _interval(row, "credit_count"),
            }
            for row in found
        ],
        folded=False,
        reading="Caused: customers reached who ordered in the month beyond the share of those kept "
        "out who did; in all: whenever they did. It is the only figure here about causes; below "
        "0, more of those kept out ordered.",
    )
    if len(found) < 2:
        return said, [table], []
    return (
        said,
        [table],
        [
            picture(
                lambda size: _increment_chart(found, size),
                title="Orders a campaign is owed, and those it caused",
                basis=f"n = {counted(sum(row['treated_count'] for row in found), 'customer')} "
                f"reached and {number(sum(row['control_count'] for row in found))} kept out by lot "
                f"in {_named(month)}; {night.until}",
                reading="Numbers are those of the table; lines are 95% intervals. Where the line "
                "of what was caused holds 0, it may be nothing.",
                text="; ".join(
                    f"{row['number']}: owed {_interval(row, 'credit_count')}, caused "
                    f"{_interval(row, 'incremental_count')}"
                    for row in found
                ),
            )
        ],
    )


def _of(count: int, of: int) -> str:
    return f"{number(count)} ({percent(count / of, 1)})" if of else number(count)


def _interval(row: Row, key: str) -> str:
    low, high = (number(row[f"{key}_{end}"]) for end in ("low", "high"))
    return f"{number(row[key])} ({low} to {high})"


def _increment_chart(found: list[Row], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    kinds = {"caused, by the lot": "incremental_count", f"owed, by {OWED_BY}": "credit_count"}
    rows = [
        {
            "number": row["number"],
            "kind": kind,
            "value": row[key],
            "low": row[f"{key}_low"],
            "high": row[f"{key}_high"],
        }
        for row in found
        for kind, key in kinds.items()
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("number:N", sort=[row["number"] for row in found], title="no.").axis(
            ticks=False, grid=True, labelPadding=6
        ),
        yOffset=alt.YOffset("kind:N", sort=list(kinds)),
        color=alt.Color("kind:N", legend=alt.Legend(columns=2)).scale(
            domain=list(kinds), range=[VERMILION, BLUE]
        ),
    )
    return alt.layer(
        alt.Chart(alt.Data(values=[{"x": 0}])).mark_rule(color=GREY).encode(x="x:Q"),
        base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title="orders").axis(tickCount=5), x2="high:Q"
        ),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            x="value:Q",
            shape=alt.Shape("kind:N").scale(domain=list(kinds), range=["circle", "diamond"]),
        ),
    ).properties(width=size.width - 70, height=26 * len(found))
