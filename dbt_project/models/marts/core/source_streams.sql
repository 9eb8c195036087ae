-- What the firm has, and what is left out of this night and why. The build says what is declared
-- (rapport/sources/declared.py), the landing what a source refused.
{% set there = [] %}
{% for source_name, stream, held_by in streams() if stream not in ['removals', 'refusals', 'source_totals'] %}
{% do there.append((source_name, stream)) %}
{% endfor %}

with

streams as (

    {% for source_name, stream in there %}
    {% set others = [] %}
    {% for other_name, other in there if other_name == source_name and is_declared(landed_name(other_name, other)) %}
    {% do others.append(other) %}
    {% endfor %}
    select
        '{{ source_name }}' as source,
        '{{ stream }}' as entity,
        {% if is_declared(landed_name(source_name, stream)) %}
        'read' as declared_state
        {% elif others %}
        'switched_off' as declared_state
        {% else %}
        'not_declared' as declared_state
        {% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

refused as (

    select
        source,
        entity,
        {{ extracted('method', '^refused: (.*)$', 1) }} as missing_scope
    from {{ ref('stg_sources__totals') }}
    where checked_date = {{ as_of_date() }} and {{ is_refused() }}

)

select
    cast(streams.source || '.' || streams.entity as string) as stream_name,
    cast(streams.source as string) as source,
    cast(
        case
            when streams.declared_state = 'read' and refused.entity is not null then 'refused'
            else streams.declared_state
        end as string
    ) as state,
    cast(
        case when streams.declared_state = 'read' then refused.missing_scope end as string
    ) as missing_scope,
    -- what landed before it was left out is still there
    cast(
        case
            when counted.staged_count > 0 or (streams.declared_state = 'read' and refused.entity is null)
                then counted.staged_count
        end as bigint
    ) as record_count
from streams
left join refused on streams.source = refused.source and streams.entity = refused.entity
left join {{ ref('row_conservation') }} as counted
    on streams.source = counted.source and streams.entity = counted.entity
