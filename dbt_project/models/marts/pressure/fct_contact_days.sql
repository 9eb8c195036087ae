{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'contact_date', 'of_customers': true},
        pre_hook="{{ follow_days_of_customers([but_browsing(ref('fct_touchpoints'))]) }}"
    )
}}

select
    customer_id,
    contact_date,
    cast(channel as string) as channel,
    cast(message_class as string) as message_class,
    count(*) as contact_count
from ({{ messages_to_customers() }}) as messages
{% if is_incremental() %}
where {{ is_touched('contact_date') }}
{% endif %}
group by customer_id, contact_date, channel, message_class
