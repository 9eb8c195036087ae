{% set terms = [
    'allowed_from_at', 'allowed_until_at', 'time_zone', 'allowed_hours', 'allowed_weekdays',
    'paused_until_date', 'send_hours', 'send_weekdays',
] %}

-- Says of the published lists what a recipient would say of them; asks the marts, not the
-- model that made the lists.
with

resting as (

    select distinct members.customer_id
    from {{ ref('segment_members') }} as members
    inner join {{ ref('segments') }} as segments on members.segment = segments.segment
    where not segments.takes_slot

),

-- Every quarter of an hour in which somebody could get something, against what they allow. Asked once for all
-- who wish the same.
send_hours as (

    {{ hours_read(ref('segments'), send_window_hours('send_window')) }}

),

send_weekdays as (

    {{ weekdays_read(ref('segments'), send_window_weekdays('send_window')) }}

),

sendings as (

    select
        members.customer_id,
        members.segment,
        members.allowed_from_at,
        members.allowed_until_at,
        preferences.time_zone,
        {{ hours_in_force('preferences') }} as allowed_hours,
        {{ weekdays_in_force('preferences') }} as allowed_weekdays,
        case
            when segments.message_class = 'service' then {{ as_of_date() }}
            else
                greatest(
                    coalesce(preferences.pause_until_date, {{ as_of_date() }}), {{ as_of_date() }}
                )
        end as paused_until_date,
        coalesce(send_hours.hours, (1 << 24) - 1) as send_hours,
        {{ weekdays_of('coalesce(send_weekdays.weekdays, (1 << 7) - 1)') }} as send_weekdays
    from {{ ref('segment_members') }} as members
    inner join {{ ref('segments') }} as segments on members.segment = segments.segment
    inner join {{ ref('dim_preferences') }} as preferences
        on members.customer_id = preferences.customer_id
    left join send_hours on {{ send_window_hours('segments.send_window') }} = send_hours.text
    left join send_weekdays
        on {{ send_window_weekdays('segments.send_window') }} = send_weekdays.text

),

quarters as (

    select
        numbered.*,
        {{ minutes_later('numbered.allowed_from_at', '15 * numbered.quarter') }} as quarter_at
    from (
        select
            distinct_sendings.*,
            {{ series_of_numbers(
                0, 'floor(4 * ' ~ hours_between('allowed_from_at', 'allowed_until_at - interval 1 minute') ~ ')'
            ) }} as quarter
        from (select distinct {{ terms | join(', ') }} from sendings) as distinct_sendings
    ) as numbered

),

clocks as (

    {{ clocks_between(as_of_date(), as_of_date() ~ ' + 9') }}

),

quarters_on_the_wall as (

    select
        quarters.*,
        {{ local_time('quarters.quarter_at', 'clocks') }} as wall_time
    from quarters
    left join clocks on {{ is_clock_at('clocks', 'quarters.time_zone', 'quarters.quarter_at') }}

),

timely as (

    select {{ terms | join(', ') }}
    from quarters_on_the_wall
    group by {{ terms | join(', ') }}
    having
        bool_and(
            coalesce(
                array_contains(allowed_hours, cast(hour(wall_time) as integer))
                and array_contains(allowed_weekdays, {{ weekday_of('wall_time') }})
                and cast(wall_time as date) > paused_until_date
                and send_hours & (1 << cast(hour(wall_time) as integer)) <> 0
                and array_contains(send_weekdays, {{ weekday_of('wall_time') }}),
                false
            )
        )

),

timely_sendings as (

    select
        sendings.customer_id,
        sendings.segment
    from sendings
    inner join timely
        on
            {% for term in terms %}
            {{ 'and ' if not loop.first }}sendings.{{ term }} = timely.{{ term }}
            {% endfor %}

),

