"""The same of the models of the customer journey: their windows, groups and joins, and no more.

What may be a step is `fct_touchpoints` with the campaigns joined; all that follows rests on the
steps, journeys and touches as they are stored.
"""

from benchmarks.night.bare import TOUCHED

STEPS = "marts.fct_journey_steps"
_TOPIC = "coalesce(question, topic, message_class)"
_BETWEEN = "not (direction = 'inbound' and actor = 'automated')"

BARE = {
    "int_journey__kinds": (
        f"""
        select touched.channel, direction, event_type, {_TOPIC}, count(*)
        from {TOUCHED} as touched left join marts.dim_campaigns using (campaign_id)
        where {_BETWEEN} group by all
        """,
    ),
    # when and where the one before was, which journey it is, where in it
    "fct_journey_steps": (
        f"""
        select *, sum(cast(begins as integer)) over so_far,
            max(place) filter (where begins) over so_far
        from (
            select touchpoint_id, customer_id, occurred_at, touchpoint_date, event_type,
                touched.channel, {_TOPIC} as topic, campaign_id,
                campaigns.channel as campaign_channel, flow_id, order_id, owner_id, answer,
                row_number() over in_time as place,
                lag(touchpoint_date) over in_time as previous_date,
                lag(touched.channel) over in_time as previous_channel,
                coalesce(
                    lag(event_type = 'ordered') over in_time
                    or occurred_at > lag(occurred_at) over in_time + interval 30 day,
                    true
                ) as begins
            from {TOUCHED} as touched
            left join marts.dim_campaigns as campaigns using (campaign_id)
            where {_BETWEEN}
            window in_time as (partition by customer_id order by occurred_at, touchpoint_id)
        )
        window so_far as (
            partition by customer_id order by place
            rows between unbounded preceding and current row
        )
        """,
    ),
    "fct_journeys": (
        f"""
        select steps.*, orders.reporting_sales_amount
        from (
            select journey_id, max(customer_id), max(journey_number), min(occurred_at),
                min(step_date), max(occurred_at), max(step_date), bool_or(is_conversion),
                max(event_type) filter (where is_conversion),
                max(order_id) filter (where is_conversion) as order_id, count(*),
                count(*) filter (where is_impression), count(distinct stage),
                max_by(stage, step_number), max_by(channel, step_number),
                min_by(stage, step_number), min_by(channel, step_number),
                count(emotion), avg(emotion)
            from {STEPS} group by journey_id
        ) as steps
        left join marts.fct_orders as orders using (order_id)
        """,
    ),
    # once with impressions and once without, numbered
    "int_journey__touches": (
        f"""
        select counted.*,
            row_number() over (partition by counted, journey_id order by step_number)
        from (
            select unnest(case when is_impression then [true] else [true, false] end) as counted,
                steps.journey_id, steps.step_number, journeys.customer_id, journeys.ended_date,
                journeys.status, journeys.conversion_amount, steps.campaign_id,
                coalesce(steps.campaign_channel, steps.channel), is_direct, is_impression,
                journeys.ended_at - steps.occurred_at
            from {STEPS} as steps inner join marts.fct_journeys as journeys using (journey_id)
            where journeys.status <> 'open' and not is_conversion
        ) as counted
        """,
    ),
    "rpt_journey_transitions": (
        f"""
        select relationship_type, date_trunc('month', previous_step_date) as month,
            previous_stage, previous_channel, stage, channel, count(*),
            median(hours_since_previous_step), avg(hours_since_previous_step)
        from {STEPS} left join marts.dim_customer_relationships using (customer_id)
        where step_number > 1
        group by grouping sets (
            (previous_stage, previous_channel, stage, channel),
            (month, previous_stage, previous_channel, stage, channel),
            (relationship_type, previous_stage, previous_channel, stage, channel)
        )
        """,
    ),
    "rpt_emotion_coverage": (
        f"""
        select stage, channel, count(*), count(emotion), count(*) filter (where emotion < 0)
        from {STEPS} group by grouping sets (stage, channel, ())
        """,
        *(
            f"""
            select {unit}, count(emotion), count(*) filter (where emotion < 0)
            from {STEPS} group by all
            """
            for unit in ("journey_id", "customer_id")
        ),
    ),
    "rpt_emotion_journey": (
        f"""
        select stage, step_number, customer_id, count(*), count(emotion), sum(emotion)
        from {STEPS} group by all
        """,
        f"""
        select customer_id, stage, emotion,
            row_number() over in_time, count(emotion) over in_time
        from {STEPS}
        window in_time as (
            partition by customer_id order by journey_number, step_number
            rows between unbounded preceding and current row
        )
        """,
    ),
    "fct_service_journeys": (
        f"""
        select steps.journey_id, min(occurred_at), count(*)
        from {STEPS} as steps
        inner join marts.fct_tickets as tickets
            on split_part(steps.touchpoint_id, ':', 3) = ticket_id
        where steps.event_type = 'ticket_opened' group by all
        """,
        """
        select customer_id, ordered_at,
            lag(ordered_at) over (partition by customer_id order by ordered_at, order_id)
        from marts.fct_orders where is_kept and customer_id is not null
        """,
    ),
    "int_journey__campaign_increments": (
        """
        select recipients.campaign_id, recipients.customer_id, min(orders.order_date)
        from marts.fct_campaign_recipients as recipients
        inner join marts.fct_orders as orders
            on recipients.customer_id = orders.customer_id
            and orders.ordered_at >= recipients.reached_at
            and orders.ordered_at < recipients.reached_at + interval 28 day
        where is_reached
            and recipients.campaign_id in (select campaign_id from marts.fct_control_draws)
        group by all
        """,
    ),
    # every touch beside those of its journey, and one round of counting what they are owed
    **{
        model: (
            f"""
            select ended_month, impressions, {unit}, count(*), count(distinct journey_id),
                sum(1e0 / touch_count), sum(conversion_value / touch_count)
            from (
                select *, count(*) over (partition by impressions, journey_id) as touch_count
                from intermediate.int_journey__touches
            )
            group by all
            """,
        )
        for model, unit in (
            ("int_journey__channel_credits", "channel"),
            ("int_journey__campaign_credits", "campaign_id"),
        )
    },
    "fct_customer_categories": (
        """
        select customer_id, product_category, count(distinct order_date), min(order_date),
            max(order_date)
        from marts.fct_order_lines inner join marts.dim_products using (product_id)
        where customer_id is not null group by all
        """,
    ),
    # pairs of categories
    "rpt_category_affinities": (
        """
        select one.product_category, other.product_category, count(*)
        from marts.fct_customer_categories as one
        inner join marts.fct_customer_categories as other
            on one.customer_id = other.customer_id and one.product_category < other.product_category
        where one.customer_id in (
            select customer_id from marts.dim_customers order by md5(customer_id) limit 10000
        )
        group by all
        """,
    ),
    # what they named
    "int_journey__category_acts": (
        f"""
        select touched.customer_id, product_category, count(*), max(touchpoint_date)
        from {TOUCHED} as touched
        inner join intermediate.int_journey__named using (touchpoint_id)
        inner join marts.dim_products on named = product_id group by all
        """,
    ),
    # who was told of which campaign and who clicked, what people alike bought
    "dim_unexpressed_needs": (
        f"""
        select customer_id, campaign_id, max(touchpoint_date), count(*),
            count(*) filter (where event_type in ('clicked', 'replied'))
        from {TOUCHED} where campaign_id is not null group by all
        """,
        """
        select customer_id, other_category, sum(ln(lift)), count(*)
        from (
            select * from marts.fct_customer_categories
            qualify row_number() over (partition by customer_id order by order_day_count desc) <= 5
        )
        inner join marts.rpt_category_affinities using (product_category) group by all
        """,
    ),
}
