{{ config(materialized='table') }}

with

tickets as (

    select
        *,
        ticket_stage as stage
    from {{ ref('canonical_tickets') }}
    where not is_deleted

),

parties as (

    {{ parties_of('tickets', 'ticket_id') }}

),

visits as (

    {{ stage_visits('tickets', 'ticket_id', 'stage') }}

),

staged as (

    select
        visits.*,
        stages.stage is not null as is_known,
        coalesce(stages.outcome = 'closed', false) as is_closed,
        lead(coalesce(stages.outcome = 'closed', false)) over (
            partition by visits.record_id order by visits.visit_number nulls last
        ) as is_closed_next
    from visits
    inner join tickets on visits.record_id = tickets.ticket_id
    left join {{ ref('crm_stages') }} as stages
        on
            stages.object_type = 'tickets'
            and tickets.pipeline = stages.pipeline
            and visits.stage = stages.stage

),

passages as (

    select
        record_id,
        max_by(stage, visit_number) as stage,
        max_by(is_closed, visit_number) as is_closed,
        max_by(is_known, visit_number) as is_known,
        min(entered_at) filter (where is_closed) as first_closed_at,
        max(entered_at) filter (where is_closed) as last_closed_at,
        count(*) filter (where is_closed and not is_closed_next) as reopened_count
    from staged
    group by record_id

),

-- What its stages do not tell, the source's own moment of closing does.
said as (

    select
        ticket_id,
        case when closed_at < {{ cutoff() }} then closed_at end as closed_at
    from tickets

)

select
    tickets.ticket_id,
    parties.customer_id,
    coalesce(parties.customer_count, 0) as customer_count,
    parties.company_id,
    tickets.owner_id,
    tickets.pipeline,
    coalesce(passages.stage, tickets.stage) as stage,
    tickets.category,
    tickets.priority,
    tickets.source_type,
    tickets.sentiment,
    tickets.opened_at,
    case
        when tickets.first_replied_at < {{ cutoff() }} then tickets.first_replied_at
    end as first_replied_at,
    case when passages.is_known then passages.is_closed else said.closed_at is not null end as is_closed,
    coalesce(passages.first_closed_at, case when not coalesce(passages.is_known, false) then said.closed_at end)
        as first_closed_at,
    case
        when not coalesce(passages.is_known, false) then said.closed_at
        when passages.is_closed then passages.last_closed_at
    end as closed_at,
    coalesce(passages.reopened_count, 0) as reopened_count
from tickets
left join said on tickets.ticket_id = said.ticket_id
left join passages on tickets.ticket_id = passages.record_id
left join parties on tickets.ticket_id = parties.record_id
