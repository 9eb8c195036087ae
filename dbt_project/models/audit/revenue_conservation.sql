-- Every line that was staged is in a mart or waits for its order, and so is its amount: counted in staging, in
-- what is known of returns, and in the marts, which are three ways that have to meet.
with

order_versions as (

    select
        order_id,
        bool_and(is_quarantined) as is_quarantined
    from {{ ref('base_shop__orders') }}
    group by order_id

),

placed as (

    select
        case
            when orders.order_id is not null then 'marts'
            when versions.is_quarantined is null then 'order has not come'
            when versions.is_quarantined then 'order is in quarantine'
            else 'order lies after the night'
        end as place,
        coalesce(orders.currency_code, 'none') as currency_code,
        lines.sales_amount
    from {{ ref('canonical_order_lines') }} as lines
    left join {{ ref('canonical_orders') }} as orders on lines.order_id = orders.order_id
    left join order_versions as versions on lines.order_id = versions.order_id

),

-- Given back by the mailing tool's word, of orders that no mart has. An event tells no currency.
waiting_refunds as (

    select
        case
            when events.told_order_id is null then 'no order is named'
            when versions.is_quarantined is null then 'order has not come'
            when versions.is_quarantined then 'order is in quarantine'
            else 'order lies after the night'
        end as place,
        count(*) as refund_count,
        coalesce(sum(abs(events.order_amount)), 0) as refund_amount
    from {{ ref('int_orders__refund_events') }} as events
    left join order_versions as versions on events.told_order_id = versions.order_id
    where events.order_id is null
    group by place

),

staged as (

    select
        place,
        currency_code,
        place || ', ' || currency_code as revenue_of,
        count(*) as staged_line_count,
        sum(sales_amount) as staged_amount,
        0 as waiting_refund_count,
        0 as waiting_refund_amount
    from placed
    group by place, currency_code
    union all
    -- the gate shows the name of a row and none of its values
    select
        place,
        'none' as currency_code,
        'refunds, ' || place || ': ' || refund_count || ' of ' || refund_amount as revenue_of,
        0 as staged_line_count,
        0 as staged_amount,
        refund_count as waiting_refund_count,
        refund_amount as waiting_refund_amount
    from waiting_refunds
    union all
    -- an empty shop: looked at, and nothing found
    select
        'nowhere' as place,
        'none' as currency_code,
        'no lines' as revenue_of,
        0 as staged_line_count,
        0 as staged_amount,
        0 as waiting_refund_count,
        0 as waiting_refund_amount
    where not exists (select 1 from placed)

),

staged_orders as (

    select
        currency_code,
        count(*) as staged_order_count
    from {{ ref('canonical_orders') }}
    group by currency_code

),

lines as (

    select
        currency_code,
        count(*) as line_count,
        sum(gross_amount) as gross_amount,
        sum(returned_amount) as returned_amount,
        sum(sales_amount) as net_amount,
        sum(sales_amount) filter (where product_class = 'goods') as goods_amount,
        sum(sales_amount) filter (where product_class <> 'goods') as no_goods_amount
    from {{ ref('fct_order_lines') }}
    group by currency_code

),

orders as (

    select
        currency_code,
        count(*) as order_count,
        count(*) filter (where is_kept) as kept_order_count,
        sum(sales_amount) as order_amount,
        sum(sales_amount) filter (where buyer_kind = 'customer') as customer_amount,
        sum(sales_amount) filter (where buyer_kind = 'guest') as guest_amount,
        sum(sales_amount) filter (where buyer_kind = 'unknown_account') as unknown_account_amount
    from {{ ref('fct_orders') }}
    group by currency_code

),

-- What lines of the shop brought back, and what was given back by a word: a status, the mailing tool.
brought_back as (

    select
        orders.currency_code,
        sum(returns.returned_amount) as brought_back_amount,
        sum(returns.booked_amount) as booked_amount
    from {{ ref('int_orders__return_lines') }} as returns
    inner join {{ ref('canonical_orders') }} as orders on returns.order_id = orders.order_id
    group by orders.currency_code

),

taken_back as (

    select
        orders.currency_code,
        sum(returned.returned_amount) as taken_back_amount
    from {{ ref('int_orders__returned_lines') }} as returned
    inner join {{ ref('canonical_orders') }} as orders on returned.order_id = orders.order_id
    group by orders.currency_code

),

