-- Every model gives out the conversions and the money of a month, all of them and no more, however
-- impressions count.
with

months as (

    select
        ended_month as conversion_month,
        count(*) as conversion_count,
        cast(coalesce(sum(conversion_value), 0) as double) as conversion_value
    from {{ ref('fct_journeys') }}
    where status = 'converted'
    group by ended_month

),

credits as (

    select
        'channel' as owed,
        conversion_month,
        impressions,
        model,
        sum(credit_count) as credit_count,
        sum(credit_amount) as credit_amount
    from {{ ref('rpt_channel_attribution') }}
    group by conversion_month, impressions, model
    union all
    select
        'campaign' as owed,
        conversion_month,
        impressions,
        model,
        sum(credit_count) as credit_count,
        sum(credit_amount) as credit_amount
    from {{ ref('rpt_campaign_attribution') }}
    group by conversion_month, impressions, model

),

-- Shapley values are left out of a month of too many channels.
models as (

    select distinct
        owed,
        impressions,
        model
    from credits
    where model <> 'shapley'

),

missing as (

    select
        months.conversion_month,
        models.owed,
        models.impressions,
        models.model
    from months
    cross join models
    left join credits
        on
            months.conversion_month = credits.conversion_month
            and models.owed = credits.owed
            and models.impressions = credits.impressions
            and models.model = credits.model
    where credits.conversion_month is null

)

select
    credits.conversion_month,
    credits.owed,
    credits.impressions,
    credits.model
from credits
left join months on credits.conversion_month = months.conversion_month
where
    abs(credits.credit_count - coalesce(months.conversion_count, 0)) > 1e-6
    -- doubles have sixteen digits, and large sums use up more of them
    or abs(credits.credit_amount - coalesce(months.conversion_value, 0))
    > greatest(1e-6, 1e-12 * abs(coalesce(months.conversion_value, 0)))
union all
select
    conversion_month,
    owed,
    impressions,
    model
from missing
union all
-- conversions, and not a row of any model
select
    months.conversion_month,
    'channel' as owed,
    null as impressions,
    null as model
from months
where not exists (select 1 from credits)
