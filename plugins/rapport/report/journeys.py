"""The page's parts on journeys: how they flow between stages, and where they get stuck."""

import json
from itertools import pairwise
from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, number
from rapport.report.drawing import Drawing, band, box, label, svg
from rapport.report.night import CONVERSIONS, Night, Row
from rapport.report.pictures import AMBER, BLUE, GREY, INK, VERMILION, Picture, Size, picture
from rapport.report.words import (
    LEAST_OBSERVATIONS,
    Column,
    Section,
    Table,
    in_order,
    listed,
    percent,
    plain,
)

if TYPE_CHECKING:
    import altair as alt
    from markupsafe import Markup

STAGES = ("awareness", "consideration", "purchase", "service", "loyalty", "advocacy")
ENDS = {  # from the top of a drawing to its foot
    "converted": ("converted", BLUE, 0.45),
    "open": ("still open", AMBER, 0.7),
    "abandoned": ("given up", VERMILION, 0.85),
}
FLOW = "#b8c2cc"  # of journeys that go on
NEW_STAGES = 3  # a drawing with more columns has no room for their names
LEAST_DRAWN = 0.002  # of the journeys: a thinner band is a hair
ROOM = 16  # between two blocks: a line of text
STUCK_SHOWN = 12


def flow(night: Night) -> Section | None:
    """Journeys from stage to stage, and where they end."""
    if not (night.has("fct_journeys", "is_left_censored") and night.has("fct_journey_steps")):
        return None
    section = ("journeys", "Journeys: from stage to stage, and where they end")
    if why := night.untold(CONVERSIONS):
        return Section(*section, why)
    [total] = night.rows(
        """
        select
            count(*) as journeys,
            count(*) filter (where status = 'converted') as converted,
            count(*) filter (where status = 'abandoned') as abandoned,
            count(*) filter (where status = 'open') as open,
            count(*) filter (where is_left_censored) as cut
        from fct_journeys
        """
    )
    if not total["journeys"]:
        return Section(*section, "Nobody has been on a journey yet.")
    paths = _paths(night)
    stages = _stages(night)
    drawn = sum(row["journeys"] for row in paths if row["stage_1"])
    return Section(
        *section,
        _flow_finding(total, paths, stages, drawn),
        tables=[_stage_table(stages, drawn)] if stages else [],
        drawings=[_flow_drawing(night, paths, stages, drawn)]
        if drawn >= LEAST_OBSERVATIONS
        else [],
        note="A journey begins with a customer's first step after a conversion or a long silence, "
        "and ends with a conversion or with such a silence; one that may have begun before the "
        "data is not counted. Which event belongs to which stage, and how long a silence is, are "
        "policies.",
    )


def _paths(night: Night) -> list[Row]:
    """How many journeys came to which stages, in the order in which each was new to them."""
    return night.rows(
        """
        with

        firsts as (

            select journey_id, stage, min(step_number) as first_step
            from fct_journey_steps
            where not is_conversion
            group by journey_id, stage

        ),

        placed as (

            select
                journey_id,
                stage,
                row_number() over (partition by journey_id order by first_step) as place
            from firsts

        ),

        paths as (

            select
                journey_id,
                max(stage) filter (where place = 1) as stage_1,
                max(stage) filter (where place = 2) as stage_2,
                max(stage) filter (where place = 3) as stage_3
            from placed
            group by journey_id

        )

        select
            journeys.status,
            paths.stage_1,
            paths.stage_2,
            paths.stage_3,
            count(*) as journeys
        from fct_journeys as journeys
        left join paths on journeys.journey_id = paths.journey_id
        where not journeys.is_left_censored
        group by all
        order by all
        """
    )