-- Refunds of nobody knows how much: sales that may be too high.
unread as (

    select
        orders.currency_code,
        sum(refunds.unreadable_count) as unreadable_refund_count
    from {{ ref('int_orders__refunds') }} as refunds
    inner join {{ ref('canonical_orders') }} as orders on refunds.order_id = orders.order_id
    group by orders.currency_code

),

-- Reports add up one currency, and others as far as the firm has rates.
reported as (

    select
        {{ reporting_currency() }} as currency_code,
        (select sum(reporting_sales_amount) from {{ ref('fct_orders') }}) as summed_amount,
        (select sum(sales_amount) from {{ ref('rpt_channel_months') }}) as channel_amount,
        (select sum(sales_amount) from {{ ref('rpt_cohort_retention') }}) as cohort_amount,
        -- what lies after the latest day of the reporting clock is in no cohort yet
        (
            select sum(reporting_sales_amount)
            from {{ ref('fct_orders') }}
            where order_date <= last_day({{ latest_day() }})
        ) as due_amount

),

summed as (

    select
        staged.revenue_of,
        staged.staged_line_count,
        staged.staged_amount,
        staged.waiting_refund_count,
        staged.waiting_refund_amount,
        staged_orders.staged_order_count,
        orders.order_count,
        orders.kept_order_count,
        lines.line_count,
        lines.gross_amount,
        lines.returned_amount,
        lines.net_amount,
        coalesce(brought_back.brought_back_amount, 0) as brought_back_amount,
        coalesce(taken_back.taken_back_amount, 0)
        - coalesce(brought_back.booked_amount, 0) as told_back_amount,
        coalesce(unread.unreadable_refund_count, 0) as unreadable_refund_count,
        coalesce(orders.customer_amount, 0) as customer_amount,
        coalesce(orders.guest_amount, 0) as guest_amount,
        coalesce(orders.unknown_account_amount, 0) as unknown_account_amount,
        coalesce(lines.goods_amount, 0) as goods_amount,
        coalesce(lines.no_goods_amount, 0) as no_goods_amount,
        orders.order_amount,
        reported.channel_amount - reported.summed_amount as channel_difference,
        reported.cohort_amount - reported.due_amount as cohort_difference,
        staged.place = 'marts' as is_in_marts
    from staged
    left join lines
        on staged.currency_code = lines.currency_code and staged.place = 'marts'
    left join orders
        on staged.currency_code = orders.currency_code and staged.place = 'marts'
    left join staged_orders
        on staged.currency_code = staged_orders.currency_code and staged.place = 'marts'
    left join brought_back
        on staged.currency_code = brought_back.currency_code and staged.place = 'marts'
    left join taken_back
        on staged.currency_code = taken_back.currency_code and staged.place = 'marts'
    left join unread
        on staged.currency_code = unread.currency_code and staged.place = 'marts'
    left join reported
        on staged.currency_code = reported.currency_code and staged.place = 'marts'

)

select
    revenue_of,
    staged_line_count,
    staged_amount,
    coalesce(order_count, 0) as order_count,
    coalesce(kept_order_count, 0) as kept_order_count,
    coalesce(line_count, 0) as line_count,
    coalesce(gross_amount, 0) as gross_amount,
    coalesce(returned_amount, 0) as returned_amount,
    coalesce(net_amount, 0) as net_amount,
    brought_back_amount,
    told_back_amount,
    customer_amount,
    guest_amount,
    unknown_account_amount,
    goods_amount,
    no_goods_amount,
    case when is_in_marts then staged_line_count - coalesce(line_count, 0) else 0 end
        as line_difference,
    case when is_in_marts then coalesce(staged_order_count, 0) - coalesce(order_count, 0) else 0 end
        as order_difference,
    case
        when is_in_marts
            then staged_amount - (coalesce(gross_amount, 0) - brought_back_amount)
        else 0
    end as staged_difference,
    case
        when is_in_marts
            then coalesce(returned_amount, 0) - brought_back_amount - told_back_amount
        else 0
    end as returned_difference,
    case
        when is_in_marts
            then coalesce(gross_amount, 0) - coalesce(returned_amount, 0) - coalesce(order_amount, 0)
        else 0
    end as net_difference,
    coalesce(channel_difference, 0) as channel_difference,
    coalesce(cohort_difference, 0) as cohort_difference,
    case when is_in_marts then 0 else staged_line_count end as waiting_line_count,
    unreadable_refund_count,
    waiting_refund_count,
    waiting_refund_amount
from summed
