-- Are surveys asked on the scales that the policies have? What stands off a scale says nothing of anybody, and then
-- what stands on it may say something else than it is taken for.
with

scales as (

    {% for name, scale in var('survey_scales').items() %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        {{ sql_text(name) }} as question,
        {{ [scale.worst, scale.best] | min }} as least,
        {{ [scale.worst, scale.best] | max }} as most
    {% else %}
    select
        'no survey' as question,
        0 as least,
        0 as most
    {% endfor %}

),

-- Where the CRM says itself which way an answer went, its scale does not matter.
answers as (

    select
        question,
        customer_id,
        answer_mood is null as is_off_scale,
        try_cast(answer as double) as score
    from {{ ref('fct_touchpoints') }}
    where event_type = 'answered' and answer is not null

),

counted as (

    select
        question,
        count(*) as answer_count,
        count(*) filter (where is_off_scale) as off_scale_count,
        count(distinct customer_id) as customer_count,
        min(score) as least_score,
        max(score) as most_score
    from answers
    group by question

)

select
    case
        when counted.off_scale_count > 0
            then
                scales.question || ': ' || cast(counted.off_scale_count as string)
                || ' of ' || {{ counted('counted.answer_count', 'answer') }}
                || ', by ' || {{ counted('counted.customer_count', 'customer') }}
                || ', not from ' || {{ score_text('scales.least') }} || ' to ' || {{ score_text('scales.most') }}
                || '; they go from ' || {{ score_text('counted.least_score') }}
                || ' to ' || {{ score_text('counted.most_score') }}
        else scales.question
    end as survey,
    coalesce(counted.answer_count, 0) as answer_count,
    coalesce(counted.off_scale_count, 0) as off_scale_count
from scales
left join counted on scales.question = counted.question
