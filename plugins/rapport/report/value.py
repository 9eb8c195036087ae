"""The page's part on what customers will be worth, and how far to believe it."""

from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, number
from rapport.report.night import ORDERS, Night, Row
from rapport.report.pictures import BLUE, GREY, SKY, VERMILION, Picture, Size, picture
from rapport.report.words import Column, Section, Table, percent

if TYPE_CHECKING:
    import altair as alt

MODELS = {"orders": "how often they order", "spend": "for how much"}
LEFT = 0.5  # who is less likely than this to order again has likely left


def value(night: Night) -> Section | None:
    """What a year ahead brings, from whom, and what was foretold of days that came since."""
    if not (
        night.has("dim_customer_value", "p_alive", "clv_365d")
        and night.has("rpt_value_model", "verdict", "reason")
        and night.has("rpt_value_calibration", "actual_mean_error")
    ):
        return None
    section = ("value", "Value: what customers will likely bring, and who has likely left")
    if why := night.untold(ORDERS):
        return Section(*section, why)
    models = night.rows("select * from rpt_value_model order by model")
    [whole] = night.rows(
        """
        select
            count(p_alive) as customers,
            count(*) filter (where p_alive < $left) as gone,
            sum(expected_orders_90d) as orders,
            count(clv_365d) as valued,
            sum(clv_365d) as amount,
            any_value(currency_code) as currency
        from dim_customer_value
        """,
        left=LEFT,
    )
    tenths = night.rows(
        """
        select tenth, count(*) as customers, sum(clv_365d) as amount, min(clv_365d) as least
        from (
            select clv_365d, ntile(10) over (order by clv_365d desc, customer_id) as tenth
            from dim_customer_value
            where clv_365d is not null
        )
        group by tenth
        order by tenth
        """
    )
    held = night.rows("select * from rpt_value_calibration order by model, decile")
    orders = [row for row in held if row["model"] == "orders"]
    shows_tenths = len(tenths) == 10 and whole["amount"] > 0
    return Section(
        *section,
        " ".join(filter(None, [_whole_said(whole), _best_said(whole, tenths), *map(_said, models)]))
        or "Nobody has ordered yet.",
        [
            *([_value_picture(night, whole, tenths)] if shows_tenths else []),
            *([_held_picture(orders)] if len(orders) > 1 else []),
        ],
        [
            *([_tenths_table(whole, tenths)] if shows_tenths else []),
            *([_held_table(held)] if held else []),
        ],
        "Who bought once is taken to be still there: the model lets nobody leave before they came "
        "back. Value is the margin of a year, each order worth less the later it is; the policies "
        "say how much."
        if whole["customers"]
        else "",
    )


def _whole_said(whole: Row) -> str:
    if not whole["customers"]:
        return ""
    return (
        f"Of {counted(whole['customers'], 'customer')} who bought, {number(whole['gone'])} "
        f"({percent(whole['gone'] / whole['customers'])}) {_have(whole['gone'])} likely left for "
        f"good; of all together {counted(round(whole['orders']), 'purchase')} "
        f"{'is' if round(whole['orders']) == 1 else 'are'} expected in the next 90 days."
    )


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _best_said(whole: Row, tenths: list[Row]) -> str:
    if not whole["valued"]:
        return ""
    said = f"In a year they are expected to bring {number(whole['amount'])} {whole['currency']}"
    if len(tenths) == 10 and whole["amount"] > 0:
        said += f", of which the best tenth {percent(tenths[0]['amount'] / whole['amount'])}"
    return said + "."


def _said(row: Row) -> str:
    return f"The model of {MODELS.get(row['model'], row['model'])} is {row['verdict']}: " + (
        row["reason"][:1].lower() + row["reason"][1:]
    )


def _value_picture(night: Night, whole: Row, tenths: list[Row]) -> Picture:
    shares = [row["amount"] / whole["amount"] for row in tenths]
    return picture(
        lambda size: _value_chart(shares, size),
        title="What each tenth of the customers is expected to bring in a year",
        basis=f"n = {counted(whole['valued'], 'customer')}; {night.until}",
        reading="The customers in ten groups of equal size, the best first: the share of the whole "
        "that each is expected to bring.",
        text="; ".join(
            f"tenth {place}: {percent(share)}" for place, share in enumerate(shares, start=1)
        ),
    )


