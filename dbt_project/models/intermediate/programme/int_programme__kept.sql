-- Is it kept? Sends against what whoever got them had said by then, and promises to call.
with

sends as (

    select
        exposures.exposure_id,
        cast(date_trunc('month', exposures.exposure_date) as date) as month_start_date,
        exposures.contact_count_30d < preferences.max_marketing_messages_30d as is_within_frequency,
        array_contains(preferences.allowed_channels, exposures.channel) as is_within_channels,
        -- a message about nothing in particular is about nothing that they did not want
        case
            when campaigns.topic is not null and preferences.unwanted_topics is not null
                then not array_contains(preferences.unwanted_topics, campaigns.topic)
        end as is_within_topics,
        array_contains(
            preferences.allowed_hours,
            cast(hour({{ local_time('exposures.exposed_at', 'clocks') }}) as integer)
        ) as is_within_hours,
        array_contains(
            preferences.allowed_weekdays,
            {{ weekday_of('cast(' ~ local_time('exposures.exposed_at', 'clocks') ~ ' as date)') }}
        ) as is_within_weekdays
    from {{ ref('fct_contact_exposures') }} as exposures
    inner join {{ ref('dim_preferences') }} as preferences
        on exposures.customer_id = preferences.customer_id
    left join {{ ref('dim_campaigns') }} as campaigns
        on exposures.campaign_id = campaigns.campaign_id
    left join {{ ref('int_clocks__offsets') }} as clocks
        on {{ is_clock_at('clocks', 'preferences.time_zone', 'exposures.exposed_at') }}
    where
        exposures.arm = 'contact'
        -- only the last answer is known, and it says nothing of what came before it
        and exposures.exposed_at >= preferences.preferences_updated_at

),

judged as (

    select
        month_start_date,
        coalesce(
            is_within_frequency,
            is_within_channels,
            is_within_topics,
            is_within_hours,
            is_within_weekdays
        ) is not null as is_declared,
        coalesce(is_within_frequency, true)
        and coalesce(is_within_channels, true)
        and coalesce(is_within_topics, true)
        and coalesce(is_within_hours, true)
        and coalesce(is_within_weekdays, true) as is_within,
        is_within_frequency,
        is_within_channels,
        is_within_topics,
        case
            when coalesce(is_within_hours, is_within_weekdays) is not null
                then coalesce(is_within_hours, true) and coalesce(is_within_weekdays, true)
        end as is_within_times
    from sends

),

-- Kept is what was done on the day it was due or a while after; what is not due yet says nothing.
callbacks as (

    select
        source,
        engagement_id,
        month_start_date,
        coalesce(
            completed_at <= occurred_at + interval {{ var('callback_grace_hours') }} hour, false
        ) as is_kept
    from {{ ref('int_programme__logged') }}
    where
        engagement_type = 'task'
        and task_type = 'call'
        and occurred_at + interval {{ var('callback_grace_hours') }} hour <= {{ cutoff() }}
    group by source, engagement_id, month_start_date, is_kept

)

select
    month_start_date,
    'sends_within_declared' as measure,
    'events' as scope,
    count(*) filter (where is_within) as counted,
    count(*) as total
from judged
where is_declared
group by month_start_date
union all
{% for part in ['frequency', 'channels', 'topics', 'times'] %}
select
    month_start_date,
    'sends_within_{{ part }}' as measure,
    'events' as scope,
    count(*) filter (where is_within_{{ part }}) as counted,
    count(*) as total
from judged
where is_within_{{ part }} is not null
group by month_start_date
union all
{% endfor %}
select
    month_start_date,
    'callbacks_kept' as measure,
    'events' as scope,
    count(*) filter (where is_kept) as counted,
    count(*) as total
from callbacks
group by month_start_date
