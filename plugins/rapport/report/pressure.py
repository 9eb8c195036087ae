"""The page's parts on contact pressure: against the caps, and response curves."""

from typing import TYPE_CHECKING

from rapport.pages import NOTHING, counted, number
from rapport.report.night import MAIL, Night, Row
from rapport.report.pictures import (
    AMBER,
    BLUE,
    GREY,
    INK,
    MUTED,
    PURPLE,
    SKY,
    VERMILION,
    Size,
    panels,
    picture,
)
from rapport.report.words import (
    LEAST_OBSERVATIONS,
    Column,
    Section,
    Table,
    in_order,
    listed,
    percent,
    plain,
    shaded,
)

if TYPE_CHECKING:
    import altair as alt

FURTHEST = 12  # contacts from the cap; those beyond count as so many

# Who may get nothing at all is told apart: at a cap of 0 one is either left alone or wronged.
STATES = {
    "cap 0, yet contacted": PURPLE,
    "above the cap": VERMILION,
    "at the cap": AMBER,
    "near the cap": BLUE,
    "far below": SKY,
    "no contact in 90 days": GREY,
    "cap 0, left alone": "#E4E7EB",
}
SOURCES = {
    "declared": "what they declared",
    "treatment": "the treatment of their type",
    "optimum": "the optimum of the response curve",
    "pulse": "their answer that it was too much",
}
EXCESS = (("1", 1, 1), ("2", 2, 2), ("3 to 5", 3, 5), ("6 or more", 6, FURTHEST))
RANDOMISED, OBSERVATIONAL = "randomised", "observational"
GOT, KEPT_OUT = "got the message", "kept out by lot"
SERIES = {GOT: (BLUE, "circle"), KEPT_OUT: (MUTED, "square")}


def pressure(night: Night) -> Section:
    """Marketing contacts of thirty days against what each customer may get."""
    section = ("pressure", "Contact pressure: who gets more than they may?")
    if why := night.untold(MAIL):
        return Section(*section, why)
    cells = night.rows(
        """
        with

        customers as (

            select
                relationships.relationship_type as type,
                pressure.contact_cap_source as source,
                pressure.marketing_contact_count_30d - pressure.contact_cap_30d as over,
                case
                    when pressure.contact_cap_30d = 0 and pressure.marketing_contact_count_30d = 0
                        then 'cap 0, left alone'
                    when pressure.contact_cap_30d = 0 then 'cap 0, yet contacted'
                    else
                        map {
                            'oversaturated': 'above the cap',
                            'saturated': 'at the cap',
                            'on_target': 'near the cap',
                            'undersaturated': 'far below',
                            'inactive': 'no contact in 90 days'
                        }[pressure.saturation]
                end as state
            from dim_contact_pressure as pressure
            inner join dim_customer_relationships as relationships
                on pressure.customer_id = relationships.customer_id

        )

        select
            type,
            source,
            state,
            greatest(least(over, $furthest), -$furthest) as over,
            count(*) as customers
        from customers
        group by all
        order by all
        """,
        furthest=FURTHEST,
    )
    customers = sum(cell["customers"] for cell in cells)
    if not customers:
        return Section(*section, "There are no customers yet.")
    types = in_order(cell["type"] for cell in cells)
    over = sum(cell["customers"] for cell in cells if cell["over"] > 0)
    wronged = _count(cells, state="cap 0, yet contacted")
    left_alone = _count(cells, state="cap 0, left alone")
    for cell in cells:
        cell["type"] = plain(cell["type"])
    drawn = [each for each in types if _count(cells, type=plain(each)) >= LEAST_OBSERVATIONS]
    return Section(
        *section,
        f"{number(over)} of {counted(customers, 'customer')} ({percent(over / customers)}) had "
        f"more marketing contacts in 30 days than their cap; for {number(wronged)} of them the cap "
        f"is 0. {counted(left_alone, 'customer')} with a cap of 0 got none.",
        [
            picture(
                lambda size: _shares_chart(cells, drawn, size),
                title="How full the cap is, by type",
                basis=f"n = {counted(customers, 'customer')}; the 30 days up to the night, "
                f"{night.until}",
                reading="Each bar is all customers of a type; n beside it, types of fewer than "
                f"{LEAST_OBSERVATIONS} are in the table only. All channels together.",
                text=_shares_said(cells, drawn),
            ),
        ]
        if drawn
        else [],
        [
            _excess(cells),
            Table(
                "Customers by type and state",
                (
                    Column("type", "type"),
                    Column("customers", "customers", "number"),
                    *(Column(state, state, "number") for state in STATES),
                ),
                [
                    {"type": plain(each), "customers": number(_count(cells, type=plain(each)))}
                    | {
                        state: number(_count(cells, type=plain(each), state=state))
                        for state in STATES
                    }
                    for each in types
                ],
            ),
        ],
        "The least of three holds as the cap: what the customer declared, the treatment of their "
        "type, the optimum of the response curve; who answers that it is too much gets less for a "
        "while. In the mart's words: above the cap oversaturated, at it saturated, near it "
        "on_target, far below undersaturated, no contact "
        "in 90 days inactive.",
    )