def _stages(night: Night) -> list[Row]:
    """What became of the journeys that came to each stage, and how often they were there."""
    found = night.rows(
        """
        with

        steps as (

            select
                steps.journey_id,
                steps.stage,
                lag(steps.stage) over (
                    partition by steps.journey_id order by steps.step_number
                ) is distinct from steps.stage as is_arrival
            from fct_journey_steps as steps
            where not steps.is_conversion

        ),

        visits as (

            select
                journey_id,
                stage,
                count(*) as steps,
                count(*) filter (where is_arrival) as arrivals
            from steps
            group by journey_id, stage

        )

        select
            visits.stage,
            count(*) as journeys,
            sum(visits.steps) as steps,
            sum(visits.arrivals) as arrivals,
            count(*) filter (where journeys.status = 'converted') as converted,
            count(*) filter (where journeys.status = 'open') as open,
            count(*) filter (where journeys.status = 'abandoned') as abandoned,
            count(*) filter (
                where journeys.status = 'abandoned' and journeys.last_stage = visits.stage
            ) as abandoned_there
        from visits
        inner join fct_journeys as journeys on visits.journey_id = journeys.journey_id
        where not journeys.is_left_censored
        group by visits.stage
        order by visits.stage
        """
    )
    by_stage = {row["stage"]: row for row in found}
    return [by_stage[stage] for stage in in_order(by_stage, STAGES)]


def _flow_finding(total: Row, paths: list[Row], stages: list[Row], drawn: int) -> str:
    said = (
        f"Of {counted(total['journeys'], 'journey')} {number(total['converted'])} converted, "
        f"{number(total['abandoned'])} {_was(total['abandoned'])} given up and "
        f"{number(total['open'])} {_is(total['open'])} still open. "
    )
    direct = sum(row["journeys"] for row in paths if not row["stage_1"])
    if direct:
        said += (
            f"{number(direct)} converted with nothing before that anybody recorded: no message, "
            "no visit, no question. "
        )
    if 2 * direct > total["journeys"]:
        said += (
            "Most come by habit, so that a journey converts says little of what came before it. "
        )
    if not drawn:
        return said + "No journey whose beginning was seen has a step before its end."
    ended = {
        end: sum(row["journeys"] for row in paths if row["stage_1"] and row["status"] == end)
        for end in ENDS
    }
    over = ended["converted"] + ended["abandoned"]
    said += f"Of the {number(drawn)} with a step before the end, "
    said += (
        f"{percent(ended['converted'] / over, 1)} of those that are over converted."
        if over >= LEAST_OBSERVATIONS
        else "too few are over for a share to mean anything."
    )
    lost = [row for row in stages if row["abandoned_there"]]
    if lost:
        worst = max(lost, key=lambda row: row["abandoned_there"])
        said += (
            f" Most that were given up ended in {worst['stage']}: "
            f"{number(worst['abandoned_there'])} of {number(ended['abandoned'])}."
        )
    return said


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _stage_table(stages: list[Row], drawn: int) -> Table:
    return Table(
        "What became of journeys that came to a stage",
        (
            Column("stage", "stage"),
            Column("journeys", "journeys", "number"),
            Column("of all with a step", "share", "number"),
            Column("steps", "steps", "number", "per journey there"),
            Column("came back to it", "back", "number", "per journey there"),
            Column("converted", "converted", "number", "in the end"),
            Column("still open", "open", "number", "in the end"),
            Column("given up", "abandoned", "number", "in the end"),
            Column("given up there", "there", "number"),
        ),
        [
            {
                "stage": plain(row["stage"]),
                "journeys": number(row["journeys"]),
                "share": percent(row["journeys"] / drawn) if drawn else NOTHING,
                "steps": number(row["steps"] / row["journeys"], 1),
                "back": f"{number(row['arrivals'] / row['journeys'] - 1, 2)} times",
                "converted": _of(row["converted"], row["journeys"]),
                "open": _of(row["open"], row["journeys"]),
                "abandoned": _of(row["abandoned"], row["journeys"]),
                "there": _of(row["abandoned_there"], row["journeys"]),
            }
            for row in stages
        ],
        folded=False,
        reading="A journey counts at every stage that it came to. Steps are all that happened at "
        "the stage, one after the other or later; came back to it: again, after another stage. "
        "Given up there: it was the last they did before the silence.",
    )


def _of(count: int, journeys: int) -> str:
    """A count, and its share where that means something."""
    if journeys < LEAST_OBSERVATIONS:
        return number(count)
    return f"{number(count)} ({percent(count / journeys, 1)})"


Block = tuple[int, str]  # column, stage or end


