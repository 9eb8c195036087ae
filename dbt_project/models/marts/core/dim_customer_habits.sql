{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'customer_id'},
        pre_hook="{{ follow_customers(
            [ref('dim_preferences'), ref('dim_customers'), ref('dim_staff')],
            within=[
                ref('fct_touchpoints'), ref('fct_orders'), ref('fct_order_lines'), ref('dim_campaigns'),
                ref('dim_products'),
            ],
            first_date=first_day_of_complete_months(var('habit_months')),
            last_date=last_day_of_complete_months(),
            everybody=is_other_than('observed_until_date', last_day_of_complete_months()),
        ) }}"
    )
}}

{% set weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] %}
{% set order_channels = ['store', 'web', 'phone', 'chat', 'meeting', 'social'] %}
{% set width = var('habit_hours_width') %}
{% set least = var('habit_least_observations') %}
{% set since = first_day_of_complete_months(var('habit_months')) %}
{% set until = last_day_of_complete_months() %}
{% set acts = ['ordered', 'visited', 'called', 'attempted', 'met', 'ticket_opened'] %}
{% set answers = ['clicked', 'replied', 'redeemed'] %}
{% set is_of_few = is_incremental() and not asked(is_other_than('observed_until_date', until)) %}

with

customers as (

    select
        customers.customer_id,
        customers.owner_id,
        preferences.time_zone,
        preferences.interests,
        preferences.wanted_topics,
        preferences.unwanted_topics
    from {{ ref('dim_customers') }} as customers
    inner join {{ ref('dim_preferences') }} as preferences
        on customers.customer_id = preferences.customer_id
    where {{ is_of_touched_customer('customers.customer_id') }}

),

clocks as (

    {{ clocks_between(since, until) }}

),

-- What times and interests are read off. Of a usual night that is the life of a few customers, looked for once
-- and kept together; to ask first what happened and then to whom takes half as long again.
touchpoints as {{ 'materialized' if is_of_few else 'not materialized' }} (

    select
        customer_id,
        occurred_at,
        direction,
        channel,
        event_type,
        campaign_id
    from {{ ref('fct_touchpoints') }}
    where
        touchpoint_date between {{ since }} and {{ until }}
        and not {{ is_by_robot() }}
        and {{ is_of_touched_customer() }}

),

-- When they do something unasked. What answers a message of ours tells when we sent it.
acts as (

    select
        touchpoints.customer_id,
        touchpoints.event_type,
        touchpoints.channel,
        epoch_us(touchpoints.occurred_at) // 60000000
        + clocks.offset_minutes as local_minute
    from touchpoints
    inner join customers on touchpoints.customer_id = customers.customer_id
    left join clocks
        on {{ is_clock_at('clocks', 'customers.time_zone', 'touchpoints.occurred_at') }}
    where
        touchpoints.direction = 'inbound'
        and touchpoints.event_type in ('{{ acts | join("', '") }}')

),

