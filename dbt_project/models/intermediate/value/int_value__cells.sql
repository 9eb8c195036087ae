-- Customers alike: to the model of orders they are one observation with a weight.
select
    span,
    ahead_days,
    repeat_count,
    recency_days,
    age_days,
    count(*) as customer_count
from {{ ref('int_value__buyers') }}
group by span, ahead_days, repeat_count, recency_days, age_days
