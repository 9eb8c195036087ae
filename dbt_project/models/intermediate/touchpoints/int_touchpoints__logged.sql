{{ config(materialized='table') }}

-- What is logged between staff and customers. Who it was with is a list of contacts: an engagement tied to several contacts of one customer is one touchpoint of theirs, and one that
-- is tied to nobody yet becomes one when the tie arrives.
with

outcomes as (

    select
        {{ topic_of('outcome') }} as outcome,
        is_conversation
    from {{ ref('call_outcomes') }}

),

-- What came of each call: by its outcome, as whoever called noted it, or else by its status. A call of which
-- nothing is noted, or in words that the seed does not know, was a conversation unless it lasted no time.
logged as (

    select
        engaged.*,
        case
            when engaged.engagement_type = 'call'
                then
                    coalesce(
                        dispositions.is_conversation,
                        statuses.is_conversation,
                        case
                            when engaged.outcome is null
                                then engaged.duration_seconds is distinct from 0
                        end
                    )
        end as is_conversation
    from (
        select
            *,
            case when engagement_type = 'call' then {{ topic_of('call_disposition') }} end as call_outcome,
            case when engagement_type = 'call' then {{ topic_of('outcome') }} end as call_status
        from {{ ref('canonical_engagements') }}
    ) as engaged
    left join outcomes as dispositions on engaged.call_outcome = dispositions.outcome
    left join outcomes as statuses on engaged.call_status = statuses.outcome

),

-- A call that nobody took is an attempt. A meeting that fell through, a draft, a call that still rings: nothing
-- passed between the two.
engagements as (

    select
        source,
        contact_ids,
        engagement_type as kind,
        engagement_id as record_id,
        '' as moment,
        occurred_at,
        channel,
        coalesce(direction, 'outbound') as direction,
        case
            when engagement_type = 'call' and is_conversation then 'called'
            when engagement_type = 'call' then 'attempted'
            when engagement_type = 'meeting' then 'met'
            when direction = 'inbound' then 'replied'
            when outcome = 'bounced' then 'bounced'
            else 'sent'
        end as event_type,
        owner_id,
        cast(null as string) as question,
        cast(null as string) as answer,
        cast(null as string) as answer_mood
    from logged
    where
        not is_deleted
        and engagement_type in ('call', 'email', 'meeting', 'communication')
        and channel is not null
        and case engagement_type
            when 'call' then is_conversation is not null
            when 'meeting' then coalesce(outcome, 'completed') = 'completed'
            when 'email'
                then
                    direction is not null
                    and coalesce(outcome, 'sent') in ('sent', 'bounced')
            else true
        end

),

tickets as (

    select
        *,
        case source_type
            when 'email' then 'email'
            when 'phone' then 'phone'
            when 'chat' then 'chat'
            else 'web'
        end as channel
    from {{ ref('canonical_tickets') }}
    where not is_deleted

),

happened as (

    select * from engagements
    union all
    select
        source,
        contact_ids,
        'ticket' as kind,
        ticket_id as record_id,
        ':opened' as moment,
        opened_at as occurred_at,
        channel,
        'inbound' as direction,
        'ticket_opened' as event_type,
        owner_id,
        cast(null as string) as question,
        cast(null as string) as answer,
        cast(null as string) as answer_mood
    from tickets
    union all
    select
        source,
        contact_ids,
        'ticket' as kind,
        ticket_id as record_id,
        ':closed' as moment,
        closed_at as occurred_at,
        channel,
        'outbound' as direction,
        'ticket_closed' as event_type,
        owner_id,
        'sentiment' as question,
        sentiment as answer,
        cast(null as string) as answer_mood
    from tickets
    where closed_at is not null
    union all
    select
        source,
        contact_ids,
        'feedback_submission' as kind,
        submission_id as record_id,
        '' as moment,
        submitted_at as occurred_at,
        case survey_channel
            when 'email' then 'email'
            when 'sms' then 'sms'
            when 'phone' then 'phone'
            when 'chat' then 'chat'
            else 'web'
        end as channel,
        case when score is null then 'outbound' else 'inbound' end as direction,
        case when score is null then 'surveyed' else 'answered' end as event_type,
        cast(null as string) as owner_id,
        lower(survey_type) as question,
        cast(score as string) as answer,
        {{ survey_mood('lower(survey_type)', 'score', 'response_group') }} as answer_mood
    from {{ ref('canonical_surveys') }}
    where not is_deleted

),

tied as (

    select
        source,
        kind,
        record_id,
        {{ unnested('contact_ids') }} as contact_id
    from happened

),

customers_of as (

    select distinct
        tied.source,
        tied.kind,
        tied.record_id,
        contact_map.customer_id
    from tied
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on tied.source = contact_map.source and tied.contact_id = contact_map.source_record_id

)

select
    happened.source || ':' || happened.kind || ':' || happened.record_id || happened.moment
    || ':' || customers_of.customer_id as touchpoint_id,
    customers_of.customer_id,
    happened.occurred_at,
    happened.channel,
    happened.direction,
    case happened.event_type when 'surveyed' then 'automated' else 'human' end as actor,
    case happened.direction when 'outbound' then 'service' end as message_class,
    happened.event_type,
    false as is_marketing_contact,
    happened.source,
    cast(null as string) as campaign_id,
    cast(null as string) as flow_id,
    cast(null as string) as message_id,
    cast(null as string) as variation_id,
    cast(null as string) as order_id,
    cast(null as string) as coupon_upc,
    cast(null as string) as product_id,
    happened.owner_id,
    happened.question,
    happened.answer,
    happened.answer_mood
from happened
inner join customers_of
    on
        happened.source = customers_of.source
        and happened.kind = customers_of.kind
        and happened.record_id = customers_of.record_id
where happened.occurred_at < {{ cutoff() }}
