{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='month_end_date',
        on_schema_change='fail'
    )
}}

{%- set month_ends = month_ends_to_score() %}

with

months as (

    select
        customer_id,
        month_end_date,
        last_day(month_end_date + interval 1 day) as next_month_end_date,
        relationship_type
    from {{ ref('fct_relationship_months') }}
    {% if month_ends %}
    where month_end_date >= cast('{{ month_ends[0] }}' as date) - interval 31 day
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
    where {{ is_one_of_days('months.month_end_date', month_ends) }}
    group by months.month_end_date, before.relationship_type, months.relationship_type

)

select
    month_end_date,
    cast(from_type as varchar) as from_type,
    cast(to_type as varchar) as to_type,
    cast(customer_count as bigint) as customer_count,
    cast(
        customer_count
        / sum(customer_count) over (partition by month_end_date, from_type) as double
    ) as from_type_share
from moves
