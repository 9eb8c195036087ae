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
{% set themes = [] %}
{% for theme in var('firm_themes') %}{% do themes.append(sql_text(theme)) %}{% endfor %}

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

-- When they do something unasked. What answers a message of ours tells when we sent it.
acts as (

    select
        touchpoints.customer_id,
        touchpoints.event_type,
        touchpoints.channel,
        {{ local_time('touchpoints.occurred_at', 'clocks') }} as wall_time
    from {{ ref('fct_touchpoints') }} as touchpoints
    inner join customers on touchpoints.customer_id = customers.customer_id
    left join clocks
        on {{ is_clock_at('clocks', 'customers.time_zone', 'touchpoints.occurred_at') }}
    where
        touchpoints.touchpoint_date between {{ since }} and {{ until }}
        and touchpoints.direction = 'inbound'
        and touchpoints.event_type in ('{{ acts | join("', '") }}')
        and not {{ is_by_robot('touchpoints') }}
        and {{ is_of_touched_customer('touchpoints.customer_id') }}

),

times as (

    select
        customer_id,
        count(*) as act_count,
        {% for weekday in weekdays %}
        count(*) filter (where {{ iso_weekday('cast(wall_time as date)') }} = {{ loop.index }}) as {{ weekday }}_count,
        {% endfor %}
        {% for hour in range(24) %}
        count(*) filter (where hour(wall_time) = {{ hour }}) as hour_{{ hour }}_count,
        {% endfor %}
        {% for channel in order_channels %}
        count(*) filter (where event_type = 'ordered' and channel = '{{ channel }}') as {{ channel }}_order_count,
        {% endfor %}
        count(*) filter (where event_type = 'ordered') as channel_order_count
    from acts
    group by customer_id

),

-- Stretches of {{ width }} hours in a row, round the clock.
stretches as (

    select
        *,
        {% for start in range(24) %}
        {% for step in range(width) %}
        hour_{{ (start + step) % 24 }}_count{{ ' +' if not loop.last else ' as from_' ~ start ~ '_count,' }}
        {% endfor %}
        {% endfor %}
        greatest(
            {% for channel in order_channels %}
            {{ channel }}_order_count{{ ',' if not loop.last }}
            {% endfor %}
        ) as usual_channel_count
    from times

),

busiest as (

    select
        *,
        greatest(
            {% for start in range(24) %}
            from_{{ start }}_count{{ ',' if not loop.last }}
            {% endfor %}
        ) as usual_hours_count
    from stretches

),

-- Of equals the earliest hours, and the channel that is named first.
usual_times as (

    select
        customer_id,
        act_count,
        {% set usual_weekdays = [] %}
        {% for weekday in weekdays %}
        {% do usual_weekdays.append(
            "case when " ~ weekday ~ "_count >= cast(" ~ var('habit_weekday_least_share') ~ " as double) * act_count then '"
            ~ weekday ~ "' end"
        ) %}
        {% endfor %}
        {{ those_of(list_of(usual_weekdays), 'weekday', 'weekday is not null') }} as usual_weekdays,
        case usual_hours_count
            {% for start in range(24) %}
            when from_{{ start }}_count then {{ start }}
            {% endfor %}
        end as usual_hours_from,
        usual_hours_count,
        channel_order_count,
        case usual_channel_count
            {% for channel in order_channels %}
            when {{ channel }}_order_count then '{{ channel }}'
            {% endfor %}
        end as usual_channel,
        usual_channel_count
    from busiest

),

