"""The page's parts on contact pressure: against the caps, and response curves."""

from typing import TYPE_CHECKING

from rapport.report.night import Night, Row
from rapport.report.pictures import (
    AMBER,
    BLUE,
    GREEN,
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
    NOTHING,
    Column,
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

FURTHEST = 12  # contacts from the cap; those beyond stand at the edge
LEAST_EXPOSURES = 30  # below it a point would be noise

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
SOURCES = {"declared": GREEN, "treatment": SKY, "optimum": PURPLE}
EVIDENCE = RANDOMISED, OBSERVATIONAL = "randomised", "observational"


def pressure(night: Night) -> Section:
    """Marketing contacts of thirty days against what each customer may get."""
    section = ("pressure", "Contact pressure: who gets more than she may?")
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
    basis = f"n = {counted(customers, 'customer')}; 30 days to {day(night.as_of)}"
    for cell in cells:
        cell["type"] = plain(cell["type"])
    return Section(
        *section,
        f"{number(over)} of {counted(customers, 'customer')} ({percent(over / customers)}) had "
        f"more marketing contacts in 30 days than their cap; for {number(wronged)} of them the cap "
        f"is 0. {counted(left_alone, 'customer')} with a cap of 0 got none.",
        [
            picture(
                lambda size: _over_chart(cells, size),
                title="Contacts in 30 days less the cap",
                basis=basis,
                reading="0 is at the cap; to the right somebody got more than she may. All "
                f"channels together. Who is more than {FURTHEST} away stands at the edge.",
                text=f"{number(over)} customers are above their cap.",
            ),
            picture(
                lambda size: _shares_chart(cells, types, "state", STATES, size),
                title="State of saturation by type",
                basis=basis,
                reading="Each bar is all customers of a type; n beside it.",
                text=_shares_said(cells, types, "state"),
            ),
            picture(
                lambda size: _shares_chart(cells, types, "source", SOURCES, size),
                title="Where the cap comes from, by type",
                basis=basis,
                reading="The least of three holds: what she declared, the treatment of her type, "
                "the optimum of the response curve.",
                text=_shares_said(cells, types, "source"),
            ),
        ],
        [
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
            )
        ],
        "In the mart's words: above the cap oversaturated, at it saturated, near it on_target, far "
        "below undersaturated, no contact in 90 days inactive.",
    )


def _count(cells: list[Row], **which: str) -> int:
    return sum(
        cell["customers"]
        for cell in cells
        if all(cell[key] == value for key, value in which.items())
    )


def _shares_said(cells: list[Row], types: list[str], key: str) -> str:
    parts = in_order((cell[key] for cell in cells), STATES | SOURCES)
    return "; ".join(
        f"{plain(each)}: "
        + ", ".join(
            f"{part} {percent(count / _count(cells, type=plain(each)))}"
            for part in parts
            if (count := _count(cells, type=plain(each), **{key: part}))
        )
        for each in types
    )


def _over_chart(cells: list[Row], size: Size) -> "alt.TopLevelMixin":
    import altair as alt

    there = in_order((cell["state"] for cell in cells), STATES)
    over = [cell["over"] for cell in cells]
    return (
        alt.Chart(alt.Data(values=cells))
        .transform_aggregate(customers="sum(customers)", groupby=["over", "state"])
        .transform_calculate(rank=f"indexof({there}, datum.state)")
        .mark_bar(stroke=MUTED, strokeWidth=0.5)
        .encode(
            x=alt.X("over:O", title="contacts in 30 days less the cap")
            .scale(domain=list(range(min(over), max(over) + 1)))
            .axis(labelAngle=0, labelOverlap=True, ticks=False),
            y=alt.Y("customers:Q", title="customers").stack("zero"),
            color=_colours("state", there, STATES, size),
            order="rank:Q",
        )
        .properties(width=size.width - 70, height=220)
    )


def _shares_chart(
    cells: list[Row], types: list[str], key: str, colours: dict[str, str], size: Size
) -> "alt.TopLevelMixin":
    import altair as alt

    there = in_order((cell[key] for cell in cells), colours)
    heads = {
        plain(each): f"{plain(each)} ({number(_count(cells, type=plain(each)))})" for each in types
    }
    rows = [
        {
            "head": head,
            "part": part,
            "rank": rank,
            "customers": _count(cells, type=each, **{key: part}),
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
            color=_colours("part", there, colours, size),
            order="rank:Q",
        )
        .properties(width=size.width - (170 if size.narrow else 190), height=22 * len(types))
    )


def _colours(key: str, there: list[str], colours: dict[str, str], size: Size) -> "alt.Color":
    import altair as alt

    legend = alt.Legend(columns=1 if size.narrow else 4)
    return alt.Color(f"{key}:N", sort=there, legend=legend).scale(
        domain=there, range=[colours.get(each, MUTED) for each in there]
    )


