{% set sources = ['survey', 'ticket', 'pulse'] %}
with

-- What steps are of, before they are counted one way and another; at most of them nothing was said.
kinds as (

    select
        stage,
        channel,
        is_impression,
        case when emotion is not null then {{ emotion_source() }} end as signal_source,
        count(*) as step_count
    from {{ ref('fct_journey_steps') }}
    group by stage, channel, is_impression, case when emotion is not null then {{ emotion_source() }} end

),

signals as (

    select distinct
        journey_id,
        customer_id,
        {{ emotion_source() }} as signal_source
    from {{ ref('fct_journey_steps') }}
    where emotion is not null

),

{% for unit, key in [('journeys', 'journey_id'), ('customers', 'customer_id')] %}
of_{{ unit }} as (

    select
        {{ key }},
        {% for source in sources %}
        bool_or(signal_source = '{{ source }}') as has_{{ source }}{{ ',' if not loop.last }}
        {% endfor %}
    from signals
    group by {{ key }}

),

{% endfor %}
counted as (

    {% for what, condition in [('steps', 'true'), ('acts', 'not is_impression')] %}
    select
        '{{ what }}' as what,
        'all' as subject,
        sum(step_count) as total_count,
        {% for source in sources %}
        sum(step_count) filter (where signal_source = '{{ source }}') as {{ source }}_count,
        {% endfor %}
        sum(step_count) filter (where signal_source is not null) as signal_count
    from kinds
    where {{ condition }}
    union all
    {% endfor %}
    {% for part in ['stage', 'channel'] %}
    select
        '{{ part }}' as what,
        {{ part }} as subject,
        sum(step_count) as total_count,
        {% for source in sources %}
        sum(step_count) filter (where signal_source = '{{ source }}') as {{ source }}_count,
        {% endfor %}
        sum(step_count) filter (where signal_source is not null) as signal_count
    from kinds
    group by {{ part }}
    union all
    {% endfor %}
    {% for what, model, key in [
        ('journeys', 'fct_journeys', 'journey_id'), ('customers', 'dim_customers', 'customer_id')
    ] %}
    select
        '{{ what }}' as what,
        'all' as subject,
        count(*) as total_count,
        {% for source in sources %}
        count(*) filter (where of_{{ what }}.has_{{ source }}) as {{ source }}_count,
        {% endfor %}
        count(of_{{ what }}.{{ key }}) as signal_count
    from {{ ref(model) }} as {{ what }}
    left join of_{{ what }} on {{ what }}.{{ key }} = of_{{ what }}.{{ key }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    cast(what as varchar) as what,
    cast(subject as varchar) as subject,
    cast(coalesce(total_count, 0) as bigint) as total_count,
    {% for source in ['signal'] + sources %}
    cast(coalesce({{ source }}_count, 0) as bigint) as {{ source }}_count,
    cast(round({{ ratio('coalesce(' ~ source ~ '_count, 0)', 'total_count') }}, 6) as double) as {{ source }}_share
    {{- ',' if not loop.last }}
    {% endfor %}
from counted
