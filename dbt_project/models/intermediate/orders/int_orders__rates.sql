-- What 1 of a currency is in the reporting currency. Rates are a firm's policy; without one for the
-- month there is none.
select
    cast(rates.month_date as date) as month_date,
    cast(rates.currency_code as string) as currency_code,
    cast(rates.reporting_rate as decimal(18, 9)) as reporting_rate
from (
    values
    {% for row in var('currency_rates') %}
    (date {{ sql_text(row.month ~ '-01') }}, {{ sql_text(row.currency) }}, {{ row.rate }}),
    {% endfor %}
    (null, null, null)
) as rates (month_date, currency_code, reporting_rate)
where rates.month_date is not null
