with

sends as (

    select * from {{ ref('fct_message_sends') }}
    where variation_id is not null

),

-- An order of a flow knows its variation; one of a campaign is of the variation that its customer got.
got as (

    select
        campaign_id,
        customer_id,
        message_id,
        variation_id
    from sends
    where campaign_id is not null and is_delivered
    qualify
        row_number() over (
            partition by campaign_id, customer_id
            order by sent_at desc nulls last, touchpoint_id desc nulls last
        ) = 1

),

orders as (

    select
        cast(null as string) as campaign_id,
        flow_id,
        message_id,
        variation_id,
        reporting_sales_amount
    from {{ ref('fct_flow_orders') }}
    where variation_id is not null and is_credited
    union all
    select
        got.campaign_id,
        cast(null as string) as flow_id,
        got.message_id,
        got.variation_id,
        campaign_orders.reporting_sales_amount
    from {{ ref('fct_campaign_orders') }} as campaign_orders
    inner join got
        on
            campaign_orders.last_campaign_id = got.campaign_id
            and campaign_orders.customer_id = got.customer_id
    where campaign_orders.order_id not in (
        select flow_orders.order_id
        from {{ ref('fct_flow_orders') }} as flow_orders
        where flow_orders.is_credited
    )

),

credited as (

    select
        campaign_id,
        flow_id,
        message_id,
        variation_id,
        {{ count_credited() }}
    from orders
    group by campaign_id, flow_id, message_id, variation_id

),

sent as (

    select
        campaign_id,
        flow_id,
        message_id,
        variation_id,
        max(channel) as channel,
        {{ count_sends() }}
    from sends
    group by campaign_id, flow_id, message_id, variation_id

),

counted as (

    select
        sent.*,
        coalesce(campaigns.campaign_name, flows.flow_name) as sender_name,
        variations.message_name as variation_name,
        coalesce(credited.attributed_order_count, 0) as attributed_order_count,
        coalesce(credited.other_currency_order_count, 0) as other_currency_order_count,
        coalesce(credited.attributed_sales_amount, 0) as attributed_sales_amount
    from sent
    left join {{ ref('dim_campaigns') }} as campaigns on sent.campaign_id = campaigns.campaign_id
    left join {{ ref('int_campaigns__flows') }} as flows on sent.flow_id = flows.flow_id
    left join {{ ref('canonical_messages') }} as variations
        on sent.variation_id = variations.message_id
    left join credited
        on
            sent.campaign_id is not distinct from credited.campaign_id
            and sent.flow_id is not distinct from credited.flow_id
            and sent.message_id = credited.message_id
            and sent.variation_id = credited.variation_id

)

select
    md5(concat_ws('|', coalesce(campaign_id, flow_id, ''), message_id, variation_id))
        as message_variation_id,
    campaign_id,
    flow_id,
    cast(sender_name as string) as sender_name,
    message_id,
    variation_id,
    cast(variation_name as string) as variation_name,
    cast(channel as string) as channel,
    first_sent_date,
    last_sent_date,
    cast(reached_customer_count as bigint) as reached_customer_count,
    {% for column in send_counts() %}
    cast({{ column }}_count as bigint) as {{ column }}_count,
    {% endfor %}
    {{ credit_and_rates() }},
    {{ wilson_low('clicked_count', 'delivered_count') }} as clicked_per_delivered_low,
    {{ wilson_high('clicked_count', 'delivered_count') }} as clicked_per_delivered_high
from counted
