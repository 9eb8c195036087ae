-- Per campaign of The Complete Journey, from the parquet files and the hours that the sandbox makes up
-- for its mail and its coupons (the files have days only): a basket, or a redemption, of a household that
-- got the campaign counts from when the mail reached it to the end of the campaign's last day. The files
-- keep times in UTC; a basket's day is that on the clock of its stores, New York's. A basket of midnight
-- sharp has no hour.
with

recipients as (

    select
        campaign_id,
        household_id,
        received_at,
        cast(start_date as date) as first_day,
        cast(end_date as date) as last_day
    from campaigns
    inner join campaign_descriptions using (campaign_id)
    inner join mail_hours using (campaign_id, household_id)

),

baskets as (

    select
        household_id,
        basket_id,
        min(transaction_timestamp) as bought_at,
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
    where
        day between first_day and last_day
        and (bought_at >= received_at or bought_at = date_trunc('day', bought_at))

),

redeemed as (

    select
        campaign_id,
        count(distinct household_id) as redeemers,
        count(*) as redemptions
    from recipients
    inner join coupon_hours using (campaign_id, household_id)
    where redeemed_at >= received_at and cast(redeemed_at as date) <= last_day
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
    sum(sales) as sales
from inside
inner join received using (campaign_id)
left join redeemed using (campaign_id)
group by campaign_id, first_day, last_day, recipients, redeemers, redemptions
order by campaign_id
