{% set shares = ['opt_out', 'complaint', 'harmed', 'silent', 'repeat_visit'] %}

with

-- Put together once: there are many times as many exposures to look them up for.
customers as (

    select
        customers.customer_id,
        cast(customers.first_seen_at as date) as first_seen_date,
        preferences.max_marketing_messages_30d,
        preferences.preferences_updated_at
    from {{ ref('dim_customers') }} as customers
    left join {{ ref('dim_preferences') }} as preferences
        on customers.customer_id = preferences.customer_id

),

-- What she had declared by then counts; the optimum does not, it was found out later.
recipients as (

    select
        exposures.campaign_id,
        exposures.exposure_date,
        exposures.has_opt_out,
        exposures.has_complaint,
        exposures.has_opt_out or exposures.has_complaint as is_harmed,
        not exposures.has_named_response and not exposures.has_unnamed_response as is_silent,
        exposures.visit_count_3d >= 2
        and not exposures.has_named_response
        and not exposures.has_unnamed_response as is_repeat_visit,
        exposures.has_said_too_much,
        exposures.has_said_unclear,
        -- who is new has no usual
        exposures.exposure_date - customers.first_seen_date >= 28 as is_known,
        exposures.service_contact_count_3d,
        exposures.service_contact_count_28d_before,
        exposures.contact_count_30d + 1 > least(
            case
                when customers.preferences_updated_at <= exposures.exposed_at
                    then customers.max_marketing_messages_30d
            end,
            coalesce(treatments.treatment_contact_count_30d, {{ var('contact_cap_30d') }})
        ) as is_over_cap
    from {{ ref('fct_contact_exposures') }} as exposures
    inner join customers on exposures.customer_id = customers.customer_id
    left join {{ ref('int_relationship__types') }} as treatments
        on exposures.relationship_type = treatments.relationship_type
    where exposures.arm = 'contact' and exposures.campaign_id is not null

),

counted as (

    select
        campaign_id,
        min(exposure_date) as first_exposure_date,
        max(exposure_date) as last_exposure_date,
        count(*) as recipient_count,
        count(*) filter (where is_over_cap) as over_cap_count,
        count(*) filter (where has_opt_out) as opt_out_count,
        count(*) filter (where has_complaint) as complaint_count,
        count(*) filter (where is_harmed) as harmed_count,
        count(*) filter (where is_silent) as silent_count,
        count(*) filter (where is_repeat_visit) as repeat_visit_count,
        count(has_said_too_much) as too_much_asked_count,
        count(*) filter (where has_said_too_much) as too_much_count,
        count(has_said_unclear) as unclear_asked_count,
        count(*) filter (where has_said_unclear) as unclear_count,
        count(*) filter (where is_known) as known_count,
        coalesce(sum(service_contact_count_3d) filter (where is_known), 0)
            as service_contact_count,
        -- the day of the message and the three after it, at the pace of the four weeks before
        coalesce(sum(service_contact_count_28d_before) filter (where is_known), 0) * 4 / 28.0
            as usual_service_contact_count
    from recipients
    group by campaign_id

),

campaigns as (

    select
        counted.*,
        campaigns.campaign_name,
        campaigns.channel
    from counted
    inner join {{ ref('dim_campaigns') }} as campaigns
        on counted.campaign_id = campaigns.campaign_id

),

-- The usual: what went out by the same channel in the 90 days before.
usual as (

    select
        campaigns.campaign_id,
        sum(earlier.recipient_count) as recipient_count,
        {% for share in shares %}
        sum(earlier.{{ share }}_count) as {{ share }}_count{{ ',' if not loop.last }}
        {% endfor %}
    from campaigns
    inner join campaigns as earlier
        on
            campaigns.channel = earlier.channel
            and earlier.first_exposure_date < campaigns.first_exposure_date
            and earlier.first_exposure_date >= campaigns.first_exposure_date - 90
    group by campaigns.campaign_id

),

