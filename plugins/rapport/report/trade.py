"""The page's part on trade: sales by month, and who orders again."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, day, number
from rapport.report.night import ORDERS, Night, Row
from rapport.report.pictures import BLUE, GREY, SKY, Picture, Size, picture
from rapport.report.words import Column, Section, Table, month, percent, shaded, signed

if TYPE_CHECKING:
    import altair as alt

MONTHS = 13  # twelve that are over and the running one; as many cohorts
SINCE = 12  # months after the first order
LEAST_SEEN = 0.01  # of a bar


def sales(night: Night) -> Section | None:
    """Sales of the last months, and which of the customers who first ordered then come again."""
    section = ("sales", "Sales and cohorts: what was bought, and who comes again")
    if why := night.untold(ORDERS):
        return Section(*section, why)
    if not night.has("monthly_figures"):  # a release of before they were
        return None
    months = _months(night)
    cohorts = _cohorts(night)
    if not months:
        return Section(*section, "Nothing has been ordered yet.")
    shown = months[-MONTHS:]
    return Section(
        *section,
        _finding(night, months, cohorts),
        [_picture(night, shown)] if len(shown) > 1 else [],
        [_by_month(night, months, shown), *([_retention(cohorts, months)] if cohorts else [])],
    )


def _months(night: Night) -> list[Row]:
    """Sales by month of the firm's clock, the oldest first; what the shop does not tell is null."""
    return night.rows(
        """
        select
            month_date,
            currency_code,
            order_count as orders,
            active_customer_count as customers,
            gross_amount as gross,
            returned_amount as returned,
            net_amount as net,
            guest_order_count as guest_orders,
            guest_net_amount as guest_net,
            is_first_month as is_first,
            is_month_over as is_over,
            unconverted_order_count as other_orders
        from monthly_figures
        where month_date >= $first and order_count is not null
        order by month_date
        """,
        first=night.last_day.replace(year=night.last_day.year - 2, day=1),
    )


def _finding(night: Night, months: list[Row], cohorts: list[Row]) -> str:
    over = [row for row in months if row["is_over"]]
    if not over:
        said = "No month is over yet. "
    else:
        last = over[-1]
        alone = last["guest_orders"] and not last["customers"]
        who = "guests alone" if alone else counted(last["customers"], "customer")
        said = (
            f"In {_named(last)} {who} ordered for {number(last['net'])} {last['currency_code']} net"
        )
        before = [
            f"{_change(last, other)} on {_named(other)}"
            for other in (_earlier(months, last, 1), _earlier(months, last, 12))
            if other
        ]
        said += f": {', '.join(before)}. " if before else ". "
    first = _first(months)
    third = [row for row in cohorts if row["months_since"] == 3 and row["cohort_month"] != first]
    if third:
        apart = any(row["cohort_month"] == first for row in cohorts)
        share = sum(row["customers"] for row in third) / sum(row["cohort"] for row in third)
        said += (
            f"Of the customers whose first order is in the cohorts below, "
            f"{'the first of all left out, ' if apart else ''}{percent(share)} ordered "
            "in the third month after it."
        )
    return said


def _first(months: list[Row]) -> str | None:
    """The first month of all, whose cohort holds who ordered earlier too; None if it is unknown."""
    return next((row["month_date"] for row in months if row["is_first"]), None)


def _change(now: Row, before: Row) -> str:
    return f"{signed(100 * (now['net'] / before['net'] - 1))}%"


def _named(row: Row) -> str:
    return f"{date.fromisoformat(row['month_date']):%B %Y}"


def _earlier(months: list[Row], row: Row, count: int) -> Row | None:
    """The month so many before it, when it is known whole; nobody knows that of the first."""
    then = date.fromisoformat(row["month_date"])
    for _ in range(count):
        then = (then - timedelta(days=1)).replace(day=1)
    return next(
        (
            each
            for each in months
            if each["month_date"] == then.isoformat() and each["net"] and not each["is_first"]
        ),
        None,
    )


