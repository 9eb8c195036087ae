"""Whether the CRM programme itself is healthy: used, filled, asked, kept; and which cause shows."""

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, number
from rapport.report.night import Night, Row
from rapport.report.pictures import (
    BLUE,
    GREY,
    SKY,
    Picture,
    Size,
    panels,
    picture,
)
from rapport.report.words import LEAST_OBSERVATIONS, Column, Section, Table, percent, plain

if TYPE_CHECKING:
    import altair as alt

MONTHS = 13  # so that each has the same month of the year before beside it
OF_THE_MONTH = ("figure", "total", "figure_before", "trend")
AREAS = ("used", "filled", "asked", "kept", "reached")


def health(night: Night) -> Section | None:
    """What the firm does with its CRM, month by month, and where that is a bad sign."""
    if not night.has("rpt_programme_health"):
        return None
    section = ("programme", "The programme itself: used, filled, asked, kept")
    rows = night.rows(
        """
        select * from rpt_programme_health
        where scope = 'stock' or is_month_over
        order by measure, scope, month_start_date
        """
    )
    if not rows:
        return Section(*section, "No month is over yet in which anything could be counted.")
    latest = _latest(rows)
    return Section(
        *section,
        _finding(latest),
        pictures=[_months_picture(rows)] if _charted(rows) else [],
        tables=[_table(latest)],
        note="Which figure is a sign of which cause is a judgement (seed programme_measures), and "
        "so is where it begins to be a bad one (policy programme_bounds). Both can be changed. A "
        "change is called better or worse where it is more than chance against the three months "
        "before.",
    )


def _latest(rows: list[Row]) -> list[Row]:
    """Return one row of each figure: of the last month, and beside it of all there is tonight.

    Whether it is a bad sign is judged by all there is, where that is known. How it moves is told of
    what came in the last month, as of all there is nobody knows what it was before.
    """
    by_measure: dict[str, dict[str, Row]] = {}
    for row in rows:  # the later month goes over the earlier
        by_measure.setdefault(row["measure"], {})[row["scope"]] = row
    shown: list[Row] = []
    for scopes in by_measure.values():
        stock = scopes.get("stock", {})
        lately = scopes.get("cohort") or scopes.get("events") or {}
        judged = (stock or lately)["is_beyond_bound"]
        whole = {"whole": stock.get("figure"), "whole_total": stock.get("total")}
        shown.append(
            stock | dict.fromkeys(OF_THE_MONTH) | lately | whole | {"is_beyond_bound": judged}
        )
    return sorted(shown, key=lambda row: (AREAS.index(row["area"]), row["measure"]))


def _finding(latest: list[Row]) -> str:
    bad = [row for row in latest if row["is_beyond_bound"]]
    worse = sum(row["trend"] == "worse" for row in latest)
    moved = f"{worse} got worse." if worse else "Nothing got worse."
    if not bad:
        return f"None of {counted(len(latest), 'figure')} is a bad sign. {moved}"
    causes = Counter(plain(row["cause"]) for row in bad)
    signs = ", ".join(f"{cause} ({count})" for cause, count in causes.most_common())
    return (
        f"{len(bad)} of {counted(len(latest), 'figure')} "
        f"{'is a bad sign' if len(bad) == 1 else 'are bad signs'}: of {signs}. {moved}"
    )


def _figure(row: Row, key: str = "figure") -> str:
    if row.get(key) is None:
        return NOTHING
    return percent(row[key]) if row["unit"] == "share" else f"{row[key]:.2f}"


def _table(latest: list[Row]) -> Table:
    return Table(
        "Every figure, and what it is a sign of",
        (
            Column("", "area"),
            Column("question", "question", "words"),
            Column("all", "whole", "number", "tonight"),
            Column("of", "whole_total", "number", "tonight"),
            Column("last", "figure", "number", "by the month"),
            Column("of", "total", "number", "by the month"),
            Column("three before", "before", "number", "by the month"),
            Column("trend", "trend", group="by the month"),
            Column("bad sign", "bound", "number"),
            Column("sign of", "cause"),
        ),
        [
            {
                "area": row["area"],
                "question": row["question"],
                "whole": _figure(row, "whole"),
                "whole_total": number(row["whole_total"]),
                "figure": _figure(row),
                "total": number(row["total"]),
                "before": _figure(row, "figure_before"),
                "trend": row["trend"] or NOTHING,
                "bound": _bound(row),
                "cause": plain(row["cause"]) if row["is_beyond_bound"] else "",
            }
            for row in latest
        ],
        folded=False,
        reading="By the month: what happened in the last one that is over, or the contacts and "
        "customers who came in it, and in the three before. Tonight: all contacts and customers "
        "that there are, by whom a bad sign is told where they are counted. The last column names "
        "the cause where the figure is beyond its bound.",
    )


def _bound(row: Row) -> str:
    if row["bound"] is None:
        return NOTHING
    return f"{'below' if row['is_higher_better'] else 'above'} {_figure(row, 'bound')}"


def _charted(rows: list[Row]) -> list[Row]:
    """Return the months of each share that rests on more than a handful and has a line to draw."""
    months = sorted({row["month_start_date"] for row in rows if row["scope"] != "stock"})[-MONTHS:]
    kept = [
        row
        for row in rows
        if row["scope"] != "stock"
        and row["unit"] == "share"
        and row["month_start_date"] in months
        and row["total"] >= LEAST_OBSERVATIONS
    ]
    lines = Counter(row["measure"] for row in kept)
    return [row for row in kept if lines[row["measure"]] > 1]


def _months_picture(rows: list[Row]) -> Picture:
    charted = _charted(rows)
    last = {row["measure"]: row for row in charted}
    ends = "; ".join(
        f"{plain(measure)} {_figure(row)} of {number(row['total'])}"
        for measure, row in last.items()
    )
    return picture(
        lambda size: _months_chart(charted, size),
        title="Each figure by month (share)",
        basis=f"The last {MONTHS} months that are over, of figures that rest on "
        f"{LEAST_OBSERVATIONS} or more",
        reading="The line is the share, the band its interval, the grey rule where it begins to be "
        "a bad sign. Contacts and what customers said are by the month in which they came, as it "
        "is tonight.",
        text=f"In the last month: {ends}.",
    )


def _months_chart(charted: list[Row], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    order = sorted({(AREAS.index(row["area"]), row["measure"]) for row in charted})
    heads = {measure: plain(measure) for _, measure in order}
    values = [
        {
            "head": heads[row["measure"]],
            "month": date.fromisoformat(str(row["month_start_date"])).isoformat(),
            "figure": row["figure"],
            "low": row["figure_low"],
            "high": row["figure_high"],
            "bound": row["bound"],
        }
        for row in charted
    ]
    x = alt.X("month:T").axis(format="%b %y", tickCount=3, title=None)
    y = alt.Y("figure:Q").scale(domain=[0, 1]).axis(format="%", values=[0, 0.5, 1], title=None)
    band = alt.Chart().mark_area(color=SKY, opacity=0.35).encode(x=x, y="low:Q", y2="high:Q")
    line = alt.Chart().mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y)
    points = alt.Chart().mark_point(color=BLUE, filled=True, size=18).encode(x=x, y=y)
    rule = alt.Chart().mark_rule(color=GREY, strokeDash=[4, 3]).encode(y="mean(bound):Q")
    return (
        alt.layer(band, rule, line, points, data=alt.Data(values=values))
        .properties(width=140 if size.narrow else 190, height=70)
        .facet(facet=panels(heads.values(), size), columns=2 if size.narrow else 4, spacing=14)
    )
