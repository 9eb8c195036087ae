{% set windows = [1, 7, 30, 90, 365] %}
{% set channels = ['email', 'sms', 'push', 'post'] %}

with

customers as (

    select
        customers.customer_id,
        preferences.max_marketing_messages_30d as declared_cap_30d,
        preferences.time_zone,
        {{ hours_in_force('preferences') }} as allowed_hours,
        {{ weekdays_in_force('preferences') }} as allowed_weekdays,
        {{ pause_in_force('preferences') }} as paused_until_date,
        relationships.relationship_type,
        coalesce(relationships.type_basis = 'declared', false) as is_type_declared,
        preferences.wants_relationship = 'no' as is_unwilling,
        case
            -- only what they said themselves is final; what was inferred is treated as its type is
            when preferences.wants_relationship = 'no' then 0
            else
                coalesce(
                    relationships.treatment_contact_count_30d, {{ var('contact_cap_30d') }}
                )
        end as treatment_cap_30d
    from {{ ref('dim_customers') }} as customers
    inner join {{ ref('dim_preferences') }} as preferences
        on customers.customer_id = preferences.customer_id
    left join {{ ref('dim_customer_relationships') }} as relationships
        on customers.customer_id = relationships.customer_id

),

-- Where lots were drawn they alone count, even when they do not say enough yet.
optima as (

    select
        relationship_type,
        max(optimum_contacts_28d) as optimum_contacts_28d
    from {{ ref('rpt_contact_response_curve') }}
    group by relationship_type, evidence
    qualify row_number() over (partition by relationship_type order by evidence desc nulls last) = 1

),

days as (

    select {{ series_of_days(latest_day() ~ ' - ' ~ (windows | max - 1), latest_day()) }} as contact_date

),

-- What a message of a day and class counts tonight, the same for everybody. One of the latest day
-- is 0 days old; a window of n days holds ages 0 to n - 1. Doubles, because whole numbers without a limit take
-- twice as long to add up.
weights as (

    select
        contact_date,
        message_class,
        case when is_marketing then contact_date end as marketing_date,
        {% for days in windows %}
        cast(case when is_marketing and age_days < {{ days }} then 1 else 0 end as double)
            as weight_{{ days }}d,
        {% endfor %}
        fatigue_weight * power(2, -age_days / {{ var('fatigue_half_life_days') }}) as fatigue_weight
    from (
        select
            contact_date,
            {{ days_between('contact_date', latest_day()) }} as age_days
        from days
    ) as aged
    cross join (
        values
        {% for class in ['marketing', 'pulse', 'service', 'transactional'] %}
        (
            '{{ class }}',
            {{ class in ('marketing', 'pulse') }},
            cast({{ var('fatigue_weights').get(class, 0) }} as double)
        ){{ ',' if not loop.last }}
        {% endfor %}
    ) as classes(message_class, is_marketing, fatigue_weight)

),

by_channel as (

    select
        contact_days.customer_id,
        contact_days.channel,
        {% for days in windows %}
        sum(contact_days.contact_count * weights.weight_{{ days }}d) as contact_count_{{ days }}d,
        {% endfor %}
        max(weights.marketing_date) as last_contact_date,
        sum(contact_days.contact_count * weights.fatigue_weight) as fatigue_stock
    from {{ ref('fct_contact_days') }} as contact_days
    inner join weights
        on
            contact_days.contact_date = weights.contact_date
            and contact_days.message_class = weights.message_class
    group by contact_days.customer_id, contact_days.channel

),

counted as (

    select
        customer_id,
        {% for days in windows %}
        sum(contact_count_{{ days }}d) as contact_count_{{ days }}d,
        {% for channel in channels %}
        sum(contact_count_{{ days }}d) filter (where channel = '{{ channel }}')
            as {{ channel }}_contact_count_{{ days }}d,
        {% endfor %}
        {% endfor %}
        max(last_contact_date) as last_contact_date,
        sum(fatigue_stock) as fatigue_stock
    from by_channel
    group by customer_id

),

clocks as (

    {{ clocks_between(as_of_date() ~ ' - 30', as_of_date()) }}

),

last_30d as (

    select
        customers.customer_id,
        customers.allowed_hours,
        customers.allowed_weekdays,
        {{ local_time('touchpoints.occurred_at', 'clocks') }} as wall_time
    from {{ ref('fct_touchpoints') }} as touchpoints
    inner join customers on touchpoints.customer_id = customers.customer_id
    left join clocks
        on {{ is_clock_at('clocks', 'customers.time_zone', 'touchpoints.occurred_at') }}
    where
        touchpoints.is_marketing_contact
        and touchpoints.touchpoint_date > {{ latest_day() }} - 30

),

quiet as (

    select
        customer_id,
        count(*) as contact_count
    from last_30d
    where not (
        array_contains(allowed_hours, cast(hour(wall_time) as integer))
        and array_contains(allowed_weekdays, {{ weekday_of('wall_time') }})
    )
    group by customer_id

),

-- What they answered when we asked whether it was too much. The last word counts, and of equal ones the stricter.
pulse_answers as (

    select
        customer_id,
        touchpoint_id,
        occurred_at,
        touchpoint_date,
        answer
    from {{ ref('fct_touchpoints') }}
    where
        {{ is_pulse() }}
        and question = 'too_much'
        and touchpoint_date > {{ latest_day() }} - {{ var('pulse_cap_days') }}

),

last_fine as (

    select
        customer_id,
        max(occurred_at) as last_fine_at
    from pulse_answers
    where answer = 'no'
    group by customer_id

),