def _excess(cells: list[Row]) -> Table:
    """How many had more than their cap and by how much, by where the cap comes from."""
    rows = []
    for source in in_order((cell["source"] for cell in cells), SOURCES):
        own = [cell for cell in cells if cell["source"] == source]
        everybody = _count(own)
        above = {
            head: sum(cell["customers"] for cell in own if least <= cell["over"] <= most)
            for head, least, most in EXCESS
        }
        over = sum(above.values())
        rows.append(
            {
                "source": SOURCES.get(source, plain(source)),
                "customers": number(everybody),
                "over": number(over),
                "share": shaded(percent(over / everybody), over / everybody, everybody),
            }
            | {head: number(count) for head, count in above.items()}
        )
    return Table(
        "Who had more than their cap, and by how many contacts",
        (
            Column("their cap comes from", "source"),
            Column("customers", "customers", "number"),
            Column("above it", "over", "number"),
            Column("share", "share", "number"),
            *(Column(head, head, "number", "above it by") for head, _, _ in EXCESS),
        ),
        rows,
        folded=False,
    )


def _count(cells: list[Row], **which: str) -> int:
    return sum(
        cell["customers"]
        for cell in cells
        if all(cell[key] == value for key, value in which.items())
    )


def _shares_said(cells: list[Row], types: list[str]) -> str:
    return "; ".join(
        f"{plain(each)}: "
        + ", ".join(
            f"{state} {percent(count / _count(cells, type=plain(each)))}"
            for state in STATES
            if (count := _count(cells, type=plain(each), state=state))
        )
        for each in types
    )


def _shares_chart(cells: list[Row], types: list[str], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    there = in_order((cell["state"] for cell in cells), STATES)
    heads = {
        plain(each): f"{plain(each)} ({number(_count(cells, type=plain(each)))})" for each in types
    }
    rows = [
        {
            "head": head,
            "part": part,
            "rank": rank,
            "customers": _count(cells, type=each, state=part),
        }
        for each, head in heads.items()
        for rank, part in enumerate(there)
    ]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("customers:Q", title="share of the type's customers")
            .stack("normalize")
            .axis(format="%", tickCount=5),
            y=alt.Y("head:N", sort=list(heads.values()), title=None).axis(ticks=False),
            color=alt.Color(
                "part:N", sort=there, legend=alt.Legend(columns=1 if size.narrow else 4)
            ).scale(domain=there, range=[STATES.get(each, MUTED) for each in there]),
            order="rank:Q",
        )
        .properties(width=size.width - (170 if size.narrow else 190), height=22 * len(types))
    )


