{{ config(materialized='table') }}

{% set kinds = ['searched', 'asked_about', 'looked_at', 'clicked'] %}
{% set since = latest_day() ~ ' - ' ~ var('need_lookback_days') %}

with

-- Each category once that an event names, in however many ways.
named as (

    select
        subject_id as touchpoint_id,
        product_category,
        bool_or(named_by = 'search') as is_search,
        min(category_count) as category_count
    from {{ ref('int_journey__category_subjects') }}
    where subject_kind = 'event'
    group by subject_id, product_category

),

-- What they did themselves.
event_acts as (

    select
        touchpoints.customer_id,
        named.product_category,
        touchpoints.touchpoint_date as act_date,
        case
            when touchpoints.event_type = 'clicked' then 'clicked'
            when touchpoints.question = 'mention' then 'asked_about'
            when named.is_search then 'searched'
            else 'looked_at'
        end as kind,
        named.category_count
    from {{ ref('fct_touchpoints') }} as touchpoints
    inner join named on touchpoints.touchpoint_id = named.touchpoint_id
    where
        (touchpoints.event_type in ('clicked', 'viewed', 'visited') or touchpoints.question = 'mention')
        and touchpoints.touchpoint_date > {{ since }}
        and not {{ is_by_robot('touchpoints') }}

),

-- One campaign clicked is one click, however often.
answers as (

    select
        touchpoints.customer_id,
        subjects.product_category,
        max(touchpoints.touchpoint_date) as act_date,
        case when touchpoints.event_type = 'clicked' then 'clicked' else 'asked_about' end as kind,
        min(subjects.category_count) as category_count
    from {{ ref('fct_touchpoints') }} as touchpoints
    inner join {{ ref('int_journey__category_subjects') }} as subjects
        on touchpoints.campaign_id = subjects.subject_id
    where
        subjects.subject_kind = 'campaign'
        and subjects.category_count <= {{ var('need_most_named_categories') }}
        and touchpoints.event_type in ('clicked', 'replied')
        and touchpoints.touchpoint_date > {{ since }}
        and not {{ is_by_robot('touchpoints') }}
    group by
        touchpoints.customer_id,
        touchpoints.campaign_id,
        touchpoints.event_type,
        subjects.product_category

),

questions as (

    select
        tickets.customer_id,
        subjects.product_category,
        tickets.opened_date as act_date,
        'asked_about' as kind,
        subjects.category_count
    from {{ ref('fct_tickets') }} as tickets
    inner join {{ ref('int_journey__category_subjects') }} as subjects on tickets.ticket_id = subjects.subject_id
    where
        subjects.subject_kind = 'ticket'
        and tickets.customer_id is not null
        and tickets.opened_date > {{ since }}

),

acts as (

    {% for kind_of_acts in ['event_acts', 'answers', 'questions'] %}
    select
        customer_id,
        product_category,
        act_date,
        kind,
        category_count
    from {{ kind_of_acts }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Who bought it since, or on that day, has expressed it.
unanswered as (

    select
        acts.customer_id,
        acts.product_category,
        acts.act_date,
        acts.kind,
        {{ need_fading('acts.act_date') }} / acts.category_count as fading
    from acts
    left join {{ ref('fct_customer_categories') }} as bought
        on
            acts.customer_id = bought.customer_id
            and acts.product_category = bought.product_category
            and acts.act_date <= bought.last_bought_date
    where bought.customer_id is null

)

select
    customer_id,
    product_category,
    {% for kind in kinds %}
    count(*) filter (where kind = '{{ kind }}') as {{ kind }}_count,
    min(act_date) filter (where kind = '{{ kind }}') as {{ kind }}_since,
    coalesce({{ exact_sum('fading', filter="kind = '" ~ kind ~ "'") }}, 0e0) as {{ kind }}_fading,
    {% endfor %}
    max(act_date) as last_act_date
from unanswered
group by customer_id, product_category
