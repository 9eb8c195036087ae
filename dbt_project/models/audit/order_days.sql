-- The facts of a day come from three models built apart; a day on which they disagree was
-- rebuilt in one and not in the others.
with

orders as (

    select
        order_date,
        count(*) as order_count,
        count(*) filter (where is_kept and customer_id is not null) as touchpoint_count,
        sum(line_count) as line_count,
        sum(sales_amount) as sales_amount
    from {{ ref('fct_orders') }}
    group by order_date

),

lines as (

    select
        order_date,
        count(*) as line_count,
        sum(sales_amount) as sales_amount
    from {{ ref('fct_order_lines') }}
    group by order_date

),

touchpoints as (

    select
        touchpoint_date as order_date,
        count(*) as order_count
    from {{ ref('fct_touchpoints') }}
    where event_type = 'ordered'
    group by touchpoint_date

)

select
    coalesce(
        cast(coalesce(orders.order_date, lines.order_date, touchpoints.order_date) as string),
        'no date'
    ) as order_day,
    coalesce(orders.order_count, 0) as order_count,
    coalesce(orders.line_count, 0) - coalesce(lines.line_count, 0) as line_difference,
    coalesce(orders.sales_amount, 0) - coalesce(lines.sales_amount, 0) as sales_difference,
    coalesce(orders.touchpoint_count, 0)
    - coalesce(touchpoints.order_count, 0) as touchpoint_difference
from orders
full outer join lines on orders.order_date = lines.order_date
full outer join touchpoints
    on coalesce(orders.order_date, lines.order_date) = touchpoints.order_date
union all
select
    'no orders' as order_day,
    0 as order_count,
    0 as line_difference,
    0 as sales_difference,
    0 as touchpoint_difference
where not exists (select 1 from {{ ref('fct_orders') }})
