"""The page's part on single customers: some of each type, so that a marketer can judge."""

from rapport.pages import NOTHING, number
from rapport.report.night import Night, Row
from rapport.report.words import Column, Section, Table, in_order, percent, plain

SHOWN_PER_TYPE = 10


def ten_of_each(night: Night) -> Section:
    """Some customers of each type with what led there, so that a marketer can judge."""
    section = ("customers", "Do they deserve their label? Ten customers of each type")
    drawn = night.rows(
        """
        with

        drawn as (

            select *
            from dim_customer_relationships
            qualify
                row_number() over (
                    partition by relationship_type order by md5('ten of each' || customer_id)
                ) <= $shown

        ),

        months as (

            select
                customer_id,
                min(first_evidence_date) as first_date,
                sum(order_count) as orders,
                sum(letter_count) as letters,
                sum(chat_count) as chats,
                sum(call_count) as calls,
                sum(ticket_count) as tickets,
                sum(complaint_count) as complaints,
                sum(message_count) as messages,
                sum(discounted_order_count) / nullif(sum(order_count), 0) as discounted
            from fct_customer_months
            where customer_id in (select customer_id from drawn)
            group by customer_id

        ),

        signals as (

            select
                customer_id,
                list(
                    {'signal': signal, 'value': value, 'seen': observation_count}
                    order by weight * abs(value - 0.5) desc, signal
                )[:4] as signals
            from fct_relationship_evidence
            where customer_id in (select customer_id from drawn)
            group by customer_id

        )

        select
            left(drawn.customer_id, 10) as customer,
            drawn.relationship_type as type,
            drawn.type_basis as basis,
            drawn.inferred_type,
            drawn.inferred_confidence as confidence,
            drawn.polarity,
            drawn.value_tier,
            drawn.wants_relationship as wants,
            drawn.wanted_human_share as human,
            drawn.mismatch_reason as mismatch,
            -- somebody can have come after midnight, where the firm's clock is ahead of UTC
            greatest(date_diff('month', months.first_date, $as_of::date), 0) as months,
            greatest(date_diff('day', months.first_date, $as_of::date) / 30.4375, 1) as span,
            months.* exclude (customer_id, first_date),
            signals.signals
        from drawn
        left join months on drawn.customer_id = months.customer_id
        left join signals on drawn.customer_id = signals.customer_id
        order by md5('ten of each' || drawn.customer_id)
        """,
        as_of=night.last_day,
        shown=SHOWN_PER_TYPE,
    )
    if not drawn:
        return Section(*section, "There are no customers yet.")
    totals = {
        row["type"]: row["customers"]
        for row in night.rows(
            """
            select relationship_type as type, count(*) as customers
            from dim_customer_relationships
            group by relationship_type
            order by relationship_type
            """
        )
    }
    columns = (
        Column("customer_id begins", "customer"),
        Column("label by", "basis"),
        Column("confidence", "confidence", "number"),
        Column("months known", "months", "number"),
        Column("orders a month", "orders", "number"),
        Column("with discount", "discounted", "number"),
        Column("letters / chats / calls / cases", "turned", "number"),
        Column("messages a month", "messages", "number"),
        Column("human share wanted", "human", "number"),
        Column("polarity", "polarity"),
        Column("value tier", "value_tier"),
        Column("wants", "wants"),
    )
    return Section(
        *section,
        "Not the best examples: drawn by a lot that stays the same from night to night. Whoever "
        "knows customers can judge here whether the names fit.",
        tables=[
            Table(
                f"{plain(each)}: {min(SHOWN_PER_TYPE, totals[each])} of {number(totals[each])}",
                columns,
                [_as_judged(row) for row in drawn if row["type"] == each],
                below="story",
            )
            for each in in_order(totals)
        ],
        note="customer_id is a surrogate that names nobody. Letters, chats, calls and cases are of "
        "all time; messages are marketing messages that reached them; what they want or not is a "
        "relationship; the confidence is that of the type inferred. Loudest speak the signals with "
        "the greatest weight times distance from the middle, each with its score (0-1) and the "
        "observations behind it, older ones faded.",
    )


def _as_judged(row: Row) -> Row:
    rates = {
        name: number(row[name] / row["span"], 1) if row[name] is not None else NOTHING
        for name in ("orders", "messages")
    }
    return {
        **{key: row[key] for key in ("customer", "basis", "polarity", "value_tier", "wants")},
        "confidence": number(row["confidence"], 2),
        "months": number(row["months"]),
        **rates,
        "discounted": percent(row["discounted"]),
        "turned": " / ".join(
            number(row[name]) for name in ("letters", "chats", "calls", "tickets")
        ),
        "human": number(row["human"], 2),
        "story": _story(row),
    }


def _story(row: Row) -> str:
    """Say what stands out: acts that contradict their word, what is off, what speaks loudest."""
    signals = [
        f"{plain(each['signal'])} {number(each['value'], 2)} ({number(each['seen'])})"
        for each in row["signals"] or ()
    ]
    return " ".join(
        [
            *(
                [f"Acts as {plain(row['inferred_type'])}."]
                if row["basis"] == "declared" and row["inferred_type"] != row["type"]
                else []
            ),
            *([f"Off: {row['mismatch']}."] if row["mismatch"] else []),
            *([f"Loudest: {', '.join(signals)}."] if signals else ["Nothing is known of them."]),
        ]
    )
