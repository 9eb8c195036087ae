-- Customers alike to the model of spend; without a repeat whose amount is known nobody tells it
-- anything.
select
    span,
    spend_count,
    spend_amount,
    count(*) as customer_count
from {{ ref('int_value__buyers') }}
where spend_count > 0
group by span, spend_count, spend_amount
