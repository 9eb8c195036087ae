"""The page's parts on whom the firm deals with beside its customers: partners, and stores."""

from collections import Counter
from typing import TYPE_CHECKING

from rapport.pages import counted, number
from rapport.report.night import ORDERS, Night, Row
from rapport.report.pictures import BLUE, GREY, MUTED, VERMILION, Picture, Size, picture
from rapport.report.words import Column, Section, Table, in_order, listed, month, percent, plain

if TYPE_CHECKING:
    import altair as alt

MOST = 20  # partners, or stores, in a picture
LEAST_CONVERSATIONS = 10  # to draw how long they take
# The gravest first, and what each is called beside a count.
VERDICTS = {
    "souring": "speaking less kindly to us than before",
    "neglected": "waiting too long for our answers",
    "overloaded": "written to more than they can answer",
    "unsettled": "with issues that nobody settles",
    "unsteady": "without anybody who knows the other side",
}


def partners(night: Night) -> Section | None:
    """Which partners are treated badly, how fast each side answers, and what is unsettled."""
    if not night.has("rpt_partner_relationships", "verdict", "median_reply_hours"):
        return None
    rows = night.rows(
        """
        select * exclude (partner_kind), partner_kind as kind
        from rpt_partner_relationships
        where is_active
        order by contact_count_365d desc, partner_id
        """
    )
    if not rows:
        return None  # a firm that deals with nobody, as far as it says
    order = in_order((row["verdict"] for row in rows), (*VERDICTS, "fine", "too_few"))
    spoken = sorted(
        (row for row in rows if row["verdict"] != "too_few"),
        key=lambda row: order.index(row["verdict"]),
    )
    for place, row in enumerate(spoken, start=1):
        row["number"] = place
    drawn = [
        row
        for row in spoken
        if min(row["written_count_365d"], row["asked_count_365d"]) >= LEAST_CONVERSATIONS
    ][:MOST]
    return Section(
        "partners",
        "Partners: stores, suppliers and agencies, and how we stand with them",
        _partners_said(rows, spoken),
        [_hours_picture(night, drawn)] if drawn else [],
        [*([_judged(spoken)] if spoken else []), _partner_figures(rows)],
        "A partner is called by its id. Who spoke with us in too few conversations to tell is in "
        "the figures only, and whom we deal with no more is left out.",
    )


def _partners_said(rows: list[Row], spoken: list[Row]) -> str:
    if not spoken:
        return (
            f"With none of {counted(len(rows), 'partner')} there were conversations enough to tell."
        )
    found = Counter(row["verdict"] for row in spoken)
    bad = [f"{number(found[each])} {said}" for each, said in VERDICTS.items() if found[each]]
    open_issues = sum(row["open_issue_count"] for row in rows)
    severe = sum(row["severe_open_issue_count"] for row in rows)
    return (
        f"Of {counted(len(rows), 'partner')} there is enough to tell of {number(len(spoken))}: "
        + (f"{listed(bad)}; " if bad else "")
        + f"{number(found['fine'])} fine. "
        + (
            f"{counted(open_issues, 'issue is open', 'issues are open')}, "
            f"{number(severe)} of them high or critical."
            if open_issues
            else "No issue is open."
        )
    )


def _hours_picture(night: Night, drawn: list[Row]) -> Picture:
    conversations = sum(row["written_count_365d"] + row["asked_count_365d"] for row in drawn)
    return picture(
        lambda size: _hours_chart(drawn, size),
        title="Hours until the first answer, ours and theirs",
        basis=f"n = {counted(conversations, 'conversation')} of 365 days with "
        f"{counted(len(drawn), 'partner')}, none with fewer than {LEAST_CONVERSATIONS} either way; "
        f"{night.until}",
        reading="A partner per line, by its number in the table. Dot: the median hours until we "
        "answered them; diamond: until they answered us; what nobody answered counts with the days "
        "that an answer may take. Where the dot is far to the right they wait for us.",
        text="; ".join(
            f"{row['number']}: ours {number(row['median_first_response_hours'], 1)}, theirs "
            f"{number(row['median_reply_hours'], 1)}"
            for row in drawn
        ),
    )


