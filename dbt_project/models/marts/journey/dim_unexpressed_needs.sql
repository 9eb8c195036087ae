{% set kinds = ['searched', 'asked_about', 'looked_at', 'clicked'] %}
{% set weights = var('need_weights') %}
{% set private = var('need_private_categories') | map('lower') | list %}
{% set since = latest_day() ~ ' - ' ~ var('need_lookback_days') %}

with

-- Who declared that they want no relationship has no needs that we look for.
preferences as (

    select
        customer_id,
        unwanted_topics,
        withdrawn_topics,
        withdrawn_email_topics
    from {{ ref('dim_preferences') }}
    where wants_relationship <> 'no' and coalesce(declared_relationship, '') <> 'no_relationship'

),

refused_topics as (

    select
        customer_id,
        unnest(unwanted_topics) as topic
    from preferences
    union
    select
        customer_id,
        unnest(withdrawn_topics) as topic
    from preferences
    union
    select
        customer_id,
        unnest(withdrawn_email_topics) as topic
    from preferences

),

catalogue as (

    select
        product_id,
        product_category
    from {{ ref('dim_products') }}
    where
        is_in_catalogue
        and product_class = 'goods'
        and product_category is not null
        and not {{ is_one_of('lower(product_category)', private) }}

),

categories as (

    select distinct product_category from catalogue

),

bought as (

    select * from {{ ref('fct_customer_categories') }}

),

-- what they did themselves, no longer ago than it says anything
own_touchpoints as (

    select
        touchpoint_id,
        customer_id,
        touchpoint_date,
        event_type,
        campaign_id
    from {{ ref('fct_touchpoints') }}
    where
        event_type in ('clicked', 'replied', 'viewed', 'visited')
        and touchpoint_date > {{ since }}
        and not {{ is_by_robot() }}

),

campaigns as (

    select
        campaign_id,
        topic
    from {{ ref('dim_campaigns') }}

),

named as (

    select * from {{ ref('int_journey__named') }}

),

tickets as (

    select
        customer_id,
        opened_date,
        category
    from {{ ref('fct_tickets') }}
    where customer_id is not null and category is not null and opened_date > {{ since }}

),

-- Which categories a term names: all words of the one are among those of the other. A term that would name
-- many (`food`) names none.
terms as (

    select named as term from named
    where named_by <> 'product'
    union
    select category as term from tickets
    union
    select topic as term from campaigns
    union
    select topic as term from refused_topics

),

term_words as (

    select distinct
        term,
        {{ word_stem('word') }} as word
    from (
        select
            term,
            unnest({{ words_of('term') }}) as word
        from terms
    ) as words
    where word is not null

),

category_words as (

    select distinct
        product_category,
        {{ word_stem('word') }} as word
    from (
        select
            product_category,
            unnest({{ words_of('product_category') }}) as word
        from categories
    ) as words
    where word is not null

),

of_terms as (

    select
        term,
        count(*) as word_count
    from term_words
    group by term

),

of_categories as (

    select
        product_category,
        count(*) as word_count
    from category_words
    group by product_category

),

shared_words as (

    select
        term_words.term,
        category_words.product_category,
        count(*) as word_count
    from term_words
    inner join category_words on term_words.word = category_words.word
    group by term_words.term, category_words.product_category

),

naming as (

    select
        shared_words.term,
        shared_words.product_category,
        count(*) over (partition by shared_words.term) as category_count
    from shared_words
    inner join of_terms on shared_words.term = of_terms.term
    inner join of_categories on shared_words.product_category = of_categories.product_category
    where shared_words.word_count in (of_terms.word_count, of_categories.word_count)

),

named_categories as (

    select
        term,
        product_category,
        category_count
    from naming
    where category_count <= {{ var('need_most_named_categories') }}

),

-- A no is heard widely: of a topic that would name many it rules out all.
refused as (

    select distinct
        refused_topics.customer_id,
        naming.product_category
    from refused_topics
    inner join naming on refused_topics.topic = naming.term

),

-- What they did themselves, each act in each category that it names, once.
events_about as (

    select
        named.touchpoint_id,
        named.named_by,
        catalogue.product_category,
        1 as category_count
    from named
    inner join catalogue on named.named = catalogue.product_id
    where named.named_by in ('product', 'link')
    union all
    select
        named.touchpoint_id,
        named.named_by,
        named_categories.product_category,
        named_categories.category_count
    from named
    inner join named_categories on named.named = named_categories.term
    where named.named_by <> 'product'

),

