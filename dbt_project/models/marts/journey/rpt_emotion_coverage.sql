{% set sources = ['survey', 'ticket', 'pulse'] %}
with

steps as (

    select
        journey_id,
        customer_id,
        stage,
        channel,
        is_impression,
        case when emotion is not null then {{ emotion_source() }} end as signal_source
    from {{ ref('fct_journey_steps') }}

),

of_journeys as (

    select
        journey_id,
        {% for source in sources %}
        bool_or(coalesce(signal_source = '{{ source }}', false)) as has_{{ source }},
        {% endfor %}
        count(signal_source) > 0 as has_signal
    from steps
    group by journey_id

),

of_customers as (

    select
        customer_id,
        {% for source in sources %}
        bool_or(coalesce(signal_source = '{{ source }}', false)) as has_{{ source }},
        {% endfor %}
        count(signal_source) > 0 as has_signal
    from steps
    group by customer_id

),

counted as (

    {% for what, condition in [('steps', 'true'), ('acts', 'not is_impression')] %}
    select
        '{{ what }}' as what,
        'all' as subject,
        count(*) as total_count,
        {% for source in sources %}
        count(*) filter (where signal_source = '{{ source }}') as {{ source }}_count,
        {% endfor %}
        count(signal_source) as signal_count
    from steps
    where {{ condition }}
    union all
    {% endfor %}
    {% for part in ['stage', 'channel'] %}
    select
        '{{ part }}' as what,
        {{ part }} as subject,
        count(*) as total_count,
        {% for source in sources %}
        count(*) filter (where signal_source = '{{ source }}') as {{ source }}_count,
        {% endfor %}
        count(signal_source) as signal_count
    from steps
    group by {{ part }}
    union all
    {% endfor %}
    select
        'journeys' as what,
        'all' as subject,
        count(*) as total_count,
        {% for source in sources %}
        count(*) filter (where has_{{ source }}) as {{ source }}_count,
        {% endfor %}
        count(*) filter (where has_signal) as signal_count
    from of_journeys
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
    cast(what as varchar) as what,
    cast(subject as varchar) as subject,
    cast(total_count as bigint) as total_count,
    {% for source in sources %}
    cast({{ source }}_count as bigint) as {{ source }}_count,
    cast(round({{ ratio(source ~ '_count', 'total_count') }}, 6) as double) as {{ source }}_share,
    {% endfor %}
    cast(signal_count as bigint) as signal_count,
    cast(round({{ ratio('signal_count', 'total_count') }}, 6) as double) as signal_share
from counted
