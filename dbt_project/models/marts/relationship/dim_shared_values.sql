{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'customer_id'},
        pre_hook="{{ follow_customers(
            [but_browsing(ref('fct_touchpoints')), ref('dim_campaigns'), ref('dim_preferences')]
        ) }}"
    )
}}

with

campaigns as (

    select
        campaign_id,
        value_tag
    from {{ ref('dim_campaigns') }}
    where value_tag is not null

),

heard as (

    select
        touchpoints.customer_id,
        campaigns.value_tag,
        count(distinct touchpoints.campaign_id) filter (
            where touchpoints.is_marketing_contact
        ) as message_count,
        count(distinct touchpoints.campaign_id) filter (
            where touchpoints.event_type in ('clicked', 'redeemed', 'replied')
        ) as answer_count,
        max(touchpoints.touchpoint_date) filter (
            where touchpoints.event_type in ('clicked', 'redeemed', 'replied')
        ) as last_answer_date
    from {{ ref('fct_touchpoints') }} as touchpoints
    inner join campaigns on touchpoints.campaign_id = campaigns.campaign_id
    where
        (
            touchpoints.is_marketing_contact
            or touchpoints.event_type in ('clicked', 'redeemed', 'replied')
        )
        and not {{ is_by_robot('touchpoints') }}
        and {{ is_of_touched_customer('touchpoints.customer_id') }}
    group by touchpoints.customer_id, campaigns.value_tag

),

declared as (

    select
        customer_id,
        {{ unnested('declared_values') }} as value_tag
    from {{ ref('dim_preferences') }}
    where {{ is_of_touched_customer() }}

),

shared as (

    select
        coalesce(heard.customer_id, declared.customer_id) as customer_id,
        coalesce(heard.value_tag, declared.value_tag) as value_tag,
        declared.customer_id is not null as is_declared,
        coalesce(heard.message_count, 0) as message_count,
        coalesce(least(heard.answer_count, heard.message_count), 0) as answer_count,
        heard.last_answer_date
    from heard
    full outer join declared
        on heard.customer_id = declared.customer_id and heard.value_tag = declared.value_tag

)

select
    customer_id,
    cast(value_tag as string) as value_tag,
    is_declared,
    cast(message_count as bigint) as message_count,
    cast(answer_count as bigint) as answer_count,
    cast(answer_count / nullif(message_count, 0) as double) as answer_share,
    last_answer_date,
    -- what they say counts fully; what they answer, against what is usual in mailing
    cast(
        round(
            (
                case
                    when is_declared then 1
                    else {{ saturated(
                        'answer_count / greatest(message_count, ' ~ var('relationship_signals').answers.enough ~ ')',
                        var('relationship_signals').answers.half
                    ) }}
                end
            ) * 1e4
        ) / 1e4 as double
    ) as shared_value_score
from shared
