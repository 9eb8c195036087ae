-- A row, not a var: what most orders are in is known when they are staged, and a model is compiled
-- before that.
{% set chosen = var('reporting_currency') %}

with

used as (

    select
        currency_code,
        count(*) as order_count,
        0 as deal_count
    from {{ ref('canonical_orders') }}
    where currency_code is not null
    group by currency_code
    union all
    select
        currency_code,
        0 as order_count,
        count(*) as deal_count
    from {{ ref('canonical_deals') }}
    where currency_code is not null
    group by currency_code

),

counted as (

    select
        currency_code,
        sum(order_count) as order_count,
        sum(deal_count) as deal_count
    from used
    group by currency_code

),

most as (

    select currency_code
    from counted
    qualify
        row_number() over (
            order by
                order_count desc nulls last,
                deal_count desc nulls last,
                currency_code asc nulls last
        ) = 1

)

select
    coalesce(chosen.currency_code, most.currency_code, 'XXX') as currency_code,
    chosen.currency_code is not null as is_chosen
from (
    select cast({{ sql_text(chosen) if chosen else 'null' }} as string) as currency_code
) as chosen
left join most on true
