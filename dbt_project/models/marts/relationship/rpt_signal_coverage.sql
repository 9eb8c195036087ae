{{ config(post_hook="{{ note_signals_that_came_or_went() }}") }}

with

months as (

    select
        customer_id,
        month_start_date,
        {% for side, axis, signal, source, streams, kinds in signal_sources() %}
        {% for kind in kinds %}
        {{ kind }} as {{ signal }}_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
        {{- ',' if not loop.last }}
        {% endfor %}
    from {{ ref('fct_customer_months') }}

),

observed as (

    select
        {% for side, axis, signal, source, streams, kinds in signal_sources() %}
        sum({{ signal }}_1) as {{ signal }}_observations,
        {% for kind in kinds %}
        min(case when {{ signal }}_{{ loop.index }} > 0 then month_start_date end)
            as {{ signal }}_{{ loop.index }}_from{{ ',' if not loop.last }}
        {% endfor %}
        {{- ',' if not loop.last }}
        {% endfor %}
    from months

),

-- One bit per signal, so that each customer is added up once for all of them.
by_customer as (

    select
        customer_id,
        bit_or(
            {% for side, axis, signal, source, streams, kinds in signal_sources() %}
            case when {{ signal }}_1 > 0 then {{ 2 ** loop.index0 }} else 0 end{{ ' +' if not loop.last }}
            {% endfor %}
        ) as signal_bits
    from months
    group by customer_id

),

known as (

    select
        {% for side, axis, signal, source, streams, kinds in signal_sources() %}
        count(case when signal_bits & {{ 2 ** loop.index0 }} <> 0 then 1 end) as {{ signal }}_customers
        {{- ',' if not loop.last }}
        {% endfor %}
    from by_customer

),

-- Present from the month on that had the first of its last kind; a kind that nobody has is none to choose.
listed as (

    {% for side, axis, signal, source, streams, kinds in signal_sources() %}
    select
        '{{ side }}' as side,
        '{{ axis }}' as axis,
        '{{ signal }}' as signal,
        '{{ sources_of_signal(source, streams) }}' as sources,
        '{{ streams }}' as streams,
        {%- set firsts = [] %}
        {% for kind in kinds %}{% do firsts.append(signal ~ '_' ~ loop.index ~ '_from') %}{% endfor %}
        case
            when {{ firsts | join(' is not null and ') }} is not null
                then {{ firsts[0] if firsts | length == 1 else 'greatest(' ~ firsts | join(', ') ~ ')' }}
        end as present_from_date,
        {{ signal }}_customers as customer_count,
        {{ signal }}_observations as observation_count
    from observed
    cross join known
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    cast(signal as string) as signal,
    cast(side as string) as side,
    cast(axis as string) as axis,
    cast(sources as string) as sources,
    cast(streams as string) as streams,
    {{ as_of_date() }} as as_of_date,
    present_from_date is not null as is_present,
    cast(present_from_date as date) as present_from_date,
    cast(customer_count as bigint) as customer_count,
    cast(coalesce(observation_count, 0) as bigint) as observation_count
from listed
