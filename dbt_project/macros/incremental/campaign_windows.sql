{#-
    Runs before the recipients of campaigns and lists the campaigns to rebuild: those with something
    on a day that the fact rebuilt, those that may have had something there before, and those that are
    new, gone, or have another window than they had: coupons valid to another day, or another channel.
    Noted are the days on which an order may be in another window now than it was.
-#}
{% macro find_touched_campaigns(touchpoints, campaigns) -%}
    {%- set window_days = most_answer_days() %}
    {% set found %}
        with

        standing as (

            select
                campaign_id,
                min(first_touchpoint_date) as first_date,
                max(last_touchpoint_date) as last_date,
                any_value(offer_until_date) as offer_until_date,
                any_value(window_days) as window_days
            from {{ this }}
            group by campaign_id

        ),

        followed as (

            select touched_date from {{ days_to_follow([touchpoints]) }} as noted

        ),

        unknown as (

            select campaign_id
            from {{ campaigns }}
            where campaign_id not in (select standing.campaign_id from standing)

        ),

        touched as (

            select
                standing.campaign_id,
                standing.first_date,
                greatest(
                    standing.last_date + {{ window_days }},
                    standing.offer_until_date,
                    campaigns.offer_until_date
                ) as until_date
            from standing
            left join {{ campaigns }} as campaigns on standing.campaign_id = campaigns.campaign_id
            where
                campaigns.campaign_id is null
                or standing.offer_until_date is distinct from campaigns.offer_until_date
                or standing.window_days <> {{ answer_days('campaigns.channel') }}
            union all
            select
                standing.campaign_id,
                followed.touched_date as first_date,
                greatest(standing.last_date + {{ window_days }}, standing.offer_until_date) as until_date
            from standing
            inner join followed
                on followed.touched_date between standing.first_date and standing.last_date
            {% for which in [
                'coming.touchpoint_date in (select followed.touched_date from followed)',
                'coming.campaign_id in (select unknown.campaign_id from unknown)',
            ] %}
            union all
            select
                coming.campaign_id,
                coming.touchpoint_date as first_date,
                greatest(
                    coming.touchpoint_date + {{ window_days }}, campaigns.offer_until_date
                ) as until_date
            from {{ touchpoints }} as coming
            inner join {{ campaigns }} as campaigns on coming.campaign_id = campaigns.campaign_id
            where {{ which }}
            {% endfor %}

        )

        select
            touched.campaign_id,
            -- all that there is of it lies on this day or later
            least(min(touched.first_date), any_value(standing.first_date)) as begun_date,
            min(touched.first_date) as first_date,
            least(max(touched.until_date), {{ latest_day() }}) as until_date
        from touched
        left join standing on touched.campaign_id = standing.campaign_id
        group by touched.campaign_id
    {% endset %}
    {% set noted %}
        select
            cast(unnest(generate_series(first_date, until_date, interval 1 day)) as date) as touched_date,
            cast(null as string) as customer_id
        from {{ touched_days() }}
    {% endset %}
    {{ plan_rebuild(found, 'campaigns', noted) }}
{%- endmacro %}