def _value_chart(shares: list[float], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    values = [
        {"tenth": str(place), "share": share, "told": percent(share)}
        for place, share in enumerate(shares, start=1)
    ]
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("tenth:N", title="tenth of the customers, the best first", sort=None).axis(
            labelAngle=0, ticks=False
        ),
        y=alt.Y("share:Q", title="share of the year's value").axis(format="%", tickCount=4),
    )
    return alt.layer(
        base.mark_bar(color=SKY), base.mark_text(dy=-7, fontSize=11).encode(text="told:N")
    ).properties(width=size.width - 70, height=190)


def _held_picture(orders: list[Row]) -> Picture:
    customers = sum(row["customer_count"] for row in orders)
    days = counted(orders[0]["held_out_days"], "day")
    return picture(
        lambda size: _held_chart(orders, size),
        title=f"Purchases foretold of the last {days}, and those that came",
        basis=f"n = {counted(customers, 'customer')} who had bought before them",
        reading="Each place is a tenth of the customers, by what was foretold of them without a "
        "look at those days. Bar: foretold. Dot and line: what came on average, and its 95% "
        "interval; where the line does not reach the end of the bar it is more than chance.",
        text="; ".join(
            f"tenth {row['decile']}: {number(row['predicted_mean'], 2)} foretold, "
            f"{number(row['actual_mean'], 2)} came"
            for row in orders
        ),
    )


def _held_chart(orders: list[Row], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    values = []
    for row in orders:
        spread = 1.96 * (row["actual_mean_error"] or 0)
        values.append(
            {
                "tenth": str(row["decile"]),
                "foretold": row["predicted_mean"],
                "came": row["actual_mean"],
                "low": max(row["actual_mean"] - spread, 0),
                "high": row["actual_mean"] + spread,
            }
        )
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("tenth:N", title="tenth of the customers, by what was foretold", sort=None).axis(
            labelAngle=0, ticks=False
        )
    )
    y = alt.Y("foretold:Q", title="purchases per customer").axis(tickCount=4)
    return alt.layer(
        base.mark_bar(color=GREY, opacity=0.6).encode(y=y),
        base.mark_rule(color=BLUE, strokeWidth=2).encode(y="low:Q", y2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1, color=VERMILION).encode(y="came:Q"),
    ).properties(width=size.width - 70, height=210)


def _tenths_table(whole: Row, tenths: list[Row]) -> Table:
    return Table(
        "What each tenth of the customers is expected to bring in a year",
        (
            Column("tenth", "tenth"),
            Column("customers", "customers", "number"),
            Column(f"together ({whole['currency']})", "amount", "number"),
            Column("share", "share", "number"),
            Column("the least of one", "least", "number"),
        ),
        [
            {
                "tenth": str(row["tenth"]),
                "customers": number(row["customers"]),
                "amount": number(row["amount"]),
                "share": percent(row["amount"] / whole["amount"], 1),
                "least": number(row["least"], 2),
            }
            for row in tenths
        ],
    )


def _held_table(held: list[Row]) -> Table:
    return Table(
        "What was foretold, and what came",
        (
            Column("of", "of"),
            Column("tenth", "tenth", "number"),
            Column("customers", "customers", "number"),
            Column("foretold of one", "foretold", "number"),
            Column("came of one", "came", "number"),
            Column("standard error", "error", "number"),
            Column("within their interval", "within", "number"),
        ),
        [
            {
                "of": MODELS.get(row["model"], row["model"]),
                "tenth": number(row["decile"]),
                "customers": number(row["customer_count"]),
                "foretold": number(row["predicted_mean"], 2),
                "came": number(row["actual_mean"], 2),
                "error": number(row["actual_mean_error"], 2),
                "within": NOTHING
                if row["within_interval_count"] is None
                else percent(row["within_interval_count"] / row["customer_count"]),
            }
            for row in held
        ],
    )
