{#- The currency that marts add amounts up in; a row of a table, as orders may have decided it. -#}
{% macro reporting_currency() -%}
    (select reporting.currency_code from {{ ref('int_orders__reporting_currency') }} as reporting)
{%- endmacro %}

{#-
    What 1 of a currency is in the reporting one, `int_orders__reporting_currency` being joined as `reporting`:
    1 of that itself, else the firm's rate of the month (`join_rates`), null where it has none.
-#}
{% macro reporting_rate(currency) -%}
    case
        when {{ currency }} = reporting.currency_code then cast(1 as decimal(18, 9))
        else rates.reporting_rate
    end
{%- endmacro %}

{% macro join_rates(currency, day) -%}
    left join {{ ref('int_orders__rates') }} as rates
        on
            {{ currency }} = rates.currency_code
            and cast(date_trunc('month', {{ day }}) as date) = rates.month_date
{%- endmacro %}

{#-
    An amount at a rate, in all its decimals: of two decimals of 18 digits the product has to fit into 18 digits, and
    a million of anything does not. What is in the reporting currency already is not multiplied, which takes long.
-#}
{% macro at_rate(amount, rate) -%}
    case
        when {{ rate }} = 1 then cast({{ amount }} as decimal(28, 3))
        else cast({{ amount }} as decimal(28, 3)) * {{ rate }}
    end
{%- endmacro %}
