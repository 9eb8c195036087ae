-- An event of a source is at most one row of a fact, however many records its customer has.
with

touchpoints as (

    select
        source,
        count(*) as fact_count
    from {{ ref('fct_touchpoints') }}
    where source = 'klaviyo' or (source = 'shop' and event_type = 'ordered')
    group by source

),

counted as (

    select
        'touchpoints of ' || source as what,
        fact_count,
        case source
            when 'shop'
                then (
                    select count(*)
                    from {{ ref('canonical_orders') }} as orders
                    where orders.source = 'shop'
                )
            else (select count(*) from {{ ref('stg_klaviyo__events') }})
        end as staged_count
    from touchpoints
    union all
    select
        'orders' as what,
        (select count(*) from {{ ref('fct_orders') }}) as fact_count,
        (select count(*) from {{ ref('canonical_orders') }}) as staged_count

)

select * from counted
where fact_count > staged_count