-- Whoever qualifies is a member or held back: once, and nobody else is.
accounts as (

    select
        customer_id,
        segment,
        sum(qualified_count) as qualified_count,
        sum(answered_count) as answered_count
    from (
        select
            customer_id,
            segment,
            1 as qualified_count,
            0 as answered_count
        from {{ ref('int_segments__qualified') }}
        union all
        select
            customer_id,
            segment,
            0 as qualified_count,
            1 as answered_count
        from {{ ref('segment_members') }}
        union all
        select
            customer_id,
            segment,
            0 as qualified_count,
            1 as answered_count
        from {{ ref('segment_suppressions') }}
    ) as told
    group by customer_id, segment

),

unaccounted as (

    select
        segment,
        count(*) filter (where qualified_count <> 1 or answered_count <> 1) as unaccounted_count
    from accounts
    group by segment

),

calls as (

    select
        segment,
        owner_id,
        count(*) as call_count,
        sum(count(*)) over (partition by owner_id) as all_call_count
    from {{ ref('segment_members') }}
    where owner_id is not null
    group by segment, owner_id

),

members as (

    select
        members.segment,
        members.arm,
        customers.customer_id is null as is_unknown,
        -- What the staff answers is no marketing: nobody agreed to it, and some said no to the channel.
        coalesce(segments.message_class = 'service', false) as is_service,
        -- Each is true for a doubt as well: a preference that cannot be found is none that is met.
        members.channel is not null
        and case
            when is_service
                then coalesce({{ consent_to('members.channel', 'preferences') }} = 'withdrawn', true)
            else
                {{ consent_to('members.channel', 'preferences') }} <> 'granted'
                or (members.channel = 'email' and preferences.is_email_deliverable is not true)
        end as is_unconsented,
        members.channel is not null
        and not is_service
        and coalesce(preferences.wants_relationship = 'no', true) as is_unwilling,
        members.channel is not null
        and (
            not array_contains(preferences.allowed_channels, members.channel)
            or not is_service
            and (
                array_contains(preferences.unwanted_topics, segments.topic)
                or array_contains(preferences.withdrawn_topics, segments.topic)
                or (
                    members.channel = 'email'
                    and array_contains(preferences.withdrawn_email_topics, segments.topic)
                )
                or coalesce(preferences.is_paused, true)
            )
        ) as is_unwanted,
        members.channel is not null
        and (
            coalesce(relationships.wants_relationship = 'no', true) <> (members.lane = 'plain')
            or not is_service
            and (
                not array_contains(relationships.treatment_channels, members.channel)
                or (segments.is_offer and not relationships.has_offers)
            )
        ) as is_mistreated,
        members.channel is not null and timely_sendings.customer_id is null as is_untimely,
        members.channel is not null
        and not is_service
        and coalesce(pressure.marketing_contact_count_30d, 0)
        >= preferences.max_marketing_messages_30d as is_over_declared_cap,
        members.channel is not null and not is_service and pressure.remaining_30d <= 0 as is_over_cap,
        segments.takes_slot and not is_service and resting.customer_id is not null as is_resting,
        case segments.destination
            when 'klaviyo' then customers.has_mailing_profile is not true
            when 'hubspot' then customers.has_crm_contact is not true
            else false
        end as is_unreachable,
        suppressions.customer_id is not null as is_suppressed,
        case
            when segments.most_per_owner is null then is_service or members.owner_id is not null
            else
                coalesce(segments.destination = 'klaviyo', true)
                or staff.is_active is not true
                or coalesce(calls.call_count > segments.most_per_owner, true)
                or coalesce(calls.all_call_count > {{ var('most_calls_per_owner') }}, true)
                or coalesce(segments.skill is not null and not array_contains(staff.skills, segments.skill), true)
        end as is_misrouted
    from {{ ref('segment_members') }} as members
    left join {{ ref('segments') }} as segments on members.segment = segments.segment
    left join {{ ref('dim_customers') }} as customers
        on members.customer_id = customers.customer_id
    left join {{ ref('dim_preferences') }} as preferences
        on members.customer_id = preferences.customer_id
    left join {{ ref('dim_customer_relationships') }} as relationships
        on members.customer_id = relationships.customer_id
    left join {{ ref('dim_contact_pressure') }} as pressure
        on members.customer_id = pressure.customer_id
    left join resting on members.customer_id = resting.customer_id
    left join timely_sendings
        on
            members.customer_id = timely_sendings.customer_id
            and members.segment = timely_sendings.segment
    left join {{ ref('segment_suppressions') }} as suppressions
        on
            members.customer_id = suppressions.customer_id
            and members.segment = suppressions.segment
    left join {{ ref('dim_staff') }} as staff on members.owner_id = staff.owner_id
    left join calls on members.segment = calls.segment and members.owner_id = calls.owner_id

),

