{{ config(materialized='table') }}

-- What the models know of a customer, and, of those of the calibration, what they did afterwards.
with

placed as (

    select
        spans.span,
        spans.last_date,
        spans.ahead_days,
        purchases.customer_id,
        purchases.first_date,
        purchases.purchase_date,
        purchases.amount,
        purchases.purchase_date <= spans.last_date as is_known,
        purchases.purchase_date > purchases.first_date as is_repeat
    from {{ ref('int_value__spans') }} as spans
    inner join {{ ref('int_value__purchases') }} as purchases
        on spans.last_date >= purchases.first_date

)

select
    span,
    customer_id,
    ahead_days,
    cast(count(*) filter (where is_known and is_repeat) as bigint) as repeat_count,
    cast(
        max({{ day_number('purchase_date') }}) filter (where is_known)
        - {{ day_number('first_date') }} as bigint
    ) as recency_days,
    cast({{ day_number('last_date') }} - {{ day_number('first_date') }} as bigint) as age_days,
    cast(count(amount) filter (where is_known and is_repeat) as bigint) as spend_count,
    cast(
        coalesce(sum(amount) filter (where is_known and is_repeat), 0) as double
    ) as spend_amount,
    cast(count(*) filter (where not is_known) as bigint) as held_out_count,
    cast(count(amount) filter (where not is_known) as bigint) as held_out_spend_count,
    cast(sum(amount) filter (where not is_known) as double) as held_out_spend_amount
from placed
group by span, customer_id, ahead_days, first_date, last_date
