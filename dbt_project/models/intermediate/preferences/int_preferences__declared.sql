-- Where several records of a customer say something, the stricter holds: the smaller cap, the
-- longer pause, only what no record leaves out. A record that was merged away speaks through its
-- survivor.
with

answers as (

    select
        contact_map.customer_id,
        preferences.*,
        zone_names.time_zone as known_time_zone,
        row_number() over (
            partition by contact_map.customer_id
            order by
                preferences.preferences_updated_at desc nulls last,
                preferences.updated_at desc nulls last,
                preferences.contact_id asc nulls last,
                preferences.source asc nulls last
        ) as newness
    from {{ ref('canonical_preferences') }} as preferences
    left join {{ ref('int_clocks__zone_names') }} as zone_names
        on {{ zone_key('preferences.time_zone') }} = zone_names.spelling_key
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on
            preferences.source = contact_map.source
            and preferences.contact_id = contact_map.source_record_id
    where preferences.merged_into_contact_id is null

),

declared as (

    select
        customer_id,
        min_by(declared_relationship, newness) filter (where declared_relationship is not null)
            as declared_relationship,
        {{ in_any_list('wanted_topics') }} as wanted_topics,
        {{ in_any_list('unwanted_topics') }} as unwanted_topics,
        {{ in_all_lists('allowed_channels', marketing_channels()) }} as allowed_channels,
        min(max_marketing_messages_30d) as max_marketing_messages_30d,
        bit_and(allowed_hours) as allowed_hours,
        bit_and(allowed_weekdays) as allowed_weekdays,
        max(marketing_pause_until) as pause_until_date,
        min_by(known_time_zone, newness) filter (where known_time_zone is not null) as time_zone,
        min_by(loyalty_status, newness) filter (where loyalty_status is not null) as loyalty_status,
        {{ in_any_list('declared_values') }} as declared_values,
        {{ in_any_list('interests') }} as interests,
        max(preferences_updated_at) as preferences_updated_at,
        {{ those_of(
            in_any_list('unreadable_fields'),
            'field',
            'field in (' ~ sql_texts(lasting_contact_properties()) ~ ')'
        ) }} as unreadable_preferences
    from answers
    group by customer_id

),

-- What the mailing tool itself would let through: one profile of theirs that it blocks is enough.
-- An address that bounced is dead and says nothing of the others.
mailed as (

    select
        contact_map.customer_id,
        contacts.email,
        contacts.is_email_deliverable,
        contacts.has_bounced,
        zone_names.time_zone,
        row_number() over (
            partition by contact_map.customer_id
            order by
                contacts.updated_at desc nulls last,
                contacts.contact_id asc nulls last,
                contacts.source asc nulls last
        ) as newness
    from {{ ref('canonical_contacts') }} as contacts
    left join {{ ref('int_clocks__zone_names') }} as zone_names
        on {{ zone_key('contacts.time_zone') }} = zone_names.spelling_key
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on
            contacts.source = contact_map.source
            and contacts.contact_id = contact_map.source_record_id
    where
        contacts.is_current
        and not contacts.is_removed
        and (
            contacts.is_email_deliverable is not null
            or contacts.time_zone is not null
            {{ 'or contacts.email is not null' if not is_delivery_told() }}
        )

),

mailing as (

    select
        customer_id,
        bool_and(is_email_deliverable) filter (where not has_bounced) as is_email_deliverable,
        bool_or(email is not null and not has_bounced) as has_address,
        min_by(time_zone, newness) filter (where time_zone is not null) as time_zone
    from mailed
    group by customer_id

)

select
    customers.customer_id,
    customers.language_code,
    -- The one place that decides whose clock is theirs; never null, so that nobody guesses again.
    coalesce(
        declared.time_zone,
        mailing.time_zone,
        country_zones.time_zone,
        {{ sql_text(var('reporting_time_zone')) }}
    ) as time_zone,
    case
        when declared.time_zone is not null then 'crm'
        when mailing.time_zone is not null then 'mailing'
        when country_zones.time_zone is not null then 'country'
        else 'house'
    end as time_zone_source,
    -- where no source says what it can deliver, an address is one until it bounces
    coalesce(
        mailing.is_email_deliverable,
        {{ 'false' if is_delivery_told() else 'mailing.has_address' }},
        false
    ) as is_email_deliverable,
    declared.declared_relationship,
    declared.wanted_topics,
    declared.unwanted_topics,
    declared.allowed_channels,
    declared.max_marketing_messages_30d,
    declared.allowed_hours,
    declared.allowed_weekdays,
    declared.pause_until_date,
    declared.loyalty_status,
    declared.declared_values,
    declared.interests,
    declared.preferences_updated_at,
    coalesce(declared.unreadable_preferences, {{ empty_list('string') }}) as unreadable_preferences
from {{ ref('int_identity__customers') }} as customers
left join declared on customers.customer_id = declared.customer_id
left join mailing on customers.customer_id = mailing.customer_id
left join {{ ref('int_places__country_zones') }} as country_zones
    on customers.country_code = country_zones.country_code
