"""The page's part on campaigns: did they overload people, did they confuse them?"""

from datetime import date
from typing import TYPE_CHECKING

from rapport.report.night import Night, Row
from rapport.report.pictures import AMBER, BLUE, GREY, INK, PURPLE, VERMILION, Size, picture
from rapport.report.words import (
    NOTHING,
    Column,
    Entry,
    Section,
    Table,
    counted,
    day,
    in_order,
    listed,
    number,
    percent,
    plain,
)

if TYPE_CHECKING:
    import altair as alt

LATEST = 20
VERDICTS = {
    "overloaded": (VERMILION, "triangle-up", "▲"),
    "confusing": (AMBER, "diamond", "◆"),
    "both": (PURPLE, "cross", "✚"),
    "ok": (BLUE, "circle", "●"),
    "too_few_data": (GREY, "square", "■"),
}


def campaigns(night: Night) -> Section:
    """The latest campaigns: did they overload people, did they confuse them?"""
    section = ("campaigns", "Campaigns: too much, or unclear?")
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
        order by first_exposure_date desc, recipient_count desc, campaign_id
        limit $latest
        """,
        latest=LATEST,
    )
    for place, row in enumerate(latest, start=1):
        row["place"] = f"{place} · {date.fromisoformat(row['first_exposure_date']):%-d %b}"
        row["number"] = place
    return Section(
        *section,
        f"{counted(sum(verdicts.values()), 'campaign')} so far: "
        + listed(
            [f"{number(verdicts[each])} {plain(each)}" for each in in_order(verdicts, VERDICTS)]
        )
        + f". Below are the latest {len(latest)}.",
        [
            picture(
                lambda size: _harm_chart(latest, size),
                title="Recipients who opted out or complained within 7 days",
                basis=f"n = {counted(sum(row['recipient_count'] for row in latest), 'message')} of "
                f"{counted(len(latest), 'campaign')}; as of {day(night.as_of)}",
                reading="The mark is the campaign, its colour and shape the verdict; the upright "
                "stroke is what the channel's campaigns of the 90 days before had. Numbers are "
                "those of the list below.",
                text="; ".join(
                    f"{row['number']}: {percent(row['harmed_share'], 1)}, usual "
                    f"{percent(row['usual_harmed_share'], 1)}, {plain(row['verdict'])}"
                    for row in latest
                ),
            ),
            picture(
                lambda size: _service_chart(latest, size),
                title="Cases, calls and chats in the 72 hours after",
                basis="n = recipients of the same messages who were known for 28 days; as of "
                f"{day(night.as_of)}",
                reading="The mark is how often recipients asked for help; the upright stroke is "
                "how often the same people do in such a time.",
                text="; ".join(
                    f"{row['number']}: {number(row['service_contact_count'])}, usual "
                    f"{number(row['usual_service_contact_count'], 1)}"
                    for row in latest
                ),
            ),
        ],
        [
            Table(
                f"Figures of the latest {len(latest)} campaigns",
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
                        "date": row["first_exposure_date"],
                        "messages": number(row["recipient_count"]),
                        "over": percent(row["over_cap_share"]),
                        "harmed": f"{percent(row['harmed_share'], 1)} "
                        f"({percent(row['usual_harmed_share'], 1)})",
                        "service": f"{number(row['service_contact_count'])} "
                        f"({number(row['usual_service_contact_count'], 1)})",
                    }
                    for row in latest
                ],
            )
        ],
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
        ],
    )


def _harm_chart(latest: list[Row], size: Size) -> "alt.TopLevelMixin":
    return _against_usual(
        latest, "harmed_share", "usual_harmed_share", "share of recipients", "%", size
    )


def _service_chart(latest: list[Row], size: Size) -> "alt.TopLevelMixin":
    return _against_usual(
        latest,
        "service_contact_count",
        "usual_service_contact_count",
        "service contacts",
        ",d",
        size,
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
