select
    {{ as_of_date() }} as as_of_date,
    model,
    parameter,
    cast(estimate as double) as estimate,
    cast(standard_error as double) as standard_error,
    is_at_an_end,
    {{ reporting_currency() }} as currency_code
from {{ ref('int_value__fits') }}
where span = 'whole' and estimate is not null
