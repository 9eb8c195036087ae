"""The page's part on needs: what customers seem to miss and have not bought."""

from rapport.pages import counted, number
from rapport.report.night import ORDERS, Night, Row
from rapport.report.words import Column, Section, Table, listed, percent, plain

SHOWN = 15
KINDS = {
    "searched": "searched for it",
    "asked_about": "asked about it",
    "looked_at": "looked at it",
    "clicked": "clicked on it",
    "bought_by_alike": "people alike buy it",
}
OTHERS = "bought_by_alike"  # the evidence that is nobody's own act


def needs(night: Night) -> Section | None:
    """How many customers have an unexpressed need, and the commonest, with evidence in words."""
    if not night.has("dim_unexpressed_needs", "evidence", "evidence_kind"):
        return None
    section = ("needs", "Needs: what customers seem to miss and have not bought")
    if why := night.untold(ORDERS):
        return Section(*section, why)
    [total] = night.rows(
        """
        select
            (select count(*) from dim_customer_relationships) as customers,
            count(distinct customer_id) as needing,
            count(distinct customer_id) filter (where evidence_kind <> $others) as by_acts
        from dim_unexpressed_needs
        """,
        others=OTHERS,
    )
    if not total["needing"]:
        return Section(*section, "Of no customer anything says what they miss.")
    by_kind = night.rows(
        """
        select evidence_kind, count(distinct customer_id) as customers
        from dim_unexpressed_needs
        group by evidence_kind
        order by customers desc, evidence_kind
        """
    )
    found = night.rows(
        """
        select
            product_category,
            count(*) as customers,
            count(*) filter (where rank = 1) as first_customers,
            count(*) filter (where evidence_kind <> $others) as by_acts,
            -- somebody's own act says more than what people alike do
            arg_min(evidence, (evidence_kind = $others, -score, customer_id)) as evidence
        from dim_unexpressed_needs
        group by product_category
        order by customers desc, first_customers desc, product_category
        limit $shown
        """,
        others=OTHERS,
        shown=SHOWN,
    )
    return Section(
        *section,
        _finding(total, by_kind),
        tables=[_table(found)],
        note="A need is a guess: of what they did themselves and then did not buy, or of what "
        "customers who buy the same also buy. Nobody is in it who wants no relationship, and no "
        "topic that they ruled out; whether they may be written to is another question.",
    )


def _finding(total: Row, by_kind: list[Row]) -> str:
    needing, customers = total["needing"], max(total["customers"], total["needing"])
    said = (
        f"{number(needing)} of {counted(customers, 'customer')} "
        f"({percent(needing / customers)}) {'seems' if needing == 1 else 'seem'} to miss something "
        "that they have not bought. "
    )
    if total["by_acts"]:
        said += (
            f"For {number(total['by_acts'])} their own acts say so; for the others what people "
            "alike buy. "
            if total["by_acts"] < needing
            else "Their own acts say so. "
        )
    else:
        said += "Only what people alike buy says so; nobody's own acts do. "
    told = [
        f"{KINDS.get(row['evidence_kind']) or plain(row['evidence_kind'])} "
        f"({number(row['customers'])})"
        for row in by_kind
    ]
    return f"{said}By evidence, in customers: {listed(told)}."


def _table(found: list[Row]) -> Table:
    return Table(
        "The commonest needs"
        if len(found) < SHOWN
        else f"The {number(len(found))} commonest needs",
        (
            Column("category", "category", "name"),
            Column("customers", "customers", "number"),
            Column("their first need", "first", "number"),
            Column("by their own acts", "acts", "number"),
        ),
        [
            {
                "category": row["product_category"],
                "customers": number(row["customers"]),
                "first": number(row["first_customers"]),
                "acts": number(row["by_acts"]),
                "evidence": f"For example: {row['evidence']}.",
            }
            for row in found
        ],
        below="evidence",
        folded=False,
        reading="Below each the evidence of one customer, the strongest, an own act before what "
        "people alike do.",
    )