-- 1970-01-01 was a Thursday, the fourth day.
times as (

    select
        customer_id,
        count(*) as act_count,
        [
            {% for weekday in weekdays %}
            count(*) filter (where (local_minute // 1440 + 3) % 7 = {{ loop.index0 }}){{ ',' if not loop.last }}
            {% endfor %}
        ] as weekday_counts,
        [
            {% for hour in range(24) %}
            count(*) filter (where local_minute // 60 % 24 = {{ hour }}){{ ',' if not loop.last }}
            {% endfor %}
        ] as hour_counts,
        count(*) filter (where event_type = 'ordered') as channel_order_count,
        [
            {% for channel in order_channels %}
            count(*) filter (
                where event_type = 'ordered' and channel = '{{ channel }}'
            ){{ ',' if not loop.last }}
            {% endfor %}
        ] as channel_counts
    from acts
    group by customer_id

),

-- The busiest {{ width }} hours in a row, round the clock; the earliest of equals.
busiest as (

    select
        *,
        [
            {% for start in range(24) %}
            {% for step in range(width) %}
            hour_counts[{{ (start + step) % 24 + 1 }}]{{ ' +' if not loop.last }}
            {% endfor %}{{ ',' if not loop.last }}
            {% endfor %}
        ] as window_counts
    from times

),

usual_times as (

    select
        customer_id,
        act_count,
        list_filter(
            {{ weekdays }},
            lambda weekday, place:
            weekday_counts[place] >= {{ var('habit_weekday_least_share') }} * act_count
        ) as usual_weekdays,
        list_position(window_counts, list_max(window_counts)) - 1 as usual_hours_from,
        list_max(window_counts) as usual_hours_count,
        channel_order_count,
        {{ order_channels }}[list_position(channel_counts, list_max(channel_counts))] as usual_channel,
        list_max(channel_counts) as usual_channel_count
    from busiest

),

orders as (

    select
        customer_id,
        count(*) as order_count,
        list_sort(list(distinct {{ day_number('order_date') }})) as order_days,
        count(*) filter (where coupon_discount_amount > 0) as coupon_order_count,
        count(*) filter (
            where coupon_discount_amount + retail_discount_amount > 0
        ) as discounted_order_count,
        sum({{ at_rate('gross_amount', 'reporting_rate') }}) as gross_amount,
        sum(
            {{ at_rate(
                '(retail_discount_amount + coupon_discount_amount + coupon_match_discount_amount)', 'reporting_rate'
            ) }}
        ) as discount_amount
    from {{ ref('fct_orders') }}
    where
        is_kept
        and order_date between {{ since }} and {{ until }}
        and {{ is_of_touched_customer() }}
    group by customer_id

),

gaps as (

    select
        *,
        list_transform(
            range(1, len(order_days)), lambda place: order_days[place + 1] - order_days[place]
        ) as days_between
    from orders

),

stores as (

    select
        customer_id,
        store_id,
        count(*) as observations
    from {{ ref('fct_orders') }}
    where
        is_kept
        and order_date between {{ since }} and {{ until }}
        and store_id is not null
        and {{ is_of_touched_customer() }}
    group by customer_id, store_id

),

bought as (

    select
        lines.customer_id,
        products.product_category,
        products.brand,
        count(*) as observations
    from {{ ref('fct_order_lines') }} as lines
    inner join {{ ref('dim_products') }} as products on lines.product_id = products.product_id
    where
        lines.is_kept
        and lines.product_class = 'goods'
        and lines.order_date between {{ since }} and {{ until }}
        and {{ is_of_touched_customer('lines.customer_id') }}
    group by lines.customer_id, products.product_category, products.brand

),
categories as (

    select
        customer_id,
        product_category,
        sum(observations) as observations
    from bought
    group by customer_id, product_category

),

brands as (

    select
        customer_id,
        brand,
        sum(observations) as observations
    from bought
    group by customer_id, brand

),

favourite_categories as (

    {{ favourites('categories', 'product_category') }}

),

favourite_brands as (

    {{ favourites('brands', 'brand') }}

),

favourite_stores as (

    {{ favourites('stores', 'store_id') }}

),

campaign_topics as (

    select
        campaign_id,
        topic
    from {{ ref('dim_campaigns') }}
    where topic is not null

),

answered_messages as (

    select
        touchpoints.customer_id,
        campaign_topics.topic,
        count(*) filter (where touchpoints.event_type = 'delivered') as message_count,
        count(distinct touchpoints.campaign_id) filter (
            where touchpoints.event_type in ('{{ answers | join("', '") }}')
        ) as answer_count
    from touchpoints
    inner join campaign_topics on touchpoints.campaign_id = campaign_topics.campaign_id
    {% if not is_of_few %}
    where touchpoints.event_type in ('delivered', '{{ answers | join("', '") }}')
    {% endif %}
    group by touchpoints.customer_id, campaign_topics.topic

),

-- What they bring up in public themselves, and not against it, is a topic that they took up as often as it came up.
brought_up as (

    select
        touchpoints.customer_id,
        topics.named as topic,
        count(*) as mention_count
    from {{ ref('fct_touchpoints') }} as touchpoints
    inner join {{ ref('int_touchpoints__mentioned_topics') }} as topics
        on touchpoints.touchpoint_id = topics.touchpoint_id
    where
        touchpoints.question = 'mention'
        and not topics.is_against
        and touchpoints.touchpoint_date between {{ since }} and {{ until }}
        and {{ is_of_touched_customer('touchpoints.customer_id') }}
    group by touchpoints.customer_id, topics.named

),

messages as (

    select
        customer_id,
        topic,
        sum(message_count) as message_count,
        sum(answer_count) as answer_count
    from (
        select * from answered_messages
        union all
        select
            customer_id,
            topic,
            mention_count as message_count,
            mention_count as answer_count
        from brought_up
    ) as subjects
    group by customer_id, topic

),

own_rates as (

    select
        customer_id,
        sum(message_count) as message_count,
        least(1, {{ ratio('sum(answer_count)', 'sum(message_count)') }}) as own_rate
    from messages
    group by customer_id

),

-- Few messages prove little: their rate on a topic is drawn towards their rate on all of them.
scored as (

    select
        messages.customer_id,
        messages.topic,
        messages.message_count,
        messages.answer_count,
        own_rates.own_rate,
        (messages.answer_count + {{ var('interest_prior_messages') }} * coalesce(own_rates.own_rate, 0))
        / (messages.message_count + {{ var('interest_prior_messages') }}) as score
    from messages
    inner join own_rates on messages.customer_id = own_rates.customer_id

),

declared as (

    select distinct
        customer_id,
        {{ topic_of('topic') }} as topic
    from (
        select
            customer_id,
            unnest(list_concat(coalesce(interests, []), coalesce(wanted_topics, []))) as topic
        from customers
    ) as said

),

-- What they said goes before what their answers suggest; what they ruled out is no interest at all.
topics as (

    select
        coalesce(declared.customer_id, scored.customer_id) as customer_id,
        coalesce(declared.topic, scored.topic) as topic,
        declared.topic is not null as is_declared,
        coalesce(scored.message_count, 0) as message_count,
        coalesce(scored.answer_count, 0) as answer_count,
        coalesce(scored.score, 0) as score
    from declared
    full outer join scored
        on declared.customer_id = scored.customer_id and declared.topic = scored.topic
    where
        declared.topic is not null
        or (
            scored.answer_count >= {{ var('interest_least_answers') }}
            and scored.score > scored.own_rate
        )

),

interests as (

    select
        topics.customer_id,
        min(
            {
                'is_observed': not topics.is_declared,
                'negated': -topics.score,
                'topic': topics.topic,
                'message_count': topics.message_count,
                'answer_count': topics.answer_count
            },
            {{ var('habit_most_favourites') }}
        ) as ranked
    from topics
    inner join customers on topics.customer_id = customers.customer_id
    where not coalesce(list_contains(customers.unwanted_topics, topics.topic), false)
    group by topics.customer_id

),

joined as (

    select
        customers.customer_id,
        customers.time_zone,
        coalesce(usual_times.act_count, 0) as act_count,
        usual_times.* exclude (customer_id, act_count),
        coalesce(gaps.order_count, 0) as order_count,
        coalesce(len(gaps.days_between), 0) as gap_count,
        gaps.* exclude (customer_id, order_count),
        favourite_stores.favourites[1] as favourite_store_id,
        favourite_stores.favourite_shares[1] as favourite_store_share,
        favourite_categories.favourites as favourite_categories,
        favourite_categories.favourite_shares as favourite_category_shares,
        coalesce(favourite_categories.whole, 0) as line_count,
        favourite_brands.favourites as favourite_brands,
        favourite_brands.favourite_shares as favourite_brand_shares,
        coalesce(own_rates.message_count, 0) as topic_message_count,
        interests.ranked as ranked_interests,
        list_concat([{{ sql_texts(var('firm_themes')) }}], coalesce(staff.skills, [])) as grounds
    from customers
    left join usual_times on customers.customer_id = usual_times.customer_id
    left join gaps on customers.customer_id = gaps.customer_id
    left join favourite_stores on customers.customer_id = favourite_stores.customer_id
    left join favourite_categories on customers.customer_id = favourite_categories.customer_id
    left join favourite_brands on customers.customer_id = favourite_brands.customer_id
    left join own_rates on customers.customer_id = own_rates.customer_id
    left join interests on customers.customer_id = interests.customer_id
    left join {{ ref('dim_staff') }} as staff on customers.owner_id = staff.owner_id

)

select
    customer_id,
    {{ since }} as observed_from_date,
    {{ until }} as observed_until_date,
    cast(time_zone as string) as time_zone,

    -- when
    cast(act_count as bigint) as act_count,
    case
        when act_count >= {{ least }} then cast(usual_weekdays as string [])
    end as usual_weekdays,
    case when act_count >= {{ least }} then cast(usual_hours_from as integer) end as usual_hours_from,
    case
        when act_count >= {{ least }} then cast((usual_hours_from + {{ width }}) % 24 as integer)
    end as usual_hours_to,
    case
        when act_count >= {{ least }} then {{ ratio('usual_hours_count', 'act_count') }}
    end as usual_hours_share,

    -- where
    cast(order_count as bigint) as order_count,
    case
        when channel_order_count >= {{ least }} and usual_channel_count > 0
            then cast(usual_channel as string)
    end as usual_channel,
    case
        when channel_order_count >= {{ least }} and usual_channel_count > 0
            then {{ ratio('usual_channel_count', 'channel_order_count') }}
    end as usual_channel_share,
    case when order_count >= {{ least }} then favourite_store_id end as favourite_store_id,
    case when order_count >= {{ least }} then favourite_store_share end as favourite_store_share,

    -- rhythm
    cast(gap_count as bigint) as gap_count,
    case
        when gap_count >= {{ least }} then cast(list_median(days_between) as double)
    end as median_days_between_orders,
    case
        when gap_count >= {{ least }}
            then
                greatest(
                    0, 1 - list_aggregate(days_between, 'stddev_pop') / list_avg(days_between)
                )
    end as rhythm_regularity,

    -- what
    cast(line_count as bigint) as line_count,
    case
        when line_count >= {{ least }} then cast(favourite_categories as string [])
    end as favourite_categories,
    case
        when line_count >= {{ least }} then cast(favourite_category_shares as double [])
    end as favourite_category_shares,
    case
        when line_count >= {{ least }} then cast(favourite_brands as string [])
    end as favourite_brands,
    case
        when line_count >= {{ least }} then cast(favourite_brand_shares as double [])
    end as favourite_brand_shares,

    -- for how much
    case
        when order_count >= {{ least }} then {{ ratio('discounted_order_count', 'order_count') }}
    end as discounted_order_share,
    case
        when order_count >= {{ least }} then {{ ratio('coupon_order_count', 'order_count') }}
    end as coupon_order_share,
    case
        when order_count >= {{ least }}
            then {{ ratio('discount_amount', '(gross_amount + discount_amount)') }}
    end as discount_share,
    case
        when order_count >= {{ least }}
            then
                least(
                    1,
                    {{ ratio('discount_amount', '(gross_amount + discount_amount)') }}
                    / {{ var('price_sensitivity_full_discount_share') }}
                )
    end as price_sensitivity,

    -- about what
    cast(topic_message_count as bigint) as topic_message_count,
    cast(list_transform(ranked_interests, lambda entry: entry.topic) as string []) as interests,
    cast(
        list_transform(ranked_interests, lambda entry: not entry.is_observed) as boolean []
    ) as interests_declared,
    cast(
        list_transform(ranked_interests, lambda entry: entry.message_count) as bigint []
    ) as interest_message_counts,
    cast(
        list_transform(ranked_interests, lambda entry: entry.answer_count) as bigint []
    ) as interest_answer_counts,
    cast(
        coalesce(
            list_filter(
                list_transform(ranked_interests, lambda entry: entry.topic),
                lambda topic: list_contains(grounds, topic)
            ),
            []
        ) as string []
    ) as common_ground
from joined
