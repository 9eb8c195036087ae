{{ config(materialized='table') }}

-- Where no pattern of the policy says it, the line has to: a positive quantity with a negative
-- amount is how a discount is written, and by some shops a return. It is a return of what was sold,
-- and a discount takes goods back from nobody. What was sold to whom decides, the nearest place
-- first: the order that is named; the line's own order, where less than the price of a piece is
-- money off it; whatever the customer was sold up to that day.
with

doubtful as (

    select
        lines.order_id,
        lines.product_id,
        lines.line_number,
        lines.item_quantity,
        -lines.sales_amount as taken_off_amount,
        orders.customer_id,
        orders.currency_code,
        orders.order_date,
        orders.returned_order_id
    from {{ ref('canonical_order_lines') }} as lines
    inner join {{ ref('int_orders__with_customers') }} as orders on lines.order_id = orders.order_id
    left join {{ ref('int_products__classes') }} as classes on lines.product_id = classes.product_id
    left join {{ ref('canonical_orders') }} as named on orders.returned_order_id = named.order_id
    where
        lines.item_quantity >= 0
        and lines.sales_amount < 0
        and classes.product_id is null
        -- what an order takes back that nobody knows is its own affair
        and (orders.returned_order_id is null or named.order_id is not null)

),

sold as (

    select
        lines.order_id,
        lines.product_id,
        lines.item_quantity,
        lines.sales_amount,
        orders.customer_id,
        orders.currency_code,
        orders.order_date
    from {{ ref('canonical_order_lines') }} as lines
    inner join {{ ref('int_orders__with_customers') }} as orders on lines.order_id = orders.order_id
    where
        lines.item_quantity > 0
        and lines.sales_amount > 0
        and lines.product_id in (select doubtful.product_id from doubtful)

),

-- Each place by itself: together they would be looked for among all sales of the article.
places as (

    {% for place in [
        'doubtful.order_id = sold.order_id',
        'doubtful.returned_order_id = sold.order_id',
        'doubtful.customer_id = sold.customer_id and doubtful.order_date >= sold.order_date',
    ] %}
    select
        doubtful.order_id,
        doubtful.product_id,
        doubtful.line_number,
        sold.order_id as sold_order_id,
        doubtful.taken_off_amount * sold.item_quantity
        >= sold.sales_amount * doubtful.item_quantity as is_full_price
    from doubtful
    inner join sold
        on
            doubtful.product_id = sold.product_id
            and doubtful.currency_code is not distinct from sold.currency_code
            and {{ place }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

judged as (

    select
        doubtful.order_id,
        doubtful.product_id,
        doubtful.line_number,
        coalesce(bool_or(doubtful.returned_order_id = places.sold_order_id), false) as is_of_named,
        coalesce(bool_or(doubtful.order_id = places.sold_order_id), false) as is_of_own,
        coalesce(
            bool_or(doubtful.order_id = places.sold_order_id and places.is_full_price), false
        ) as is_at_full_price,
        count(places.sold_order_id) > 0 as is_sold
    from doubtful
    left join places
        on
            doubtful.order_id = places.order_id
            and doubtful.product_id = places.product_id
            and doubtful.line_number = places.line_number
    group by doubtful.order_id, doubtful.product_id, doubtful.line_number

)

select
    order_id,
    product_id,
    line_number
from judged
where not is_sold or (is_of_own and not is_of_named and not is_at_full_price)
