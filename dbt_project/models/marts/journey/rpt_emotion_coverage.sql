{% set sources = ['survey', 'ticket', 'pulse', 'mention'] %}
with

signals as (

    select
        journey_id,
        customer_id,
        stage,
        channel,
        is_impression,
        {{ emotion_source() }} as signal_source
    from {{ ref('fct_journey_steps') }}
    where emotion is not null

),

of_journeys as (

    select
        journey_id,
        {% for source in sources %}
        bool_or(signal_source = '{{ source }}') as has_{{ source }},
        {% endfor %}
        true as has_signal
    from signals
    group by journey_id

),

of_customers as (

    select
        customer_id,
        {% for source in sources %}
        bool_or(signal_source = '{{ source }}') as has_{{ source }},
        {% endfor %}
        true as has_signal
    from signals
    group by customer_id

),

-- Steps before they are counted one way and another; at most of them nothing was said.
kinds as (

    select
        stage,
        channel,
        is_impression,
        cast(null as string) as signal_source,
        count(*) as step_count
    from {{ ref('fct_journey_steps') }}
    where emotion is null
    group by stage, channel, is_impression
    union all
    select
        stage,
        channel,
        is_impression,
        signal_source,
        count(*) as step_count
    from signals
    group by stage, channel, is_impression, signal_source

),

counted as (

    {% for what, condition in [('steps', 'true'), ('acts', 'not is_impression')] %}
    select
        '{{ what }}' as what,
        'all' as subject,
        coalesce(sum(step_count), 0) as total_count,
        {% for source in sources %}
        coalesce(sum(step_count) filter (where signal_source = '{{ source }}'), 0)
            as {{ source }}_count,
        {% endfor %}
        coalesce(sum(step_count) filter (where signal_source is not null), 0) as signal_count
    from kinds
    where {{ condition }}
    union all
    {% endfor %}
    {% for part in ['stage', 'channel'] %}
    select
        '{{ part }}' as what,
        {{ part }} as subject,
        coalesce(sum(step_count), 0) as total_count,
        {% for source in sources %}
        coalesce(sum(step_count) filter (where signal_source = '{{ source }}'), 0)
            as {{ source }}_count,
        {% endfor %}
        coalesce(sum(step_count) filter (where signal_source is not null), 0) as signal_count
    from kinds
    group by {{ part }}
    union all
    {% endfor %}
    select
        'journeys' as what,
        'all' as subject,
        count(*) as total_count,
        {% for source in sources %}
        count(*) filter (where of_journeys.has_{{ source }}) as {{ source }}_count,
        {% endfor %}
        count(*) filter (where of_journeys.has_signal) as signal_count
    from {{ ref('fct_journeys') }} as journeys
    left join of_journeys on journeys.journey_id = of_journeys.journey_id
    union all
    select
        'customers' as what,
        'all' as subject,
        count(*) as total_count,
        {% for source in sources %}
        count(*) filter (where of_customers.has_{{ source }}) as {{ source }}_count,
        {% endfor %}
        count(*) filter (where of_customers.has_signal) as signal_count
    from {{ ref('dim_customers') }} as customers
    left join of_customers on customers.customer_id = of_customers.customer_id

)

select
    cast(what as string) as what,
    cast(subject as string) as subject,
    cast(total_count as bigint) as total_count,
    {% for source in ['signal'] + sources[:-1] %}
    cast({{ source }}_count as bigint) as {{ source }}_count,
    cast(
        round({{ ratio(source ~ '_count', 'total_count') }} * 1e6) / 1e6 as double
    ) as {{ source }}_share,
    {% endfor %}
    {% set last = sources[-1] %}
    cast({{ last }}_count as bigint) as {{ last }}_count,
    cast(
        round({{ ratio(last ~ '_count', 'total_count') }} * 1e6) / 1e6 as double
    ) as {{ last }}_share
from counted
