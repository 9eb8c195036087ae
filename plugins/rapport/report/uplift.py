"""The page's parts on what campaigns caused, beside those kept out, and on what silence saves."""

from datetime import date
from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, number
from rapport.report.night import MAIL, ORDERS, Night, Row
from rapport.report.pictures import AMBER, BLUE, GREEN, GREY, INK, SKY, VERMILION, Size, picture
from rapport.report.segments import clause_in_words
from rapport.report.words import (
    TIERS,
    TYPES,
    Column,
    Section,
    Table,
    in_order,
    percent,
    plain,
    short_day,
    signed,
)

if TYPE_CHECKING:
    import altair as alt

LATEST = 20
LEAST_CHARTED = 3  # of fewer a table says more
ALL = "all of them"
BY_CHANCE = 0.05  # of campaigns that do nothing, those whose interval leaves 0 out
VERDICTS = {
    "more": (GREEN, "triangle-up", "more ordered"),
    "fewer": (VERMILION, "triangle-down", "fewer ordered"),
    "open": (BLUE, "circle", "left open"),
}
TOGETHER = (INK, "diamond", "all together")
BREAKDOWNS = {"relationship_type": ("type", TYPES), "value_tier": ("tier", TIERS)}
REASONS = {
    "said_no": "said no",
    "cap": "had enough",
    "net_value": "one more would lose",
    "treatment": "not for their type",
    "other_list": "another list was first",
    "staff": "wait for a call",
    "out_of_reach": "cannot be reached",
    "hold_out": "held out by lot",
}
PARTS = {
    "sending": ("cost", SKY),
    "value at risk": ("kept", BLUE),
    "complaints": ("complaints", AMBER),
    "margin given up": ("given_up", VERMILION),
}


def uplift(night: Night) -> Section | None:
    """What the campaigns with a control arm caused, and of whom."""
    section = ("uplift", "Uplift: what did campaigns cause?")
    if not night.has("rpt_campaign_uplift"):
        return None
    if why := night.untold(MAIL) or night.untold(ORDERS):
        return Section(*section, why)
    latest = night.rows(
        """
        from rpt_campaign_uplift
        where breakdown = 'everybody' and verdict <> 'not_measured'
        order by send_date desc nulls last, campaign_id
        limit $latest
        """,
        latest=LATEST,
    )
    refused = night.rows(
        """
        select unmeasured_reason as reason, count(*) as campaigns
        from rpt_campaign_uplift
        where breakdown = 'everybody' and verdict = 'not_measured'
        group by unmeasured_reason
        order by campaigns desc, reason
        """
    )
    if not latest and not refused:
        return Section(*section, "No campaign has reached anybody yet.")
    unmeasured = sum(row["campaigns"] for row in refused)
    reasons = _refusals(refused)
    if not latest:
        return Section(
            *section,
            f"Of {counted(unmeasured, 'campaign')} nobody can say what they caused.",
            tables=reasons,
        )
    groups = _together(night)
    whole = groups[0]
    for place, row in enumerate(latest, start=1):
        row["number"] = place
        row["place"] = f"{place} · {_day(row)}" if row["send_date"] else str(place)
    return Section(
        *section,
        _finding(whole, unmeasured),
        [
            picture(
                lambda size: _forest(latest, whole, size),
                title="Customers who ordered because of it, per 100 it was sent to",
                basis=f"n = {counted(whole['treated_count'], 'sending')} beside "
                f"{counted(whole['control_count'], 'draw')} into control arms, of "
                f"{counted(whole['campaigns'], 'campaign')}; drawn are the latest "
                f"{number(len(latest))}; {night.until}",
                reading="The mark is the difference between those it was sent to and those kept "
                "out by lot, the stroke its 95% interval (Newcombe). Where the stroke crosses 0, "
                "the campaign may have done nothing. The diamond is all campaigns together, not "
                "only those drawn. Numbers are those of the table.",
                text="; ".join(
                    f"{row['number']}: {_points(row, 'ordered_uplift')}, {plain(row['verdict'])}"
                    for row in latest
                ),
            )
        ]
        if len(latest) >= LEAST_CHARTED
        else [],
        [_by_group(groups), _campaigns(latest), *reasons],
        "Only a lot tells what would have come anyway, so a campaign without a control arm has no "
        "figure here. Of twenty campaigns that do nothing one looks as if it did something.",
    )


