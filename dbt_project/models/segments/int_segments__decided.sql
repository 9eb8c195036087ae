{{
    config(
        schema='intermediate',
        access='private',
        contract={'enforced': false},
    )
}}

with

qualified as (

    select * from {{ ref('int_segments__qualified') }}

),

send_hours as (

    {{ hours_read(ref('int_segments__definitions'), send_window_hours('send_window')) }}

),

send_weekdays as (

    {{ weekdays_read(ref('int_segments__definitions'), send_window_weekdays('send_window')) }}

),

definitions as (

    select
        definitions.*,
        {{ hours_of('coalesce(send_hours.hours, (1 << 24) - 1)') }} as send_hours,
        {{ weekdays_of('coalesce(send_weekdays.weekdays, (1 << 7) - 1)') }} as send_weekdays
    from {{ ref('int_segments__definitions') }} as definitions
    left join send_hours
        on {{ send_window_hours('definitions.send_window') }} = send_hours.text
    left join send_weekdays
        on {{ send_window_weekdays('definitions.send_window') }} = send_weekdays.text

),

resting as (

    select distinct qualified.customer_id
    from qualified
    inner join definitions on qualified.segment = definitions.segment
    where not definitions.takes_slot

),

-- When each of them could be sent what each segment sends.
wishes as (

    select distinct
        qualified.customer_id,
        qualified.segment,
        preferences.time_zone,
        -- a pause is one of marketing
        case
            when definitions.message_class = 'service' then {{ as_of_date() }}
            else {{ pause_in_force('preferences') }}
        end as paused_until_date,
        {{ hours_in_force('preferences') }} as allowed_hours,
        {{ weekdays_in_force('preferences') }} as allowed_weekdays,
        definitions.send_hours,
        definitions.send_weekdays
    from qualified
    inner join definitions on qualified.segment = definitions.segment
    inner join {{ ref('dim_preferences') }} as preferences
        on qualified.customer_id = preferences.customer_id
    where definitions.takes_slot

),

distinct_wishes as (

    select distinct
        time_zone,
        paused_until_date,
        allowed_hours,
        send_hours,
        allowed_weekdays,
        send_weekdays
    from wishes

),

stretches as (

    {{ first_stretches(
        'distinct_wishes',
        hours=['allowed_hours', 'send_hours'],
        weekdays=['allowed_weekdays', 'send_weekdays'],
    ) }}

),

sendings as (

    select
        wishes.customer_id,
        wishes.segment,
        stretches.from_at,
        stretches.until_at
    from wishes
    inner join stretches
        on
            wishes.time_zone = stretches.time_zone
            and wishes.paused_until_date = stretches.paused_until_date
            and wishes.allowed_hours = stretches.allowed_hours
            and wishes.send_hours = stretches.send_hours
            and wishes.allowed_weekdays = stretches.allowed_weekdays
            and wishes.send_weekdays = stretches.send_weekdays

),

-- Clauses that concern one segment at a time; the first that applies is named.
examined as (

    select
        qualified.customer_id,
        qualified.segment,
        qualified.reason,
        qualified.urgency,
        definitions.priority,
        definitions.takes_slot,
        definitions.treatment,
        definitions.channel,
        definitions.send_window,
        definitions.holdout_share,
        definitions.topic,
        definitions.skill,
        definitions.most_per_owner,
        customers.owner_id as own_owner_id,
        preferences.pause_until_date,
        array_contains(preferences.unreadable_preferences, 'wants_relationship')
            as is_unreadable_wish,
        array_contains(preferences.unreadable_preferences, 'max_marketing_messages_30d')
            as is_unreadable_cap,
        array_contains(preferences.unreadable_preferences, 'allowed_hours')
        or array_contains(preferences.unreadable_preferences, 'allowed_weekdays')
            as is_unreadable_time,
        relationships.relationship_type,
        -- not known is not no
        cast(
            case when relationships.wants_relationship = 'no' then 'plain' else 'relationship' end as string
        ) as lane,
        relationships.type_basis,
        relationships.inferred_confidence,
        pressure.contact_cap_source,
        pressure.marketing_contact_count_30d,
        pressure.contact_cap_30d,
        pressure.pulse_answered_date,
        pressure.pulse_until_date,
        sendings.from_at as allowed_from_at,
        sendings.until_at as allowed_until_at,
        definitions.destination,
        case
            when
                (definitions.destination = 'klaviyo' and not customers.has_mailing_profile)
                or (definitions.destination = 'hubspot' and not customers.has_crm_contact)
                then 'no_record_in_destination'
            -- Leaving somebody alone needs nobody's consent.
            when not definitions.takes_slot then cast(null as string)
            when definitions.message_class = 'service'
                then case
                    {{ service_refusals_of('definitions.channel', 'preferences') }}
                    when sendings.from_at is null then 'no_allowed_time'
                end
            {{ refusals_of('definitions.channel', 'preferences') }}
            when
                array_contains({{ refused_topics('definitions.channel', 'preferences') }}, definitions.topic)
                then 'topic_unwanted'
            when preferences.is_paused then 'paused'
            when definitions.is_offer and not relationships.has_offers then 'treatment_without_offers'
            when
                not array_contains(relationships.treatment_channels, definitions.channel)
                then 'treatment_without_channel'
            when sendings.from_at is null then 'no_allowed_time'
            when resting.customer_id is not null then 'over_contacted'
            -- A cap of 0 is reached before the first message.
            when pressure.remaining_30d <= 0 and pressure.contact_cap_source = 'declared'
                then 'over_declared_cap'
            when pressure.remaining_30d <= 0 and pressure.contact_cap_source = 'pulse'
                then 'over_pulse_cap'
            when pressure.contact_cap_30d = 0 and pressure.contact_cap_source = 'treatment'
                then 'treatment_without_marketing'
            when pressure.remaining_30d <= 0 then 'over_cap'
        end as clause
    from qualified
    inner join definitions on qualified.segment = definitions.segment
    inner join {{ ref('dim_customers') }} as customers
        on qualified.customer_id = customers.customer_id
    inner join {{ ref('dim_preferences') }} as preferences
        on qualified.customer_id = preferences.customer_id
    inner join {{ ref('dim_contact_pressure') }} as pressure
        on qualified.customer_id = pressure.customer_id
    inner join {{ ref('dim_customer_relationships') }} as relationships
        on qualified.customer_id = relationships.customer_id
    left join resting on qualified.customer_id = resting.customer_id
    left join sendings
        on qualified.customer_id = sendings.customer_id and qualified.segment = sendings.segment

),