def _by_month(night: Night, months: list[Row], shown: list[Row]) -> Table:
    currency = shown[0]["currency_code"]
    tells_returns = shown[0]["returned"] is not None
    has_guests = any(row["guest_orders"] for row in shown)
    others = sum(row["other_orders"] for row in shown)
    amount = f"amounts in {currency}"
    return Table(
        "Sales by month",
        (
            Column("month", "month"),
            Column("customers", "customers", "number"),
            Column("orders", "orders", "number"),
            *(
                (
                    Column("gross", "gross", "number", amount),
                    Column("returned", "returned", "number", amount),
                )
                if tells_returns
                else ()
            ),
            Column("net", "net", "number", amount),
            *((Column("of it guests", "guests", "number", amount),) if has_guests else ()),
            Column("the month before", "on_month", "number", "net, on"),
            Column("the year before", "on_year", "number", "net, on"),
        ),
        [
            {
                "month": month(row["month_date"]) + ("" if row["is_over"] else " so far"),
                "customers": number(row["customers"]),
                "orders": number(row["orders"]),
                "gross": number(row["gross"]),
                "returned": number(row["returned"]),
                "net": number(row["net"]),
                "guests": number(row["guest_net"]),
                **{
                    key: _change(row, other)
                    if row["is_over"] and (other := _earlier(months, row, back))
                    else NOTHING
                    for key, back in (("on_month", 1), ("on_year", 12))
                },
            }
            for row in reversed(shown)
        ],
        folded=False,
        reading=f"By the day of the order, up to {day(night.last_day)}."
        + (" Net is gross less what came back." if tells_returns else "")
        + (
            f" {counted(others, 'order')} in currencies without a rate "
            f"{'is' if others == 1 else 'are'} not in it."
            if others
            else ""
        ),
    )


def _picture(night: Night, shown: list[Row]) -> Picture:
    currency = shown[0]["currency_code"]
    return picture(
        lambda size: _chart(shown, size),
        title=f"Net sales by month ({currency})",
        basis=f"n = {counted(sum(row['orders'] for row in shown), 'order')}; {night.until}",
        reading="The month that is not over is grey."
        + (" Light: orders of guests." if _seen_guests(shown) else ""),
        text=", ".join(f"{month(row['month_date'])} {number(row['net'])}" for row in shown) + ".",
    )


def _seen_guests(shown: list[Row]) -> bool:
    """Whether what guests bought is enough to be seen in a bar."""
    return any(row["guest_net"] > LEAST_SEEN * row["net"] > 0 for row in shown)


def _chart(shown: list[Row], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    apart = _seen_guests(shown)
    rows = [
        {
            "month": f"{date.fromisoformat(row['month_date']):%b %y}",
            "net": net,
            "rank": rank,
            "colour": colour if row["is_over"] else GREY,
        }
        for row in shown
        for rank, (net, colour) in enumerate(
            ((row["net"] - row["guest_net"], BLUE), (row["guest_net"], SKY))
            if apart
            else ((row["net"], BLUE),)
        )
        if net
    ]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("month:N", sort=[row["month"] for row in rows], title=None).axis(
                labelAngle=-90 if size.narrow else 0, ticks=False
            ),
            y=alt.Y("net:Q", title=f"net sales ({shown[0]['currency_code']})").axis(
                format=",d", tickCount=4
            ),
            color=alt.Color("colour:N", scale=None),
            order="rank:Q",
        )
        .properties(width=size.width - 80, height=180)
    )


def _cohorts(night: Night) -> list[Row]:
    return night.rows(
        """
        select
            cohort_month_date as cohort_month,
            months_since,
            cohort_customer_count as cohort,
            customer_count as customers,
            retained_share as share
        from rpt_cohort_retention
        where
            is_month_over
            and months_since between 0 and $since
            and cohort_month_date in (
                select cohort_month_date
                from rpt_cohort_retention
                where is_month_over and cohort_customer_count > 0
                group by cohort_month_date
                order by cohort_month_date desc
                limit $months
            )
        order by cohort_month_date desc, months_since
        """,
        since=SINCE,
        months=MONTHS,
    )


def _retention(cohorts: list[Row], months: list[Row]) -> Table:
    first = _first(months)
    since = sorted({row["months_since"] for row in cohorts} - {0})
    by_cohort: dict[str, dict[int, Row]] = {}
    for row in cohorts:
        by_cohort.setdefault(row["cohort_month"], {})[row["months_since"]] = row
    return Table(
        "Cohorts: who first ordered then, and orders again",
        (
            Column("first order", "cohort"),
            Column("customers", "customers", "number"),
            *(Column(str(each), str(each), "number", "months after") for each in since),
        ),
        [
            {
                "cohort": month(cohort),
                "customers": number(next(iter(rows.values()))["cohort"]),
            }
            | {
                str(each): shaded(
                    percent(rows[each]["share"]), rows[each]["share"], rows[each]["cohort"]
                )
                if each in rows
                else ""
                for each in since
            }
            for cohort, rows in by_cohort.items()
        ],
        folded=False,
        reading="Share of the cohort's customers who ordered in that month; months that are over. "
        "The darker, the more; cohorts of a handful are not shaded."
        + (
            f" {month(first)} is the first month of all: who ordered earlier is counted there."
            if first in by_cohort
            else ""
        ),
    )