def _day(row: Row) -> str:
    return f"{date.fromisoformat(row['send_date']):%-d %b}"


def _together(night: Night) -> list[Row]:
    """All campaigns together, and by type and tier.

    Campaigns weigh by the customers of both arms (Mantel and Haenszel's weights), and not by what
    came of them: intervals are narrower where few order, and would pull towards those.
    """
    found = night.rows(
        """
        with

        measured as (

            select
                *,
                cast(treated_count as double) * control_count / (treated_count + control_count)
                    as weight,
                (ordered_uplift_high - ordered_uplift_low) / 2 as half,
                (sales_uplift_per_customer_high - sales_uplift_per_customer_low) / 2 as sales_half
            from rpt_campaign_uplift
            where verdict <> 'not_measured' and breakdown <> 'p_response_decile'

        ),

        pooled as (

            select
                breakdown,
                group_name,
                any_value(currency_code) as currency_code,
                count(*) as campaigns,
                sum(treated_count) as treated_count,
                sum(control_count) as control_count,
                count(*) filter (where verdict = 'more') as more,
                count(*) filter (where verdict = 'fewer') as fewer,
                sum(weight * ordered_uplift) / sum(weight) as uplift,
                sqrt(sum(power(weight * half, 2))) / sum(weight) as half,
                sum(weight * sales_uplift_per_customer)
                / sum(weight) filter (where sales_half is not null) as sales_uplift,
                sqrt(sum(power(weight * sales_half, 2)))
                / sum(weight) filter (where sales_half is not null) as sales_half
            from measured
            group by breakdown, group_name

        )

        select
            *,
            uplift as ordered_uplift,
            uplift - half as ordered_uplift_low,
            uplift + half as ordered_uplift_high,
            sales_uplift as sales_uplift_per_customer,
            sales_uplift - sales_half as sales_uplift_per_customer_low,
            sales_uplift + sales_half as sales_uplift_per_customer_high
        from pooled
        order by breakdown, group_name
        """
    )
    order = [("everybody", "everybody")] + [
        (breakdown, name)
        for breakdown, (_, known) in BREAKDOWNS.items()
        for name in in_order((r["group_name"] for r in found if r["breakdown"] == breakdown), known)
    ]
    return sorted(found, key=lambda row: order.index((row["breakdown"], row["group_name"])))


def _finding(whole: Row, unmeasured: int) -> str:
    ordered, sales = "ordered_uplift", "sales_uplift_per_customer"
    said = (
        f"{counted(whole['campaigns'], 'campaign')} could be measured: of 100 customers they were "
        f"sent to, {_points(whole, ordered)} ordered because of it{_or_none(whole, ordered)}; to a "
        f"customer they brought {_amount(whole)} {whole['currency_code']} of sales"
        f"{_or_none(whole, sales)}. {number(whole['more'])} of them stand out with more orders and "
        f"{number(whole['fewer'])} with fewer; of so many, about "
        f"{number(whole['campaigns'] * BY_CHANCE)} would by chance."
    )
    if unmeasured:
        said += f" Of {counted(unmeasured, 'other campaign')} nobody can say."
    return said


def _or_none(row: Row, figure: str) -> str:
    """Say so where a difference may be none."""
    low, high = row[f"{figure}_low"], row[f"{figure}_high"]
    return ", which may be nothing" if low is not None and low <= 0 <= high else ""