-- How many there had been in 30 days when it was too much.
too_much as (

    select
        pulse_answers.customer_id,
        pulse_answers.touchpoint_id,
        max(pulse_answers.touchpoint_date) as answered_date,
        greatest(coalesce(sum(contact_days.contact_count), 1), 1) as contact_count
    from pulse_answers
    left join last_fine on pulse_answers.customer_id = last_fine.customer_id
    left join {{ ref('fct_contact_days') }} as contact_days
        on
            pulse_answers.customer_id = contact_days.customer_id
            and contact_days.message_class in ('marketing', 'pulse')
            and contact_days.contact_date
            between pulse_answers.touchpoint_date - 29 and pulse_answers.touchpoint_date
    where
        pulse_answers.answer = 'yes'
        and (last_fine.last_fine_at is null or pulse_answers.occurred_at >= last_fine.last_fine_at)
    group by pulse_answers.customer_id, pulse_answers.touchpoint_id

),

pulses as (

    select
        customer_id,
        max(answered_date) as answered_date,
        min(contact_count) as contact_count
    from too_much
    group by customer_id

),

-- Few wish anything else than others in their zone.
wishes as (

    select distinct
        time_zone,
        paused_until_date,
        allowed_hours,
        allowed_weekdays
    from customers

),

stretches as (

    {{ first_stretches('wishes') }}

),

bounded as (

    select
        customers.*,
        optima.optimum_contacts_28d,
        -- nulls are ignored, a 0 is not: who allows none gets none
        least(
            customers.declared_cap_30d,
            customers.treatment_cap_30d,
            -- nor does the curve of a type silence whom a model takes for one
            case
                when customers.is_type_declared then optima.optimum_contacts_28d
                when optima.optimum_contacts_28d is not null
                    then greatest(optima.optimum_contacts_28d, 1)
            end
        ) as bound_30d,
        pulses.answered_date as pulse_answered_date,
        pulses.contact_count as too_much_count,
        {% for days in windows %}
        coalesce(counted.contact_count_{{ days }}d, 0) as contact_count_{{ days }}d,
        {% for channel in channels %}
        coalesce(counted.{{ channel }}_contact_count_{{ days }}d, 0)
            as {{ channel }}_contact_count_{{ days }}d,
        {% endfor %}
        {% endfor %}
        counted.last_contact_date,
        coalesce(counted.fatigue_stock, 0) as fatigue_stock,
        coalesce(quiet.contact_count, 0) as quiet_hour_contact_count_30d,
        stretches.from_at as next_allowed_from_at,
        stretches.until_at as next_allowed_until_at
    from customers
    left join stretches
        on
            customers.time_zone = stretches.time_zone
            and customers.paused_until_date = stretches.paused_until_date
            and customers.allowed_hours = stretches.allowed_hours
            and customers.allowed_weekdays = stretches.allowed_weekdays
    left join optima on customers.relationship_type = optima.relationship_type
    left join counted on customers.customer_id = counted.customer_id
    left join quiet on customers.customer_id = quiet.customer_id
    left join pulses on customers.customer_id = pulses.customer_id

),

-- "Too much" lowers what was, and what they might have had; "fine" says no more than that it is not too much.
capped as (

    select
        *,
        case
            when too_much_count is not null
                then
                    cast(
                        floor({{ var('pulse_cap_share') }} * least(bound_30d, too_much_count)) as bigint
                    )
        end as pulse_cap_30d,
        coalesce(pulse_cap_30d, bound_30d) as contact_cap_30d
    from bounded

)

select
    customer_id,
    {{ as_of_date() }} as as_of_date,
    {% for days in windows %}
    cast(contact_count_{{ days }}d as bigint) as marketing_contact_count_{{ days }}d,
    {% endfor %}
    {% for channel in channels %}
    {% for days in windows %}
    cast({{ channel }}_contact_count_{{ days }}d as bigint)
        as {{ channel }}_marketing_contact_count_{{ days }}d,
    {% endfor %}
    {% endfor %}
    last_contact_date as last_marketing_contact_date,
    -- rounded, as the order in which weights are added up must not show
    cast(round(fatigue_stock * 1e6) / 1e6 as double) as fatigue_stock,
    cast(declared_cap_30d as bigint) as declared_cap_30d,
    cast(treatment_cap_30d as bigint) as treatment_cap_30d,
    cast(optimum_contacts_28d as bigint) as optimum_contacts_28d,
    pulse_cap_30d,
    pulse_answered_date,
    pulse_answered_date + {{ var('pulse_cap_days') }} as pulse_until_date,
    cast(contact_cap_30d as bigint) as contact_cap_30d,
    cast(
        case
            when pulse_cap_30d < bound_30d then 'pulse'
            when is_unwilling or declared_cap_30d = contact_cap_30d then 'declared'
            when treatment_cap_30d = contact_cap_30d then 'treatment'
            else 'optimum'
        end as string
    ) as contact_cap_source,
    cast(greatest(contact_cap_30d - contact_count_30d, 0) as bigint) as remaining_30d,
    cast(
        case
            when contact_count_90d = 0 then 'inactive'
            when contact_count_30d > contact_cap_30d then 'oversaturated'
            when contact_count_30d = contact_cap_30d then 'saturated'
            when contact_count_30d >= contact_cap_30d * {{ var('on_target_least_share') }}
                then 'on_target'
            else 'undersaturated'
        end as string
    ) as saturation,
    cast(quiet_hour_contact_count_30d as bigint) as quiet_hour_contact_count_30d,
    cast(time_zone as string) as time_zone,
    next_allowed_from_at,
    next_allowed_until_at
from capped