def _flow_drawing(night: Night, paths: list[Row], stages: list[Row], drawn: int) -> Drawing:
    links: dict[tuple[Block, Block], int] = {}
    for row in paths:
        there = [stage for key in ("stage_1", "stage_2", "stage_3") if (stage := row[key])]
        if not there:
            continue
        way: list[Block] = [(0, "start")]
        way += [(column, stage) for column, stage in enumerate(there, start=1)]
        way.append((len(there) + 1, row["status"]))
        for link in pairwise(way):
            links[link] = links.get(link, 0) + row["journeys"]
    ended = {end: sum(count for (_, to), count in links.items() if to[1] == end) for end in ENDS}
    said = listed([f"{number(ended[end])} {ENDS[end][0]}" for end in ENDS if ended[end]])
    text = f"Flow of {counted(drawn, 'journey')} between stages: {said}. " + "; ".join(
        f"{plain(row['stage'])}: {counted(row['journeys'], 'journey')}, "
        f"{number(row['abandoned_there'])} given up there"
        for row in stages
    )
    return Drawing(
        "Journeys by the stages they came to, in the order in which each was new to them",
        f"n = {counted(drawn, 'journey')} with a step before the end: {said}; {night.until}",
        "Bands are as wide as journeys. A stage stands where a journey first came to it: going "
        "back and staying are in the table above. Conversions with nothing before them are not "
        f"drawn, nor are bands of fewer than {percent(LEAST_DRAWN, 1)} of the journeys. On a "
        "narrow screen each stage has a bar instead: what became of the journeys that came to it.",
        _alluvial(links, drawn, text),
        _bars(stages, text),
    )


def _alluvial(links: dict[tuple[Block, Block], int], drawn: int, text: str) -> "Markup":
    """The flow from left to right: a column of blocks for each new stage, an end where it ended."""
    width, height, top, thick = 928, 440, 26, 12
    weights: dict[Block, int] = {(0, "start"): drawn}
    for (_, block), count in links.items():
        weights[block] = weights.get(block, 0) + count
    order = ["converted", *STAGES, "open", "abandoned"]
    rank = {name: place for place, name in enumerate(order)}

    def placed(block: Block) -> tuple[int, str]:
        return rank.get(block[1], len(STAGES)), block[1]

    columns = [
        sorted((block for block in weights if block[0] == column), key=placed)
        for column in range(max(column for column, _ in weights) + 1)
    ]
    scale = min(
        (height - ROOM * (len(blocks) - 1)) / sum(weights[block] for block in blocks)
        for blocks in columns
    )
    step = (width - 132) / max(len(columns) - 1, 1)
    top_of: dict[Block, float] = {}
    foot = 0.0
    for blocks in columns:
        y = float(top)
        for block in blocks:
            top_of[block] = y
            y += scale * weights[block] + ROOM
        foot = max(foot, y - ROOM)
    leaves, comes = dict(top_of), dict(top_of)
    bands = []
    for start, end in sorted(
        links, key=lambda link: (link[0][0], placed(link[0]), placed(link[1]))
    ):
        thickness = scale * links[start, end]
        from_y, to_y = leaves[start] + thickness / 2, comes[end] + thickness / 2
        leaves[start] += thickness
        comes[end] += thickness
        if links[start, end] < LEAST_DRAWN * drawn:
            continue
        _, colour, opacity = ENDS.get(end[1], ("", FLOW, 0.6))
        bands.append(
            band(
                (start[0] * step + thick, from_y),
                (end[0] * step, to_y),
                thickness,
                colour,
                opacity,
            )
        )
    blocks_and_names = []
    for block, y in top_of.items():
        name, colour, _ = ENDS.get(
            block[1], ("journeys" if not block[0] else plain(block[1]), INK, 0)
        )
        blocks_and_names += [
            box(block[0] * step, y, thick, max(scale * weights[block], 1), colour),
            label(
                block[0] * step + thick + 5,
                y + max(scale * weights[block], 1) / 2,
                f"{name} {number(weights[block])}",
                halo=True,
                bold=block[1] in ENDS,
            ),
        ]
    heads = ["", "first stage", "next new stage", "third new stage"]
    heads_drawn = [
        label(column * step, 8, heads[column], fill="#52606d", size=11)
        for column in range(1, min(len(columns), NEW_STAGES + 1))
    ]
    return svg(width, foot + 8, text, [*bands, *blocks_and_names, *heads_drawn])


