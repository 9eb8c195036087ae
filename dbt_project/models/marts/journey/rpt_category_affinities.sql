{% set floor = var('need_least_support') %}

with

bought as (

    select
        customer_id,
        product_category
    from {{ ref('fct_customer_categories') }}
    where last_bought_date > {{ latest_day() }} - {{ var('need_lookback_days') }}

),

-- The same customers every night, whoever else comes: what people buy together does not need all of them.
drawn as (

    select customer_id
    from (select distinct customer_id from bought) as customers
    qualify
        row_number() over (order by md5(customer_id) nulls last, customer_id nulls last)
        <= {{ var('need_most_drawn_customers') }}

),

of_drawn as (

    select
        bought.customer_id,
        bought.product_category
    from bought
    inner join drawn on bought.customer_id = drawn.customer_id

),

buyers as (

    select
        product_category,
        count(*) as buyer_count
    from of_drawn
    group by product_category

),

-- A pair is counted once, and told both ways.
together as (

    select
        one.product_category,
        other.product_category as other_category,
        count(*) as both_count
    from of_drawn as one
    inner join of_drawn as other
        on one.customer_id = other.customer_id and one.product_category < other.product_category
    group by one.product_category, other.product_category
    having count(*) >= {{ floor }}

),

both_ways as (

    select
        product_category,
        other_category,
        both_count
    from together
    union all
    select
        other_category as product_category,
        product_category as other_category,
        both_count
    from together

),

measured as (

    select
        both_ways.product_category,
        both_ways.other_category,
        both_ways.both_count,
        buyers.buyer_count,
        others.buyer_count as other_buyer_count,
        base.customer_count,
        {{ ratio('both_ways.both_count', 'buyers.buyer_count') }} as both_share,
        {{ ratio('others.buyer_count', 'base.customer_count') }} as other_share,
        {{ wilson_low('both_ways.both_count', 'buyers.buyer_count') }} as both_share_low
    from both_ways
    inner join buyers on both_ways.product_category = buyers.product_category
    inner join buyers as others on both_ways.other_category = others.product_category
    cross join (select count(*) as customer_count from drawn) as base

)

select
    cast(product_category as string) as product_category,
    cast(other_category as string) as other_category,
    cast(both_count as bigint) as both_count,
    cast(buyer_count as bigint) as buyer_count,
    cast(other_buyer_count as bigint) as other_buyer_count,
    cast(customer_count as bigint) as customer_count,
    cast(round(both_share * 1e6) / 1e6 as double) as both_share,
    cast(round(other_share * 1e6) / 1e6 as double) as other_share,
    -- drawn towards 1 by as many customers as the least support: few make no strong tie
    cast(
        round(
            (both_count + {{ floor }})
            / (cast(buyer_count as double) * other_share + {{ floor }}) * 1e6
        ) / 1e6 as double
    ) as lift,
    both_share_low > other_share as is_bought_together
from measured
qualify
    row_number() over (
        partition by product_category
        order by both_share desc nulls last, other_category nulls last
    ) <= {{ var('need_most_affinities') }}