event_acts as (

    select
        touchpoints.customer_id,
        events_about.product_category,
        touchpoints.touchpoint_date as act_date,
        case
            when touchpoints.event_type = 'clicked' then 'clicked'
            when bool_or(events_about.named_by = 'search') then 'searched'
            else 'looked_at'
        end as kind,
        min(events_about.category_count) as category_count
    from events_about
    inner join own_touchpoints as touchpoints on events_about.touchpoint_id = touchpoints.touchpoint_id
    where touchpoints.event_type in ('clicked', 'viewed', 'visited')
    group by
        touchpoints.touchpoint_id,
        touchpoints.customer_id,
        touchpoints.touchpoint_date,
        touchpoints.event_type,
        events_about.product_category

),

-- A campaign is about what its coupons are for, and what its topic names.
campaigns_about as (

    select
        campaign_id,
        product_category,
        category_count
    from {{ ref('int_journey__offered_categories') }}
    union all
    select
        campaigns.campaign_id,
        named_categories.product_category,
        named_categories.category_count
    from campaigns
    inner join named_categories on campaigns.topic = named_categories.term

),

-- One campaign clicked is one click, however often.
answers as (

    select
        touchpoints.customer_id,
        campaigns_about.product_category,
        max(touchpoints.touchpoint_date) as act_date,
        case when touchpoints.event_type = 'clicked' then 'clicked' else 'asked_about' end as kind,
        min(campaigns_about.category_count) as category_count
    from own_touchpoints as touchpoints
    inner join campaigns_about on touchpoints.campaign_id = campaigns_about.campaign_id
    where
        touchpoints.event_type in ('clicked', 'replied')
        and campaigns_about.category_count <= {{ var('need_most_named_categories') }}
    group by
        touchpoints.customer_id,
        touchpoints.campaign_id,
        touchpoints.event_type,
        campaigns_about.product_category

),

questions as (

    select
        tickets.customer_id,
        named_categories.product_category,
        tickets.opened_date as act_date,
        'asked_about' as kind,
        named_categories.category_count
    from tickets
    inner join named_categories on tickets.category = named_categories.term

),

acts as (

    select
        customer_id,
        product_category,
        act_date,
        kind,
        category_count
    from event_acts
    union all
    select
        customer_id,
        product_category,
        act_date,
        kind,
        category_count
    from answers
    union all
    select
        customer_id,
        product_category,
        act_date,
        kind,
        category_count
    from questions

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
    left join bought
        on
            acts.customer_id = bought.customer_id
            and acts.product_category = bought.product_category
            and acts.act_date <= bought.last_bought_date
    where bought.customer_id is null

),

expressed as (

    select
        customer_id,
        product_category,
        {% for kind in kinds %}
        count(*) filter (where kind = '{{ kind }}') as {{ kind }}_count,
        min(act_date) filter (where kind = '{{ kind }}') as {{ kind }}_since,
        coalesce(sum(fading) filter (where kind = '{{ kind }}'), 0e0) * {{ weights[kind] }} as {{ kind }}_weight,
        {% endfor %}
        max(act_date) as last_act_date
    from unanswered
    group by customer_id, product_category

),

-- What people alike bought: of what somebody buys, the few categories that say most about them, as they buy
-- them often and others do not ...
recently_bought as (

    select
        customer_id,
        product_category,
        order_day_count,
        last_bought_date
    from bought
    where last_bought_date > {{ since }}

),

shares as (

    select
        recent.product_category,
        {{ ratio('count(*)', 'max(base.customer_count)') }} as buyer_share
    from recently_bought as recent
    cross join (select count(distinct customer_id) as customer_count from recently_bought) as base
    group by recent.product_category

),

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
        inner join preferences on recently_bought.customer_id = preferences.customer_id
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

affinities as (

    select
        *,
        ln(lift) as log_lift
    from {{ ref('rpt_category_affinities') }}

),

-- ... and what else those who buy them buy: the share of buyers of the category, raised by how much more
-- often it goes with what they buy than by chance.
alike as (

    select
        telling.customer_id,
        affinities.other_category as product_category,
        {{ var('need_lift_power') }} * sum(affinities.log_lift) / max(telling.telling_count) as log_lift
    from telling
    inner join affinities on telling.product_category = affinities.product_category
    group by telling.customer_id, affinities.other_category
    having bool_or(affinities.is_bought_together)

),

-- A booklet of everything offers nothing.
offered as (

    select distinct
        touchpoints.customer_id,
        offers.product_category
    from (
        select distinct
            customer_id,
            campaign_id
        from {{ ref('fct_touchpoints') }}
        where is_marketing_contact and campaign_id is not null
    ) as touchpoints
    inner join campaigns_about as offers on touchpoints.campaign_id = offers.campaign_id
    where offers.category_count <= {{ var('need_most_offered_categories') }}

),

unmet as (

    select
        alike.customer_id,
        alike.product_category,
        shares.buyer_share * exp(alike.log_lift) as expected_share
    from alike
    inner join shares on alike.product_category = shares.product_category
    left join bought
        on alike.customer_id = bought.customer_id and alike.product_category = bought.product_category
    left join offered
        on alike.customer_id = offered.customer_id and alike.product_category = offered.product_category
    where bought.customer_id is null and offered.customer_id is null

),

