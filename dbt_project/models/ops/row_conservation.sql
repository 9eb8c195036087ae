-- Landed is counted in the raw files, staged in the staging models, quarantined in the
-- quarantine table: three paths that have to meet. What counts is landed rows, whatever a
-- staging model makes of one: a set of associations is one row here and many there. Rows of erased
-- people landed too; how many, the loads say. Of a table that is mapped onto a stream, rows that its
-- `where` leaves out are counted as such, and a row that holds a list counts once per item.
{{ depends_on_mapped() }}

with

{% for held_by in streams() | map(attribute=2) | unique %}
{{ held_by }}_versions as (

    select
        {{ 'source, landed_stream,' if holds_several(held_by) }}
        {% if held_by.endswith('__order_lines') %}
        count(*) filter (where version_rank > 1 and not is_repeat) as superseded_count,
        count(*) filter (where is_repeat) as repeated_count,
        {% else %}
        count(*) filter (where version_rank > 1) as superseded_count,
        0 as repeated_count,
        {% endif %}
        count(*) filter (where version_rank = 1 and not is_seen) as not_yet_seen_count,
        count(*) filter (where {{ is_staged() }}) as current_count
    from {{ ref('base_' ~ held_by) }}
    where not is_quarantined
    {{ 'group by source, landed_stream' if holds_several(held_by) }}

),

{% endfor %}
quarantined as (

    select
        source,
        entity,
        count(*) as quarantined_count,
        count(*) filter (where is_current) as waiting_count
    from {{ ref('quarantined_rows') }}
    group by source, entity

),

counted as (

    {% for source_name, stream, held_by in streams() %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        '{{ source_name }}' as source,
        '{{ stream }}' as entity,
        {% set mapping = mapping_of(source_name, stream) %}
        {% set table = mapping.table if mapping else stream %}
        (
            select {{ 'sum(' ~ items_of(mapping) ~ ')' if mapping and mapping.each else 'count(*)' }}
            from {{ landing_of(source_name, table) }} as landed
            where
                landed.load_date <= {{ as_of_date() }}
                and landed._dlt_load_id in ({{ completed_loads(source_name) }})
        ) as present_count,
        {% if mapping and mapping.where %}
        (
            {% if mapping.each %}
            select count(*)
            from ({{ items_in(mapping, 'select * from ' ~ landing_of(source_name, table)) }}) as landed
            {% else %}
            select count(*)
            from {{ landing_of(source_name, table) }} as landed
            {% endif %}
            where
                landed.load_date <= {{ as_of_date() }}
                and landed._dlt_load_id in ({{ completed_loads(source_name) }})
                and try({{ mapping.where }}) is not true
        ) as left_out_count,
        {% else %}
        0 as left_out_count,
        {% endif %}
        (
            select cast(sum(loads.erased['{{ table }}']) as bigint)
            from {{ landing_of(source_name, 'completed_loads') }} as loads
            where loads.status = 0 and coalesce(loads.load_date <= {{ as_of_date() }}, true)
        ) as erased_count,
        {% if held_by == 'sources__refusals' %}
        0 as staged_count,
        {% else %}
        (
            select count(*)
            {% if mapping %}
            from {{ ref('base_' ~ held_by) }}
            where {{ is_of_stream(source_name, stream, held_by) }} and {{ is_staged() }}
            {% else %}
            from {{ ref('stg_' ~ held_by) }}
            where {{ is_of_stream(source_name, stream, held_by) }}
            {% endif %}
        ) as staged_count,
        {% endif %}
        versions.superseded_count,
        versions.repeated_count,
        versions.not_yet_seen_count
    from (select 1 as is_here) as always
    left join {{ held_by }}_versions as versions
        on {{ is_of_stream(source_name, stream, held_by) }}
    {% endfor %}

)

select
    {{ as_of_date() }} as as_of_date,
    counted.source,
    counted.entity,
    counted.present_count + coalesce(counted.erased_count, 0) as landed_count,
    coalesce(counted.staged_count, 0) as staged_count,
    coalesce(counted.superseded_count, 0) as superseded_count,
    coalesce(counted.repeated_count, 0) as repeated_count,
    coalesce(counted.not_yet_seen_count, 0) as not_yet_seen_count,
    coalesce(quarantined.quarantined_count, 0) as quarantined_count,
    coalesce(quarantined.waiting_count, 0) as waiting_count,
    coalesce(counted.erased_count, 0) as erased_count,
    counted.left_out_count,
    counted.present_count
    - counted.left_out_count
    - coalesce(counted.staged_count, 0)
    - coalesce(counted.superseded_count, 0)
    - coalesce(counted.repeated_count, 0)
    - coalesce(counted.not_yet_seen_count, 0)
    - coalesce(quarantined.quarantined_count, 0) as difference
from counted
left join quarantined
    on counted.source = quarantined.source and counted.entity = quarantined.entity
