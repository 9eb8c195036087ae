-- Who was drawn into the control arm of a campaign and who was sent it, what was known of them before, and what they
-- ordered after. Whoever was drawn stays in the control arm, also where the campaign came to them after all, and
-- whom it was sent to in the other, also where it bounced: the lot decides, and not what became of it.
with

campaigns as (

    select
        campaign_id,
        offer_until_date,
        {{ answer_days('channel') }} as window_days
    from {{ ref('dim_campaigns') }}

),

draws as (

    select
        campaign_id,
        customer_id,
        min(occurred_at) as assigned_at,
        min(draw_date) as assigned_date
    from {{ ref('fct_control_draws') }}
    where campaign_id is not null
    group by campaign_id, customer_id

),

arms as (

    select
        campaign_id,
        customer_id,
        'control' as arm,
        assigned_at,
        assigned_date
    from draws
    union all
    select
        recipients.campaign_id,
        recipients.customer_id,
        'treatment' as arm,
        coalesce(recipients.reached_at, cast(recipients.first_touchpoint_date as timestamp)) as assigned_at,
        coalesce(recipients.reached_date, recipients.first_touchpoint_date) as assigned_date
    from {{ ref('fct_campaign_recipients') }} as recipients
    anti join draws
        on recipients.campaign_id = draws.campaign_id and recipients.customer_id = draws.customer_id
    where
        (recipients.is_sent or recipients.is_reached)
        and recipients.campaign_id in (select draws.campaign_id from draws)

),

-- a window that still runs would count less of whom the campaign came to last
assigned as (

    select
        arms.*,
        {{ day_number('arms.assigned_date') }} as day_number,
        campaigns.window_days,
        campaigns.offer_until_date,
        coalesce(campaigns.offer_until_date, arms.assigned_date + campaigns.window_days) as window_until_date
    from arms
    inner join campaigns on arms.campaign_id = campaigns.campaign_id
    where coalesce(campaigns.offer_until_date, arms.assigned_date + campaigns.window_days) < {{ latest_day() }}

),

-- One narrow row per customer and day is all that the windows have to sort.
daily as (

    select
        customer_id,
        day_number,
        sum(contact_count) as contact_count,
        sum(response_count) as response_count,
        sum(draw_count) as draw_count,
        sum(order_count) as order_count,
        sum(sales_amount) as sales_amount
    from (
        select
            customer_id,
            {{ day_number('exposure_date') }} as day_number,
            1e0 as contact_count,
            case when has_named_response or has_unnamed_response then 1e0 else 0e0 end as response_count,
            0e0 as draw_count,
            0e0 as order_count,
            cast(0 as decimal(18, 3)) as sales_amount
        from {{ ref('fct_contact_exposures') }}
        where arm = 'contact'
        union all
        select
            customer_id,
            {{ day_number('draw_date') }} as day_number,
            0e0 as contact_count,
            0e0 as response_count,
            1e0 as draw_count,
            0e0 as order_count,
            cast(0 as decimal(18, 3)) as sales_amount
        from {{ ref('fct_control_draws') }}
        union all
        select
            customer_id,
            {{ day_number('order_date') }} as day_number,
            0e0 as contact_count,
            0e0 as response_count,
            0e0 as draw_count,
            case when is_kept then 1e0 else 0e0 end as order_count,
            coalesce(reporting_sales_amount, 0) as sales_amount
        from {{ ref('fct_orders') }}
        where customer_id is not null
        union all
        select
            customer_id,
            day_number,
            0e0 as contact_count,
            0e0 as response_count,
            0e0 as draw_count,
            0e0 as order_count,
            cast(0 as decimal(18, 3)) as sales_amount
        from assigned
    ) as evidence
    group by customer_id, day_number

),

