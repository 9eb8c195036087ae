"""The page's parts on relationships: portfolio, wanted and given, moves."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

from rapport.report.night import Night, Row
from rapport.report.pictures import BLUE, GREY, INK, MUTED, VERMILION, Size, panels, picture
from rapport.report.words import (
    AXES,
    POLARITIES,
    TIERS,
    Column,
    Section,
    Table,
    counted,
    day,
    in_order,
    listed,
    number,
    percent,
    plain,
    sentence,
    signed,
)

if TYPE_CHECKING:
    import altair as alt


def portfolio(night: Night) -> Section:
    """Value tier by polarity by type: how many, and what they bring."""
    section = ("portfolio", "Portfolio: where the money and the goodwill are")
    cells = night.rows(
        """
        select * exclude (currency_code), currency_code as currency
        from rpt_relationship_portfolio
        where
            month_end_date = (
                select max(month_end_date) from rpt_relationship_portfolio
                where month_end_date <= $as_of
            )
        order by relationship_type, value_tier, polarity
        """,
        as_of=night.as_of,
    )
    customers = sum(cell["customer_count"] for cell in cells)
    if not customers:
        return Section(*section, "No month has ended yet with customers in it.")
    month, currency = day(cells[0]["month_end_date"]), cells[0]["currency"]
    types = in_order(cell["relationship_type"] for cell in cells)
    by_type: list[Row] = [
        {"type": plain(each)}
        | _added_up([cell for cell in cells if cell["relationship_type"] == each])
        for each in types
    ]
    for cell in cells:
        cell |= {key: plain(cell[key]) for key in ("relationship_type", "value_tier")}
    all_net = sum(row["net"] for row in by_type)
    best = sorted(by_type, key=lambda row: -row["net"])[:2]
    unhappy = _added_up([cell for cell in cells if cell["polarity"] == "negative"])
    finding = (
        sentence(listed([row["type"] for row in best]))
        + f" bring {percent(sum(row['net'] for row in best) / all_net)} of what is left of the "
        "margin after the cost of contact. "
        if all_net > 0
        else "Contact costs as much as the margin, or more. "
    ) + (
        f"{percent(unhappy['customers'] / customers)} of the customers are unhappy with us"
        + (f"; {percent(unhappy['net'] / all_net)} of the net is theirs." if all_net > 0 else ".")
    )
    basis = f"n = {counted(customers, 'customer')} with a history, month end {month}"
    return Section(
        *section,
        finding,
        [
            picture(
                lambda size: _portfolio_chart(cells, types, size),
                title="Customers by type, value tier and polarity",
                basis=basis,
                reading="Each cell holds a number of customers; the darker, the more. Value tier: "
                "by what she bought in twelve months. Polarity: by what she said or did in anger "
                "or praise, never by purchases.",
                text=f"Customers by type: {_said(by_type, 'customers')}.",
            ),
            picture(
                lambda size: _net_chart(cells, types, currency, size),
                title=f"Net of twelve months by type and polarity ({currency})",
                basis=basis,
                reading="Net is the margin of twelve months less what talking to them cost. A bar "
                "to the left of 0 costs more than it brings.",
                text=f"Net by type in {currency}: {_said(by_type, 'net')}.",
            ),
        ],
        [
            _figures("type", by_type, currency),
            _figures(
                "value tier",
                [
                    {"type": tier}
                    | _added_up([cell for cell in cells if cell["value_tier"] == tier])
                    for tier in in_order((cell["value_tier"] for cell in cells), TIERS)
                ],
                currency,
            ),
        ],
    )


def _added_up(cells: list[Row]) -> Row:
    return {
        name: sum(cell[column] for cell in cells)
        for name, column in (
            ("customers", "customer_count"),
            ("change", "customer_count_change"),
            ("margin", "margin_amount"),
            ("cost", "contact_cost_amount"),
            ("net", "net_amount"),
        )
    }


def _figures(by: str, rows: list[Row], currency: str) -> Table:
    columns = (
        Column(by, "type"),
        Column("customers", "customers", "number"),
        Column("on the month before", "change", "number"),
        Column("margin", "margin", "number"),
        Column("cost of contact", "cost", "number"),
        Column("net", "net", "number"),
        Column("net per customer", "net_each", "number"),
    )
    written = [
        {
            "type": row["type"],
            **{name: number(row[name]) for name in ("customers", "margin", "cost", "net")},
            "change": signed(row["change"]),
            "net_each": number(row["net"] / row["customers"] if row["customers"] else None, 2),
        }
        for row in rows
    ]
    return Table(f"Figures by {by}, amounts in {currency}", columns, written)


def _said(rows: list[Row], name: str) -> str:
    return ", ".join(f"{row['type']} {number(row[name])}" for row in rows)


def _portfolio_chart(cells: list[Row], types: list[str], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    heads = {
        polarity: f"{polarity} · n {number(total)}"
        for polarity in POLARITIES
        if (total := sum(c["customer_count"] for c in cells if c["polarity"] == polarity))
    }
    rows = [
        {
            "type": cell["relationship_type"],
            "tier": cell["value_tier"],
            "head": heads[cell["polarity"]],
            "customers": cell["customer_count"],
        }
        for cell in cells
        if cell["customer_count"]
    ]
    most = max(row["customers"] for row in rows)
    base = alt.Chart().encode(
        x=alt.X("tier:N", sort=list(TIERS), title="value tier").axis(labelAngle=0, ticks=False),
        y=alt.Y("type:N", sort=[plain(each) for each in types], title=None).axis(ticks=False),
    )
    squares = base.mark_rect(stroke="white").encode(
        alt.Color("customers:Q", legend=None).scale(type="sqrt", scheme="blues", domainMin=0)
    )
    counts = base.mark_text(fontSize=11).encode(
        text=alt.Text("customers:Q", format=",d"),
        color=alt.condition(alt.datum.customers > 0.5 * most, alt.value("white"), alt.value(INK)),
    )
    step = 46 if size.narrow else 51
    return (
        alt.layer(squares, counts, data=alt.Data(values=rows))
        .properties(width=step * len(TIERS), height=22 * len(types))
        .facet(
            facet=panels(heads.values(), size),
            columns=1 if size.narrow else 3,
            spacing=18,
        )
    )


def _net_chart(
    cells: list[Row], types: list[str], currency: str, size: Size
) -> "alt.TopLevelMixin":
    import altair as alt

    rows = [
        {
            "type": cell["relationship_type"],
            "polarity": cell["polarity"],
            "rank": POLARITIES.index(cell["polarity"]),
            "net": cell["net_amount"],
        }
        for cell in cells
    ]
    return (
        alt.Chart(alt.Data(values=rows))
        .transform_aggregate(net="sum(net)", groupby=["type", "polarity", "rank"])
        .mark_bar()
        .encode(
            x=alt.X("net:Q", title=f"net of twelve months ({currency})").axis(
                format=",d", tickCount=4 if size.narrow else 6
            ),
            y=alt.Y("type:N", sort=[plain(each) for each in types], title=None).axis(ticks=False),
            color=alt.Color("polarity:N", sort=list(POLARITIES)).scale(
                domain=list(POLARITIES), range=[BLUE, GREY, VERMILION]
            ),
            order="rank:Q",
        )
        .properties(width=size.width - 150, height=24 * len(types))
    )


def wanted_and_given(night: Night) -> Section:
    """Six axes, wanted beside given, by type."""
    section = ("wanted", "Wanted and given: do we treat people as they want to be treated?")
    gaps = night.rows(
        " union all ".join(
            f"""
            select
                relationship_type as type,
                '{axis}' as axis,
                count(*) as customers,
                avg(wanted_{axis}::decimal(9, 6)) as wanted,
                avg(given_{axis}::decimal(9, 6)) as given
            from dim_customer_relationships
            where wanted_{axis} is not null and given_{axis} is not null
            group by relationship_type
            """
            for axis in AXES
        )
        + " order by type, axis"
    )
    if not gaps:
        return Section(
            *section, "Of no customer both is known: what she wants and what she is given."
        )
    reasons = night.rows(
        """
        select
            coalesce(mismatch_reason, 'nothing is far off') as reason,
            mismatch_reason is not null as is_off,
            count(*) as customers
        from dim_customer_relationships
        where mismatch is not null
        group by all
        order by is_off desc, customers desc, reason
        """
    )
    known = sum(row["customers"] for row in reasons)
    off = [row for row in reasons if row["is_off"]]
    types = in_order(row["type"] for row in gaps)
    for row in gaps:
        row["type"], row["axis"] = plain(row["type"]), plain(row["axis"])
    finding = (
        f"What is most often far off: {off[0]['reason']}, for "
        f"{percent(off[0]['customers'] / known)} of the customers."
        if off
        else "Nobody is treated far otherwise than she wants."
    )
    widest = max(
        (row for row in gaps if row["axis"] != "reciprocity" or row["given"] < row["wanted"]),
        key=lambda row: abs(row["wanted"] - row["given"]),
        default=gaps[0],
    )
    return Section(
        *section,
        finding,
        [
            picture(
                lambda size: _gaps_chart(gaps, types, size),
                title="Wanted and given on six axes, mean by type",
                basis="n = customers of whom both are known, for each axis in the table, the most "
                f"of any axis above the panel; {_as_of(night)}",
                reading="A circle is what customers of the type want, a diamond what we give them; "
                "the longer the line between, the further off we are. 0 is none, 1 is as much as "
                "the scale knows. Frequency wanted is how often she turns to us, no wish for as "
                "many messages. To answer more readily than she does (reciprocity) wrongs nobody "
                "and counts as no mismatch. Means hide people who are off in opposite ways.",
                text=f"The widest gap of the means: {widest['type']}, {widest['axis']}: wanted "
                f"{number(widest['wanted'], 2)}, given {number(widest['given'], 2)}. "
                "All figures are in the table.",
            ),
            picture(
                lambda size: _reasons_chart(reasons, size),
                title="What is furthest off, by customer",
                basis=f"n = {counted(known, 'customer')} with a mismatch that is known; "
                f"{_as_of(night)}",
                reading="For each customer only the axis that is furthest off counts.",
                text=", ".join(f"{row['reason']}: {number(row['customers'])}" for row in reasons),
            ),
        ],
        [
            Table(
                "Figures by type and axis",
                (
                    Column("type", "type"),
                    Column("axis", "axis"),
                    Column("customers", "customers", "number"),
                    Column("wanted", "wanted", "number"),
                    Column("given", "given", "number"),
                    Column("given less wanted", "gap", "number"),
                ),
                [
                    {
                        "type": row["type"],
                        "axis": row["axis"],
                        "customers": number(row["customers"]),
                        "wanted": number(row["wanted"], 2),
                        "given": number(row["given"], 2),
                        "gap": signed(row["given"] - row["wanted"], 2),
                    }
                    for each in types
                    for axis in AXES
                    for row in gaps
                    if (row["type"], row["axis"]) == (plain(each), plain(axis))
                ],
            )
        ],
    )


def _gaps_chart(gaps: list[Row], types: list[str], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    most = {
        each: max(row["customers"] for row in gaps if row["type"] == plain(each)) for each in types
    }
    heads = {plain(each): f"{plain(each)} · n ≤ {number(most[each])}" for each in types}
    rows = [
        {
            "head": heads[row["type"]],
            "axis": row["axis"],
            "wanted": row["wanted"],
            "given": row["given"],
        }
        for row in gaps
    ]
    y = alt.Y("axis:N", sort=[plain(axis) for axis in AXES], title=None).axis(
        ticks=False, grid=True
    )
    lines = (
        alt.Chart()
        .mark_rule(color=MUTED, strokeWidth=2)
        .encode(
            y=y, x=alt.X("wanted:Q").scale(domain=[0, 1]).title("axis score (0-1)"), x2="given:Q"
        )
    )
    points = (
        alt.Chart()
        .transform_fold(["wanted", "given"], as_=["side", "score"])
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            y=y,
            x=alt.X("score:Q").axis(values=[0, 0.5, 1]),
            color=alt.Color("side:N").scale(domain=["wanted", "given"], range=[BLUE, VERMILION]),
            shape=alt.Shape("side:N").scale(
                domain=["wanted", "given"], range=["circle", "diamond"]
            ),
        )
    )
    return (
        alt.layer(lines, points, data=alt.Data(values=rows))
        .properties(width=100 if size.narrow else 176, height=114)
        .facet(
            facet=panels([heads[plain(each)] for each in types], size),
            columns=2 if size.narrow else 4,
            spacing=14,
        )
    )


def _reasons_chart(reasons: list[Row], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    base = alt.Chart(alt.Data(values=reasons)).encode(
        x=alt.X("customers:Q", title="customers").axis(tickMinStep=1, tickCount=5),
        y=alt.Y("reason:N", sort=[row["reason"] for row in reasons], title=None).axis(ticks=False),
    )
    bars = base.mark_bar().encode(
        color=alt.condition(alt.datum.is_off, alt.value(BLUE), alt.value(GREY))
    )
    counts = base.mark_text(align="left", dx=4, fontSize=12, color=INK).encode(
        text=alt.Text("customers:Q", format=",d")
    )
    return (bars + counts).properties(width=size.width - 240, height=22 * len(reasons))


def transitions(night: Night) -> Section:
    """Who moved from which type to which in the last month."""
    section = ("transitions", "Moves: who changed from one month end to the next")
    moves = night.rows(
        """
        select
            month_end_date,
            from_type,
            to_type,
            customer_count as customers,
            from_type_share as share
        from rpt_relationship_transitions
        where
            month_end_date = (
                select max(month_end_date) from rpt_relationship_transitions
                where month_end_date <= $as_of
            )
        order by customers desc, from_type, to_type
        """,
        as_of=night.as_of,
    )
    if not moves:
        return Section(
            *section, "There are not two month ends yet, so nobody can have moved between them."
        )
    month = date.fromisoformat(moves[0]["month_end_date"])
    month_before = month.replace(day=1) - timedelta(days=1)
    types = in_order(move[side] for move in moves for side in ("from_type", "to_type"))
    customers = sum(move["customers"] for move in moves)
    for move in moves:
        move |= {side: plain(move[side]) for side in ("from_type", "to_type")}
    moved = [move for move in moves if move["from_type"] != move["to_type"]]
    # To become known is no change of mind.
    changed = [move for move in moved if "unknown" not in (move["from_type"], move["to_type"])]
    learned = sum(move["customers"] for move in moved if move["from_type"] == "unknown")
    count = sum(move["customers"] for move in changed)
    finding = (
        f"{percent(count / customers, 1)} of the customers went from one known type to another"
        + (
            f"; the largest group of them from {changed[0]['from_type']} to "
            f"{changed[0]['to_type']} ({number(changed[0]['customers'])})"
            if changed
            else ""
        )
        + f". Of {counted(learned, 'more', 'more')} the type has become known."
    )
    return Section(
        *section,
        finding,
        [
            picture(
                lambda size: _moves_chart(moves, types, size),
                title="From which type to which",
                basis=f"n = {counted(customers, 'customer')} known at both month ends, "
                f"{day(month_before)} and {day(month)}",
                reading="A row is a type a month earlier and adds up to all who had it; a column "
                "is the type now. Each cell holds a number of customers; the darker, the larger "
                "its share of the row. Those who stayed are grey.",
                text=f"{counted(sum(move['customers'] for move in moved), 'customer')} moved, the "
                "others stayed. The largest moves are in the table.",
            )
        ],
        [
            Table(
                "Moves, the largest first",
                (
                    Column("from", "from_type"),
                    Column("to", "to_type"),
                    Column("customers", "customers", "number"),
                    Column("of all who were that", "share", "number"),
                ),
                [
                    {
                        "from_type": move["from_type"],
                        "to_type": move["to_type"],
                        "customers": number(move["customers"]),
                        "share": percent(move["share"], 1),
                    }
                    for move in moved
                ],
            )
        ],
        "Types as they could be inferred from behaviour at each month end; what customers declared "
        "is known as of tonight only and is not in it.",
    )


def _moves_chart(moves: list[Row], types: list[str], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    order = [plain(each) for each in types]
    rows = [
        {
            "before": move["from_type"],
            "now": move["to_type"],
            "share": move["share"],
            "stayed": move["from_type"] == move["to_type"],
            "label": number(move["customers"])
            if size.narrow
            else f"{number(move['customers'])} · {percent(move['share'], 1)}",
        }
        for move in moves
    ]
    most = max((row["share"] for row in rows if not row["stayed"]), default=1)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("now:N", sort=order, title="type now", scale=alt.Scale(domain=order)).axis(
            orient="top", labelAngle=-90 if size.narrow else -30, ticks=False
        ),
        y=alt.Y("before:N", sort=order, title="type a month earlier").axis(ticks=False),
    )
    moved = base.transform_filter("!datum.stayed")
    return alt.layer(
        moved.mark_rect(stroke="white").encode(
            alt.Color("share:Q", legend=None).scale(scheme="oranges", domain=[0, most])
        ),
        base.transform_filter("datum.stayed").mark_rect(stroke="white", color="#E4E7EB"),
        base.mark_text(fontSize=9 if size.narrow else 10.5).encode(
            text="label:N",
            color=alt.condition(
                f"!datum.stayed && datum.share > {0.75 * most}",
                alt.value("white"),
                alt.value(INK),
            ),
        ),
    ).properties(
        width=(size.width - 142) if size.narrow else 76 * len(types), height=26 * len(types)
    )


def _as_of(night: Night) -> str:
    return f"as of {day(night.as_of)}"