counted as (

    select
        segment,
        count(*) as member_count,
        count(*) filter (where arm = 'holdout') as holdout_count,
        avg(cast(arm = 'holdout' as integer)) as holdout_share,
        count(*) filter (where is_unknown) as unknown_count,
        count(*) filter (where is_unconsented) as unconsented_count,
        count(*) filter (where is_unwilling) as unwilling_count,
        count(*) filter (where is_unwanted) as unwanted_count,
        count(*) filter (where is_mistreated) as mistreated_count,
        count(*) filter (where is_untimely) as untimely_count,
        count(*) filter (where is_over_declared_cap) as over_declared_cap_count,
        count(*) filter (where is_over_cap) as over_cap_count,
        count(*) filter (where is_resting) as resting_count,
        count(*) filter (where is_suppressed) as suppressed_count,
        count(*) filter (where is_misrouted) as misrouted_count,
        count(*) filter (where is_unreachable) as unreachable_count
    from members
    group by segment

),

customers as (

    select count(*) as customer_count from {{ ref('dim_customers') }}

)

select
    coalesce(segments.segment, counted.segment, unaccounted.segment) as segment,
    segments.segment is not null as is_defined,
    coalesce(counted.member_count, 0) as member_count,
    -- a leave-alone list may hold most of them: nothing is sent to it
    case
        when coalesce(segments.takes_slot, true)
            then coalesce(counted.member_count, 0) / greatest(customers.customer_count, 1)
        else 0
    end as addressed_share,
    -- How likely lots fall so far from the declared share, at the most: twice Chernoff's bound of a binomial's tail,
    -- exp(-n KL(k/n, p)), which holds for a list of any length.
    case
        when coalesce(counted.member_count, 0) = 0 or segments.segment is null then 1
        when segments.holdout_share in (0, 1)
            then
                cast(
                    counted.holdout_count = counted.member_count * segments.holdout_share as integer
                )
        else
            least(
                1,
                2 * exp(
                    - counted.holdout_count
                    * ln(greatest(counted.holdout_share, 1e-9) / segments.holdout_share)
                    - (counted.member_count - counted.holdout_count)
                    * ln(greatest(1 - counted.holdout_share, 1e-9) / (1 - segments.holdout_share))
                )
            )
    end as holdout_chance,
    coalesce(counted.unknown_count, 0) as unknown_count,
    coalesce(counted.unconsented_count, 0) as unconsented_count,
    coalesce(counted.unwilling_count, 0) as unwilling_count,
    coalesce(counted.unwanted_count, 0) as unwanted_count,
    coalesce(counted.mistreated_count, 0) as mistreated_count,
    coalesce(counted.untimely_count, 0) as untimely_count,
    coalesce(counted.over_declared_cap_count, 0) as over_declared_cap_count,
    coalesce(counted.over_cap_count, 0) as over_cap_count,
    coalesce(counted.resting_count, 0) as resting_count,
    coalesce(counted.suppressed_count, 0) as suppressed_count,
    coalesce(counted.misrouted_count, 0) as misrouted_count,
    coalesce(counted.unreachable_count, 0) as unreachable_count,
    coalesce(unaccounted.unaccounted_count, 0) as unaccounted_count
from {{ ref('segments') }} as segments
full outer join counted on segments.segment = counted.segment
full outer join unaccounted on coalesce(segments.segment, counted.segment) = unaccounted.segment
cross join customers
