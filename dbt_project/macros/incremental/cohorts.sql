{#-
    Runs before the cohorts, which are kept by the month their orders lie in, and lists months with orders that
    changed and those that came or ended since. Whose first order came, went or lies on another day belongs to
    another cohort, in every month from then on.
-#}
{% macro find_cohort_months(orders, customers) -%}
    {%- set month = "date_trunc('month', " ~ latest_day() ~ ")" %}
    {% set found %}
        with

        followed as (

            select
                noted.touched_date,
                noted.touched_date <= coalesce(customers.first_order_date, noted.touched_date)
                    as is_first_order
            from {{ customers_to_follow([orders]) }} as noted
            left join {{ customers }} as customers on noted.customer_id = customers.customer_id

        ),

        spans as (

            select
                touched_date as first_date,
                touched_date as last_date
            from {{ days_to_follow([orders]) }} as days
            where touched_date <= {{ latest_day() }}
            union all
            select
                min(touched_date) as first_date,
                {{ latest_day() }} as last_date
            from followed
            where is_first_order
            union all
            select
                least(max(month_date), {{ latest_day() }}) as first_date,
                greatest(max(month_date), {{ latest_day() }}) as last_date
            from {{ this }}
            having
                max(month_date) <> {{ month }}
                or bool_or(is_month_over) filter (where month_date = {{ month }})
                <> ({{ month }} <= {{ last_day_of_complete_months() }})

        )

        select distinct
            cast(
                unnest(
                    generate_series(
                        date_trunc('month', first_date), cast(last_date as timestamp), interval 1 month
                    )
                ) as date
            ) as month_date
        from spans
    {% endset %}
    {{ plan_rebuild(found, 'months') }}
{%- endmacro %}