compared as (

    select
        campaigns.*,
        {% for share in shares %}
        {{ ratio('campaigns.' ~ share ~ '_count', 'campaigns.recipient_count') }}
            as {{ share }}_share,
        {{ ratio('usual.' ~ share ~ '_count', 'usual.recipient_count') }} as usual_{{ share }}_share,
        {% endfor %}
        campaigns.recipient_count
        * {{ ratio('usual.harmed_count', 'usual.recipient_count') }} as usual_harmed_count,
        {{ ratio('campaigns.over_cap_count', 'campaigns.recipient_count') }} as over_cap_share,
        {{ ratio('campaigns.service_contact_count', 'campaigns.usual_service_contact_count') }}
            as service_contact_ratio,
        -- what is usual is no more certain than what happened this time
        {{ wilson_high('usual.harmed_count', 'usual.recipient_count') }} as usual_harmed_share_high,
        {{ wilson_low('campaigns.harmed_count', 'campaigns.recipient_count') }} as harmed_share_low,
        {{ wilson_high('campaigns.harmed_count', 'campaigns.recipient_count') }}
            as harmed_share_high,
        {{ wilson_low('campaigns.too_much_count', 'campaigns.too_much_asked_count') }}
            as too_much_share_low,
        {{ wilson_high('campaigns.too_much_count', 'campaigns.too_much_asked_count') }}
            as too_much_share_high,
        {{ wilson_low('campaigns.unclear_count', 'campaigns.unclear_asked_count') }}
            as unclear_share_low,
        {{ wilson_high('campaigns.unclear_count', 'campaigns.unclear_asked_count') }}
            as unclear_share_high,
        {{ count_low('campaigns.service_contact_count') }} as service_contact_count_low,
        {{ count_high('campaigns.service_contact_count') }} as service_contact_count_high,
        campaigns.last_exposure_date <= {{ as_of_date() }} - 8 as is_week_over
    from campaigns
    left join usual on campaigns.campaign_id = usual.campaign_id

),

-- Each question has three answers: yes, no, and null for "the figures do not say".
judged as (

    select
        *,
        case
            when
                harmed_share_low > usual_harmed_share_high * {{ var('overload_ratio') }}
                or too_much_share_low > {{ var('pulse_share') }}
                then true
            when
                harmed_share_high < usual_harmed_share * {{ var('overload_ratio') }}
                or too_much_share_high < {{ var('pulse_share') }}
                then false
        end as is_overloaded,
        case
            when
                service_contact_count_low > usual_service_contact_count * {{ var('confusion_ratio') }}
                or unclear_share_low > {{ var('pulse_share') }}
                then true
            when
                service_contact_count_high < usual_service_contact_count * {{ var('confusion_ratio') }}
                or unclear_share_high < {{ var('pulse_share') }}
                then false
        end as is_confusing
    from compared

),

verdicts as (

    select
        *,
        case
            when not is_week_over or recipient_count < {{ var('overload_least_recipients') }}
                then 'too_few_data'
            when is_overloaded and is_confusing then 'both'
            when is_overloaded then 'overloaded'
            when is_confusing then 'confusing'
            when not is_overloaded and not is_confusing then 'ok'
            else 'too_few_data'
        end as verdict
    from judged

)

select
    campaign_id,
    {{ as_of_date() }} as as_of_date,
    campaign_name,
    channel,
    first_exposure_date,
    recipient_count,
    over_cap_count,
    over_cap_share,
    {% for share in shares %}
    {{ share }}_count,
    {{ share }}_share,
    usual_{{ share }}_share,
    {% endfor %}
    cast(service_contact_count as bigint) as service_contact_count,
    cast(usual_service_contact_count as double) as usual_service_contact_count,
    service_contact_ratio,
    too_much_asked_count,
    too_much_count,
    unclear_asked_count,
    unclear_count,
    cast(verdict as varchar) as verdict,
    case
        when not is_week_over then 'The week of answers is not over yet.'
        when recipient_count < {{ var('overload_least_recipients') }}
            then
                format(
                    'It reached {:,} customers; below {} a verdict would be chance.',
                    recipient_count, {{ var('overload_least_recipients') }}
                )
        else
            format(
                '{} Of {:,} recipients {:,} left or complained{}; they asked for help {:,} times in 72 hours'
                || ', {:,.0f} times is usual for them{}.',
                case verdict
                    when 'ok' then 'Neither too much nor unclear.'
                    when 'overloaded' then 'Too much.'
                    when 'confusing' then 'Unclear.'
                    when 'both' then 'Too much, and unclear.'
                    else
                        case
                            when is_overloaded is null and is_confusing is null
                                then 'The figures leave open whether it was too much or unclear.'
                            when is_overloaded is null
                                then 'The figures leave open whether it was too much.'
                            else 'The figures leave open whether it was unclear.'
                        end
                end,
                recipient_count,
                harmed_count,
                coalesce(format(', {:,.1f} is usual', usual_harmed_count), ', with nothing to compare it to'),
                cast(service_contact_count as bigint),
                cast(usual_service_contact_count as double),
                case
                    when too_much_asked_count + unclear_asked_count > 0
                        then
                            format(
                                '; {:,} of {:,} said it was too much, {:,} of {:,} that it was unclear',
                                too_much_count, too_much_asked_count, unclear_count,
                                unclear_asked_count
                            )
                    else ''
                end
            )
    end as verdict_reason
from verdicts
