"""The night in a few figures, each with its change and the line of the last twelve months."""

import base64
from dataclasses import dataclass

from rapport.pages import number
from rapport.report.night import BEFORE, Night
from rapport.report.pictures import BLUE
from rapport.report.words import month, percent, signed

MONTHS = 12
LEAST_POINTS = 3  # fewer make no line
NO_CURRENCY = "XXX"  # ISO 4217: nothing was sold yet that tells of one
COUNTS = {"customers", "net_sales_28d", "segment_members"}  # the others are shares
IN_SEGMENT = "are in a segment"


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
    now = _figures(night, "main")
    if not now.get("customers"):
        return []
    before = _figures(night, BEFORE) if night.before else {}
    lines = _lines(night)
    currency = _currency(night)
    wanted = [
        ("customers", "customer" if now["customers"] == 1 else "customers"),
        ("net_sales_28d", f"{currency} net sales in 28 days".removeprefix(f"{NO_CURRENCY} ")),
        ("segment_members", "is in a segment" if now["segment_members"] == 1 else IN_SEGMENT),
        ("want_a_relationship", "want a relationship"),
        ("said_they_want_none", "said that they want none"),
        ("seem_to_want_none", "want none as it seems, of whichever type: the plain lane"),
        ("over_contacted", "had more contacts than their cap"),
        ("unhappy", "of those who ever told us are unhappy with us"),
        ("of_unknown_type", "of a type we cannot tell yet"),
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


def _figures(night: Night, schema: str) -> dict[str, float | None]:
    """The figures of a release; None for what nobody tells, nothing for one that has none."""
    if not night.has("key_figures", schema=schema):
        return {}
    rows = night.rows(f"select figure, figure_value from {schema}.key_figures order by figure")
    return {row["figure"]: row["figure_value"] for row in rows}


def _currency(night: Night) -> str:
    """The currency that values are added up in."""
    [row] = night.rows("select max(currency_code) as code from key_figures")
    return row["code"] or ""


def _lines(night: Night) -> dict[str, list[tuple[str, float]]]:
    """Per figure the months that are over, the oldest first."""
    lines = {
        key: night.rows(
            f"""
            select month_date as at, coalesce({column}, 0)::double as figure_value
            from monthly_figures
            where is_month_over and {counted} is not null
            order by month_date desc
            limit $months
            """,
            months=MONTHS,
        )[::-1]
        for key, column, counted in (
            ("customers", "customer_count", "customer_count"),
            ("net_sales_28d", "net_amount", "net_amount"),
            ("unhappy", "unhappy_share", "customer_count"),
            ("of_unknown_type", "unknown_type_share", "customer_count"),
        )
    }
    return {key: [(row["at"], row["figure_value"]) for row in rows] for key, rows in lines.items()}


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