def _points(row: Row, figure: str) -> str:
    """A difference of shares in points of a hundred, with its interval."""
    value, low, high = (row[f"{figure}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return NOTHING
    return f"{signed(100 * value, 1)} ({signed(100 * low, 1)} to {signed(100 * high, 1)})"


def _amount(row: Row) -> str:
    value, low, high = (row[f"sales_uplift_per_customer{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return NOTHING
    return f"{signed(value, 2)} ({signed(low, 2)} to {signed(high, 2)})"


def _by_group(groups: list[Row]) -> Table:
    return Table(
        "All campaigns together, by what the customers were before",
        (
            Column("customers", "group"),
            Column("campaigns", "campaigns", "number"),
            Column("sent to", "treated", "number"),
            Column("kept out", "control", "number"),
            Column("ordered per 100", "ordered", "number", "because of it (95%)"),
            Column(
                f"{groups[0]['currency_code']} a head", "sales", "number", "because of it (95%)"
            ),
            Column("more", "more", "number", "campaigns that stand out"),
            Column("fewer", "fewer", "number", "campaigns that stand out"),
        ),
        [
            {
                "group": "everybody"
                if row["breakdown"] == "everybody"
                else f"{BREAKDOWNS[row['breakdown']][0]}: {plain(row['group_name'])}",
                "campaigns": number(row["campaigns"]),
                "treated": number(row["treated_count"]),
                "control": number(row["control_count"]),
                "ordered": _points(row, "ordered_uplift"),
                "sales": _amount(row),
                "more": number(row["more"]),
                "fewer": number(row["fewer"]),
            }
            for row in groups
        ],
        folded=False,
        reading="Campaigns weigh by the customers in their arms. A customer counts once per "
        "campaign, by type and tier as they were before it. Standing out is after a correction for "
        "looking at so many types and tiers (Holm); over campaigns nothing is corrected. Groups of "
        "a few are in no campaign's figures.",
    )


def _campaigns(latest: list[Row]) -> Table:
    return Table(
        f"The latest {counted(len(latest), 'campaign')} with a control arm",
        (
            Column("no.", "number", "number"),
            Column("campaign", "name", "name"),
            Column("channel", "channel"),
            Column("sent", "date"),
            Column("sent to", "treated", "number", "customers"),
            Column("kept out", "control", "number", "customers"),
            Column("sent to", "treated_rate", "number", "ordered"),
            Column("kept out", "control_rate", "number", "ordered"),
            Column("per 100", "ordered", "number", "because of it (95%)"),
            Column(
                f"{latest[0]['currency_code']} a head", "sales", "number", "because of it (95%)"
            ),
            Column("Qini", "qini", "number"),
            Column("verdict", "verdict"),
        ),
        [
            {
                "number": number(row["number"]),
                "name": row["campaign_name"] or NOTHING,
                "channel": row["channel"],
                "date": short_day(row["send_date"]) if row["send_date"] else NOTHING,
                "treated": number(row["treated_count"]),
                "control": number(row["control_count"]),
                "treated_rate": percent(row["treated_ordered_rate"], 1),
                "control_rate": percent(row["control_ordered_rate"], 1),
                "ordered": _points(row, "ordered_uplift"),
                "sales": _amount(row),
                "qini": signed(row["qini_coefficient"], 2),
                "verdict": VERDICTS[row["verdict"]][2],
            }
            for row in latest
        ],
        folded=len(latest) >= LEAST_CHARTED,
        reading="Qini: whether those who answer most are those whom a message moves; 0 is no "
        "better than chance, 1 the best there can be.",
    )


def _refusals(refused: list[Row]) -> list[Table]:
    if not refused:
        return []
    return [
        Table(
            "Campaigns of which nobody can say what they caused",
            (Column("why", "reason", "words"), Column("campaigns", "campaigns", "number")),
            [{"reason": row["reason"], "campaigns": number(row["campaigns"])} for row in refused],
            folded=False,
        )
    ]


def _forest(latest: list[Row], whole: Row, size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    rows = [
        {
            "place": row["place"],
            "kind": VERDICTS[row["verdict"]][2],
            "value": 100 * row["ordered_uplift"],
            "low": 100 * row["ordered_uplift_low"],
            "high": 100 * row["ordered_uplift_high"],
        }
        for row in latest
    ]
    rows.append(
        {
            "place": f"{ALL} ({number(whole['campaigns'])})",
            "kind": TOGETHER[2],
            "value": 100 * whole["ordered_uplift"],
            "low": 100 * whole["ordered_uplift_low"],
            "high": 100 * whole["ordered_uplift_high"],
        }
    )
    looks = [*VERDICTS.values(), TOGETHER]
    there = [look for look in looks if any(row["kind"] == look[2] for row in rows)]
    names = [look[2] for look in there]
    y = alt.Y("place:N", sort=[row["place"] for row in rows], title=None).axis(
        ticks=False, grid=True, labelPadding=8
    )
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=y,
        color=alt.Color(
            "kind:N", sort=names, legend=alt.Legend(columns=2 if size.narrow else 4)
        ).scale(domain=names, range=[look[0] for look in there]),
    )
    return alt.layer(
        alt.Chart(alt.Data(values=[{"x": 0}]))
        .mark_rule(color=GREY, strokeWidth=1.5)
        .encode(x="x:Q"),
        base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title="customers per 100 sent to").axis(tickCount=6), x2="high:Q"
        ),
        base.mark_point(filled=True, size=80, opacity=1).encode(
            x="value:Q",
            shape=alt.Shape("kind:N", sort=names).scale(
                domain=names, range=[look[1] for look in there]
            ),
        ),
    ).properties(width=size.width - 130, height=20 * len(rows))


def silence(night: Night) -> Section | None:
    """Who is not written to tonight, why, and what that saves and gives up."""
    section = ("silence", "Silence: what not writing saves tonight")
    if not night.has("rpt_silence_savings"):
        return None
    reasons = night.rows(
        """
        select
            silence_reason,
            sum(silenced_count) as silenced,
            sum(avoided_contact_count) as avoided,
            sum(measured_contact_count) as measured,
            sum(losing_contact_count) as losing,
            sum(avoided_cost_amount) as all_cost,
            sum(saved_amount) filter (where measured_contact_count > 0) as saved,
            sum(kept_value_amount) filter (where measured_contact_count > 0) as kept,
            sum(avoided_complaint_cost_amount) filter (where measured_contact_count > 0)
                as complaints,
            sum(given_up_margin_amount) filter (where measured_contact_count > 0) as given_up,
            sum(given_up_sales_amount) filter (where measured_contact_count > 0) as sales,
            sum(expected_avoided_opt_out_count) filter (where measured_contact_count > 0)
                as opt_outs,
            sum(expected_avoided_complaint_count) filter (where measured_contact_count > 0)
                as complained,
            any_value(currency_code) as currency_code
        from rpt_silence_savings
        group by silence_reason
        order by silence_reason
        """
    )
    if not reasons:
        return Section(*section, "Everybody who qualifies for a list is written to tonight.")
    for row in reasons:
        if row["saved"] is not None:  # the cost of those that were measured
            row["cost"] = row["saved"] - row["kept"] - row["complaints"] + row["given_up"]
    known = [row for row in _sorted(reasons) if row["measured"]]
    currency = reasons[0]["currency_code"]
    measured = sum(row["measured"] for row in known)
    return Section(
        *section,
        _savings_finding(reasons, known),
        [
            picture(
                lambda size: _savings_chart(known, currency, size),
                title=f"What silence saves and gives up, by reason ({currency})",
                basis=f"n = {counted(measured, 'contact')} avoided whose doing lots tell; "
                f"{night.until}",
                reading="To the right what is saved: the sending, the value that opt-outs would "
                "have lost, the complaints. To the left the margin of the answers that do not "
                "come. The upright stroke is what is left of both: right of 0, silence pays.",
                text="; ".join(
                    f"{REASONS.get(row['silence_reason'], plain(row['silence_reason']))}: "
                    f"{signed(row['saved'], 2)} {currency}"
                    for row in known
                ),
            )
        ]
        if known
        else [],
        [_savings_by_reason(_sorted(reasons), currency), *_savings_by_clause(night, currency)],
        "A customer hears from us once a night, so however many lists they are held back from, one "
        "contact at the most is avoided. What one more contact does is known where lots were "
        "drawn, and expected by the customer's type and by how many they have had in 28 days. Who "
        "said no is left alone also where that costs.",
    )


def _sorted(reasons: list[Row]) -> list[Row]:
    order = in_order((row["silence_reason"] for row in reasons), REASONS)
    return sorted(reasons, key=lambda row: order.index(row["silence_reason"]))


def _savings_finding(reasons: list[Row], known: list[Row]) -> str:
    currency = reasons[0]["currency_code"]
    silenced, avoided, cost = (
        sum(row[key] for row in reasons) for key in ("silenced", "avoided", "all_cost")
    )
    said = (
        f"{counted(silenced, 'place')} on tonight's lists stay empty, and with them "
        f"{counted(avoided, 'contact')} of {number(cost, 2)} {currency} to send."
    )
    if not known:
        return said + " No lots were drawn, so nobody knows what these contacts would have done."
    losing, measured = (sum(row[key] for row in known) for key in ("losing", "measured"))
    saved, opt_outs, complained, sales = (
        sum(row[key] for row in known) for key in ("saved", "opt_outs", "complained", "sales")
    )
    return said + (
        f" Of the {number(measured)} that lots tell of, {number(losing)} would have lost more than "
        f"they brought. Expected are {number(opt_outs, 1)} fewer opt-outs, "
        f"{number(complained, 1)} fewer complaints and {number(sales)} {currency} of sales given "
        "up: "
        + (
            f"silence saves {number(saved, 2)} {currency} in all."
            if saved >= 0
            else f"silence costs {number(-saved, 2)} {currency} in all."
        )
    )


def _savings_by_reason(reasons: list[Row], currency: str) -> Table:
    return Table(
        "Not written to tonight, by reason",
        (
            Column("they", "reason"),
            Column("places", "silenced", "number"),
            Column("contacts avoided", "avoided", "number"),
            Column("would lose", "losing", "number"),
            Column("opt-outs", "opt_outs", "number", "expected and avoided"),
            Column("complaints", "complained", "number", "expected and avoided"),
            Column("sending", "cost", "number", f"saved ({currency})"),
            Column("value at risk", "kept", "number", f"saved ({currency})"),
            Column("sales", "sales", "number", f"given up ({currency})"),
            Column("margin", "given_up", "number", f"given up ({currency})"),
            Column("net", "saved", "number"),
        ),
        [
            {
                "reason": REASONS.get(row["silence_reason"], plain(row["silence_reason"])),
                "silenced": number(row["silenced"]),
                "avoided": number(row["avoided"]),
                "losing": number(row["losing"]) if row["measured"] else NOTHING,
                "opt_outs": number(row["opt_outs"], 2),
                "complained": number(row["complained"], 2),
                "cost": number(row["all_cost"], 2),
                "kept": number(row["kept"], 2),
                "sales": number(row["sales"], 2),
                "given_up": number(row["given_up"], 2),
                "saved": signed(row["saved"], 2),
            }
            for row in reasons
        ],
        folded=False,
        reading="A dash: no contact was avoided, or no lots tell what it would have done.",
    )


def _savings_by_clause(night: Night, currency: str) -> list[Table]:
    rows = night.rows(
        """
        from rpt_silence_savings
        order by silenced_count desc, segment, silence_reason, clause nulls last
        """
    )
    return [
        Table(
            "Not written to tonight, by segment and clause",
            (
                Column("segment", "segment"),
                Column("they", "clause"),
                Column("customers", "silenced", "number"),
                Column("contacts avoided", "avoided", "number"),
                Column(f"sending ({currency})", "cost", "number"),
                Column(f"net ({currency})", "saved", "number"),
            ),
            [
                {
                    "segment": plain(row["segment"]),
                    "clause": clause_in_words(row["clause"])
                    if row["clause"]
                    else REASONS["hold_out"],
                    "silenced": number(row["silenced_count"]),
                    "avoided": number(row["avoided_contact_count"]),
                    "cost": number(row["avoided_cost_amount"], 2),
                    "saved": signed(row["saved_amount"], 2)
                    if row["measured_contact_count"]
                    else NOTHING,
                }
                for row in rows
            ],
        )
    ]


def _savings_chart(known: list[Row], currency: str, size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    names = {
        row["silence_reason"]: REASONS.get(row["silence_reason"], plain(row["silence_reason"]))
        for row in known
    }
    rows = [
        {
            "reason": names[row["silence_reason"]],
            "part": part,
            "rank": rank,
            "value": -float(row[key]) if key == "given_up" else float(row[key]),
        }
        for row in known
        for rank, (part, (key, _)) in enumerate(PARTS.items())
    ]
    nets = [{"reason": names[row["silence_reason"]], "net": float(row["saved"])} for row in known]
    y = alt.Y("reason:N", sort=list(names.values()), title=None).axis(ticks=False, labelPadding=8)
    return alt.layer(
        alt.Chart(alt.Data(values=rows))
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("value:Q", title=currency).axis(tickCount=6),
            y=y,
            color=alt.Color(
                "part:N", sort=list(PARTS), legend=alt.Legend(columns=1 if size.narrow else 4)
            ).scale(domain=list(PARTS), range=[colour for _, colour in PARTS.values()]),
            order="rank:Q",
        ),
        alt.Chart(alt.Data(values=[{"x": 0}]))
        .mark_rule(color=GREY, strokeWidth=1.5)
        .encode(x="x:Q"),
        alt.Chart(alt.Data(values=nets))
        .mark_tick(color=INK, thickness=3, size=20)
        .encode(x="net:Q", y=y),
    ).properties(width=size.width - 190, height=26 * len(known))
