{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'contact_date', 'of_customers': true},
        pre_hook="{{ follow_days_of_customers([but_browsing(ref('fct_touchpoints'))]) }}"
    )
}}

with

-- Marketing, service and transactional ones.
messages as (

    select
        customer_id,
        touchpoint_date as contact_date,
        channel,
        case when is_marketing_contact then 'marketing' else message_class end as message_class
    from {{ ref('fct_touchpoints') }}
    where
        is_marketing_contact
        or (
            direction = 'outbound'
            and message_class in ('service', 'transactional')
            and event_type in ('sent', 'delivered')
        )

),

-- A pulse question is known by its answers: however many of them, it was one question.
pulses as (

    select
        customer_id,
        touchpoint_date as contact_date,
        max(channel) as channel,
        'pulse' as message_class
    from {{ ref('fct_touchpoints') }}
    where {{ is_pulse() }}
    group by customer_id, touchpoint_date, message_id

),

contacts as (

    select * from messages
    union all
    select * from pulses

)

select
    customer_id,
    contact_date,
    cast(channel as string) as channel,
    cast(message_class as string) as message_class,
    count(*) as contact_count
from contacts
{% if is_incremental() %}
where {{ is_touched('contact_date') }}
{% endif %}
group by customer_id, contact_date, channel, message_class
