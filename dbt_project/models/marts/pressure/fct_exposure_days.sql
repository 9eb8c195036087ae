{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'exposure_date'},
        pre_hook="{{ follow_days([ref('fct_contact_exposures')]) }}"
    )
}}

with

exposures as (

    select
        *,
        has_named_response or has_unnamed_response as has_response
    from {{ ref('fct_contact_exposures') }}
    {% if is_incremental() %}
    where exposure_date in (select touched.exposure_date from {{ touched_days() }} as touched)
    {% endif %}

)

select
    exposure_date,
    campaign_id,
    channel,
    arm,
    is_in_experiment,
    relationship_type,
    contact_count_28d,
    contact_count_30d,
    count(*) as exposure_count,
    count(*) filter (where has_response) as response_count,
    count(*) filter (where has_named_response) as named_response_count,
    count(*) filter (where has_opt_out) as opt_out_count,
    count(*) filter (where has_complaint) as complaint_count,
    count(*) filter (where has_opt_out or has_complaint) as harmed_count,
    count(*) filter (where not has_response) as silent_count,
    count(*) filter (where visit_count_3d >= 2 and not has_response) as repeat_visit_count,
    count(has_said_too_much) as too_much_asked_count,
    count(*) filter (where has_said_too_much) as too_much_count,
    count(has_said_unclear) as unclear_asked_count,
    count(*) filter (where has_said_unclear) as unclear_count,
    cast(sum(cast(service_contact_count_3d as double)) as bigint) as service_contact_count_3d,
    cast(
        sum(cast(service_contact_count_28d_before as double)) as bigint
    ) as service_contact_count_28d_before
from exposures
group by
    exposure_date, campaign_id, channel, arm, is_in_experiment, relationship_type,
    contact_count_28d, contact_count_30d
