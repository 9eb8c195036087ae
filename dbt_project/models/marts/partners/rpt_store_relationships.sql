{%- set follow_days = var('store_follow_days') %}

with

orders as (

    select
        store_id,
        customer_id,
        order_id,
        order_date,
        cast(date_trunc('month', order_date) as date) as month_start_date,
        status,
        is_kept
    from {{ ref('fct_orders') }}
    where store_id is not null and order_date <= {{ latest_day() }}

),

order_counts as (

    select
        store_id,
        month_start_date,
        count(*) filter (where is_kept) as kept_order_count,
        count(*) filter (where status in ('returned', 'partly_returned')) as returned_order_count,
        count(*) filter (where status = 'cancelled') as cancelled_order_count,
        count(*) filter (where is_kept and customer_id is null) as guest_order_count
    from orders
    group by store_id, month_start_date

),

-- A visit is a day on which a customer bought here, however often.
visits as (

    select
        store_id,
        customer_id,
        order_date as visit_date,
        month_start_date,
        lead(order_date) over in_time as next_visit_date,
        min(order_date) over (partition by store_id, customer_id) as first_visit_date
    from (
        select distinct
            store_id,
            customer_id,
            order_date,
            month_start_date
        from orders
        where is_kept and customer_id is not null
    ) as days
    window in_time as (partition by store_id, customer_id order by order_date nulls last)

),

customer_months as (

    select
        store_id,
        customer_id,
        month_start_date,
        count(*) as visit_count,
        min(visit_date) as visit_date,
        min(next_visit_date) as next_visit_date,
        min(first_visit_date) as first_visit_date
    from visits
    group by store_id, customer_id, month_start_date

),

-- What is known of a customer tonight counts in every month in which they came.
customers as (

    select
        dim_customers.customer_id,
        dim_customers.first_order_date,
        relationships.mismatch,
        relationships.mismatch_reason is not null as is_mismatched,
        'strained' in (relationships.relationship_type, relationships.inferred_type) as is_strained,
        relationships.strain,
        relationships.owner_continuity,
        not coalesce(preferences.is_paused, false) and (
            {% for channel in marketing_channels() %}
            case {{ refusals_of("'" ~ channel ~ "'", 'preferences') }} else 'none' end = 'none'
            {{- ' or' if not loop.last }}
            {% endfor %}
        ) as is_reachable
    from {{ ref('dim_customers') }} as dim_customers
    left join {{ ref('dim_customer_relationships') }} as relationships
        on dim_customers.customer_id = relationships.customer_id
    left join {{ ref('dim_preferences') }} as preferences
        on dim_customers.customer_id = preferences.customer_id

),

-- Before so many days of orders a customer of years looks like a new one.
beginning as (

    select min(order_date) + {{ var('welcome_least_history_days') }} as new_from_date
    from {{ ref('fct_orders') }}
    where is_kept

),

customer_counts as (

    select
        came.store_id,
        came.month_start_date,
        count(*) as customer_count,
        sum(came.visit_count) as visit_count,
        count(*) filter (where came.first_visit_date >= came.month_start_date) as new_here_count,
        count(*) filter (where customers.first_order_date = came.visit_date) as new_customer_count,
        count(*) filter (where came.next_visit_date <= came.visit_date + {{ follow_days }})
            as came_back_count,
        count(customers.mismatch) as mismatch_customer_count,
        -- in millionths: whole numbers add up to the same in any order
        sum(cast(round(1e6 * customers.mismatch) as bigint)) as mismatch,
        count(*) filter (where customers.is_mismatched) as mismatched_customer_count,
        count(*) filter (where customers.is_strained) as strained_customer_count,
        count(customers.strain) as strain_customer_count,
        sum(cast(round(1e6 * customers.strain) as bigint)) as strain,
        count(customers.owner_continuity) as continuity_customer_count,
        sum(cast(round(1e6 * customers.owner_continuity) as bigint)) as owner_continuity,
        count(*) filter (where customers.is_reachable) as reachable_customer_count
    from customer_months as came
    inner join customers on came.customer_id = customers.customer_id
    group by came.store_id, came.month_start_date

),

-- What customers say is put down to the store in which they last were, unless that is too long ago.
voiced as (

    select
        customer_id,
        'ticket_' || ticket_id as voice_id,
        opened_date as voice_date,
        sentiment = 'negative' as is_unhappy,
        true as is_ticket,
        cast(null as double) as emotion
    from {{ ref('fct_tickets') }}
    where customer_id is not null
    union all
    select
        customer_id,
        touchpoint_id as voice_id,
        touchpoint_date as voice_date,
        false as is_unhappy,
        false as is_ticket,
        {{ emotion() }} as emotion
    from {{ ref('fct_touchpoints') }}
    where question is not null and question not in ('too_much', 'clear') and event_type <> 'surveyed'

),

