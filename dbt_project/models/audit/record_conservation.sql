-- What the sources have of deals, tickets and touchpoints against what the marts have: counted by
-- ids, along other ways than the models go, and in each currency to the cent.
with

deals as (

    select
        'deals, ' || currency_code as records_of,
        sum(source_count) as source_count,
        sum(mart_count) as mart_count,
        sum(source_amount) - sum(mart_amount) as amount_difference
    from (
        select
            coalesce(currency_code, {{ reporting_currency() }}) as currency_code,
            1 as source_count,
            0 as mart_count,
            coalesce(deal_amount, 0) as source_amount,
            0 as mart_amount
        from {{ ref('canonical_deals') }}
        -- in no stage and never in one: the contract says that no mart has it
        where not is_deleted and (deal_stage is not null or stage_history is not null)
        union all
        select
            currency_code,
            0 as source_count,
            1 as mart_count,
            0 as source_amount,
            coalesce(deal_amount, 0) as mart_amount
        from {{ ref('fct_deals') }}
    ) as counted
    group by currency_code

),

tickets as (

    select
        'tickets' as records_of,
        (
            select count(*)
            from {{ ref('canonical_tickets') }}
            where not is_deleted
        ) as source_count,
        (select count(*) from {{ ref('fct_tickets') }}) as mart_count,
        0 as amount_difference

),

-- A fact that is made anew by days may lack what came late, or keep what is gone.
touchpoints as (

    select
        'touchpoints, ' || source as records_of,
        sum(source_count) as source_count,
        sum(mart_count) as mart_count,
        0 as amount_difference
    from (
        select
            source,
            1 as source_count,
            0 as mart_count
        from {{ ref('int_touchpoints__unified') }}
        union all
        select
            source,
            0 as source_count,
            1 as mart_count
        from {{ ref('fct_touchpoints') }}
    ) as counted
    group by source

),

-- What became of messages to people whom we know; what was dropped before it was sent is no
-- touchpoint.
events as (

    select
        'events of messages' as records_of,
        count(*) as source_count,
        count(touchpoints.touchpoint_id) as mart_count,
        0 as amount_difference
    from {{ ref('canonical_message_events') }} as events
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on events.source = contact_map.source and events.contact_id = contact_map.source_record_id
    left join {{ ref('fct_touchpoints') }} as touchpoints
        on events.source || ':' || events.event_id = touchpoints.touchpoint_id
    where events.event_type <> 'dropped'

)

select
    *,
    source_count - mart_count as record_difference
from (
    select * from deals
    union all
    select * from tickets
    union all
    select * from touchpoints
    union all
    select * from events
) as records
