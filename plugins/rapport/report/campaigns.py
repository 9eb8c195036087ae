"""The page's parts on campaigns and flows: what came of them, and did they overload or confuse?"""

from datetime import date
from statistics import median_low
from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, day, number
from rapport.report.night import MAIL, Night, Row
from rapport.report.pictures import AMBER, BLUE, GREY, INK, PURPLE, VERMILION, Size, picture
from rapport.report.words import (
    LEAST_OBSERVATIONS,
    Column,
    Entry,
    Section,
    Table,
    in_order,
    listed,
    percent,
    plain,
    short_day,
    signed,
)

if TYPE_CHECKING:
    import altair as alt

LATEST = 20
LATEST_RESULTS = 12
LEAST_CHARTED = 3  # of fewer a table says more
UNDECIDED = "too_few_data"
LEFT_OPEN = "The figures leave open"  # as the mart says it of those that reached enough
BASELINE = "baseline_ordered_per_delivered"
VENDOR = "vendor_attributed_order_count"
VERDICTS = {
    "overloaded": (VERMILION, "triangle-up", "▲"),
    "confusing": (AMBER, "diamond", "◆"),
    "both": (PURPLE, "cross", "✚"),
    "ok": (BLUE, "circle", "●"),
    "too_few_data": (GREY, "square", "■"),
}


def results(night: Night) -> Section:
    """What the latest campaigns and the flows did: deliveries, answers, orders and their cost."""
    section = ("results", "Campaigns and flows: what came of them")
    if why := night.untold(MAIL):
        return Section(*section, why)
    latest = night.rows(
        """
        from rpt_campaign_performance
        order by send_date desc nulls last, sent_count desc, campaign_id
        limit $latest
        """,
        latest=LATEST_RESULTS,
    )
    flows = _flows(night)
    if not latest and not flows:
        return Section(*section, "No campaign and no flow has sent anything yet.")
    return Section(
        *section,
        brought(latest),
        tables=[*([deliveries(latest), orders(latest)] if latest else []), *flows],
    )


def brought(latest: list[Row]) -> str:
    """Say what these campaigns sent, cost and brought, and what would have come without them."""
    if not latest:
        return "No campaign has sent anything yet."
    currency = latest[0]["currency_code"]
    total = {
        key: sum(row[key] or 0 for row in latest)
        for key in (
            "delivered_count",
            "attributed_order_count",
            "attributed_sales_amount",
            "cost_amount",
        )
    }
    is_open = [row for row in latest if not row["is_window_over"]]
    return (
        f"The latest {counted(len(latest), 'campaign')} delivered "
        f"{counted(total['delivered_count'], 'message')} for {number(total['cost_amount'])} "
        f"{currency}; {counted(total['attributed_order_count'], 'order')} of "
        f"{number(total['attributed_sales_amount'])} {currency} are attributed to them"
        f"{_within(latest)}."
        + (f" Of {number(len(is_open))} the window is still open." if is_open else "")
        + _would_have_come(latest)
    )


def _window_days(row: Row) -> int | None:
    """Days after the sending in which a campaign may claim orders; none of one not sent."""
    sent, until = row.get("send_date"), row.get("window_until_date")
    return (date.fromisoformat(until) - date.fromisoformat(sent)).days if sent and until else None


def _within(latest: list[Row]) -> str:
    """Say how long they may claim orders: with a coupon weeks, and what is bought then anyway."""
    days = sorted(each for row in latest if (each := _window_days(row)) is not None)
    if not days:
        return ""
    longest = counted(days[-1], "day")
    if days[0] == days[-1]:
        return f", each ordered within {longest} of the sending"
    usual = counted(median_low(days), "day")
    return (
        f", ordered within {number(days[0])} to {longest} of the sending (half of the campaigns "
        f"claim up to {usual}; those with coupons as long as these hold)"
    )


def _window(row: Row) -> str:
    days = _window_days(row)
    state = "over" if row["is_window_over"] else "open"
    return state if days is None else f"{counted(days, 'day')}, {state}"