def _bars(stages: list[Row], text: str) -> "Markup":
    """The same for a narrow screen: what became of the journeys of each stage, one bar each."""
    width = 358
    most = max(row["journeys"] for row in stages)
    parts = []
    y = 8.0
    for end, x in zip(ENDS, (0, 110, 220), strict=True):
        name, colour, _ = ENDS[end]
        parts += [box(x, y - 5, 10, 10, colour), label(x + 15, y, name)]
    y += 26
    for row in stages:
        parts.append(
            label(
                0,
                y,
                f"{plain(row['stage'])}: {counted(row['journeys'], 'journey')}, "
                f"{number(row['abandoned_there'])} given up there",
            )
        )
        left = 0.0
        for end in ENDS:
            long = width * row[end] / most
            if long:
                parts.append(box(left, y + 10, max(long, 0.75), 12, ENDS[end][1]))
            left += long
        y += 42
    return svg(width, y - 14, text, parts)


def friction(night: Night) -> Section | None:
    """The places where journeys get stuck, by what mending them could bring."""
    if not night.has("rpt_journey_friction", "friction_rank"):
        return None
    section = ("friction", "Friction: where journeys get stuck")
    if why := night.untold(CONVERSIONS):
        return Section(*section, why)
    places = night.rows(
        """
        from rpt_journey_friction
        where breakdown = 'all'
        order by friction_rank nulls last, exit_count desc, stage, channel
        """
    )
    if not places:
        return Section(*section, "Nobody has been on a journey yet.")
    ranked = [row for row in places if row["friction_rank"] is not None]
    untold = _left_out(night, [row for row in places if row["friction_rank"] is None])
    if not ranked:
        return Section(*section, f"No place was left often enough to be compared. {untold}")
    by_type = night.rows(
        """
        from rpt_journey_friction
        where breakdown <> 'all' and friction_rank = 1 and recovered_conversions > 0
        order by recovered_conversions desc, breakdown_value
        """
    )
    shown = ranked[:STUCK_SHOWN]
    return Section(
        *section,
        f"{_friction_finding(ranked)} {untold}".strip(),
        [_friction_picture(night, shown)] if len(shown) > 1 else [],
        [
            _friction_table("Places by what fewer drop-offs could bring", shown, folded=False),
            *(
                [_friction_table("The first place of each type of relationship", by_type, True)]
                if by_type
                else []
            ),
        ],
        "A place is a stage on a channel. What could be won is a bound and no forecast: who would "
        "have dropped off may be less willing than the others. The ranking takes the chain of "
        "places that journeys go through, which forgets how one came to a place. Intervals are of "
        "chance alone: how long a silence ends a journey, and what is a step of it, is decided "
        "before, and can change which place comes first.",
    )


def _place(row: Row) -> str:
    return f"{plain(row['stage'])}, {plain(row['channel'])}"


def _left_out(night: Night, few: list[Row]) -> str:
    if not few:
        return ""
    least = _policy(night, "journey_least_exits")
    return (
        f"{counted(len(few), 'place')} {_was(len(few))} left "
        + (f"fewer than {number(least)} times" if least else "too seldom")
        + f" and {'has' if len(few) == 1 else 'have'} no rank: "
        + listed([_place(row).replace(", ", " by ") for row in few])
        + "."
    )


def _policy(night: Night, name: str) -> float | None:
    """A number that policy sets; None where the release does not say."""
    if not night.has("policies", "policy", "value"):
        return None
    for row in night.rows("select value from policies where policy = $name", name=name):
        value = json.loads(row["value"])
        return value if isinstance(value, int | float) else None
    return None


