{{ config(materialized='table') }}

-- What staff wrote down, once for each customer it was with; what is tied to nobody has a row too.
with

logged as (

    select
        engagements.source,
        engagements.engagement_type,
        engagements.engagement_id,
        engagements.owner_id,
        engagements.contact_ids,
        engagements.task_type,
        engagements.occurred_at,
        engagements.completed_at,
        cast(date_trunc('month', {{ reporting_date('engagements.occurred_at') }}) as date)
            as month_start_date
    from {{ ref('canonical_engagements') }} as engagements
    {{ join_reporting_days('engagements.occurred_at') }}
    where not engagements.is_deleted and engagements.occurred_at < {{ cutoff() }}

),

tied as (

    select
        source,
        engagement_type,
        engagement_id,
        {{ unnested('contact_ids') }} as contact_id
    from logged

),

customers_of as (

    select distinct
        tied.source,
        tied.engagement_type,
        tied.engagement_id,
        contact_map.customer_id
    from tied
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on tied.source = contact_map.source and tied.contact_id = contact_map.source_record_id

)

select
    logged.source,
    logged.engagement_type,
    logged.engagement_id,
    customers_of.customer_id,
    logged.owner_id,
    logged.task_type,
    logged.month_start_date,
    logged.occurred_at,
    logged.completed_at
from logged
left join customers_of
    on
        logged.source = customers_of.source
        and logged.engagement_type = customers_of.engagement_type
        and logged.engagement_id = customers_of.engagement_id