voices as (

    select
        voiced.voice_id,
        max_by(visits.store_id, (visits.visit_date, visits.store_id)) as store_id,
        cast(date_trunc('month', voiced.voice_date) as date) as month_start_date,
        bool_or(voiced.is_ticket) as is_ticket,
        bool_or(voiced.is_unhappy) as is_unhappy,
        max(voiced.emotion) as emotion
    from voiced
    inner join visits
        on
            voiced.customer_id = visits.customer_id
            and visits.visit_date <= voiced.voice_date
            and visits.visit_date >= voiced.voice_date - {{ follow_days }}
    group by voiced.voice_id, voiced.voice_date

),

voice_counts as (

    select
        store_id,
        month_start_date,
        count(*) filter (where is_ticket) as ticket_count,
        count(*) filter (where is_ticket and is_unhappy) as unhappy_ticket_count,
        count(emotion) as emotion_count,
        sum(cast(round(1e4 * emotion) as bigint)) as emotion
    from voices
    group by store_id, month_start_date

),

-- Who comes early in a month comes often: until all of its customers could have come back it tells too much.
months as (

    select
        store_id,
        month_start_date,
        last_day(month_start_date) + {{ follow_days }} <= {{ last_complete_day() }} as is_followed
    from (
        select
            store_id,
            month_start_date
        from order_counts
        union
        select
            store_id,
            month_start_date
        from voice_counts
    ) as named

)

select
    months.store_id,
    months.month_start_date,
    months.month_start_date <= {{ last_day_of_complete_months() }} as is_month_over,
    months.store_id in ({{ sql_texts(var('web_store_ids')) }}) as is_web_store,
    coalesce(customer_counts.customer_count, 0) < {{ var('store_least_customers') }} as is_few,
    {% for count in ['kept_order', 'returned_order', 'cancelled_order', 'guest_order'] %}
    cast(coalesce(order_counts.{{ count }}_count, 0) as bigint) as {{ count }}_count,
    {% endfor %}
    {% for count in ['customer', 'visit'] %}
    cast(coalesce(customer_counts.{{ count }}_count, 0) as bigint) as {{ count }}_count,
    {% endfor %}
    {% for count in ['new_customer', 'new_here'] %}
    cast(
        case
            when months.month_start_date >= beginning.new_from_date
                then coalesce(customer_counts.{{ count }}_count, 0)
        end as bigint
    ) as {{ count }}_count,
    {% endfor %}
    cast(
        case
            when months.month_start_date >= beginning.new_from_date
                then coalesce(customer_counts.customer_count - customer_counts.new_here_count, 0)
        end as bigint
    ) as returning_customer_count,
    cast(
        case when months.is_followed then coalesce(customer_counts.came_back_count, 0) end as bigint
    ) as came_back_customer_count,
    {% for figure, value in [
        ('share', ratio('customer_counts.came_back_count', 'customer_counts.customer_count')),
        ('share_low', wilson_low('customer_counts.came_back_count', 'customer_counts.customer_count')),
        ('share_high', wilson_high('customer_counts.came_back_count', 'customer_counts.customer_count')),
    ] %}
    cast(case when months.is_followed then round({{ value }} * 1e6) / 1e6 end as double) as came_back_{{ figure }},
    {% endfor %}
    cast(coalesce(voice_counts.ticket_count, 0) as bigint) as ticket_count,
    cast(coalesce(voice_counts.unhappy_ticket_count, 0) as bigint) as unhappy_ticket_count,
    cast(coalesce(voice_counts.emotion_count, 0) as bigint) as emotion_count,
    cast(round({{ ratio('voice_counts.emotion', 'voice_counts.emotion_count') }} / 1e4 * 1e4) / 1e4 as double) as mean_emotion,
    {% for figure, observed in [('owner_continuity', 'continuity'), ('mismatch', 'mismatch'), ('strain', 'strain')] %}
    cast(coalesce(customer_counts.{{ observed }}_customer_count, 0) as bigint) as {{ observed }}_customer_count,
    cast(
        round(
            {{ ratio('customer_counts.' ~ figure, 'customer_counts.' ~ observed ~ '_customer_count') }} / 1e6 * 1e4
        ) / 1e4 as double
    ) as {{ figure }},
    {% endfor %}
    {% for count in ['mismatched', 'strained', 'reachable'] %}
    cast(coalesce(customer_counts.{{ count }}_customer_count, 0) as bigint) as {{ count }}_customer_count
    {{- ',' if not loop.last }}
    {% endfor %}
from months
cross join beginning
left join order_counts
    on months.store_id = order_counts.store_id and months.month_start_date = order_counts.month_start_date
left join customer_counts
    on months.store_id = customer_counts.store_id and months.month_start_date = customer_counts.month_start_date
left join voice_counts
    on months.store_id = voice_counts.store_id and months.month_start_date = voice_counts.month_start_date
