with

orders as (

    select
        order_id,
        customer_id,
        sales_amount,
        currency_code
    from {{ ref('fct_orders') }}

),

flow_orders as (

    select
        order_id,
        flow_id
    from {{ ref('fct_flow_orders') }}
    where is_credited

),

-- what the reports count it for: a campaign or a flow
ours as (

    select
        coalesce(campaigns.order_id, flow_orders.order_id) as order_id,
        case when flow_orders.order_id is null then campaigns.last_campaign_id end as campaign_id,
        flow_orders.flow_id
    from {{ ref('fct_campaign_orders') }} as campaigns
    full outer join flow_orders on campaigns.order_id = flow_orders.order_id

)

select
    vendor_orders.event_id as vendor_event_id,
    cast(vendor_orders.order_number as string) as order_number,
    orders.order_id,
    coalesce(orders.customer_id, vendor_orders.customer_id) as customer_id,
    vendor_orders.occurred_at as vendor_ordered_at,
    cast(vendor_orders.campaign_id as string) as vendor_campaign_id,
    cast(vendor_orders.flow_id as string) as vendor_flow_id,
    cast(vendor_orders.message_id as string) as vendor_message_id,
    cast(vendor_orders.sales_amount as decimal(18, 3)) as vendor_sales_amount,
    ours.campaign_id,
    cast(ours.flow_id as string) as flow_id,
    cast(orders.sales_amount as decimal(18, 3)) as sales_amount,
    orders.currency_code,
    -- the first of these that holds
    cast(
        case
            when orders.order_id is null then 'unknown_order'
            when ours.order_id is null then 'vendor_only'
            when ours.campaign_id = vendor_orders.campaign_id then 'same_campaign'
            when ours.flow_id = vendor_orders.flow_id then 'same_flow'
            else 'another'
        end as string
    ) as agreement
from {{ ref('int_campaigns__vendor_orders') }} as vendor_orders
left join orders on vendor_orders.order_number = orders.order_id
left join ours on orders.order_id = ours.order_id