def response(night: Night) -> Section:
    """What one further contact brings, by how many went before."""
    section = ("response", "Response: what is one further contact worth?")
    if why := night.untold(MAIL):
        return Section(*section, why)
    points = night.rows(
        "from rpt_contact_response_curve order by relationship_type, evidence, contact_count_28d"
    )
    exposures = sum(point["exposure_count"] for point in points)
    if not points:
        return Section(*section, "No marketing message is old enough for its answers to be known.")
    types = in_order(point["relationship_type"] for point in points)
    # Where we chose whom to write to, the many and the few are other people: what they do says
    # nothing of what a message does, unless a lot is there to compare with.
    drawn = [
        point
        for point in points
        if point["evidence"] == RANDOMISED and point["exposure_count"] >= LEAST_OBSERVATIONS
    ]
    currency = points[0]["currency_code"]
    randomised = sum(p["exposure_count"] for p in points if p["evidence"] == RANDOMISED)
    optima = {
        (point["relationship_type"], point["evidence"]): point["optimum_contacts_28d"]
        for point in points
        if point["optimum_contacts_28d"] is not None
    }
    finding = (
        _best(optima, types, RANDOMISED, "Where lots decided who got a message, the best number")
        + _best(
            optima,
            types,
            OBSERVATIONAL,
            "By messages that we chose to send, which may lower a cap but never raise one, the "
            "best number",
        )
        or "Of no type are there messages enough to say how many are best. "
    )
    if not drawn:
        finding += (
            "No lot decided who got a message, so there is nobody to compare with: how many "
            "answered stands in the table, what the messages did is not known."
        )
    compared = [
        point
        for point in drawn
        if point["control_count"] >= LEAST_OBSERVATIONS
        and point["control_response_rate"] is not None
    ]
    basis = (
        f"n = {counted(sum(p['exposure_count'] for p in drawn), 'message')} by lot, of "
        f"{counted(exposures, 'message')} ({percent(randomised / exposures)} by lot); what rests "
        f"on fewer than {LEAST_OBSERVATIONS} is in the table only; {night.until}"
    )
    pictures = []
    if drawn:
        pictures.append(
            picture(
                lambda size: _net_value_chart(drawn, types, currency, size),
                title=f"Net value of one further contact ({currency})",
                basis=basis,
                reading="The line is the fitted value with its interval; above 0 a contact brings "
                "more than it costs and spoils. A dashed upright is the optimum: the last number "
                "at which the interval lies above 0; when it nowhere does, the last at which the "
                "line does before contacts surely lose, or 0.",
                text=finding,
            )
        )
    if compared:
        pictures.append(
            picture(
                lambda size: _response_chart(compared, types, size),
                title="Response rate within 7 days, with the message and without it",
                basis=basis,
                reading="Blue circles got the message, grey squares were kept out by lot; what "
                "lies between them is the message's doing. Uprights are Wilson 95% intervals. A "
                "response is an order, a redemption, a reply or a click.",
                text="All figures are in the table.",
            )
        )
    return Section(
        *section,
        finding,
        pictures,
        [
            Table(
                f"All points, amounts in {currency}",
                (
                    Column("type", "type"),
                    Column("evidence", "evidence"),
                    Column("contacts in 28 days before", "contacts", "number"),
                    Column("exposures", "exposures", "number"),
                    Column("control arm", "control", "number"),
                    Column("response rate (95%)", "response", "number"),
                    Column("of the control arm", "control_rate", "number"),
                    Column("opt-outs (95%)", "opt_out", "number"),
                    Column("complaints (95%)", "complaint", "number"),
                    Column("net value, fitted", "net", "number"),
                    Column("optimum", "optimum", "number"),
                ),
                [
                    _as_listed(point)
                    for each in types
                    for point in points
                    if point["relationship_type"] == each
                ],
            )
        ],
    )


def _best(optima: dict[tuple[str, str], int], types: list[str], kind: str, start: str) -> str:
    known = [each for each in types if (each, kind) in optima]
    said = [
        f"{best} for {listed([plain(each) for each in known if optima[each, kind] == best])}"
        for best in sorted({optima[each, kind] for each in known})
    ]
    return f"{start} of contacts in 28 days is {'; '.join(said)}. " if known else ""


def _as_listed(point: Row) -> Row:
    def rate(name: str) -> str:
        low, high = percent(point[f"{name}_low"], 1), percent(point[f"{name}_high"], 1)
        return f"{percent(point[name], 1)} ({low} to {high})"

    fitted = "fitted_net_value_per_contact"
    optimum = point["optimum_contacts_28d"]
    return {
        "type": plain(point["relationship_type"]),
        "evidence": point["evidence"],
        "contacts": number(point["contact_count_28d"]),
        "exposures": number(point["exposure_count"]),
        "control": number(point["control_count"]),
        "response": rate("response_rate"),
        "control_rate": percent(point["control_response_rate"], 1),
        "opt_out": rate("opt_out_rate"),
        "complaint": rate("complaint_rate"),
        "net": NOTHING
        if point[fitted] is None
        else f"{number(point[fitted], 2)} ({number(point[f'{fitted}_low'], 2)} to "
        f"{number(point[f'{fitted}_high'], 2)})",
        "optimum": "not known" if optimum is None else number(optimum),
    }


