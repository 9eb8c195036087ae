{{ config(materialized='table') }}

-- What passed between the firm and its partners until tonight, and of what waits for an answer when it came. What a
-- machine sent waits for nothing and answers nobody; a meeting is of both sides and answers whoever waits.
with

contacts as (

    select
        contacts.*,
        coalesce(contacts.actor, 'human') = 'human' as is_human,
        coalesce(contacts.thread_id, contacts.in_reply_to_id, contacts.partner_contact_id) as conversation_id,
        -- a source that says of nothing what it answers has neither threads nor replies
        bool_or(contacts.thread_id is not null or contacts.in_reply_to_id is not null) over (
            partition by contacts.source
        ) as has_threads,
        {{ reporting_date('contacts.occurred_at') }} as contact_date
    from {{ ref('canonical_partner_contacts') }} as contacts
    {{ join_reporting_days('contacts.occurred_at') }}
    where contacts.occurred_at < {{ cutoff() }}

),

followed as (

    select
        *,
        row_number() over (
            partition by source, partner_id, conversation_id
            order by occurred_at nulls last, partner_contact_id nulls last
        ) as place_in_conversation,
        min(case when is_human and direction is distinct from 'inbound' then occurred_at end) over later
            as next_of_ours_at,
        min(case when is_human and direction is distinct from 'outbound' then occurred_at end) over later
            as next_of_theirs_at
    from contacts
    window
        later as (
            partition by source, partner_id, case when has_threads then conversation_id end
            order by occurred_at nulls last, partner_contact_id nulls last
            rows between 1 following and unbounded following
        )

),

waiting as (

    select
        *,
        -- a call and a meeting have their answer with them
        is_human
        and direction is not null
        and channel not in ('phone', 'meeting', 'store')
        and in_reply_to_id is null
        and place_in_conversation = 1 as is_waiting,
        case direction when 'inbound' then next_of_ours_at else next_of_theirs_at end as next_at
    from followed

),

waited as (

    select
        *,
        {{ hours_between('occurred_at', 'coalesce(next_at, ' ~ cutoff() ~ ')') }} as hours_so_far
    from waiting

),

-- until the time to answer is over nobody knows
awaited as (

    select
        *,
        is_waiting and (next_at is not null or hours_so_far > 24 * {{ var('answer_within_days') }}) as is_awaited,
        next_at is not null and hours_so_far <= 24 * {{ var('answer_within_days') }} as is_in_time
    from waited

)

select
    partner_contact_id,
    source,
    partner_id,
    direction,
    channel,
    is_human,
    owner_id,
    contact_id,
    sentiment_score,
    occurred_at,
    contact_date,
    is_awaited,
    case when is_awaited then is_in_time end as is_answered,
    case when is_awaited then hours_so_far > {{ var('slow_first_response_hours') }} end as is_slow,
    -- whom nobody answered waited as long as one waits; how long ago that was says nothing
    case
        when is_awaited and next_at is null then least(hours_so_far, 24e0 * {{ var('answer_within_days') }})
        when is_awaited then hours_so_far
    end as waited_hours,
    case
        when is_awaited and is_in_time then power(2e0, -hours_so_far / {{ var('answer_half_life_hours') }})
        when is_awaited then 0e0
    end as answer_credit
from awaited
