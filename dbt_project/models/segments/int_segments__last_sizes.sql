{{
    config(
        schema='intermediate',
        access='private',
        contract={'enforced': false},
    )
}}

-- The project is parsed without a last release: depends_on: {{ ref('policies') }}

{% set last = var('last_release') %}
{% if last %}
select
    segments.segment,
    count(members.customer_id) as size,
    -- whether the firm decides as it did then
    not exists (
        select 1
        from {{ parquet_rows(last.folder ~ '/policies.parquet') }} as before
        full outer join {{ ref('policies') }} as now on before.policy = now.policy
        where before.value is distinct from now.value
    ) as is_same_policy
from {{ parquet_rows(last.folder ~ '/segments.parquet') }} as segments
left join {{ ref('int_segments__last_released') }} as members on segments.segment = members.segment
group by segments.segment
{% else %}
select
    segment,
    cast(0 as bigint) as size,
    true as is_same_policy
from {{ ref('int_segments__last_released') }}
where false
{% endif %}
