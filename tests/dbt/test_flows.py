"""What a simulated firm sends beside its campaigns; and what tables count of one campaign."""

import duckdb
import pytest

from sandbox.simulate.automations import BROWSED, CONFIRMED, MESSAGES, RECALL, STORY, WELCOME


@pytest.fixture(scope="module")
def built(simulated):
    """The simulated firm, and its landing as views."""
    with duckdb.connect(str(simulated.path)) as db:
        for source, stream in (("klaviyo", "events"), ("klaviyo", "metrics")):
            db.execute(
                f"create temp view landed_{stream} as "
                f"from read_parquet('{simulated.landing}/{source}/{stream}/*/*.parquet')"
            )
        yield db


def figures(built, message):
    row = built.execute(
        "select message_class, sent_count, delivered_count, dropped_count, opened_count, "
        "attributed_order_count, cost_amount "
        "from marts.rpt_flow_performance where message_id = ?",
        [MESSAGES[message].id],
    ).fetchone()
    names = ("class", "sent", "delivered", "dropped", "opened", "orders", "cost")
    return dict(zip(names, row, strict=True))


def test_the_class_of_a_message_is_what_the_message_says(built):
    classes = [figures(built, message)["class"] for message in range(len(MESSAGES))]
    assert classes == ["marketing", "marketing", "marketing", "transactional", "service"]


def test_a_flow_s_marketing_fills_the_cap_and_nothing_else_of_it(built):
    contacts = dict(
        built.execute(
            "select message_id, bool_or(is_marketing_contact) from marts.fct_touchpoints "
            "where flow_id is not null group by message_id"
        ).fetchall()
    )
    marketing = {MESSAGES[place].id for place in (WELCOME, STORY, BROWSED)}
    assert contacts == {message.id: message.id in marketing for message in MESSAGES}
    ((other,),) = built.execute(
        "select count(*) from marts.fct_contact_days where message_class <> 'marketing' "
        "and channel = 'email'"
    ).fetchall()
    assert other > 0


def test_every_message_that_was_sent_is_counted_once_and_dropped_ones_are_neither_sent_nor_paid(
    built,
):
    landed = dict(
        built.execute(
            "select metrics.attributes ->> '$.name', count(*) from landed_events as events "
            "inner join landed_metrics as metrics on events.metric_id = metrics.id "
            "where events.attributes ->> '$.event_properties.\"$flow\"' is not null group by 1"
        ).fetchall()
    )
    counted = [figures(built, message) for message in range(len(MESSAGES))]
    assert sum(each["sent"] for each in counted) == landed["Received Email"] > 1_000
    assert sum(each["dropped"] for each in counted) == landed["Dropped Email"] > 0
    assert all(float(each["cost"]) == round(each["sent"] * 0.10, 2) for each in counted)
    assert all(0 < each["opened"] < each["delivered"] for each in counted)


def test_confirmations_follow_orders_and_bring_none(built):
    assert figures(built, CONFIRMED)["orders"] == figures(built, RECALL)["orders"] == 0
    assert figures(built, BROWSED)["orders"] > 0
    ((without,),) = built.execute(
        """
        select count(*)
        from marts.fct_message_sends as sends
        anti join marts.fct_orders as orders
            on sends.customer_id = orders.customer_id
            and orders.ordered_at between sends.sent_at - interval 2 minute and sends.sent_at
        where sends.message_class = 'transactional'
        """
    ).fetchall()
    assert without == 0


def test_the_variations_of_a_test_add_up_to_their_message(built):
    rows = built.execute(
        "select variation_name, sent_count, attributed_order_count "
        "from marts.rpt_message_variations where message_id = ? order by 1",
        [MESSAGES[WELCOME].id],
    ).fetchall()
    assert [row[0] for row in rows] == ["Welcome: Plain", "Welcome: With a gift"]
    whole = figures(built, WELCOME)
    assert sum(row[1] for row in rows) == whole["sent"]
    assert sum(row[2] for row in rows) == whole["orders"]
    newsletters = built.execute(
        "select sender_name, variation_name from marts.rpt_message_variations "
        "where campaign_id like 'hubspot:%' order by all"
    ).fetchall()
    assert newsletters[:2] == [
        ("Newsletter 2A", "Newsletter 2A"),
        ("Newsletter 2A", "Newsletter 2B"),
    ]


def test_the_crm_s_newsletter_is_a_campaign_that_fills_the_cap(built):
    rows = built.execute(
        """
        select
            performance.campaign_id,
            performance.delivered_count,
            count(touchpoints.touchpoint_id) filter (where touchpoints.is_marketing_contact)
        from marts.rpt_campaign_performance as performance
        left join marts.fct_touchpoints as touchpoints using (campaign_id)
        where performance.campaign_id like 'hubspot:%'
        group by all
        """
    ).fetchall()
    assert len(rows) == 4
    assert all(delivered == contacts > 50 for _, delivered, contacts in rows)


def test_the_tables_count_the_same_of_every_campaign(built):
    """Whom it reached, who left and who complained: one column for all; and the months add up."""
    rows = built.execute(
        """
        select
            performance.campaign_id,
            [performance.delivered_count, performance.unsubscribed_count,
                performance.complained_count] as performance,
            [overload.recipient_count, overload.opt_out_count, overload.complaint_count]
                as overload,
            [count(distinct recipients.customer_id) filter (where recipients.is_reached),
                count(*) filter (where recipients.has_unsubscribed),
                count(*) filter (where recipients.has_complained)] as recipients,
            any_value(campaigns.audience_count) as audience
        from marts.rpt_campaign_performance as performance
        inner join marts.rpt_campaign_overload as overload using (campaign_id)
        inner join marts.dim_campaigns as campaigns using (campaign_id)
        inner join marts.fct_campaign_recipients as recipients using (campaign_id)
        group by all
        """
    ).fetchall()
    assert len(rows) > 100
    assert sum(row[1][1] for row in rows) > 100
    wrong = [row for row in rows if not (row[1] == row[2] == row[3] and row[1][0] == row[4])]
    assert wrong == []


def test_a_month_of_a_channel_has_as_many_who_left_as_its_campaigns_and_flows_and_the_rest(built):
    wrong = built.execute(
        """
        select months.month_date, months.channel
        from marts.rpt_channel_months as months
        inner join (
            select
                cast(date_trunc('month', touchpoint_date) as date) as month_date,
                channel,
                count(distinct customer_id) as left_count
            from marts.fct_touchpoints
            where event_type = 'unsubscribed'
            group by all
        ) as leavers using (month_date, channel)
        where months.unsubscribed_count <> leavers.left_count
        """
    ).fetchall()
    assert wrong == []
    # what named no message is put down to the last one, and said to be inferred
    inferred, named, nobodys = built.execute(
        """
        select
            count(*) filter (where is_message_inferred and message_id is not null),
            count(*) filter (where not is_message_inferred and message_id is not null),
            count(*) filter (where message_id is null)
        from marts.fct_touchpoints where event_type = 'unsubscribed'
        """
    ).fetchone()
    assert min(inferred, named, nobodys) > 10
