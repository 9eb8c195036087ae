"""The page's parts on relationships: portfolio, wanted and given, moves."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, day, number
from rapport.report.night import ORDERS, Night, Row
from rapport.report.pictures import BLUE, MUTED, VERMILION, Size, panels, picture
from rapport.report.words import (
    AXES,
    GREYED,
    LEAST_OBSERVATIONS,
    POLARITIES,
    REASONS,
    TIERS,
    Column,
    Section,
    Shaded,
    Table,
    in_order,
    listed,
    percent,
    plain,
    sentence,
    shaded,
    signed,
)

if TYPE_CHECKING:
    import altair as alt

LEAST_SPREAD = 0.01  # of scores of 0-1
LEAST_SHARE = 0.01  # of the customers, for a row of its own


def portfolio(night: Night) -> Section:
    """Value tier by polarity by type: how many, and what they bring."""
    section = ("portfolio", "Portfolio: where the money and the goodwill are")
    if why := night.untold(ORDERS):
        return Section(*section, why)
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
        as_of=night.last_day,
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
    told = sum(cell["customer_count"] for cell in cells if cell["polarity"] != "unknown")
    finding = (
        sentence(listed([row["type"] for row in best]))
        + f" bring {percent(sum(row['net'] for row in best) / all_net)} of what is left of the "
        "margin after the cost of contact. "
        if all_net > 0
        else "Contact costs as much as the margin, or more. "
    ) + (
        f"Of {counted(told, 'customer')} who ever told us {percent(unhappy['customers'] / told)} "
        "are unhappy with us"
        + (f"; {percent(unhappy['net'] / all_net)} of the net is theirs." if all_net > 0 else ".")
        if told
        else "Of nobody it is known whether they are happy with us."
    )
    basis = f"n = {counted(customers, 'customer')} with a history, month end {month}"
    return Section(
        *section,
        finding,
        tables=[
            _figures("type", by_type, currency, basis),
            _customers(cells, types),
            _figures(
                "value tier",
                [
                    {"type": tier}
                    | _added_up([cell for cell in cells if cell["value_tier"] == tier])
                    for tier in in_order((cell["value_tier"] for cell in cells), TIERS)
                ],
                currency,
                basis,
            ),
        ],
        note="Value tier: by what the customer bought in twelve months. Polarity: by what they "
        "said or did in anger or praise, never by purchases; unknown of whom never did.",
    )


def _customers(cells: list[Row], types: list[str]) -> Table:
    """Type by value tier and by polarity; a row that holds few is not shaded."""
    by = (
        ("value_tier", "value tier", in_order((c["value_tier"] for c in cells), TIERS)),
        ("polarity", "polarity", in_order((c["polarity"] for c in cells), POLARITIES)),
    )
    rows = []
    for each in types:
        own = [cell for cell in cells if cell["relationship_type"] == plain(each)]
        everybody = sum(cell["customer_count"] for cell in own)
        row: Row = {"type": plain(each), "customers": number(everybody)}
        for key, _, values in by:
            for value in values:
                count = sum(cell["customer_count"] for cell in own if cell[key] == value)
                row[f"{key} {value}"] = (
                    shaded(number(count), count / everybody, everybody) if count else NOTHING
                )
        rows.append(row)
    return Table(
        "Customers by type, value tier and polarity",
        (
            Column("type", "type"),
            Column("customers", "customers", "number"),
            *(
                Column(value, f"{key} {value}", "number", group)
                for key, group, values in by
                for value in values
            ),
        ),
        rows,
        folded=False,
        reading="A cell is darker the larger its share of the type; types of a handful are not "
        "shaded.",
    )


def _added_up(cells: list[Row]) -> Row:
    """Sums of cells; None of what nothing tells of."""
    return {
        name: None
        if any(cell[column] is None for cell in cells)
        else sum(cell[column] for cell in cells)
        for name, column in (
            ("customers", "customer_count"),
            ("change", "customer_count_change"),
            ("margin", "margin_amount"),
            ("cost", "contact_cost_amount"),
            ("net", "net_amount"),
        )
    }


def _figures(by: str, rows: list[Row], currency: str, basis: str) -> Table:
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
    return Table(
        f"What each {by} brings ({currency})",
        columns,
        written,
        folded=by != "type",
        reading=f"{basis}. Net is the margin of twelve months less what talking to them cost.",
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
            *section, "Of no customer both is known: what they want and what they are given."
        )
    flat = _flat_axes(night)
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
    empty = [row for row in reasons if REASONS.get(row["reason"]) in flat]
    off = [row for row in reasons if row["is_off"] and row not in empty]
    types = in_order(row["type"] for row in gaps)
    gaps = [row for row in gaps if row["axis"] not in flat]
    for row in gaps:
        row["type"], row["axis"] = plain(row["type"]), plain(row["axis"])
    finding = (
        f"What is most often far off: {off[0]['reason']}, for "
        f"{percent(off[0]['customers'] / known)} of the customers."
        if off
        else "Nobody is treated far otherwise than they want."
    )
    if flat:
        finding += (
            f" {sentence(listed([plain(axis) for axis in flat]))} {_say_nothing(flat)}"
            f"{'' if not empty else _left_out(empty)}."
        )
    drawn = [row for row in gaps if row["customers"] >= LEAST_OBSERVATIONS]
    shown = [each for each in types if any(row["type"] == plain(each) for row in drawn)]
    widest = max(
        (row for row in drawn if row["axis"] != "reciprocity" or row["given"] < row["wanted"]),
        key=lambda row: abs(row["wanted"] - row["given"]),
        default=None,
    )
    return Section(
        *section,
        finding,
        [
            picture(
                lambda size: _gaps_chart(drawn, shown, size),
                title="Wanted and given, mean by type",
                basis="n = customers of whom both are known, for each axis in the table, the most "
                f"of any axis above the panel, none below {LEAST_OBSERVATIONS}; {night.until}",
                reading="A circle is what customers of the type want, a diamond what we give them; "
                "the longer the line between, the further off we are. 0 is none, 1 is as much as "
                "the scale knows. Frequency wanted is how often they turn to us, no wish for as "
                "many messages. To answer more readily than they do (reciprocity) wrongs nobody "
                "and counts as no mismatch. Means hide people who are off in opposite ways.",
                text=(
                    f"The widest gap of the means: {widest['type']}, {widest['axis']}: wanted "
                    f"{number(widest['wanted'], 2)}, given {number(widest['given'], 2)}. "
                    if widest
                    else ""
                )
                + "All figures are in the table.",
            )
        ]
        if drawn
        else [],
        [
            Table(
                "What is furthest off, by customer",
                (
                    Column("treated", "reason"),
                    Column("customers", "customers", "number"),
                    Column("share", "share", "number"),
                ),
                [
                    {
                        "reason": row["reason"],
                        "customers": number(row["customers"]),
                        "share": percent(row["customers"] / known),
                    }
                    for row in _cut([row for row in reasons if row not in empty], known)
                ],
                folded=False,
                reading=f"{counted(known, 'customer')} with a mismatch that is known; for each "
                "only the axis that is furthest off counts.",
            ),
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
            ),
        ],
    )


def _cut(reasons: list[Row], known: int) -> list[Row]:
    """Put what concerns a few into one row, before that of nothing."""
    few = [row for row in reasons if row["is_off"] and row["customers"] < LEAST_SHARE * known]
    if len(few) < 2:
        return reasons
    rest = {"reason": "off otherwise", "customers": sum(row["customers"] for row in few)}
    kept = [row for row in reasons if row not in few]
    return [
        *(row for row in kept if row["is_off"]),
        rest,
        *(row for row in kept if not row["is_off"]),
    ]


def _flat_axes(night: Night) -> list[str]:
    """The axes on which everybody wants, or is given, the same: a gap there tells nothing."""
    [spread] = night.rows(
        "select "
        + ", ".join(
            f"least(max(wanted_{axis}) - min(wanted_{axis}), "
            f"max(given_{axis}) - min(given_{axis})) as {axis}"
            for axis in AXES
        )
        + " from dim_customer_relationships"
    )
    return [axis for axis in AXES if spread[axis] is not None and spread[axis] < LEAST_SPREAD]


def _say_nothing(flat: list[str]) -> str:
    return (
        f"{'says' if len(flat) == 1 else 'say'} nothing about anybody, for the firm gives all "
        "customers the same, or all want the same"
    )


def _left_out(empty: list[Row]) -> str:
    count = sum(row["customers"] for row in empty)
    return f"; {counted(count, 'customer')} whose widest gap is there are left out below"


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
        as_of=night.last_day,
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
        tables=[
            _matrix(moves, types, f"{day(month_before)} and {day(month)}"),
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
            ),
        ],
        note="Types as they could be inferred from behaviour at each month end; what customers "
        "declared is known as of tonight only and is not in it.",
    )


def _matrix(moves: list[Row], types: list[str], months: str) -> Table:
    names = [plain(each) for each in types]
    cells = {(move["from_type"], move["to_type"]): move for move in moves}
    totals = {
        each: sum(move["customers"] for move in moves if move["from_type"] == each)
        for each in names
    }
    leaving = [
        move["share"]
        for move in moves
        if move["from_type"] != move["to_type"] and totals[move["from_type"]] >= LEAST_OBSERVATIONS
    ]

    def cell(before: str, now: str) -> str | Shaded:
        if not (move := cells.get((before, now))):
            return ""
        if before == now:
            return Shaded(number(move["customers"]), GREYED)
        return shaded(
            number(move["customers"]), move["share"], totals[before], max(leaving, default=1)
        )

    return Table(
        "From which type to which",
        (
            Column("was", "was"),
            Column("all", "all", "number"),
            *(Column(each, f"now {each}", "number", "is now") for each in names),
        ),
        [
            {"was": each, "all": number(totals[each])}
            | {f"now {now}": cell(each, now) for now in names}
            for each in names
        ],
        folded=False,
        reading=f"{counted(sum(totals.values()), 'customer')} known at both month ends, {months}. "
        "A row is a type a month earlier and adds up to all who had it. A cell is darker the "
        "larger its share of the row; rows of a handful are not shaded. Those who stayed are grey.",
    )
