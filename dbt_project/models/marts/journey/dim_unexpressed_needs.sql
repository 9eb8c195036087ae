{% set kinds = ['searched', 'asked_about', 'looked_at', 'clicked'] %}
{% set weights = var('need_weights') %}

with

-- Who declared that they want no relationship has no needs that we look for.
preferences as (

    select customer_id
    from {{ ref('dim_preferences') }}
    where wants_relationship <> 'no' and coalesce(declared_relationship, '') <> 'no_relationship'

),

categories as (

    select distinct product_category from {{ ref('int_journey__need_catalogue') }}

),

-- A no is heard widely: of a topic that would name many it rules out all.
refused as (

    select distinct
        refused_topics.customer_id,
        category_terms.product_category
    from {{ ref('int_journey__refused_topics') }} as refused_topics
    inner join {{ ref('int_journey__category_terms') }} as category_terms
        on refused_topics.topic = category_terms.term

),

acts as (

    select * from {{ ref('int_journey__category_acts') }}

),

alike as (

    select * from {{ ref('int_journey__alike_categories') }}

),

needs as (

    select
        coalesce(acts.customer_id, alike.customer_id) as customer_id,
        coalesce(acts.product_category, alike.product_category) as product_category,
        {% for kind in kinds %}
        coalesce(acts.{{ kind }}_count, 0) as {{ kind }}_count,
        acts.{{ kind }}_since,
        coalesce(acts.{{ kind }}_fading * {{ weights[kind] }}, 0e0) as {{ kind }}_weight,
        {% endfor %}
        acts.last_act_date,
        alike.customer_id is not null as is_bought_by_alike,
        coalesce(alike.expected_share, 0e0) as expected_share,
        coalesce(alike.alike_category_count, 0) as alike_category_count,
        greatest(acts.last_act_date, alike.alike_date) as last_seen_date,
        alike.strongest_category
    from acts
    full outer join alike
        on
            acts.customer_id = alike.customer_id
            and acts.product_category = alike.product_category

),

wanted as (

    select
        needs.*,
        needs.searched_weight + needs.asked_about_weight + needs.looked_at_weight
        + needs.clicked_weight as act_weight
    from needs
    inner join preferences on needs.customer_id = preferences.customer_id
    inner join categories on needs.product_category = categories.product_category
    left join refused
        on
            needs.customer_id = refused.customer_id
            and needs.product_category = refused.product_category
    where refused.customer_id is null

),

weighed as (

    select
        *,
        act_weight / (act_weight + {{ var('need_acts_half') }}) as act_score,
        {{ var('need_alike_weight') }} * expected_share / (expected_share + 1e0) as alike_score,
        greatest(
            searched_weight, asked_about_weight, looked_at_weight, clicked_weight
        ) as heaviest_weight
    from wanted
    -- a firm may give a kind of act no weight
    where act_weight > 0e0 or is_bought_by_alike

),

scored as (

    select
        *,
        round((1e0 - (1e0 - act_score) * (1e0 - alike_score)) * 1e6) / 1e6 as score,
        case
            when is_bought_by_alike and alike_score >= act_score then 'bought_by_alike'
            when searched_weight = heaviest_weight then 'searched'
            when asked_about_weight = heaviest_weight then 'asked_about'
            when looked_at_weight = heaviest_weight then 'looked_at'
            else 'clicked'
        end as evidence_kind
    from weighed

),

ranked as (

    select
        *,
        row_number() over (
            partition by customer_id
            order by
                score desc nulls last,
                last_act_date desc nulls last,
                product_category asc nulls last
        ) as rank
    from scored

),

told as (

    select
        ranked.*,
        strongest.both_count as strongest_count,
        strongest.both_share as strongest_share
    from ranked
    left join {{ ref('rpt_category_affinities') }} as strongest
        on
            ranked.strongest_category = strongest.product_category
            and ranked.product_category = strongest.other_category
    where ranked.rank <= {{ var('need_most_per_customer') }}

)

select
    customer_id,
    cast(product_category as string) as product_category,
    cast(rank as bigint) as rank,
    cast(score as double) as score,
    cast(evidence_kind as string) as evidence_kind,
    cast(
        case evidence_kind
            when 'searched'
                then
                    'Searched for ' || {{ category_in_words('product_category') }} || ' '
                    || {{ times_since('searched_count', 'searched_since') }}
                    || ' and bought none'
            when 'asked_about'
                then
                    'Asked about ' || {{ category_in_words('product_category') }} || ' '
                    || {{ times_since('asked_about_count', 'asked_about_since') }}
                    || ' and bought none'
            when 'looked_at'
                then
                    'Looked at ' || {{ category_in_words('product_category') }} || ' '
                    || {{ times_since('looked_at_count', 'looked_at_since') }}
                    || ' and bought none'
            when 'clicked'
                then
                    'Clicked on ' || {{ category_in_words('product_category') }} || ' '
                    || {{ times_since('clicked_count', 'clicked_since') }}
                    || ' and bought none'
            else
                'They buy ' || {{ category_in_words('strongest_category') }} || ', and '
                || cast(cast(round(100e0 * strongest_share) as bigint) as string)
                || ' % of those who do buy '
                || {{ category_in_words('product_category') }}
                || ' too; they never have, and none was offered to them'
        end as string
    ) as evidence,
    last_seen_date,
    cast(looked_at_count as bigint) as look_count,
    cast(searched_count as bigint) as search_count,
    cast(asked_about_count as bigint) as question_count,
    cast(clicked_count as bigint) as click_count,
    cast(alike_category_count as bigint) as alike_category_count,
    cast(strongest_count as bigint) as alike_customer_count
from told
