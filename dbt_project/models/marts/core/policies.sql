-- What the night was built under. The build hands it over (rapport/policy.py); a dbt run by hand
-- says nothing of it. Where nobody chose a reporting currency, what the orders say is in force.
with

given as (

    {% set columns = ['policy', 'value', 'default_value', 'source', 'unit', 'sentence'] %}
    select in_force.*
    from (
        values
        {% for row in var('policies_in_force') %}
        (
            {% for column in columns %}
            {{ sql_text(row[column]) }}{{ ',' if not loop.last }}
            {% endfor %}
        ),
        {% endfor %}
        (
            {% for column in columns %}
            cast(null as string){{ ',' if not loop.last }}
            {% endfor %}
        )
    ) as in_force ({{ columns | join(', ') }})
    where in_force.policy is not null

),

derived as (

    select
        'reporting_currency' as policy,
        '"' || currency_code || '"' as value
    from {{ ref('int_orders__reporting_currency') }}
    where not is_chosen

)

select
    cast(given.policy as string) as policy,
    cast(coalesce(derived.value, given.value) as string) as value,
    cast(given.default_value as string) as default_value,
    cast(case when derived.value is null then given.source else 'orders' end as string) as source,
    given.value <> given.default_value as is_changed,
    cast(given.unit as string) as unit,
    cast(given.sentence as string) as sentence
from given
left join derived on given.policy = derived.policy
