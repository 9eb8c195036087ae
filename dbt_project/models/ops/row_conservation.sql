-- Landed is counted in the raw files, staged in the staging models, quarantined in the
-- quarantine table: three paths that have to meet.
with

counted as (

    {% for source_name, stream in streams() %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        '{{ source_name }}' as source,
        '{{ stream }}' as entity,
        (
            select count(*)
            from {{ source(source_name, stream) }} as landed
            where
                landed.load_date <= {{ as_of_date() }}
                and landed._dlt_load_id in ({{ completed_loads(source_name) }})
        ) as landed_count,
        (select count(*) from {{ ref('stg_' ~ source_name ~ '__' ~ stream) }}) as staged_count,
        versions.superseded_count,
        versions.not_yet_seen_count,
        (
            select count(*)
            from {{ ref('quarantined_rows') }} as bad
            where bad.source = '{{ source_name }}' and bad.entity = '{{ stream }}'
        ) as quarantined_count
    from (
        select
            count(*) filter (where version_rank > 1) as superseded_count,
            count(*) filter (where version_rank = 1 and not is_seen) as not_yet_seen_count
        from {{ ref('base_' ~ source_name ~ '__' ~ stream) }}
        where quarantine_reason is null
    ) as versions
    {% endfor %}

)

select
    {{ as_of_date() }} as as_of_date,
    source,
    entity,
    landed_count,
    staged_count,
    superseded_count,
    not_yet_seen_count,
    quarantined_count,
    landed_count
    - staged_count
    - superseded_count
    - not_yet_seen_count
    - quarantined_count as difference
from counted