-- A customer hears from us once a night: the segment of the highest priority has the slot, and keeps it for them
-- also while they wait for a member of staff.
slots as (

    select
        customer_id,
        min_by(segment, (priority, segment)) as winner
    from examined
    where clause is null and takes_slot
    group by customer_id

),

-- Who could call for a segment of the staff's.
callers as (

    select
        definitions.segment,
        staff.owner_id
    from definitions
    inner join {{ ref('dim_staff') }} as staff
        on definitions.skill is null or array_contains(staff.skills, definitions.skill)
    where definitions.most_per_owner is not null and staff.is_active

),

to_call as (

    select
        examined.customer_id,
        examined.segment,
        examined.priority,
        examined.urgency,
        examined.most_per_owner,
        own.owner_id as own_owner_id
    from examined
    inner join slots
        on examined.customer_id = slots.customer_id and examined.segment = slots.winner
    left join callers as own
        on examined.segment = own.segment and examined.own_owner_id = own.owner_id
    where examined.clause is null and examined.most_per_owner is not null

),

-- Their own owner, if they have the skill; else the same colleague who has it night after night, as long as there is one.
colleagues as (

    select
        to_call.customer_id,
        to_call.segment,
        max_by(
            callers.owner_id, (md5(to_call.customer_id || ':' || callers.owner_id), callers.owner_id)
        ) as owner_id
    from to_call
    inner join callers on to_call.segment = callers.segment
    where to_call.own_owner_id is null
    group by to_call.customer_id, to_call.segment

),

calls as (

    select
        to_call.customer_id,
        to_call.segment,
        to_call.priority,
        to_call.urgency,
        coalesce(to_call.own_owner_id, colleagues.owner_id) as owner_id,
        to_call.most_per_owner,
        row_number() over (
            partition by to_call.segment, coalesce(to_call.own_owner_id, colleagues.owner_id)
            order by to_call.urgency desc nulls last, to_call.customer_id asc nulls last
        ) as place
    from to_call
    left join colleagues
        on to_call.customer_id = colleagues.customer_id and to_call.segment = colleagues.segment

),

-- Of whoever is on several lists of the staff's, all lists together.
rounds as (

    select
        customer_id,
        segment,
        row_number() over (
            partition by owner_id
            order by priority asc nulls last, urgency desc nulls last, customer_id asc nulls last
        ) as place
    from calls
    where owner_id is not null and place <= most_per_owner

)

select
    examined.customer_id,
    examined.segment,
    examined.reason,
    examined.urgency,
    examined.priority,
    examined.takes_slot,
    examined.treatment,
    examined.channel,
    examined.send_window,
    examined.holdout_share,
    examined.topic,
    examined.skill,
    examined.most_per_owner,
    examined.destination,
    examined.pause_until_date,
    examined.is_unreadable_wish,
    examined.is_unreadable_cap,
    examined.is_unreadable_time,
    examined.relationship_type,
    examined.lane,
    examined.type_basis,
    examined.inferred_confidence,
    examined.contact_cap_source,
    examined.marketing_contact_count_30d,
    examined.contact_cap_30d,
    examined.pulse_answered_date,
    examined.pulse_until_date,
    examined.allowed_from_at,
    examined.allowed_until_at,
    case
        when examined.clause is not null then examined.clause
        when examined.takes_slot and slots.winner <> examined.segment then 'lower_priority'
        when examined.most_per_owner is not null and calls.owner_id is null then 'no_skilled_owner'
        when calls.place > examined.most_per_owner or rounds.place > {{ var('most_calls_per_owner') }}
            then 'workload_limit'
    end as clause,
    slots.winner,
    calls.owner_id
from examined
left join slots on examined.customer_id = slots.customer_id
left join calls
    on examined.customer_id = calls.customer_id and examined.segment = calls.segment
left join rounds
    on examined.customer_id = rounds.customer_id and examined.segment = rounds.segment
