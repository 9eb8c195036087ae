{#- What is counted, and of what it is a share: of the customers whom it reached, or of the messages. -#}
{% set shares = {
    'opt_out': 'recipient', 'complaint': 'recipient', 'harmed': 'recipient', 'silent': 'contact',
    'repeat_visit': 'contact',
} %}

with


-- The optimum is not asked, it was found out later.
cells as (

    select
        campaign_id,
        relationship_type,
        contact_count_30d,
        min(exposure_date) as first_exposure_date,
        max(exposure_date) as last_exposure_date,
        sum(exposure_count) as contact_count,
        {% for count in [
            'silent', 'repeat_visit', 'too_much_asked', 'too_much', 'unclear_asked', 'unclear',
        ] %}
        sum({{ count }}_count) as {{ count }}_count,
        {% endfor %}
        sum(service_contact_count_3d) as service_contact_count,
        sum(service_contact_count_28d_before) as service_contact_count_28d_before
    from {{ ref('fct_exposure_days') }}
    where arm = 'contact' and campaign_id is not null
    group by campaign_id, relationship_type, contact_count_30d

),

-- Whom it reached and who left, by the same column as its performance.
recipients as (

    select
        campaign_id,
        count(*) as recipient_count,
        count(*) filter (where has_unsubscribed) as opt_out_count,
        count(*) filter (where has_complained) as complaint_count,
        count(*) filter (where has_unsubscribed or has_complained) as harmed_count
    from {{ ref('fct_campaign_recipients') }}
    where is_reached
    group by campaign_id

),

treatments as (

    select
        relationship_type,
        inferred_contact_count_30d as treatment_cap_30d
    from {{ ref('int_relationship__types') }}

),

-- What they had declared by then counts.
over_declared_cap as (

    select
        contacts.campaign_id,
        count(*) as contact_count
    from {{ ref('fct_contact_exposures') }} as contacts
    inner join {{ ref('dim_preferences') }} as preferences
        on
            contacts.customer_id = preferences.customer_id
            and preferences.max_marketing_messages_30d is not null
    left join treatments on contacts.relationship_type = treatments.relationship_type
    where
        contacts.arm = 'contact'
        and preferences.preferences_updated_at <= contacts.exposed_at
        and contacts.contact_count_30d >= preferences.max_marketing_messages_30d
        and contacts.contact_count_30d
        < coalesce(treatments.treatment_cap_30d, {{ var('contact_cap_30d') }})
    group by contacts.campaign_id

),

-- Who is new has no usual.
of_newcomers as (

    select
        contacts.campaign_id,
        sum(contacts.service_contact_count_3d) as service_contact_count,
        sum(contacts.service_contact_count_28d_before) as service_contact_count_28d_before
    from {{ ref('fct_contact_exposures') }} as contacts
    inner join {{ ref('dim_customers') }} as customers
        on contacts.customer_id = customers.customer_id
    where
        contacts.arm = 'contact'
        and (contacts.service_contact_count_3d > 0 or contacts.service_contact_count_28d_before > 0)
        and contacts.exposure_date < customers.first_seen_date + 28
    group by contacts.campaign_id

),

counted as (

    select
        cells.campaign_id,
        min(cells.first_exposure_date) as first_exposure_date,
        max(cells.last_exposure_date) as last_exposure_date,
        cast(
            coalesce(
                sum(cells.contact_count) filter (
                    where
                    cells.contact_count_30d
                    >= coalesce(treatments.treatment_cap_30d, {{ var('contact_cap_30d') }})
                ), 0
            ) + coalesce(max(over_declared_cap.contact_count), 0) as bigint
        ) as over_cap_count,
        {% for count in ['recipient', 'opt_out', 'complaint', 'harmed'] %}
        cast(coalesce(max(recipients.{{ count }}_count), 0) as bigint) as {{ count }}_count,
        {% endfor %}
        {% for count in [
            'contact', 'silent', 'repeat_visit', 'too_much_asked', 'too_much', 'unclear_asked', 'unclear',
        ] %}
        cast(sum(cells.{{ count }}_count) as bigint) as {{ count }}_count,
        {% endfor %}
        sum(cells.service_contact_count) - coalesce(max(of_newcomers.service_contact_count), 0)
            as service_contact_count,
        -- the day of the message and the three after it, at the pace of the four weeks before
        (
            sum(cells.service_contact_count_28d_before)
            - coalesce(max(of_newcomers.service_contact_count_28d_before), 0)
        ) * 4 / 28e0 as usual_service_contact_count
    from cells
    left join recipients on cells.campaign_id = recipients.campaign_id
    left join treatments on cells.relationship_type = treatments.relationship_type
    left join over_declared_cap on cells.campaign_id = over_declared_cap.campaign_id
    left join of_newcomers on cells.campaign_id = of_newcomers.campaign_id
    group by cells.campaign_id

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
        sum(earlier.contact_count) as contact_count,
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
        {% for share, whole in shares.items() %}
        {{ ratio('campaigns.' ~ share ~ '_count', 'campaigns.' ~ whole ~ '_count') }}
            as {{ share }}_share,
        {{ ratio('usual.' ~ share ~ '_count', 'usual.' ~ whole ~ '_count') }} as usual_{{ share }}_share,
        {% endfor %}
        campaigns.recipient_count
        * {{ ratio('usual.harmed_count', 'usual.recipient_count') }} as usual_harmed_count,
        {{ ratio('campaigns.over_cap_count', 'campaigns.contact_count') }} as over_cap_share,
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
        campaigns.last_exposure_date < {{ latest_day() }} - 7 as is_week_over
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
    contact_count,
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
    cast(verdict as string) as verdict,
    case
        when not is_week_over then 'The week of answers is not over yet.'
        when recipient_count < {{ var('overload_least_recipients') }}
            then
                'It reached ' || {{ counted('recipient_count', 'customer') }}
                || '; below ' || cast({{ var('overload_least_recipients') }} as string)
                || ' a verdict would be chance.'
        else
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
            end
            || ' Of ' || {{ counted('recipient_count', 'recipient') }} || ' '
            || {{ thousands('harmed_count') }} || ' left or complained'
            || coalesce(
                ', ' || {{ in_tenths('usual_harmed_count') }} || ' is usual', ', with nothing to compare it to'
            )
            || '; they asked for help ' || {{ counted('service_contact_count', 'time') }} || ' in 72 hours, '
            || {{ counted('round(usual_service_contact_count)', 'time') }} || ' is usual for them'
            || case
                when too_much_asked_count + unclear_asked_count > 0
                    then
                        '; ' || {{ thousands('too_much_count') }} || ' of ' || {{ thousands('too_much_asked_count') }}
                        || ' said it was too much, ' || {{ thousands('unclear_count') }} || ' of '
                        || {{ thousands('unclear_asked_count') }} || ' that it was unclear'
                else ''
            end
            || '.'
    end as verdict_reason
from verdicts
