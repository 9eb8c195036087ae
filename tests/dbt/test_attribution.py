"""Orders that campaigns caused, by the simulator's word, and whose doing they are called."""

import duckdb
import pytest

# Of the orders that a campaign caused: put down to the right one, to any, and to the one that
# reached the customer last; and what the mailing tool's own rule makes of those that it saw.
SHARES = """
with caused as (
    select truth.order_id, truth.campaign_id, orders.customer_id, orders.ordered_at
    from truth.truth_caused_orders as truth
    inner join marts.fct_orders as orders on truth.order_id = orders.order_id
    where orders.ordered_at < date '2018-01-02'
),

reached_last as (
    select
        caused.order_id,
        max_by(
            recipients.campaign_id, (recipients.reached_at, recipients.campaign_id)
        ) as campaign_id
    from caused
    inner join marts.fct_campaign_recipients as recipients
        on
            caused.customer_id = recipients.customer_id
            and recipients.reached_at <= caused.ordered_at
    group by caused.order_id
)

select
    count(*) as caused,
    avg((ours.last_campaign_id is not distinct from caused.campaign_id)::int) as right_one,
    avg((ours.order_id is not null)::int) as any_one,
    avg((reached_last.campaign_id is not distinct from caused.campaign_id)::int) as last_delivery,
    avg((vendor.vendor_campaign_id = caused.campaign_id)::int) as of_vendor
from caused
left join marts.fct_campaign_orders as ours on caused.order_id = ours.order_id
left join reached_last on caused.order_id = reached_last.order_id
left join marts.fct_vendor_orders as vendor on caused.order_id = vendor.order_id
"""


@pytest.fixture(scope="module")
def built(simulated):
    """The simulated firm, with the truth about its campaigns' orders attached."""
    truth = simulated.path.parent / "sandbox" / "truth.duckdb"
    with duckdb.connect(simulated.path, read_only=True) as db:
        db.execute(f"attach '{truth}' as truth (read_only)")
        yield db


def test_orders_are_put_down_to_the_campaign_that_caused_them(built):
    """96 of 100: what a published package reached on rows like these, without the clicks."""
    caused, right_one, any_one, last_delivery, _ = built.execute(SHARES).fetchone()
    assert caused > 200
    assert right_one >= 0.96
    assert right_one >= last_delivery
    assert any_one >= 0.99


def test_no_order_before_the_message_is_put_down_to_it(built):
    assert built.execute(
        """
        select count(*)
        from marts.fct_campaign_orders as held
        inner join marts.fct_orders as orders on held.order_id = orders.order_id
        inner join marts.fct_campaign_recipients as recipients
            on
                held.customer_id = recipients.customer_id
                and list_contains(held.campaign_ids, recipients.campaign_id)
        where orders.ordered_at < recipients.reached_at
        """
    ).fetchone() == (0,)


def test_the_mailing_tool_s_own_attribution_meets_the_shop_s_orders(built):
    """Each is matched with its order, and where the two disagree it can be seen order by order."""
    counts = dict(
        built.execute(
            "select agreement, count(*) from marts.fct_vendor_orders group by agreement"
        ).fetchall()
    )
    assert "unknown_order" not in counts
    assert counts["same_campaign"] > 100
    assert built.execute(
        "select count(*) from marts.fct_vendor_orders where vendor_sales_amount <> sales_amount"
    ).fetchone() == (0,)


def test_robots_clicks_are_told_beside_people_s(built):
    """Filters follow a link in one mailbox of fifty, and four links in one of a hundred."""
    human, flagged, guessed = built.execute(
        """
        select
            count(*) filter (where actor = 'human'),
            count(*) filter (where actor = 'automated' and events.is_bot_click),
            count(*) filter (where actor = 'automated' and events.is_bot_click is null)
        from marts.fct_touchpoints as touchpoints
        inner join staging.stg_klaviyo__events as events
            on touchpoints.touchpoint_id = 'klaviyo:' || events.event_id
        where touchpoints.event_type = 'clicked' and touchpoints.channel = 'email'
        """
    ).fetchone()
    assert min(human, flagged, guessed) > 100
    assert built.execute(
        """
        select count(*)
        from staging.stg_klaviyo__events as events
        inner join marts.fct_touchpoints as touchpoints
            on touchpoints.touchpoint_id = 'klaviyo:' || events.event_id
        where events.clicked_url is not null and touchpoints.actor = 'human'
        """
    ).fetchone() == (0,)
