{{ config(materialized='table') }}

-- Whose sale a return takes back: of the order that it names, else the customer's latest sales of
-- the article up to its day, one after another, else of its own order. A sale takes back no more
-- than it gave, the earliest return first. What is beyond that, or finds no sale, is not guessed
-- at: it lowers the sales of its own day. A return that was cancelled lowers nothing.
with

brought_back as (

    select
        *,
        abs(item_quantity) as returned_quantity,
        abs(sales_amount) as returned_amount
    from {{ ref('int_orders__signed_lines') }}
    where is_return

),

-- Sales that a return may take back: most lines are none, and what follows sorts those that are.
sales as (

    select lines.*
    from {{ ref('int_orders__signed_lines') }} as lines
    where
        not lines.is_return
        and lines.item_quantity > 0
        and lines.sales_amount >= 0
        and (
            lines.order_id in (
                select coalesce(brought_back.returned_order_id, brought_back.order_id)
                from brought_back
            )
            or (lines.customer_id, lines.product_id) in (
                select
                    brought_back.customer_id,
                    brought_back.product_id
                from brought_back
            )
        )

),

-- Whoever exchanges a thing brings back what they had, not what they take along.
with_earlier_sale as (

    select distinct
        brought_back.order_id,
        brought_back.product_id,
        brought_back.line_number
    from brought_back
    inner join sales
        on
            brought_back.customer_id = sales.customer_id
            and brought_back.product_id = sales.product_id
            and brought_back.currency_code = sales.currency_code
            and brought_back.order_date >= sales.order_date
            and brought_back.order_id <> sales.order_id
    where brought_back.returned_order_id is null and not sales.is_cancelled

),

returns as (

    select
        brought_back.*,
        case
            when with_earlier_sale.order_id is null
                then coalesce(brought_back.returned_order_id, brought_back.order_id)
        end as named_order_id
    from brought_back
    left join with_earlier_sale
        on
            brought_back.order_id = with_earlier_sale.order_id
            and brought_back.product_id = with_earlier_sale.product_id
            and brought_back.line_number = with_earlier_sale.line_number
    where not brought_back.is_cancelled

),

-- Pieces of an order in the order of its lines, and those that came back as they came: piece by
-- piece they meet.
named_returns as (

    select
        *,
        sum(returned_quantity) over (
            partition by named_order_id, product_id, currency_code
            order by ordered_at nulls last, order_id nulls last, line_number nulls last
            rows between unbounded preceding and current row
        ) as up_to_piece
    from returns
    where named_order_id is not null and returned_quantity > 0

),

named_sales as (

    select
        *,
        sum(item_quantity) over (
            partition by order_id, product_id, currency_code
            order by line_number nulls last
            rows between unbounded preceding and current row
        ) as up_to_piece
    from sales

),

of_named as (

    select
        named_returns.order_id,
        named_returns.product_id,
        named_returns.line_number,
        named_sales.order_id as sold_order_id,
        named_sales.line_number as sold_line_number,
        least(named_returns.up_to_piece, named_sales.up_to_piece)
        - greatest(
            named_returns.up_to_piece - named_returns.returned_quantity,
            named_sales.up_to_piece - named_sales.item_quantity
        ) as quantity
    from named_returns
    inner join named_sales
        on
            named_returns.named_order_id = named_sales.order_id
            and named_returns.product_id = named_sales.product_id
            and named_returns.currency_code = named_sales.currency_code
            and named_returns.up_to_piece > named_sales.up_to_piece - named_sales.item_quantity
            and named_sales.up_to_piece
            > named_returns.up_to_piece - named_returns.returned_quantity

),

taken_by_name as (

    select
        sold_order_id,
        product_id,
        sold_line_number,
        sum(quantity) as quantity
    from of_named
    group by sold_order_id, product_id, sold_line_number

),

exchanges as (

    select distinct
        order_id,
        product_id
    from returns
    where named_order_id is null and returned_quantity > 0

),

