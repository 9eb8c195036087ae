-- A filter of the recipient's mail opens every link as soon as a message comes, to see what is
-- behind it. Where the tool does not say of a click whose it was, so many links of one message
-- within so many seconds of its delivery were no person's.
with

unflagged_clicks as (

    select
        source,
        event_id,
        contact_id,
        message_id,
        clicked_url,
        occurred_at
    from {{ ref('canonical_message_events') }}
    where
        contact_id is not null
        and event_type = 'clicked'
        and is_automated is null
        and message_id is not null
        and clicked_url is not null

),

-- Few messages have so many links clicked at all: only of these is it asked when they came.
messages_with_many_clicks as (

    select
        contact_id,
        message_id
    from unflagged_clicks
    group by contact_id, message_id
    having count(distinct clicked_url) >= {{ var('robot_least_links') }}

),

deliveries as (

    select
        events.contact_id,
        events.message_id,
        min(events.occurred_at) as delivered_at
    from {{ ref('canonical_message_events') }} as events
    inner join messages_with_many_clicks as clicked
        on events.contact_id = clicked.contact_id and events.message_id = clicked.message_id
    where events.event_type = 'delivered'
    group by events.contact_id, events.message_id

),

clicks_at_once as (

    select
        unflagged_clicks.source,
        unflagged_clicks.event_id,
        unflagged_clicks.contact_id,
        unflagged_clicks.message_id,
        unflagged_clicks.clicked_url
    from unflagged_clicks
    inner join deliveries
        on
            unflagged_clicks.contact_id = deliveries.contact_id
            and unflagged_clicks.message_id = deliveries.message_id
            and unflagged_clicks.occurred_at >= deliveries.delivered_at
            and unflagged_clicks.occurred_at
            <= deliveries.delivered_at + interval {{ var('robot_most_seconds') }} second

),

messages_of_robots as (

    select
        contact_id,
        message_id
    from clicks_at_once
    group by contact_id, message_id
    having count(distinct clicked_url) >= {{ var('robot_least_links') }}

)

select
    clicks_at_once.source,
    clicks_at_once.event_id
from clicks_at_once
inner join messages_of_robots as followed
    on
        clicks_at_once.contact_id = followed.contact_id
        and clicks_at_once.message_id = followed.message_id
