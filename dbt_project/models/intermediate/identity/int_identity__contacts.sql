{{ config(materialized='table') }}

with

hubspot as (

    select
        'hubspot' as source,
        contact_id as source_record_id,
        shop_customer_number as external_id,
        email,
        first_name,
        last_name,
        phone,
        is_archived,
        true as is_record,
        created_at
    from {{ ref('stg_hubspot__contacts') }}

),

klaviyo as (

    select
        'klaviyo' as source,
        profile_id as source_record_id,
        external_id,
        email,
        first_name,
        last_name,
        phone,
        false as is_archived,
        true as is_record,
        created_at
    from {{ ref('stg_klaviyo__profiles') }}

),

shop as (

    select
        'shop' as source,
        shop_customer_id as source_record_id,
        shop_customer_id as external_id,
        email,
        null as first_name,
        null as last_name,
        null as phone,
        false as is_archived,
        true as is_record,
        created_at
    from {{ ref('stg_shop__customers') }}

),

-- An order or an event can arrive before the record it names; nobody's history waits for that.
named_by_orders as (

    select
        'shop' as source,
        shop_customer_id as source_record_id,
        shop_customer_id as external_id,
        min(ordered_at) as created_at
    from {{ ref('stg_shop__orders') }}
    where shop_customer_id not in (select shop.source_record_id from shop)
    group by shop_customer_id

),

named_by_events as (

    select
        'klaviyo' as source,
        profile_id as source_record_id,
        null as external_id,
        min(occurred_at) as created_at
    from {{ ref('stg_klaviyo__events') }}
    where profile_id not in (select klaviyo.source_record_id from klaviyo)
    group by profile_id

),

named_only as (

    select * from named_by_orders
    union all
    select * from named_by_events

)

select * from hubspot
union all
select * from klaviyo
union all
select * from shop
union all
select
    source,
    source_record_id,
    external_id,
    null as email,
    null as first_name,
    null as last_name,
    null as phone,
    false as is_archived,
    false as is_record,
    created_at
from named_only
