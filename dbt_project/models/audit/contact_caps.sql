-- Asks the preferences and relationships themselves what a cap may be, not the model that set it.
with

-- Who said, when we asked, that it is too much, and on no later day that it is fine.
too_much as (

    select customer_id
    from {{ ref('fct_touchpoints') }}
    where
        {{ is_pulse() }}
        and question = 'too_much'
        and touchpoint_date > {{ latest_day() }} - {{ var('pulse_cap_days') }}
    group by customer_id
    having
        max(touchpoint_date) filter (where answer = 'yes')
        > coalesce(max(touchpoint_date) filter (where answer = 'no'), date '1970-01-01')

),

caps as (

    select
        count(*) filter (where pressure.contact_cap_30d is null) as uncapped_count,
        count(*) filter (
            where pressure.contact_cap_30d > preferences.max_marketing_messages_30d
        ) as above_declared_count,
        count(*) filter (
            where pressure.contact_cap_30d > 0 and preferences.wants_relationship = 'no'
        ) as unwanted_count,
        count(*) filter (
            where
            pressure.contact_cap_30d > relationships.treatment_contact_count_30d
        ) as above_treatment_count,
        -- where the policy itself allows some to those of whom nothing is known
        count(*) filter (
            where
            pressure.contact_cap_30d = 0
            and {{ var('contact_cap_30d') }} > 0
            and preferences.wants_relationship is distinct from 'no'
            and preferences.max_marketing_messages_30d is distinct from 0
            and relationships.type_basis is distinct from 'declared'
            and too_much.customer_id is null
        ) as silenced_count,
        count(*) filter (
            where
            too_much.customer_id is not null
            and pressure.contact_cap_30d > 0
            and pressure.contact_cap_30d >= least(
                preferences.max_marketing_messages_30d, relationships.treatment_contact_count_30d
            )
        ) as unheard_count,
        count(*) filter (
            where pressure.remaining_30d > greatest(
                pressure.contact_cap_30d - pressure.marketing_contact_count_30d, 0
            )
        ) as overdrawn_count,
        coalesce(avg(cast(pressure.saturation = 'oversaturated' as integer)), 0)
            as oversaturated_share
    from {{ ref('dim_contact_pressure') }} as pressure
    left join {{ ref('dim_preferences') }} as preferences
        on pressure.customer_id = preferences.customer_id
    left join {{ ref('dim_customer_relationships') }} as relationships
        on pressure.customer_id = relationships.customer_id
    left join too_much on pressure.customer_id = too_much.customer_id

),

-- A verdict or an optimum from a handful is chance in the clothes of a figure.
verdicts as (

    select count(*) as handful_verdict_count
    from {{ ref('rpt_campaign_overload') }}
    where
        verdict <> 'too_few_data'
        and recipient_count < {{ var('overload_least_recipients') }}

),

optima as (

    select count(*) as handful_optimum_count
    from (
        select
            relationship_type,
            evidence
        from {{ ref('rpt_contact_response_curve') }}
        group by relationship_type, evidence
        having
            max(optimum_contacts_28d) is not null
            and sum(exposure_count) < {{ var('response_curve_least_exposures') }}
    ) as told

)

select
    cast({{ as_of_date() }} as string) as night,
    caps.*,
    verdicts.handful_verdict_count,
    optima.handful_optimum_count
from caps
cross join verdicts
cross join optima
