-- Every id of a released table that names a row of another, and how many of these are not there.
-- depends_on: {{ ref('dim_customers') }}
{% for table in released_tables() %}
-- depends_on: {{ ref(table) }}
{% endfor %}
with

orphans as (

    select
        cast(null as string) as reference,
        cast(null as string) as named_table,
        cast(null as boolean) as is_ours,
        cast(null as bigint) as row_count,
        cast(null as bigint) as orphan_count
    where false
    {% for table, column, target, key, is_ours in released_references() %}
    union all
    select
        '{{ table }}.{{ column }}' as reference,
        '{{ target }}' as named_table,
        {{ is_ours | lower }} as is_ours,
        coalesce(sum(told.row_count), 0) as row_count,
        coalesce(sum(told.row_count) filter (where named.{{ key }} is null), 0) as orphan_count
    from (
        select
            {{ column }} as named_id,
            count(*) as row_count
        from {{ ref(table) }}
        where
            {{ column }} is not null
            -- a deal that was won ends a journey without a touchpoint
            {{ 'and deal_id is null' if table == 'fct_journey_steps' and column == 'touchpoint_id' }}  -- noqa: LT02, LT05
        group by {{ column }}
    ) as told
    left join {{ ref(target) }} as named on told.named_id = named.{{ key }}
    {% endfor %}

),

judged as (

    select
        *,
        -- of at least 100 rows, so that one deleted campaign of a small firm is not a fifth of them
        cast(orphan_count as double) / greatest(row_count, 100) as orphan_share
    from orphans

)

select
    reference,
    named_table,
    row_count,
    case when is_ours then orphan_count else 0 end as orphan_count,
    case when is_ours then 0e0 else orphan_share end as unknown_share
from judged
