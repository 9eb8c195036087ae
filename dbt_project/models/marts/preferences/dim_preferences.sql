{{
    config(
        post_hook="{{ note_customers_of_changed([
            'wants_relationship', 'declared_relationship', 'loyalty_status', 'declared_values',
            'interests', 'wanted_topics', 'unwanted_topics', 'time_zone',
        ]) }}"
    )
}}

with

declared as (

    select * from {{ ref('int_preferences__declared') }}

),

consents as (

    select
        customer_id,
        {% for channel in marketing_channels() %}
        max(consent) filter (
            where level = 'channel' and channel = '{{ channel }}'
        ) as {{ channel }}_consent,
        {% endfor %}
        max(since_at) filter (
            where level = 'channel' and channel = 'email'
        ) as email_consent_at,
        max(consent) filter (where level = 'everything') as everything_consent,
        {% for channel, topics in [('*', 'withdrawn_topics'), ('email', 'withdrawn_email_topics')] %}
        {{ sorted_list(
            "array_agg(topic) filter (where level = 'topic' and channel = '" ~ channel ~ "' and consent = 'withdrawn')"
        ) }} as {{ topics }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_consent__in_force') }}
    group by customer_id

)

select
    declared.customer_id,
    {{ as_of_date() }} as as_of_date,

    -- consent: what they allowed and forbade, as far as it can be shown
    {% for channel in marketing_channels() %}
    cast(coalesce(consents.{{ channel }}_consent, 'unknown') as string) as {{ channel }}_consent,
    {% endfor %}
    consents.email_consent_at,
    declared.is_email_deliverable,
    coalesce(consents.withdrawn_topics, {{ empty_list('string') }}) as withdrawn_topics,
    coalesce(consents.withdrawn_email_topics, {{ empty_list('string') }}) as withdrawn_email_topics,
    cast(
        case
            when consents.everything_consent = 'withdrawn' then 'no'
            -- an answer that nobody can read may be a no
            when array_contains(declared.unreadable_preferences, 'wants_relationship') then 'no'
            when consents.everything_consent = 'granted' then 'yes'
            else 'unknown'
        end as string
    ) as wants_relationship,

    -- preference: how they want what they allowed
    cast(declared.declared_relationship as string) as declared_relationship,
    declared.wanted_topics,
    declared.unwanted_topics,
    declared.allowed_channels,
    cast(declared.max_marketing_messages_30d as bigint) as max_marketing_messages_30d,
    {{ hours_of('declared.allowed_hours') }} as allowed_hours,
    {{ weekdays_of('declared.allowed_weekdays') }} as allowed_weekdays,
    cast(declared.time_zone as string) as time_zone,
    cast(declared.time_zone_source as string) as time_zone_source,
    cast(declared.language_code as string) as language_code,
    declared.pause_until_date,
    -- a day that they named, on whatever clock; one that ends with the night is over for what is sent tomorrow
    coalesce(declared.pause_until_date > {{ as_of_date() }}, false) as is_paused,
    declared.declared_values,
    declared.interests,
    cast(declared.loyalty_status as string) as loyalty_status,
    declared.preferences_updated_at,
    declared.unreadable_preferences
from declared
left join consents on declared.customer_id = consents.customer_id
