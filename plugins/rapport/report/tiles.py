"""The night in a few figures, each with its change and the line of the last twelve months."""

import base64
from dataclasses import dataclass
from datetime import date

from rapport.pages import number
from rapport.report.night import BEFORE, Night
from rapport.report.pictures import BLUE
from rapport.report.words import month, percent, signed

DAYS = 28  # whole weeks: no Saturday more in one than in the other
MONTHS = 12
LEAST_POINTS = 3  # fewer make no line
NO_CURRENCY = "XXX"  # ISO 4217: nothing was sold yet that tells of one
COUNTS = {"customers", "sales", "members"}  # the others are shares of the customers


@dataclass(frozen=True)
class Tile:
    """One figure of the night.

    Attributes:
        figure: as it is written.
        what: what it counts.
        change: since the last release; empty when there is none to compare with.
        line: twelve months as a picture, a data URI; empty when they are not known.
        months: what the line shows, in words.
    """

    figure: str
    what: str
    change: str = ""
    line: str = ""
    months: str = ""


def tiles(night: Night) -> list[Tile]:
    """Return the night's figures; none when there are no customers."""
    now = _figures(night, "main", night.last_day)
    if not now["customers"]:
        return []
    earlier = night.before
    before = _figures(night, BEFORE, earlier.last_day) if earlier else {}
    lines = _lines(night)
    currency = _currency(night)
    wanted = [
        ("customers", "customer" if now["customers"] == 1 else "customers"),
        ("sales", f"{currency} net sales in {DAYS} days".removeprefix(f"{NO_CURRENCY} ")),
        ("members", "is in a segment" if now.get("members") == 1 else "are in a segment"),
        ("seek", "want a relationship"),
        ("refuse", "said that they want none"),
        ("seem_to_refuse", "want none as it seems, of whichever type: the plain lane"),
        ("over", "had more contacts than their cap"),
        ("unhappy", "of those who ever told us are unhappy with us"),
        ("unknown", "of a type we cannot tell yet"),
    ]
    return [
        Tile(
            _written(key, value),
            what,
            _change(key, value, before.get(key)),
            *_line(key, lines.get(key, [])),
        )
        for key, what in wanted
        if (value := now.get(key)) is not None
    ]


def _written(key: str, value: float) -> str:
    return number(value) if key in COUNTS else percent(value)


def _change(key: str, now: float, before: float | None) -> str:
    if before is None:
        return ""
    if key in COUNTS:
        return signed(round(now - before)) if round(now - before) else "no change"
    points = round(100 * (now - before), 1)
    return f"{signed(points, 1)} points" if points else "no change"


def _figures(night: Night, schema: str, last_day: date) -> dict[str, float | None]:
    """The figures of a release; None for what it does not hold."""
    found: dict[str, float | None] = {}
    if night.has("dim_customer_relationships", schema=schema):
        # A word of theirs and a guess of ours are two things, which older releases do not tell.
        said = night.has("dim_customer_relationships", "wants_basis", schema=schema)
        refuse, seem_to_refuse = (
            f"count(*) filter (wants_relationship = 'no' and wants_basis = '{basis}') / count(*)"
            if said
            else "null"
            for basis in ("declared", "inferred")
        )
        # Of all customers ever more would be unhappy, as ever more tell us anything. Older releases
        # call those neutral of whom nothing is known.
        unhappy = (
            "count(*) filter (polarity = 'negative') "
            "/ nullif(count(*) filter (polarity <> 'unknown'), 0)"
            if night.has("fct_customer_months", "neutral_answer_count", schema=schema)
            else "null"
        )
        [row] = night.rows(
            f"""
            select
                count(*) as customers,
                count(*) filter (wants_relationship = 'yes') / count(*) as seek,
                {refuse} as refuse,
                {seem_to_refuse} as seem_to_refuse,
                {unhappy} as unhappy,
                count(*) filter (relationship_type = 'unknown') / count(*) as unknown
            from {schema}.dim_customer_relationships
            """
        )
        found |= row
    if night.has("dim_contact_pressure", schema=schema):
        [row] = night.rows(
            f"""
            select
                count(*) filter (saturation = 'oversaturated')
                / nullif(count(saturation), 0) as over
            from {schema}.dim_contact_pressure
            """
        )
        found |= row
    if night.has("segment_members", schema=schema):
        [row] = night.rows(
            f"select count(distinct customer_id) as members from {schema}.segment_members"
        )
        found |= row
    if night.has("fct_orders", schema=schema) and _currency(night):
        [row] = night.rows(
            f"""
            select coalesce(sum({net_amount(night, schema)}), 0) as sales
            from {schema}.fct_orders
            where order_date > $last::date - {DAYS} and order_date <= $last
            """,
            last=last_day,
        )
        found |= row
    return found