orders as (

    select
        customer_id,
        count(*) as order_count,
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

-- Several orders of a day are one visit.
gaps as (

    select
        customer_id,
        {{ days_between('lag(order_date) over (partition by customer_id order by order_date nulls last)', 'order_date') }}
            as days_between
    from (
        select distinct
            customer_id,
            order_date
        from {{ ref('fct_orders') }}
        where
            is_kept
            and order_date between {{ since }} and {{ until }}
            and {{ is_of_touched_customer() }}
    ) as days

),

-- The deviation of the gaps as a share of their mean, from sums of whole numbers: no order of rows changes a digit.
rhythms as (

    select
        customer_id,
        count(days_between) as gap_count,
        median(days_between) as median_days,
        sqrt(cast(count(days_between) * sum(days_between * days_between) - power(sum(days_between), 2) as double))
        / sum(days_between) as variation
    from gaps
    group by customer_id

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

chosen as (

    {% for kind, column in {'category': 'product_category', 'brand': 'brand'}.items() %}
    select
        customer_id,
        '{{ kind }}' as kind,
        {{ column }} as choice,
        sum(observations) as observations
    from bought
    group by customer_id, {{ column }}
    union all
    {% endfor %}
    select
        customer_id,
        'store' as kind,
        store_id as choice,
        count(*) as observations
    from {{ ref('fct_orders') }}
    where
        is_kept
        and order_date between {{ since }} and {{ until }}
        and store_id is not null
        and {{ is_of_touched_customer() }}
    group by customer_id, store_id

),

-- What has no name counts in the whole, and is nobody's favourite.
ranked as (

    select
        customer_id,
        kind,
        choice,
        observations,
        {{ ratio('observations', 'sum(observations) over (partition by customer_id, kind)') }} as share,
        row_number() over (
            partition by customer_id, kind
            order by
                case when choice is null then 1 else 0 end nulls last, observations desc nulls last, choice nulls last
        ) as place
    from chosen

),

favourites as (

    select
        customer_id,
        {% for kind, list in {'category': 'categories', 'brand': 'brands'}.items() %}
        {% set most = "kind = '" ~ kind ~ "' and choice is not null and place <= " ~ var('habit_most_favourites') %}
        {{ collected('choice', order_by='place', filter=most) }} as favourite_{{ list }},
        {{ collected('share', order_by='place', filter=most) }} as favourite_{{ kind }}_shares,
        {% endfor %}
        max(choice) filter (where kind = 'store' and place = 1) as favourite_store_id,
        max(share) filter (where kind = 'store' and place = 1) as favourite_store_share,
        sum(observations) filter (where kind = 'category') as line_count
    from ranked
    group by customer_id

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
    from {{ ref('fct_touchpoints') }} as touchpoints
    inner join campaign_topics on touchpoints.campaign_id = campaign_topics.campaign_id
    where
        touchpoints.touchpoint_date between {{ since }} and {{ until }}
        and touchpoints.event_type in ('delivered', '{{ answers | join("', '") }}')
        and not {{ is_by_robot('touchpoints') }}
        and {{ is_of_touched_customer('touchpoints.customer_id') }}
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
        least(1e0, {{ ratio('sum(answer_count)', 'sum(message_count)') }}) as own_rate
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
            {{ unnested(both_lists('interests', 'wanted_topics')) }} as topic
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

ranked_topics as (

    select
        topics.*,
        row_number() over (
            partition by topics.customer_id
            order by topics.is_declared desc nulls last, topics.score desc nulls last, topics.topic nulls last
        ) as place
    from topics
    inner join customers on topics.customer_id = customers.customer_id
    where not coalesce(array_contains(customers.unwanted_topics, topics.topic), false)

),

interests as (

    select
        customer_id,
        {% for list, value in {
            'interests': 'topic',
            'interests_declared': 'is_declared',
            'interest_message_counts': 'cast(message_count as bigint)',
            'interest_answer_counts': 'cast(answer_count as bigint)',
        }.items() %}
        {{ collected(value, order_by='place') }} as {{ list }}{{ ',' if not loop.last }}
        {% endfor %}
    from ranked_topics
    where place <= {{ var('habit_most_favourites') }}
    group by customer_id

),

joined as (

    select
        customers.customer_id,
        customers.time_zone,
        coalesce(usual_times.act_count, 0) as act_count,
        usual_times.usual_weekdays,
        usual_times.usual_hours_from,
        usual_times.usual_hours_count,
        usual_times.channel_order_count,
        usual_times.usual_channel,
        usual_times.usual_channel_count,
        coalesce(orders.order_count, 0) as order_count,
        orders.coupon_order_count,
        orders.discounted_order_count,
        orders.gross_amount,
        orders.discount_amount,
        coalesce(rhythms.gap_count, 0) as gap_count,
        rhythms.median_days,
        rhythms.variation,
        favourites.favourite_store_id,
        favourites.favourite_store_share,
        favourites.favourite_categories,
        favourites.favourite_category_shares,
        coalesce(favourites.line_count, 0) as line_count,
        favourites.favourite_brands,
        favourites.favourite_brand_shares,
        coalesce(own_rates.message_count, 0) as topic_message_count,
        interests.interests,
        interests.interests_declared,
        interests.interest_message_counts,
        interests.interest_answer_counts,
        {{ both_lists(list_of(themes), 'staff.skills') }} as grounds
    from customers
    left join usual_times on customers.customer_id = usual_times.customer_id
    left join orders on customers.customer_id = orders.customer_id
    left join rhythms on customers.customer_id = rhythms.customer_id
    left join favourites on customers.customer_id = favourites.customer_id
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
        when act_count >= {{ least }} then usual_weekdays
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
        when gap_count >= {{ least }} then median_days
    end as median_days_between_orders,
    case
        when gap_count >= {{ least }}
            then
                greatest(0e0, 1e0 - variation)
    end as rhythm_regularity,

    -- what
    cast(line_count as bigint) as line_count,
    case
        when line_count >= {{ least }} then favourite_categories
    end as favourite_categories,
    case
        when line_count >= {{ least }} then favourite_category_shares
    end as favourite_category_shares,
    case
        when line_count >= {{ least }} then favourite_brands
    end as favourite_brands,
    case
        when line_count >= {{ least }} then favourite_brand_shares
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
                    1e0,
                    {{ ratio('discount_amount', '(gross_amount + discount_amount)') }}
                    / cast({{ var('price_sensitivity_full_discount_share') }} as double)
                )
    end as price_sensitivity,

    -- about what
    cast(topic_message_count as bigint) as topic_message_count,
    interests,
    interests_declared,
    interest_message_counts,
    interest_answer_counts,
    coalesce(
        {{ those_of('interests', 'topic', 'array_contains(grounds, topic)') }}, {{ empty_list('string') }}
    ) as common_ground
from joined
