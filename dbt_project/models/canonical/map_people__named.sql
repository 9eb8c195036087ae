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
union all
select
    source,
    contact_id,
    min(greatest(load_date, cast(named_at as date))) as first_load_date,
    min(named_at) as first_named_at
from (
    select
        source,
        contact_id,
        load_date,
        ordered_at as named_at,
        is_quarantined,
        is_seen
    from {{ ref('base_mapped__orders') }}
    union all
    select
        source,
        contact_id,
        load_date,
        occurred_at as named_at,
        is_quarantined,
        is_seen
    from {{ ref('base_mapped__message_events') }}
    union all
    select
        source,
        contact_id,
        load_date,
        occurred_at as named_at,
        is_quarantined,
        is_seen
    from {{ ref('base_mapped__web_events') }}
) as events
where not is_quarantined and is_seen and contact_id is not null
group by source, contact_id
