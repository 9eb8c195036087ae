with

-- The same stretch of weekdays before the campaign: so many whole weeks earlier that it is over before the
-- message comes.
reached as (

    select
        campaign_id,
        customer_id,
        reached_at,
        reached_date,
        window_days,
        offer_until_date,
        cast(
            greatest(
                {{ var('campaign_baseline_days') }},
                7 * ceil(
                    cast(
                        coalesce({{ days_between('reached_date', 'offer_until_date') }} + 1, window_days) as double
                    ) / 7
                )
            ) as integer
        ) as shift_days
    from {{ ref('fct_campaign_recipients') }}
    where is_reached and window_until_date < {{ latest_day() }}

),

shifted as (

    select
        *,
        {{ days_later('reached_at', '-shift_days') }} as earlier_at,
        reached_date - shift_days as earlier_date,
        offer_until_date - shift_days as earlier_until_date
    from reached

),

-- Who was a customer by then ...
known as (

    select shifted.*
    from shifted
    inner join {{ ref('dim_customers') }} as customers
        on
            shifted.customer_id = customers.customer_id
            and customers.first_seen_date <= shifted.earlier_date

),

-- ... and had no message then, nor just before, whose doing the orders could be.
compared as (

    select known.*
    from known
    anti join (
        select
            customer_id,
            contact_date
        from {{ ref('fct_contact_days') }}
        where message_class = 'marketing'
    ) as contacts
        on
            known.customer_id = contacts.customer_id
            and contacts.contact_date >= known.earlier_date - known.window_days
            and contacts.contact_date
            <= coalesce(known.earlier_until_date, known.earlier_date + known.window_days)

),

orders as (

    select
        customer_id,
        ordered_at,
        order_date as ordered_date
    from {{ ref('fct_orders') }}
    where is_kept and customer_id is not null

),

outcomes as (

    select
        compared.campaign_id,
        compared.customer_id,
        bool_or({{ is_answer_to(
            'compared.reached', 'orders.ordered', 'compared.window_days', 'compared.offer_until_date'
        ) }}) as has_ordered,
        bool_or({{ is_answer_to(
            'compared.earlier', 'orders.ordered', 'compared.window_days', 'compared.earlier_until_date'
        ) }}) as has_ordered_earlier
    from compared
    inner join orders on compared.customer_id = orders.customer_id
    group by compared.campaign_id, compared.customer_id

),

counted as (

    select
        campaign_id,
        count(*) as compared_count
    from compared
    group by campaign_id

),

ordered as (

    select
        campaign_id,
        count(*) filter (where has_ordered) as ordered_count,
        count(*) filter (where has_ordered_earlier) as baseline_ordered_count,
        count(*) filter (where has_ordered and not has_ordered_earlier) as only_ordered_count,
        count(*) filter (where has_ordered_earlier and not has_ordered) as only_baseline_count
    from outcomes
    group by campaign_id

)

select
    counted.campaign_id,
    cast(counted.compared_count as bigint) as compared_count,
    {% for column in ['ordered', 'baseline_ordered', 'only_ordered', 'only_baseline'] %}
    cast(coalesce(ordered.{{ column }}_count, 0) as bigint) as {{ column }}_count{{ ',' if not loop.last }}
    {% endfor %}
from counted
left join ordered on counted.campaign_id = ordered.campaign_id
