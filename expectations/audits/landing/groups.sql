-- One row per group of streams that is pulled together: did its pull come to an end tonight? One that
-- did not leaves the news of the others usable; its own streams are those of an earlier night. A source
-- that the firm declares itself is a group, and has a row here when its pull failed.
with

known as (

    select *
    from (
        values
        ('hubspot_contacts', true),
        ('hubspot_deals', false),
        ('hubspot_tickets', false),
        ('hubspot_engagements', false),
        ('hubspot_marketing_email', true),
        ('hubspot_reconciliation', false),
        ('hubspot_associations', false),
        ('hubspot_preferences', true),
        ('klaviyo_profiles', true),
        ('klaviyo_lists', false),
        ('klaviyo_campaigns', false),
        ('klaviyo_flows', false),
        ('klaviyo_events', true),
        ('klaviyo_reconciliation', false),
        ('shop_catalog', false),
        ('shop_orders', false),
        ('shop_reconciliation', false)
    ) as known (group_name, bears_consent)

),

missing as (

    select unnest(getvariable('missing')) as group_name

),

groups as (

    select
        group_name,
        bears_consent,
        group_name in (select missing.group_name from missing) as is_missing
    from known

    union all

    select
        group_name,
        coalesce(list_contains(getvariable('consenting'), group_name), false) as bears_consent,
        true as is_missing
    from missing
    where group_name not in (select known.group_name from known)

)

select
    group_name,
    (bears_consent and is_missing)::integer as is_consent_missing,
    is_missing::integer as is_missing
from groups
order by group_name;