-- The others: what a customer has of an article is a pile. A sale lays its pieces on it, a return
-- takes from the top, so that a piece that is taken is the last one laid at its height.
moves as (

    select
        customer_id,
        product_id,
        currency_code,
        order_id,
        line_number,
        order_date,
        ordered_at,
        1 as turn,
        -returned_quantity as pieces
    from returns
    where named_order_id is null and returned_quantity > 0
    union all
    select
        sales.customer_id,
        sales.product_id,
        sales.currency_code,
        sales.order_id,
        sales.line_number,
        sales.order_date,
        sales.ordered_at,
        -- of one day sales come first, but those of an exchange
        case when exchanges.order_id is null then 0 else 2 end as turn,
        sales.item_quantity - coalesce(taken_by_name.quantity, 0) as pieces
    from sales
    left join taken_by_name
        on
            sales.order_id = taken_by_name.sold_order_id
            and sales.product_id = taken_by_name.product_id
            and sales.line_number = taken_by_name.sold_line_number
    left join exchanges
        on sales.order_id = exchanges.order_id and sales.product_id = exchanges.product_id
    where not sales.is_cancelled and sales.customer_id is not null

),

numbered as (

    select
        *,
        row_number() over (
            partition by customer_id, product_id, currency_code
            order by
                order_date nulls last,
                turn nulls last,
                ordered_at nulls last,
                order_id nulls last,
                line_number nulls last
        ) as move_number
    from moves
    where
        (customer_id, product_id) in (
            select
                returns.customer_id,
                returns.product_id
            from returns
            where returns.named_order_id is null
        )

),

summed as (

    select
        *,
        sum(pieces) over so_far as balance
    from numbered
    window
        so_far as (
            partition by customer_id, product_id, currency_code
            order by move_number nulls last
            rows between unbounded preceding and current row
        )

),

-- No pile is lower than nothing: what is beyond it was not on it.
piled as (

    select
        *,
        balance - least(min(balance) over so_far, 0) as height
    from summed
    window
        so_far as (
            partition by customer_id, product_id, currency_code
            order by move_number nulls last
            rows between unbounded preceding and current row
        )

),

stretches as (

    select
        *,
        coalesce(
            lag(height) over (
                partition by customer_id, product_id, currency_code
                order by move_number nulls last
            ),
            0
        ) as height_before
    from piled

),

every_height as (

    select
        customer_id,
        product_id,
        currency_code,
        height
    from stretches
    union
    select
        customer_id,
        product_id,
        currency_code,
        height_before as height
    from stretches

),

heights as (

    select
        customer_id,
        product_id,
        currency_code,
        height as from_height,
        lead(height) over (
            partition by customer_id, product_id, currency_code
            order by height nulls last
        ) as to_height
    from every_height

),

layers as (

    select
        stretches.order_id,
        stretches.product_id,
        stretches.line_number,
        stretches.turn,
        heights.to_height - heights.from_height as quantity,
        lag(stretches.order_id) over layer as sold_order_id,
        lag(stretches.line_number) over layer as sold_line_number
    from stretches
    inner join heights
        on
            stretches.customer_id = heights.customer_id
            and stretches.product_id = heights.product_id
            and stretches.currency_code = heights.currency_code
            and least(stretches.height_before, stretches.height) <= heights.from_height
            and greatest(stretches.height_before, stretches.height) >= heights.to_height
    window
        layer as (
            partition by
                stretches.customer_id,
                stretches.product_id,
                stretches.currency_code,
                heights.from_height
            order by stretches.move_number nulls last
        )

),