def response(night: Night) -> Section:
    """What one further contact brings, by how many went before."""
    section = ("response", "Response: what is one further contact worth?")
    points = night.rows(
        "from rpt_contact_response_curve order by relationship_type, evidence, contact_count_28d"
    )
    exposures = sum(point["exposure_count"] for point in points)
    if not points:
        return Section(*section, "No marketing message is old enough for its answers to be known.")
    types = in_order(point["relationship_type"] for point in points)
    drawn = [point for point in points if point["exposure_count"] >= LEAST_EXPOSURES]
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
        or "Of no type are there messages enough to say how many are best."
    )
    basis = (
        f"n = {counted(exposures, 'message')}, {percent(randomised / exposures)} of them "
        f"randomised; {len(points) - len(drawn)} of {len(points)} points rest on fewer than "
        f"{LEAST_EXPOSURES} messages and are in the table only; as of {day(night.as_of)}"
    )
    evidence = (
        "Blue circles: lots decided who got the message. Orange squares, dashed: we chose, "
        "so the many and the few may be other people."
    )
    pictures = (
        [
            picture(
                lambda size: _net_value_chart(drawn, types, currency, size),
                title=f"Net value of one further contact ({currency})",
                basis=basis,
                reading=f"{evidence} The lines are the fitted value with its interval; above 0 a "
                "contact brings more than it costs and spoils. A dashed upright is the optimum of "
                "its colour: the last number at which the interval lies above 0; when it nowhere "
                "does, the last at which the line does before contacts surely lose, or 0.",
                text=finding,
            ),
            picture(
                lambda size: _response_chart(drawn, types, size),
                title="Response rate within 7 days",
                basis=basis,
                reading=f"{evidence} Uprights are Wilson 95% intervals. A response is an order, "
                "a redemption, a reply or a click, whether the message caused it or not.",
                text="All figures are in the table.",
            ),
        ]
        if drawn
        else []
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
    return _curves(
        known, types, fitted, size, unit=f"net value ({currency})", domain=[-edge, edge], zero=True
    )


def _response_chart(points: list[Row], types: list[str], size: Size) -> "alt.TopLevelMixin":
    return _curves(
        points, types, "response_rate", size, unit="response rate", domain=None, zero=False
    )


def _curves(
    points: list[Row],
    types: list[str],
    field: str,
    size: Size,
    *,
    unit: str,
    domain: list[float] | None,
    zero: bool,
) -> "alt.TopLevelMixin":
    """A panel a type; the two kinds of evidence differ in colour, shape, fill and dash."""
    import altair as alt

    shown = [each for each in types if any(p["relationship_type"] == each for p in points)]
    heads = {
        each: f"{plain(each)} · n "
        + number(sum(p["exposure_count"] for p in points if p["relationship_type"] == each))
        for each in shown
    }
    rows = [
        {
            "head": heads[point["relationship_type"]],
            "evidence": point["evidence"],
            "contacts": point["contact_count_28d"],
            # Side by side, not on one another.
            "at": point["contact_count_28d"]
            + (0.15 if point["evidence"] == OBSERVATIONAL else -0.15),
            "value": point[field],
            "low": point[f"{field}_low"],
            "high": point[f"{field}_high"],
            "optimum": point["optimum_contacts_28d"] if zero else None,
        }
        for point in points
    ]
    colour = alt.Color("evidence:N").scale(domain=list(EVIDENCE), range=[BLUE, VERMILION])
    most = max(row["contacts"] for row in rows)
    x = (
        alt.X("at:Q", title=f"contacts{'' if size.narrow else ' in the'} 28 days before")
        .scale(domain=[-0.5, most + 0.5], nice=False)
        .axis(tickMinStep=1, format="d", grid=False)
    )
    y = alt.Y("value:Q", title=unit).axis(tickCount=5, format="%" if not zero else "~g")
    y = y.scale(domain=domain or [0, max(row["high"] for row in rows)])
    base = alt.Chart().encode(x=x, y=y, color=colour)
    layers = [
        base.mark_line(clip=zero, strokeWidth=1.5).encode(
            strokeDash=alt.condition(
                f"datum.evidence == '{RANDOMISED}'", alt.value([1, 0]), alt.value([4, 3])
            )
        ),
        base.mark_rule(clip=zero, strokeWidth=1.5).encode(y="low:Q", y2="high:Q"),
        base.mark_point(clip=zero, filled=True, size=46, opacity=1).encode(
            shape=alt.Shape("evidence:N").scale(domain=list(EVIDENCE), range=["circle", "square"])
        ),
    ]
    if zero:
        layers.insert(0, alt.Chart().mark_rule(color=INK).encode(y=alt.datum(0)))
    if zero and any(row["optimum"] is not None for row in rows):
        optimum = (
            alt.Chart()
            .transform_filter("isValid(datum.optimum)")
            .transform_aggregate(optimum="max(optimum)", groupby=["head", "evidence"])
            .transform_calculate(label="'optimum ' + datum.optimum")
            .encode(x="optimum:Q")
        )
        layers += [
            optimum.mark_rule(strokeDash=[5, 3], strokeWidth=2).encode(color=colour),
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
