{{ config(materialized='view') }}

-- A click, a redemption or a reply that names its message is a `named_response`; an order or a
-- reply that names none may have come without the message: a `response`.
with

touchpoints as (

    select
        touchpoint_id as event_id,
        customer_id,
        occurred_at as event_at,
        touchpoint_date as event_date,
        campaign_id,
        message_id,
        -- a message that was inferred would take away from those who were left out what is theirs
        case
            when is_message_inferred then cast(null as string)
            else coalesce(campaign_id, message_id)
        end as message_key,
        channel,
        question,
        answer,
        case
            when is_marketing_contact then 'contact'
            when direction = 'outbound' or {{ is_by_robot() }} then cast(null as string)
            when event_type in ('visited', 'viewed') then 'visit'
            when event_type = 'ordered' then 'response'
            when
                event_type in ('clicked', 'redeemed', 'replied')
                and coalesce(campaign_id, message_id) is not null
                then 'named_response'
            when event_type = 'ticket_opened' then 'service'
            when
                event_type in ('called', 'attempted', 'replied') and channel in ('phone', 'chat')
                then 'service'
            when event_type in ('redeemed', 'replied') then 'response'
            when {{ is_pulse() }} then 'pulse'
            when event_type = 'unsubscribed' then 'opt_out'
            when event_type = 'complained' then 'complaint'
        end as kind
    from {{ ref('fct_touchpoints') }}

)

select
    event_id,
    customer_id,
    event_at,
    event_date,
    campaign_id,
    message_id,
    message_key,
    channel,
    question,
    answer,
    kind
from touchpoints
where kind is not null
union all
select
    draw_id as event_id,
    customer_id,
    occurred_at as event_at,
    draw_date as event_date,
    campaign_id,
    cast(null as string) as message_id,
    campaign_id as message_key,
    channel,
    cast(null as string) as question,
    cast(null as string) as answer,
    'control' as kind
from {{ ref('fct_control_draws') }}