def _hours_chart(drawn: list[Row], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    values = [
        {
            "partner": str(row["number"]),
            "ours": row["median_first_response_hours"],
            "theirs": row["median_reply_hours"],
            "verdict": "in bad shape" if row["verdict"] in VERDICTS else "fine",
        }
        for row in drawn
    ]
    base = alt.Chart(alt.Data(values=values)).encode(
        y=alt.Y("partner:N", sort=None, title=None).axis(ticks=False, grid=True)
    )
    x = alt.X("ours:Q").scale(type="symlog", constant=4).title("median hours").axis(tickCount=6)
    colour = (
        alt.Color("verdict:N")
        .scale(domain=["in bad shape", "fine"], range=[VERMILION, BLUE])
        .title(None)
    )
    return alt.layer(
        base.mark_rule(color=MUTED, strokeWidth=2).encode(x=x, x2="theirs:Q"),
        base.mark_point(filled=True, size=80, opacity=1).encode(x=x, color=colour),
        base.mark_point(shape="diamond", filled=True, size=70, opacity=1, color=GREY).encode(
            x="theirs:Q"
        ),
    ).properties(width=size.width - 70, height=22 * len(values) + 10)


def _judged(spoken: list[Row]) -> Table:
    return Table(
        "How we stand with each",
        (
            Column("", "number", "number"),
            Column("partner", "partner", "name"),
            Column("kind", "kind"),
            Column("verdict", "verdict"),
            Column("open", "open", "number", "issues"),
            Column("oldest, days", "oldest", "number", "issues"),
        ),
        [
            {
                "number": number(row["number"]),
                "partner": row["partner_id"],
                "kind": row["kind"],
                "verdict": plain(row["verdict"]),
                "reason": row["verdict_reason"] if row["verdict"] in VERDICTS else "",
                "open": number(row["open_issue_count"]),
                "oldest": number(row["oldest_open_issue_days"]),
            }
            for row in spoken
            if row["verdict"] in VERDICTS or row["number"] <= MOST
        ],
        below="reason",
        folded=False,
        reading="Of 365 days; a verdict only where the figures cannot be chance (95%). The gravest "
        "stands first, and of several verdicts of one partner the gravest is told.",
    )


def _partner_figures(rows: list[Row]) -> Table:
    return Table(
        "Figures of every partner, 365 days",
        (
            Column("partner", "partner", "name"),
            Column("verdict", "verdict"),
            Column("contacts", "contacts", "number"),
            Column("they began", "written", "number", "conversations"),
            Column("we began", "asked", "number", "conversations"),
            Column("by us", "answered", "number", "answered in time"),
            Column("by them", "replied", "number", "answered in time"),
            Column("with one of ours", "owner", "number", "largest share"),
            Column("with one of theirs", "person", "number", "largest share"),
            Column("mean", "tone", "number", "tone"),
            Column("trend", "trend", "text", "tone"),
        ),
        [
            {
                "partner": row["partner_id"],
                "verdict": plain(row["verdict"]),
                "contacts": number(row["contact_count_365d"]),
                "written": number(row["written_count_365d"]),
                "asked": number(row["asked_count_365d"]),
                "answered": percent(row["answered_share"]),
                "replied": percent(row["replied_share"]),
                "owner": percent(row["owner_continuity"]),
                "person": percent(row["person_continuity"]),
                "tone": number(row["mean_sentiment"], 2),
                "trend": plain(row["sentiment_trend"]),
            }
            for row in rows
            if row["contact_count_365d"]
        ],
        reading="Tone: how they speak to us, from \N{MINUS SIGN}1 to 1.",
    )


def stores(night: Night) -> Section | None:
    """Who comes to which store, who comes back, and how its customers stand with us."""
    if not night.has("rpt_store_relationships", "came_back_share", "reachable_customer_count"):
        return None
    section = ("stores", "Stores: who comes, and who comes back")
    if why := night.untold(ORDERS):
        return Section(*section, why)
    rows = night.rows(
        """
        select * exclude (month_start_date), month_start_date as since
        from rpt_store_relationships
        where
            month_start_date = (
                select max(month_start_date) from rpt_store_relationships
                where came_back_share is not null
            )
            and customer_count > 0
        order by customer_count desc, store_id
        """
    )
    if not rows:
        return Section(*section, "Of no month it is known yet who came back.")
    told = [row for row in rows if not row["is_few"]]
    for place, row in enumerate(told, start=1):
        row["number"] = place
    came = sum(row["customer_count"] for row in rows)
    usual = sum(row["came_back_customer_count"] for row in rows) / came
    low = [row for row in told if row["came_back_share_high"] < usual]
    high = [row for row in told if row["came_back_share_low"] > usual]
    when = month(rows[0]["since"])
    return Section(
        *section,
        f"Of those who came to a store in {when}, {percent(usual)} came to it again"
        f"{_within(night)}. Of {counted(len(told), 'store')} with customers enough to tell, "
        f"{number(len(high))} {'is' if len(high) == 1 else 'are'} above that by more than chance "
        f"and {number(len(low))} below; of {len(told)} about {number(len(told) / 20)} would be by "
        "chance."
        if told
        else f"In {when} no store had customers enough to tell anything of one; of all "
        f"{number(came)} who came, {percent(usual)} came again.",
        [_back_picture(told[:MOST], usual, when)] if told else [],
        [_store_table(told[:MOST], when)] if told else [],
        "A customer who comes to two stores counts in both. Mismatch, strain and reach are as of "
        "tonight. Who comes often is oftener seen in any month, so these are not shares of all "
        "customers.",
    )


def _within(night: Night) -> str:
    """Say how long they had for it, where the release tells."""
    if not night.has("policies", "policy", "value"):
        return ""
    days = night.rows("select value from policies where policy = 'store_follow_days'")
    return f" within {days[0]['value']} days" if days else ""


def _back_picture(told: list[Row], usual: float, when: str) -> Picture:
    customers = sum(row["customer_count"] for row in told)
    return picture(
        lambda size: _back_chart(told, usual, size),
        title=f"Share of a store's customers of {when} who came again",
        basis=f"n = {counted(customers, 'customer')} of {counted(len(told), 'store')}, the largest",
        reading="A store per line, by its number in the table. Dot: the share; line: its 95% "
        "interval (Wilson). The upright line is the share of all stores: an interval that it "
        "crosses may be chance.",
        text="; ".join(f"{row['number']}: {percent(row['came_back_share'])}" for row in told),
    )


def _back_chart(told: list[Row], usual: float, size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    values = [
        {
            "store": str(row["number"]),
            "share": row["came_back_share"],
            "low": row["came_back_share_low"],
            "high": row["came_back_share_high"],
        }
        for row in told
    ]
    base = alt.Chart(alt.Data(values=values)).encode(
        y=alt.Y("store:N", sort=None, title=None).axis(ticks=False, grid=True)
    )
    x = alt.X("low:Q").scale(domain=[0, 1]).title("came again").axis(format="%", tickCount=6)
    return alt.layer(
        alt.Chart(alt.Data(values=[{"usual": usual}]))
        .mark_rule(color=VERMILION, strokeWidth=1.5)
        .encode(x="usual:Q"),
        base.mark_rule(color=BLUE, strokeWidth=2).encode(x=x, x2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1, color=BLUE).encode(x="share:Q"),
    ).properties(width=size.width - 70, height=22 * len(values) + 10)


def _store_table(told: list[Row], when: str) -> Table:
    return Table(
        f"The largest stores in {when}",
        (
            Column("", "number", "number"),
            Column("store", "store", "name"),
            Column("all", "customers", "number", "customers"),
            Column("new here", "new", "number", "customers"),
            Column("came again", "back", "number", "customers"),
            Column("visits", "visits", "number"),
            Column("all", "tickets", "number", "tickets"),
            Column("ended badly", "unhappy", "number", "tickets"),
            Column("strained", "strained", "number", "of the customers, tonight"),
            Column("may be reached", "reached", "number", "of the customers, tonight"),
        ),
        [
            {
                "number": number(row["number"]),
                "store": row["store_id"],
                "customers": number(row["customer_count"]),
                "new": number(row["new_here_count"]),
                "back": percent(row["came_back_share"]),
                "visits": number(row["visit_count"]),
                "tickets": number(row["ticket_count"]),
                "unhappy": number(row["unhappy_ticket_count"]),
                "strained": percent(row["strained_customer_count"] / row["customer_count"]),
                "reached": percent(row["reachable_customer_count"] / row["customer_count"]),
            }
            for row in told
        ],
        folded=False,
    )
