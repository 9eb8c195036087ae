{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={
            'replaced_by': 'touchpoint_date',
            'noted': 'all',
            'browsed': "direction = 'inbound' and (event_type in ('opened', 'visited', 'viewed') or actor = 'automated')",
        },
        pre_hook="{{ find_touched_days(
            rows=ref('int_touchpoints__unified'),
            day='touchpoint_date',
            watch=['touchpoint_id', 'customer_id', 'occurred_at', 'channel', 'direction', 'actor',
                   'message_class', 'event_type', 'is_marketing_contact', 'campaign_id',
                   'flow_id', 'message_id', 'variation_id', 'is_message_inferred', 'order_id', 'coupon_upc',
                   'product_id', 'owner_id', 'question', 'answer', 'answer_mood'],
        ) }}"
    )
}}

select *
from {{ ref('int_touchpoints__unified') }}
{% if is_incremental() %}
where touchpoint_date in (select touched.touchpoint_date from {{ touched_days() }} as touched)
{% endif %}