def _would_have_come(latest: list[Row]) -> str:
    """Say how many order without a message too: without that the orders would impress anybody."""
    compared, after, without = (
        sum(row.get(key) or 0 for row in latest)
        for key in ("compared_count", "compared_ordered_count", "baseline_ordered_count")
    )
    if compared < LEAST_OBSERVATIONS:
        return " How many of them would have come without a message is not known."
    return (
        f" Of {counted(compared, 'recipient')} who can be compared with themselves "
        f"{percent(after / compared)} ordered after it, {percent(without / compared)} in such days "
        "without a message."
    )


def deliveries(latest: list[Row]) -> Table:
    """What was sent by each of these campaigns and what people did with it."""
    return Table(
        f"The latest {counted(len(latest), 'campaign')}",
        (
            Column("campaign", "name", "name"),
            Column("channel", "channel"),
            Column("sent", "date"),
            Column("delivered", "delivered", "number"),
            Column("opened", "opened", "number"),
            Column("clicked", "clicked", "number"),
            Column("unsubscribed", "unsubscribed", "number"),
            Column(f"cost ({latest[0]['currency_code']})", "cost", "number"),
        ),
        [
            {
                "name": row["campaign_name"] or NOTHING,
                "channel": row["channel"],
                "date": short_day(row["send_date"]) if row["send_date"] else NOTHING,
                "delivered": number(row["delivered_count"]),
                "opened": _opened(row),
                "clicked": percent(row["clicked_per_delivered"], 1),
                "unsubscribed": number(row["unsubscribed_count"]),
                "cost": number(row["cost_amount"]),
            }
            for row in latest
        ],
        folded=False,
        reading="Opens and clicks are people's, as shares of the messages that were delivered.",
    )


def orders(latest: list[Row]) -> Table:
    """What was ordered after each of these campaigns, beside what comes without a message."""
    # Without the baseline a share of orders would count weekly shoppers as the campaign's doing.
    has_baseline = BASELINE in latest[0]
    # a tool that attributes nothing has no column of noughts
    has_vendor = any(row.get(VENDOR) for row in latest)
    return Table(
        "What was ordered after them",
        (
            Column("campaign", "name", "name"),
            Column("window", "window"),
            *(
                (
                    Column("after it", "ordered", "number", "of the same people ordered"),
                    Column("without it", "baseline", "number", "of the same people ordered"),
                    Column("lift (95%)", "lift", "number", "of the same people ordered"),
                )
                if has_baseline
                else ()
            ),
            Column("orders", "orders", "number", "attributed"),
            *((Column("by the tool", "vendor", "number", "attributed"),) if has_vendor else ()),
            Column(f"net ({latest[0]['currency_code']})", "sales", "number", "attributed"),
        ),
        [
            {
                "name": row["campaign_name"] or NOTHING,
                "window": _window(row),
                **(_beside_baseline(row) if has_baseline else {}),
                "orders": number(row["attributed_order_count"]),
                "vendor": number(row.get(VENDOR)),
                "sales": number(row["attributed_sales_amount"]),
            }
            for row in latest
        ],
        folded=False,
        reading="An order is attributed to one campaign or flow; that it came after it does not "
        "say that it came because of it."
        + (
            " Without it: what the same people did in as many days of the same weekdays before, "
            f"without a message of ours; of fewer than {LEAST_OBSERVATIONS} nothing is said. A "
            "lift whose interval holds 0 may be none."
            if has_baseline
            else ""
        ),
    )


def _opened(row: Row) -> str:
    """The share that opened it; of a letter or a text message nobody learns that."""
    return percent(row["opened_per_delivered"]) if row["channel"] == "email" else NOTHING


def _beside_baseline(row: Row) -> Row:
    if row["compared_count"] < LEAST_OBSERVATIONS or row[BASELINE] is None:
        return dict.fromkeys(("ordered", "baseline", "lift"), NOTHING)
    low, high = (signed(100 * row[f"ordered_lift_{end}"], 1) for end in ("low", "high"))
    return {
        "ordered": percent(row["compared_ordered_per_delivered"], 1),
        "baseline": percent(row[BASELINE], 1),
        "lift": f"{signed(100 * row['ordered_lift'], 1)} ({low} to {high})",
    }


