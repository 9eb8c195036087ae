{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={
            'replaced_by': 'month_end_date',
            'of_customers': true,
            'noted': ['relationship_type'],
            'has_reporting_currency': true,
        },
        pre_hook="{{ find_month_ends() }}"
    )
}}

{%- set month_ends = month_ends_to_score() %}

with

gathered as (

    {% if month_ends %}
    select *
    from (
        {{ gathered_evidence(
            "'" ~ month_ends[0] ~ "'::date",
            "'" ~ month_ends[-1] ~ "'::date",
            of=is_of_touched_customer(),
            of_few=is_incremental() and not asked(is_new_month_end(month_ends[-1])),
        ) }}
    ) as every_month
    where
        {{ is_one_of_days('last_date', month_ends) }}
        {% if is_incremental() %}
        and {{ is_touched('last_date') }}
        {% endif %}
    {% else %}
    select * from ({{ gathered_evidence(latest_day()) }}) as none_to_score
    where false
    {% endif %}

),

{{ relationship_steps() }}

select
    customer_id,
    last_date as month_end_date,
    cast({{ inferred_type() }} as string) as relationship_type,
    cast(round(nearest_share * 1e4) / 1e4 as double) as type_confidence,
    {% for axis in relationship_axes() %}
    cast(round(wanted_{{ axis }} * 1e4) / 1e4 as double) as wanted_{{ axis }},
    {% endfor %}
    cast(round(wanted_strain * 1e4) / 1e4 as double) as strain,
    cast(round(seeking_share * 1e4) / 1e4 as double) as seeking_share,
    cast(round(evidence_share * 1e4) / 1e4 as double) as evidence_share,
    last_evidence_date,
    cast({{ polarity(polarity_score()) }} as string) as polarity,
    cast({{ value_tier('sales_amount') }} as string) as value_tier,
    {{ reporting_currency() }} as currency_code,
    cast(sales_amount as decimal(18, 3)) as sales_amount,
    cast(contact_cost_amount as decimal(18, 2)) as contact_cost_amount
from scored
