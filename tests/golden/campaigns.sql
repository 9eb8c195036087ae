-- Per campaign of The Complete Journey, from the parquet files alone: a basket, or a redemption, of a
-- household that got the campaign counts from the campaign's first day to its last, both included. The
-- files keep times in UTC; a basket's day is that on the clock of its stores, New York's.
with

recipients as (

    select
        campaign_id,
        household_id,
        cast(start_date as date) as first_day,
        cast(end_date as date) as last_day
    from campaigns
    inner join campaign_descriptions using (campaign_id)

),

baskets as (

    select
        household_id,
        basket_id,
        cast(
            min(transaction_timestamp) at time zone 'UTC' at time zone 'America/New_York' as date
        ) as day,
        sum(cast(sales_value as decimal(18, 2))) as sales
    from transactions
    group by household_id, basket_id

),

inside as (

    select *
    from recipients
    inner join baskets using (household_id)
    where day between first_day and last_day

),

-- A basket in several campaigns belongs to the one that began last.
last_of_basket as (

    select
        basket_id,
        max(first_day) as first_day
    from inside
    group by basket_id

),

redeemed as (

    select
        campaign_id,
        count(distinct household_id) as redeemers,
        count(*) as redemptions
    from recipients
    inner join coupon_redemptions using (campaign_id, household_id)
    where cast(redemption_date as date) between first_day and last_day
    group by campaign_id

),

received as (

    select
        campaign_id,
        count(*) as recipients
    from recipients
    group by campaign_id

)

select
    cast(campaign_id as varchar) as campaign,
    first_day,
    last_day,
    recipients,
    coalesce(redeemers, 0) as redeemers,
    coalesce(redemptions, 0) as redemptions,
    count(distinct inside.household_id) as buyers,
    count(*) as baskets,
    count(last_of_basket.basket_id) as last_baskets,
    sum(sales) as sales
from inside
inner join received using (campaign_id)
left join redeemed using (campaign_id)
left join last_of_basket using (basket_id, first_day)
group by campaign_id, first_day, last_day, recipients, redeemers, redemptions
order by campaign_id