needs as (

    select
        coalesce(expressed.customer_id, unmet.customer_id) as customer_id,
        coalesce(expressed.product_category, unmet.product_category) as product_category,
        {% for kind in kinds %}
        coalesce(expressed.{{ kind }}_count, 0) as {{ kind }}_count,
        expressed.{{ kind }}_since,
        coalesce(expressed.{{ kind }}_weight, 0e0) as {{ kind }}_weight,
        {% endfor %}
        expressed.last_act_date,
        unmet.customer_id is not null as is_bought_by_alike,
        {% for kind in kinds %}coalesce(expressed.{{ kind }}_weight, 0e0){{ ' + ' if not loop.last }}{% endfor %}
            as act_weight,
        coalesce(unmet.expected_share, 0e0) as expected_share
    from expressed
    full outer join unmet
        on
            expressed.customer_id = unmet.customer_id
            and expressed.product_category = unmet.product_category

),

weighed as (

    select
        needs.*,
        needs.act_weight / (needs.act_weight + {{ var('need_acts_half') }}) as act_score,
        {{ var('need_alike_weight') }} * needs.expected_share / (needs.expected_share + 1e0) as alike_score
    from needs
    inner join preferences on needs.customer_id = preferences.customer_id
    inner join categories on needs.product_category = categories.product_category
    left join refused
        on needs.customer_id = refused.customer_id and needs.product_category = refused.product_category
    where
        refused.customer_id is null
        -- a firm may give a kind of act no weight
        and (needs.act_weight > 0e0 or needs.is_bought_by_alike)

),

scored as (

    select
        *,
        round(1e0 - (1e0 - act_score) * (1e0 - alike_score), 6) as score,
        case
            when is_bought_by_alike and alike_score >= act_score then 'bought_by_alike'
            {% for kind in kinds[:-1] %}
            when
                {{ kind }}_weight
                = greatest({% for other in kinds %}{{ other }}_weight{{ ', ' if not loop.last }}{% endfor %})
                then '{{ kind }}'
            {% endfor %}
            else '{{ kinds[-1] }}'
        end as evidence_kind
    from weighed

),

ranked as (

    select *
    from scored
    qualify
        row_number() over (
            partition by customer_id
            order by score desc nulls last, last_act_date desc nulls last, product_category nulls last
        ) <= {{ var('need_most_per_customer') }}

),

-- Only of these: which of what they buy says most.
shown as (

    select
        ranked.customer_id,
        ranked.product_category,
        count(*) as alike_category_count,
        max(telling.last_bought_date) as alike_date,
        max_by(affinities.product_category, row(affinities.lift, affinities.product_category))
            as strongest_category,
        max_by(affinities.both_count, row(affinities.lift, affinities.product_category)) as strongest_count,
        max_by(affinities.both_share, row(affinities.lift, affinities.product_category)) as strongest_share
    from ranked
    inner join telling on ranked.customer_id = telling.customer_id
    inner join affinities
        on
            telling.product_category = affinities.product_category
            and ranked.product_category = affinities.other_category
    where ranked.is_bought_by_alike and affinities.is_bought_together
    group by ranked.customer_id, ranked.product_category

),

told as (

    select
        ranked.*,
        row_number() over (
            partition by ranked.customer_id
            order by
                ranked.score desc nulls last, ranked.last_act_date desc nulls last,
                ranked.product_category nulls last
        ) as rank,
        coalesce(shown.alike_category_count, 0) as alike_category_count,
        greatest(ranked.last_act_date, shown.alike_date) as last_seen_date,
        shown.strongest_category,
        shown.strongest_count,
        shown.strongest_share
    from ranked
    left join shown
        on ranked.customer_id = shown.customer_id and ranked.product_category = shown.product_category

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
                    || {{ times_since('searched_count', 'searched_since') }} || ' and bought none'
            when 'asked_about'
                then
                    'Asked about ' || {{ category_in_words('product_category') }} || ' '
                    || {{ times_since('asked_about_count', 'asked_about_since') }} || ' and bought none'
            when 'looked_at'
                then
                    'Looked at ' || {{ category_in_words('product_category') }} || ' '
                    || {{ times_since('looked_at_count', 'looked_at_since') }} || ' and bought none'
            when 'clicked'
                then
                    'Clicked on ' || {{ category_in_words('product_category') }} || ' '
                    || {{ times_since('clicked_count', 'clicked_since') }} || ' and bought none'
            else
                'They buy ' || {{ category_in_words('strongest_category') }} || ', and '
                || cast(cast(round(100e0 * strongest_share) as bigint) as string) || ' % of those who do buy '
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
