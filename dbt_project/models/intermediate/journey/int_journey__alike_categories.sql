with

categories as (

    select distinct product_category from {{ ref('int_journey__need_catalogue') }}

),

recently_bought as (

    select
        customer_id,
        product_category,
        order_day_count,
        last_bought_date
    from {{ ref('fct_customer_categories') }}
    where last_bought_date > {{ latest_day() }} - {{ var('need_lookback_days') }}

),

shares as (

    select
        recent.product_category,
        {{ ratio('count(*)', 'max(base.customer_count)') }} as buyer_share
    from recently_bought as recent
    cross join (select count(distinct customer_id) as customer_count from recently_bought) as base
    group by recent.product_category

),

-- Of what somebody buys, the few categories that say most about them, as they buy them often and others do
-- not ...
telling as (

    select
        recent.customer_id,
        recent.product_category,
        recent.last_bought_date,
        count(*) over (partition by recent.customer_id) as telling_count
    from (
        select
            recently_bought.customer_id,
            recently_bought.product_category,
            recently_bought.last_bought_date
        from recently_bought
        inner join shares on recently_bought.product_category = shares.product_category
        inner join categories on recently_bought.product_category = categories.product_category
        qualify
            row_number() over (
                partition by recently_bought.customer_id
                order by
                    ln(1 + recently_bought.order_day_count) * -ln(shares.buyer_share) desc nulls last,
                    recently_bought.product_category nulls last
            ) <= {{ var('need_most_telling_categories') }}
    ) as recent

),

-- Of equal lifts the later in the alphabet is the stronger.
affinities as (

    select
        product_category,
        other_category,
        is_bought_together,
        ln(lift) as log_lift,
        row_number() over (
            partition by other_category
            order by lift nulls first, product_category nulls first
        ) as strength
    from {{ ref('rpt_category_affinities') }}

),

-- Of what they have or had a chance to have nobody need tell them. A booklet of everything offers nothing.
known as (

    select
        customer_id,
        product_category
    from {{ ref('fct_customer_categories') }}
    union
    select
        touchpoints.customer_id,
        subjects.product_category
    from {{ ref('fct_touchpoints') }} as touchpoints
    inner join {{ ref('int_journey__category_subjects') }} as subjects
        on touchpoints.campaign_id = subjects.subject_id
    where
        touchpoints.is_marketing_contact
        and subjects.subject_kind = 'campaign'
        and subjects.category_count <= {{ var('need_most_offered_categories') }}

),

-- ... and what else those who buy them buy: the share of buyers of the category, raised by how much more
-- often it goes with what they buy than by chance. What they know is taken out first, as it is most of it.
alike as (

    select
        telling.customer_id,
        affinities.other_category as product_category,
        {{ var('need_lift_power') }}e0 * {{ exact_sum('affinities.log_lift') }} / max(telling.telling_count) as log_lift,
        count(*) filter (where affinities.is_bought_together) as alike_category_count,
        max(telling.last_bought_date) filter (where affinities.is_bought_together) as alike_date,
        max(affinities.strength) filter (where affinities.is_bought_together) as strength
    from telling
    inner join affinities on telling.product_category = affinities.product_category
    left join known
        on telling.customer_id = known.customer_id and affinities.other_category = known.product_category
    where known.customer_id is null
    group by telling.customer_id, affinities.other_category
    having bool_or(affinities.is_bought_together)

)

select
    alike.customer_id,
    alike.product_category,
    round(shares.buyer_share * exp(alike.log_lift) * 1e9) / 1e9 as expected_share,
    alike.alike_category_count,
    alike.alike_date,
    strongest.product_category as strongest_category
from alike
inner join shares on alike.product_category = shares.product_category
inner join affinities as strongest
    on alike.product_category = strongest.other_category and alike.strength = strongest.strength