def _friction_finding(ranked: list[Row]) -> str:
    first = ranked[0]
    if not first["recovered_conversions"]:
        return "Nowhere do more journeys end than is usual."
    losing = [row for row in ranked if row["recovered_conversions_low"] > 0]
    return (
        f"Most could be won in {_place(first).replace(', ', ' by ')}: "
        f"{number(first['drop_off_count'])} of {number(first['exit_count'])} who left it gave up "
        f"({percent(first['drop_off_probability'], 1)}), where "
        f"{percent(first['usual_drop_off_probability'], 1)} is usual; at the usual share "
        f"{_interval(first, 'recovered_conversions')} more would have converted. "
        f"In {number(len(losing))} of {counted(len(ranked), 'place')} the loss is beyond chance."
    )


def _interval(row: Row, key: str, digits: int = 0) -> str:
    low, high = (number(row[f"{key}_{end}"], digits) for end in ("low", "high"))
    return f"{number(row[key], digits)} ({low} to {high})"


def _shares(row: Row, key: str) -> str:
    low, high = (percent(row[f"{key}_{end}"], 1) for end in ("low", "high"))
    return f"{percent(row[key], 1)} ({low} to {high})"


def _friction_table(title: str, rows: list[Row], folded: bool) -> Table:
    has_types = rows[0]["breakdown"] != "all"
    return Table(
        title,
        (
            *((Column("type", "type"),) if has_types else ()),
            Column("stage, channel", "place"),
            Column("left", "exits", "number"),
            Column("given up (95%)", "drop_off", "number", "of those"),
            Column("usual", "usual", "number", "of those"),
            Column("convert from here", "convert", "number"),
            Column("comes back", "back", "number"),
            Column("steps", "steps", "number", "to a conversion"),
            Column("days", "days", "number", "to a conversion"),
            Column("could be won (95%)", "won", "number"),
        ),
        [
            {
                "type": plain(row["breakdown_value"]),
                "place": _place(row),
                "exits": number(row["exit_count"]),
                "drop_off": _shares(row, "drop_off_probability"),
                "usual": percent(row["usual_drop_off_probability"], 1),
                "convert": percent(row["conversion_probability"]),
                "back": NOTHING
                if row["extra_visits"] is None
                else f"{number(row['extra_visits'], 1)} times",
                "steps": number(row["expected_steps"], 1),
                "days": number(
                    None if row["expected_hours"] is None else row["expected_hours"] / 24, 1
                ),
                "won": _interval(row, "recovered_conversions"),
            }
            for row in rows
        ],
        folded=folded,
        reading="Could be won: conversions more, in all that is known, if no more gave up here "
        "than in the usual place and those kept went on like the others. Steps and days are of "
        "journeys that convert.",
    )


def _friction_picture(night: Night, shown: list[Row]) -> Picture:
    return picture(
        lambda size: _friction_chart(shown, size),
        title="Share that gave up, of those who left a place",
        basis=f"n = {counted(sum(row['exit_count'] for row in shown), 'exit')} from "
        f"{counted(len(shown), 'place')}, the greatest loss first; {night.until}",
        reading="The line is the 95% interval, the upright stroke what is usual. A far dot of a "
        "seldom place loses less than a near one of a busy place.",
        text="; ".join(f"{_place(row)}: {_shares(row, 'drop_off_probability')}" for row in shown),
    )


def _friction_chart(shown: list[Row], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    rows = [
        {
            "place": _place(row),
            "share": row["drop_off_probability"],
            "low": row["drop_off_probability_low"],
            "high": row["drop_off_probability_high"],
            "usual": row["usual_drop_off_probability"],
        }
        for row in shown
    ]
    y = alt.Y("place:N", sort=[row["place"] for row in rows], title=None).axis(
        ticks=False, grid=True, labelPadding=8
    )
    base = alt.Chart(alt.Data(values=rows)).encode(y=y)
    return alt.layer(
        base.mark_rule(color=VERMILION, strokeWidth=2).encode(
            x=alt.X("low:Q", title="share given up").axis(
                format="%", tickCount=3 if size.narrow else 5
            ),
            x2="high:Q",
        ),
        base.mark_tick(color=GREY, thickness=2, size=16).encode(x="usual:Q"),
        base.mark_point(filled=True, size=70, opacity=1, color=VERMILION).encode(x="share:Q"),
    ).properties(width=size.width - 170, height=24 * len(rows))