-- Money given back for no pieces is of one sale.
credited_sales as (

    {% for whose in [
        'returns.named_order_id = sales.order_id',
        'returns.named_order_id is null
            and returns.customer_id = sales.customer_id
            and returns.order_date >= sales.order_date
            and returns.order_id <> sales.order_id
            and not sales.is_cancelled',
    ] %}
    select
        returns.order_id,
        returns.product_id,
        returns.line_number,
        sales.order_id as sold_order_id,
        sales.line_number as sold_line_number,
        sales.ordered_at as sold_at
    from returns
    inner join sales
        on
            returns.product_id = sales.product_id
            and returns.currency_code = sales.currency_code
            and {{ whose }}
    where returns.returned_quantity = 0
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

credits as (

    select
        order_id,
        product_id,
        line_number,
        sold_order_id,
        sold_line_number
    from credited_sales
    qualify row_number() over (
        partition by order_id, product_id, line_number
        order by
            sold_at desc nulls last,
            sold_order_id asc nulls last,
            sold_line_number asc nulls last
    ) = 1

),

found as (

    select
        order_id,
        product_id,
        line_number,
        sold_order_id,
        sold_line_number,
        0 as quantity
    from credits
    union all
    select
        order_id,
        product_id,
        line_number,
        sold_order_id,
        sold_line_number,
        quantity
    from of_named
    union all
    select
        order_id,
        product_id,
        line_number,
        sold_order_id,
        sold_line_number,
        sum(quantity) as quantity
    from layers
    where turn = 1
    group by order_id, product_id, line_number, sold_order_id, sold_line_number

),

-- A return's amount falls to its pieces alike: differences of rounded sums, which meet to the cent.
portions as (

    select
        found.*,
        returns.ordered_at,
        returns.returned_quantity,
        returns.returned_amount,
        sum(found.quantity) over (
            partition by found.order_id, found.product_id, found.line_number
            order by
                sales.ordered_at desc nulls last,
                found.sold_order_id asc nulls last,
                found.sold_line_number asc nulls last
            rows between unbounded preceding and current row
        ) as quantity_so_far,
        greatest(sales.sales_amount, 0) as sold_amount
    from found
    inner join returns
        on
            found.order_id = returns.order_id
            and found.product_id = returns.product_id
            and found.line_number = returns.line_number
    inner join sales
        on
            found.sold_order_id = sales.order_id
            and found.product_id = sales.product_id
            and found.sold_line_number = sales.line_number

),

priced as (

    select
        *,
        case
            when returned_quantity = 0 then returned_amount
            else
                {{ share_of_pieces('quantity_so_far') }}
                - {{ share_of_pieces('(quantity_so_far - quantity)') }}
        end as amount
    from portions

),

taken as (

    select
        *,
        sum(amount) over (
            partition by sold_order_id, product_id, sold_line_number
            order by ordered_at nulls last, order_id nulls last, line_number nulls last
            rows between unbounded preceding and current row
        ) as amount_so_far
    from priced

),

booked as (

    select
        order_id,
        product_id,
        line_number,
        sold_order_id,
        sold_line_number,
        quantity as returned_quantity,
        amount as returned_amount,
        least(amount_so_far, sold_amount)
        - least(amount_so_far - amount, sold_amount) as booked_amount
    from taken

),

booked_in_all as (

    select
        order_id,
        product_id,
        line_number,
        sum(returned_quantity) as returned_quantity,
        sum(returned_amount) as returned_amount
    from booked
    group by order_id, product_id, line_number

),

-- what no sale takes back stays on the return's own day, if it was one
spread as (

    select * from booked
    union all
    select
        brought_back.order_id,
        brought_back.product_id,
        brought_back.line_number,
        cast(null as string) as sold_order_id,
        cast(null as bigint) as sold_line_number,
        case
            when brought_back.is_cancelled then 0
            else
                brought_back.returned_quantity
                - coalesce(booked_in_all.returned_quantity, 0)
        end as returned_quantity,
        brought_back.returned_amount
        - coalesce(booked_in_all.returned_amount, 0) as returned_amount,
        case when brought_back.is_cancelled then brought_back.returned_amount else 0 end
            as booked_amount
    from brought_back
    left join booked_in_all
        on
            brought_back.order_id = booked_in_all.order_id
            and brought_back.product_id = booked_in_all.product_id
            and brought_back.line_number = booked_in_all.line_number
    where
        booked_in_all.order_id is null
        or booked_in_all.returned_quantity < brought_back.returned_quantity

)

select
    spread.order_id,
    spread.product_id,
    spread.line_number,
    brought_back.customer_id,
    brought_back.is_cancelled,
    coalesce(spread.sold_order_id, brought_back.returned_order_id) as returned_order_id,
    spread.sold_order_id,
    spread.sold_line_number,
    cast(spread.returned_quantity as decimal(18, 3)) as returned_quantity,
    cast(spread.returned_amount as decimal(18, 3)) as returned_amount,
    cast(spread.booked_amount as decimal(18, 3)) as booked_amount
from spread
inner join brought_back
    on
        spread.order_id = brought_back.order_id
        and spread.product_id = brought_back.product_id
        and spread.line_number = brought_back.line_number