def net_amount(night: Night, schema: str = "main") -> str:
    """What an order brought in the reporting currency; null in a currency without a rate."""
    if night.has("fct_orders", "reporting_sales_amount", schema=schema):
        return "reporting_sales_amount"
    # Before there were rates, orders in other currencies were in no sum.
    reporting = "(select max(currency_code) from main.rpt_channel_months)"
    return f"case when currency_code = {reporting} then sales_amount end"


def _currency(night: Night) -> str:
    """The currency that values are added up in."""
    [row] = night.rows("select max(currency_code) as code from rpt_channel_months")
    return row["code"] or ""


def _lines(night: Night) -> dict[str, list[tuple[str, float]]]:
    """Per figure the months that are over, the oldest first."""
    by_month = night.rows(
        """
        select
            month_end_date as at,
            sum(customer_count)::double as customers,
            sum(customer_count) filter (polarity = 'negative')
            / sum(customer_count) filter (polarity <> 'unknown') as unhappy,
            sum(customer_count) filter (relationship_type = 'unknown')
            / sum(customer_count) as unknown
        from rpt_relationship_portfolio
        where month_end_date <= $last
        group by month_end_date
        having sum(customer_count) > 0
        order by month_end_date desc
        limit $months
        """,
        last=night.last_day,
        months=MONTHS,
    )[::-1]
    sold = night.rows(
        """
        select month_date as at, sum(sales_amount) as sales
        from rpt_channel_months
        where last_day(month_date) <= $last
        group by month_date
        order by month_date desc
        limit $months
        """,
        last=night.last_day,
        months=MONTHS,
    )[::-1]
    return {
        "customers": [(row["at"], row["customers"]) for row in by_month],
        "sales": [(row["at"], row["sales"]) for row in sold],
    } | {key: [(row["at"], row[key] or 0) for row in by_month] for key in ("unhappy", "unknown")}


def _line(key: str, points: list[tuple[str, float]]) -> tuple[str, str]:
    """Draw a line from zero up, so that a small change looks small; say its ends."""
    if len(points) < LEAST_POINTS:
        return "", ""
    top = max(value for _, value in points)
    if top <= 0:
        return "", ""
    width, height = 120, 28
    step = (width - 4) / (len(points) - 1)
    placed = [
        f"{2 + step * place:.1f},{height - 2 - (height - 4) * max(value, 0) / top:.1f}"
        for place, (_, value) in enumerate(points)
    ]
    last_x, last_y = placed[-1].split(",")
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><path d="M0 {height - 0.5}H{width}" stroke="#d9dee4"/>'
        f'<polyline points="{" ".join(placed)}" fill="none" stroke="{BLUE}" stroke-width="1.5"/>'
        f'<circle cx="{last_x}" cy="{last_y}" r="2" fill="{BLUE}"/></svg>'
    )
    said = " \N{RIGHTWARDS ARROW} ".join(
        f"{month(at)}: {_written(key, value)}" for at, value in (points[0], points[-1])
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode(), said
