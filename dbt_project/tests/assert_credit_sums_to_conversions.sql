-- Every model gives out the conversions and the money of a month, all of them and no more, however
-- impressions count.
with

months as (

    select
        cast(date_trunc('month', ended_date) as date) as month_date,
        count(*) as conversion_count,
        cast(coalesce(sum(conversion_amount), 0) as double) as conversion_amount
    from {{ ref('fct_journeys') }}
    where status = 'converted'
    group by date_trunc('month', ended_date)

),

credits as (

    select
        'channel' as owed,
        month_date,
        impressions,
        model,
        sum(credit_count) as credit_count,
        sum(credit_amount) as credit_amount
    from {{ ref('rpt_channel_attribution') }}
    group by month_date, impressions, model
    union all
    select
        'campaign' as owed,
        month_date,
        impressions,
        model,
        sum(credit_count) as credit_count,
        sum(credit_amount) as credit_amount
    from {{ ref('rpt_campaign_attribution') }}
    group by month_date, impressions, model

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
        months.month_date,
        models.owed,
        models.impressions,
        models.model
    from months
    cross join models
    left join credits
        on
            months.month_date = credits.month_date
            and models.owed = credits.owed
            and models.impressions = credits.impressions
            and models.model = credits.model
    where credits.month_date is null

)

select
    credits.month_date,
    credits.owed,
    credits.impressions,
    credits.model
from credits
left join months on credits.month_date = months.month_date
where
    abs(credits.credit_count - coalesce(months.conversion_count, 0)) > 1e-6
    -- doubles have sixteen digits, and large sums use up more of them
    or abs(credits.credit_amount - coalesce(months.conversion_amount, 0))
    > greatest(1e-6, 1e-12 * abs(coalesce(months.conversion_amount, 0)))
union all
select
    month_date,
    owed,
    impressions,
    model
from missing
union all
-- conversions, and not a row of any model
select
    months.month_date,
    'channel' as owed,
    null as impressions,
    null as model
from months
where not exists (select 1 from credits)
