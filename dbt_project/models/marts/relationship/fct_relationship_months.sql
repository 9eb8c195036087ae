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

with

month_ends as (

    {{ days_listed(month_ends_to_score(), 'month_end_date') }}

),

-- Sales and costs are those of the twelve months that end with one.
bounds as (

    select
        cast(date_trunc('month', min(month_end_date)) - interval 11 month as date) as first_month_date,
        cast(date_trunc('month', max(month_end_date)) as date) as last_month_date
    from month_ends

),

-- A score stands until the month of the next one.
standing as (

    select
        *,
        lead(month_start_date) over (
            partition by customer_id order by month_start_date nulls last
        ) as next_month_date
    from {{ ref('int_relationship__scores') }}
    where {{ is_of_touched_customer() }}

),

every_month as (

    select
        standing.*,
        {{ series_of_months(
            'greatest(month_start_date, first_month_date)',
            'least(cast(next_month_date - interval 1 month as date), last_month_date)',
        ) }} as told_month_date
    from standing
    cross join bounds

),

told as (

    select
        *,
        last_day(told_month_date) as month_end_date,
        {% for amount, type in {'sales': 'decimal(18, 3)', 'contact_cost': 'decimal(18, 2)'}.items() %}
        cast(
            sum(
                case when told_month_date = month_start_date then {{ amount }}_amount else 0 end
            ) over twelve_months as {{ type }}
        ) as {{ amount }}_amount_12m{{ ',' if not loop.last }}
        {% endfor %}
    from every_month
    window twelve_months as (
        partition by customer_id
        order by told_month_date nulls last
        rows between 11 preceding and current row
    )

)

select
    customer_id,
    month_end_date,
    inferred_type as relationship_type,
    cast(round(nearest_share * 1e4) / 1e4 as double) as type_confidence,
    {% for axis in relationship_axes() %}
    cast(round(wanted_{{ axis }} * 1e4) / 1e4 as double) as wanted_{{ axis }},
    {% endfor %}
    cast(round(wanted_strain * 1e4) / 1e4 as double) as strain,
    cast(round(seeking_share * 1e4) / 1e4 as double) as seeking_share,
    cast(round(evidence_share * 1e4) / 1e4 as double) as evidence_share,
    last_evidence_date,
    cast({{ polarity('polarity_score') }} as string) as polarity,
    cast({{ value_tier('sales_amount_12m') }} as string) as value_tier,
    {{ reporting_currency() }} as currency_code,
    sales_amount_12m as sales_amount,
    contact_cost_amount_12m as contact_cost_amount
from told
where
    month_end_date in (select month_ends.month_end_date from month_ends)
    {% if is_incremental() %}
    and {{ is_touched('month_end_date') }}
    {% endif %}