-- Nothing of the day itself or later; of earlier messages those alone whose time to be answered is over by then, as a
-- later answer may be the campaign's own doing.
before as (

    select
        customer_id,
        day_number,
        coalesce(sum(contact_count) over answered_365d, 0e0) as contact_count,
        coalesce(sum(response_count) over answered_365d, 0e0) as response_count,
        coalesce(sum(draw_count) over before_90d, 0e0) as draw_count,
        coalesce(sum(order_count) over before_28d, 0e0) as order_count,
        coalesce(sum(sales_amount) over before_365d, 0) as sales_amount
    from daily
    window
        answered_365d as (
            partition by customer_id order by day_number nulls last
            range between {{ 365 + most_answer_days() }} preceding and {{ 1 + most_answer_days() }} preceding
        ),
        before_28d as (
            partition by customer_id order by day_number nulls last
            range between 28 preceding and 1 preceding
        ),
        before_90d as (
            partition by customer_id order by day_number nulls last
            range between 90 preceding and 1 preceding
        ),
        before_365d as (
            partition by customer_id order by day_number nulls last
            range between 365 preceding and 1 preceding
        )

),

orders as (

    select
        customer_id,
        ordered_at,
        order_date as ordered_date,
        reporting_sales_amount
    from {{ ref('fct_orders') }}
    where is_kept and customer_id is not null

),

ordered as (

    select
        assigned.campaign_id,
        assigned.customer_id,
        min(orders.ordered_date) as first_order_date,
        count(*) as order_count,
        count(*) filter (where orders.reporting_sales_amount is null) as other_currency_order_count,
        sum(orders.reporting_sales_amount) as sales_amount
    from assigned
    inner join orders on assigned.customer_id = orders.customer_id
    where {{ is_answer_to('assigned.assigned', 'orders.ordered', 'assigned.window_days', 'assigned.offer_until_date') }}
    group by assigned.campaign_id, assigned.customer_id

),

known as (

    select
        assigned.*,
        before.contact_count as earlier_contact_count,
        before.response_count as earlier_response_count,
        before.order_count as earlier_order_count,
        before.sales_amount as earlier_sales_amount,
        {% if var('lots_are_drawn_of') == 'recipients' %}true{% else %}before.draw_count > 0{% endif %} as is_compared,
        relationships.relationship_type,
        ordered.first_order_date,
        ordered.order_count,
        ordered.other_currency_order_count,
        ordered.sales_amount
    from assigned
    inner join before
        on assigned.customer_id = before.customer_id and assigned.day_number = before.day_number
    left join {{ ref('fct_relationship_months') }} as relationships
        on
            assigned.customer_id = relationships.customer_id
            and cast(date_trunc('month', assigned.assigned_date) as date) - 1 = relationships.month_end_date
    left join ordered
        on assigned.campaign_id = ordered.campaign_id and assigned.customer_id = ordered.customer_id

),

-- What all of them together answered before stands for a few messages of each: nobody is judged by one.
scored as (

    select
        *,
        (
            earlier_response_count
            + {{ var('p_response_prior_contacts') }} * sum(earlier_response_count) over compared
            / nullif(sum(earlier_contact_count) over compared, 0)
        ) / (earlier_contact_count + {{ var('p_response_prior_contacts') }}) as p_response
    from known
    window compared as (partition by campaign_id, is_compared)

)

select
    md5(concat_ws('|', campaign_id, customer_id)) as campaign_arm_id,
    campaign_id,
    customer_id,
    cast(arm as string) as arm,
    assigned_at,
    assigned_date,
    cast(window_until_date as date) as window_until_date,
    is_compared,
    cast(coalesce(relationship_type, 'unknown') as string) as relationship_type,
    cast({{ value_tier('earlier_sales_amount') }} as string) as value_tier,
    cast(earlier_contact_count as bigint) as earlier_contact_count,
    cast(earlier_response_count as bigint) as earlier_response_count,
    earlier_order_count > 0 as has_ordered_before,
    -- rounded, as the order in which they are added up must not make two of one score
    cast(round(p_response * 1e6) / 1e6 as double) as p_response,
    coalesce(order_count, 0) > 0 as has_ordered,
    first_order_date,
    cast(coalesce(order_count, 0) as bigint) as order_count,
    cast(coalesce(other_currency_order_count, 0) as bigint) as other_currency_order_count,
    {{ reporting_currency() }} as currency_code,
    cast(coalesce(sales_amount, 0) as decimal(18, 3)) as sales_amount
from scored