def _flows(night: Night) -> list[Table]:
    """What each message of the flows brought, and the variations that were tested."""
    if not night.has("rpt_flow_performance"):
        return []
    messages = night.rows(
        """
        from rpt_flow_performance
        where delivered_count > 0
        order by delivered_count desc, flow_id, message_id
        limit $latest
        """,
        latest=LATEST,
    )
    variations = night.rows(
        """
        from rpt_message_variations
        where delivered_count > 0
        order by last_sent_date desc, sender_name, message_id, variation_name, variation_id
        limit $latest
        """
        if night.has("rpt_message_variations")
        else "select 1 where false and $latest > 0",
        latest=LATEST,
    )
    return [
        *(
            [_flow_results("Messages of flows, the most sent first", "message_name", messages)]
            if messages
            else []
        ),
        *(
            [_flow_results("Variations that were tested", "variation_name", variations)]
            if variations
            else []
        ),
    ]


def _flow_results(title: str, named: str, rows: list[Row]) -> Table:
    sender = "flow_name" if named == "message_name" else "sender_name"
    return Table(
        title,
        (
            Column("flow" if sender == "flow_name" else "flow or campaign", "sender", "name"),
            Column(plain(named).split()[0], "named", "name"),
            *((Column("class", "class"),) if "message_class" in rows[0] else ()),
            Column("last sent", "date"),
            Column("delivered", "delivered", "number"),
            Column("opened", "opened", "number"),
            Column("clicked", "clicked", "number"),
            Column("unsubscribed", "unsubscribed", "number"),
            Column("orders", "orders", "number", "attributed"),
            Column("net sales", "sales", "number", "attributed"),
            Column("cost", "cost", "number"),
        ),
        [
            {
                "sender": row[sender] or NOTHING,
                "named": row[named] or NOTHING,
                "class": row.get("message_class"),
                "date": short_day(row["last_sent_date"]) if row["last_sent_date"] else NOTHING,
                "delivered": number(row["delivered_count"]),
                "opened": _opened(row),
                "clicked": percent(row["clicked_per_delivered"], 1),
                "unsubscribed": number(row["unsubscribed_count"]),
                "orders": number(row["attributed_order_count"]),
                "sales": number(row["attributed_sales_amount"]),
                "cost": number(row["cost_amount"]),
            }
            for row in rows
        ],
        folded=named != "message_name",
        reading=f"Amounts in {rows[0]['currency_code']}, of all time. An order that a campaign "
        "claims too stands with the one of the two that was answered last, or else came last.",
    )