def _net_value_chart(
    points: list[Row], types: list[str], currency: str, size: Size
) -> "alt.TopLevelMixin":
    fitted = "fitted_net_value_per_contact"
    known = [point for point in points if point[fitted] is not None]
    # One wide interval must not press all others flat.
    reach = sorted(abs(p[f"{fitted}_{end}"]) for p in known for end in ("low", "high"))
    edge = reach[int(0.95 * (len(reach) - 1))] if reach else 1
    rows = [
        {
            "type": point["relationship_type"],
            "n": point["exposure_count"],
            "series": GOT,
            "contacts": point["contact_count_28d"],
            "value": point[fitted],
            "low": point[f"{fitted}_low"],
            "high": point[f"{fitted}_high"],
            "optimum": point["optimum_contacts_28d"],
        }
        for point in known
    ]
    return _curves(rows, types, size, unit=f"net value ({currency})", domain=[-edge, edge])


def _response_chart(points: list[Row], types: list[str], size: Size) -> "alt.TopLevelMixin":
    rows = []
    for point in points:
        shared = {"type": point["relationship_type"], "contacts": point["contact_count_28d"]}
        rows.append(
            shared
            | {"series": GOT, "n": point["exposure_count"], "value": point["response_rate"]}
            | {end: point[f"response_rate_{end}"] for end in ("low", "high")}
        )
        rate = point["control_response_rate"]
        rows.append(shared | {"series": KEPT_OUT, "n": 0, "value": rate, "low": rate, "high": rate})
    return _curves(rows, types, size, unit="response rate", domain=None)


def _curves(
    points: list[Row], types: list[str], size: Size, *, unit: str, domain: list[float] | None
) -> "alt.TopLevelMixin":
    """A panel a type; series differ in colour, shape and place."""
    import altair as alt

    shown = [each for each in types if any(p["type"] == each for p in points)]
    heads = {
        each: f"{plain(each)} · n " + number(sum(p["n"] for p in points if p["type"] == each))
        for each in shown
    }
    series = in_order({point["series"] for point in points}, SERIES)
    rows = [
        point
        | {
            "head": heads[point["type"]],
            # Side by side, not on one another.
            "at": point["contacts"] + 0.15 * (2 * series.index(point["series"]) - len(series) + 1),
        }
        for point in points
    ]
    legend = alt.Legend() if len(series) > 1 else None
    colour = alt.Color("series:N", legend=legend).scale(
        domain=series, range=[SERIES[each][0] for each in series]
    )
    most = max(row["contacts"] for row in rows)
    x = (
        alt.X("at:Q", title=f"contacts{'' if size.narrow else ' in the'} 28 days before")
        .scale(domain=[-0.5, most + 0.5], nice=False)
        .axis(tickMinStep=1, format="d", grid=False)
    )
    y = alt.Y("value:Q", title=unit).axis(tickCount=5, format="~g" if domain else "%")
    y = y.scale(domain=domain or [0, max(row["high"] for row in rows)])
    base = alt.Chart().encode(x=x, y=y, color=colour)
    clip = domain is not None
    layers = [
        base.mark_line(clip=clip, strokeWidth=1.5),
        base.mark_rule(clip=clip, strokeWidth=1.5).encode(y="low:Q", y2="high:Q"),
        base.mark_point(clip=clip, filled=True, size=46, opacity=1).encode(
            shape=alt.Shape("series:N", legend=legend).scale(
                domain=series, range=[SERIES[each][1] for each in series]
            )
        ),
    ]
    if domain:
        layers.insert(0, alt.Chart().mark_rule(color=INK).encode(y=alt.datum(0)))
    if any(row.get("optimum") is not None for row in rows):
        optimum = (
            alt.Chart()
            .transform_filter("isValid(datum.optimum)")
            .transform_aggregate(optimum="max(optimum)", groupby=["head"])
            .transform_calculate(label="'optimum ' + datum.optimum")
            .encode(x="optimum:Q")
        )
        layers += [
            optimum.mark_rule(strokeDash=[5, 3], strokeWidth=2, color=BLUE),
            optimum.mark_text(align="left", baseline="top", dx=4, fontSize=11, color=INK).encode(
                y=alt.value(2), text="label:N"
            ),
        ]
    return (
        alt.layer(*layers, data=alt.Data(values=rows))
        .properties(width=112 if size.narrow else 176, height=130)
        .facet(
            facet=panels(heads.values(), size),
            columns=2 if size.narrow else 4,
            spacing=16,
        )
    )
