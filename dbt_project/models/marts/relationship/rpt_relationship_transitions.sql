{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'month_end_date'},
        pre_hook="{{ follow_month_ends(ref('fct_relationship_months')) }}"
    )
}}

with

months as (

    select
        customer_id,
        month_end_date,
        last_day(month_end_date + interval 1 day) as next_month_end_date,
        relationship_type
    from {{ ref('fct_relationship_months') }}
    {% if is_incremental() %}
    where
        month_end_date >= (
            select min(touched.month_end_date) - 31 from {{ touched_days() }} as touched
        )
    {% endif %}

),

moves as (

    select
        months.month_end_date,
        before.relationship_type as from_type,
        months.relationship_type as to_type,
        count(*) as customer_count
    from months
    inner join months as before
        on
            months.customer_id = before.customer_id
            and months.month_end_date = before.next_month_end_date
    {% if is_incremental() %}
    where
        months.month_end_date in (
            select touched.month_end_date from {{ touched_days() }} as touched
        )
    {% endif %}
    group by months.month_end_date, before.relationship_type, months.relationship_type

)

select
    month_end_date,
    cast(from_type as string) as from_type,
    cast(to_type as string) as to_type,
    cast(customer_count as bigint) as customer_count,
    cast(
        customer_count
        / sum(customer_count) over (partition by month_end_date, from_type) as double
    ) as from_type_share
from moves
