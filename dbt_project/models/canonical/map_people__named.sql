-- An order or an event can arrive before the record it names; nobody's history waits for that. Any
-- version of it that could be read, as who was named once is known.
select
    'shop' as source,
    shop_customer_id as contact_id,
    min(greatest(cast(load_date as date), cast(ordered_at as date))) as first_load_date,
    min(ordered_at) as first_named_at
from {{ ref('base_shop__orders') }}
-- a guest is nobody
where quarantine_reason is null and is_seen and shop_customer_id is not null
group by shop_customer_id
union all
select
    'klaviyo' as source,
    profile_id as contact_id,
    min(greatest(cast(load_date as date), cast(occurred_at as date))) as first_load_date,
    min(occurred_at) as first_named_at
from {{ ref('base_klaviyo__events') }}
where quarantine_reason is null and is_seen
group by profile_id