def campaigns(night: Night) -> Section:
    """The latest campaigns: did they overload people, did they confuse them?"""
    section = ("campaigns", "Campaigns: too much, or unclear?")
    if why := night.untold(MAIL):
        return Section(*section, why)
    verdicts = {
        row["verdict"]: row["campaigns"]
        for row in night.rows(
            """
            select verdict, count(*) as campaigns
            from rpt_campaign_overload
            group by verdict
            order by verdict
            """
        )
    }
    if not verdicts:
        return Section(*section, "No campaign has reached anybody yet.")
    latest = night.rows(
        """
        from rpt_campaign_overload
        where verdict <> $undecided
        order by first_exposure_date desc, recipient_count desc, campaign_id
        limit $latest
        """,
        undecided=UNDECIDED,
        latest=LATEST,
    )
    for place, row in enumerate(latest, start=1):
        row["place"] = f"{place} · {date.fromisoformat(row['first_exposure_date']):%-d %b}"
        row["number"] = place
    judged = [each for each in in_order(verdicts, VERDICTS) if each != UNDECIDED]
    finding = (
        f"{counted(sum(verdicts[each] for each in judged), 'campaign')} could be judged: "
        + listed([f"{number(verdicts[each])} {plain(each)}" for each in judged])
        + "."
        if judged
        else "No campaign could be judged yet."
    )
    [undecided] = night.rows(
        """
        select
            count(*) filter (verdict_reason not like $open) as small,
            count(*) filter (verdict_reason like $open) as open
        from rpt_campaign_overload
        where verdict = $undecided
        """,
        undecided=UNDECIDED,
        open=f"{LEFT_OPEN}%",
    )
    if undecided["small"]:
        finding += (
            f" {counted(undecided['small'], 'campaign')} reached too few, or too lately, to tell."
        )
    if undecided["open"]:
        finding += (
            f" Of {counted(undecided['open'], 'campaign')} that reached enough the figures leave "
            "open whether it was too much or unclear."
        )
    if not latest:
        return Section(*section, finding)
    return Section(
        *section,
        finding,
        [
            picture(
                lambda size: _harm_chart(latest, size),
                title="Recipients who opted out or complained within 7 days",
                basis=f"n = {counted(sum(row['recipient_count'] for row in latest), 'message')} of "
                f"the latest {counted(len(latest), 'campaign')} that could be judged; "
                f"{night.until}",
                reading="The mark is the campaign, its colour and shape the verdict; the upright "
                "stroke is what the channel's campaigns of the 90 days before had. Numbers are "
                "those of the table.",
                text="; ".join(
                    f"{row['number']}: {percent(row['harmed_share'], 1)}, usual "
                    f"{percent(row['usual_harmed_share'], 1)}, {plain(row['verdict'])}"
                    for row in latest
                ),
            ),
        ]
        if len(latest) >= LEAST_CHARTED
        else [],
        [
            Table(
                "The latest campaigns that could be judged",
                (
                    Column("no.", "number", "number"),
                    Column("campaign", "name", "name"),
                    Column("verdict", "verdict"),
                    Column("channel", "channel"),
                    Column("first sent", "date"),
                    Column("messages", "messages", "number"),
                    Column("over their cap", "over", "number"),
                    Column("left or complained (usual)", "harmed", "number"),
                    Column("asked for help (usual)", "service", "number"),
                ),
                [
                    {
                        "number": number(row["number"]),
                        "name": row["campaign_name"] or NOTHING,
                        "verdict": plain(row["verdict"]),
                        "channel": row["channel"],
                        "date": short_day(row["first_exposure_date"]),
                        "messages": number(row["recipient_count"]),
                        "over": percent(row["over_cap_share"]),
                        "harmed": f"{percent(row['harmed_share'], 1)} "
                        f"({percent(row['usual_harmed_share'], 1)})",
                        "service": f"{number(row['service_contact_count'])} "
                        f"({number(row['usual_service_contact_count'], 1)})",
                    }
                    for row in latest
                ],
                folded=len(latest) >= LEAST_CHARTED,
            )
        ],
        "Asked for help: cases, calls and chats of the recipients within 72 hours; usual is how "
        "often the same people ask in such a time.",
        entries=[
            Entry(
                row["number"],
                row["campaign_name"] or NOTHING,
                f"{VERDICTS[row['verdict']][2]} {plain(row['verdict'])}",
                VERDICTS[row["verdict"]][0],
                f"{row['channel']}, {day(row['first_exposure_date'])}, "
                f"{counted(row['recipient_count'], 'message')}",
                row["verdict_reason"],
            )
            for row in latest
            if row["verdict"] != "ok"
        ],
    )


def _harm_chart(latest: list[Row], size: Size) -> "alt.TopLevelMixin":
    return _against_usual(
        latest, "harmed_share", "usual_harmed_share", "share of recipients", "%", size
    )


def _against_usual(
    latest: list[Row], field: str, usual: str, title: str, form: str, size: Size
) -> "alt.TopLevelMixin":
    import altair as alt

    there = in_order((row["verdict"] for row in latest), VERDICTS)
    names = [plain(each) for each in there]
    rows = [
        {
            "place": row["place"],
            "value": row[field],
            "usual": row[usual],
            "verdict": plain(row["verdict"]),
        }
        for row in latest
    ]
    y = alt.Y("place:N", sort=[row["place"] for row in latest], title=None).axis(
        ticks=False, grid=True, labelPadding=8
    )
    base = alt.Chart(alt.Data(values=rows)).encode(y=y)
    legend = alt.Legend(columns=2 if size.narrow else 5)
    return alt.layer(
        base.mark_rule(color=GREY).encode(
            x=alt.X("usual:Q", title=title).axis(format=form, tickCount=5), x2="value:Q"
        ),
        base.mark_tick(color=INK, thickness=2, size=16).encode(x="usual:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            x="value:Q",
            color=alt.Color("verdict:N", legend=legend).scale(
                domain=names, range=[VERDICTS[each][0] for each in there]
            ),
            shape=alt.Shape("verdict:N").scale(
                domain=names, range=[VERDICTS[each][1] for each in there]
            ),
        ),
    ).properties(width=size.width - 110, height=22 * len(rows))
