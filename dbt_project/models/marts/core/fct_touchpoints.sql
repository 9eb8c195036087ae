{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'touchpoint_date'},
        pre_hook="{{ find_touched_days(
            rows=ref('int_touchpoints__unified'),
            changed=ref('int_touchpoints__changed'),
            key='touchpoint_id',
            day='touchpoint_date',
            watch=['customer_id', 'event_type', 'campaign_id'],
        ) }}"
    )
}}

select
    touchpoint_id,
    customer_id,
    occurred_at,
    touchpoint_date,
    cast(channel as varchar) as channel,
    cast(direction as varchar) as direction,
    cast(actor as varchar) as actor,
    cast(message_class as varchar) as message_class,
    cast(event_type as varchar) as event_type,
    is_marketing_contact,
    cast(source as varchar) as source,
    cast(campaign_id as varchar) as campaign_id,
    cast(message_id as varchar) as message_id,
    cast(order_id as varchar) as order_id,
    cast(coupon_upc as varchar) as coupon_upc
from {{ ref('int_touchpoints__unified') }}
{% if is_incremental() %}
where touchpoint_date in (select touched.touchpoint_date from {{ touched_days() }} as touched)
{% endif %}
