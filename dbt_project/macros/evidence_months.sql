{#-
    Customer months are built by the month: months that hold a day which a fact rebuilt since the last
    finished build, or whose deals and tickets are others than before; all of them when the
    catalogue has other categories.
-#}
{% macro find_touched_months() -%}
    {% if execute and is_incremental() %}
        {% call statement('touched_months') %}
            create or replace temporary table {{ touched_days() }} as

            with

            -- an answer looks back as far as the letter that it answers
            days as (

                select touched_date from ops.touched_days
                where model_name in ('fct_touchpoints', 'fct_orders', 'fct_order_lines')
                union
                select touched_date - {{ var('answer_within_days') }} from ops.touched_days
                where model_name = 'fct_touchpoints'

            ),

            coming as (

                {{ crm_by_month() }}

            ),

            standing as (

                select
                    customer_id,
                    month_start_date,
                    deal_count,
                    mishandled_ticket_count
                from {{ this }}
                where deal_count + mishandled_ticket_count > 0

            ),

            moved as (

                (from coming except from standing)
                union all
                (from standing except from coming)

            )

            select cast(date_trunc('month', touched_date) as date) as month_start_date from days
            union
            -- a category more on offer makes everybody's share of them smaller
            select month_start_date
            from {{ this }}
            where offered_category_count <> (
                select count(distinct product_category)
                from {{ ref('dim_products') }}
                where is_in_catalogue
            )
            union
            select month_start_date from moved
        {% endcall %}
        {% do remember_touched_days(this.identifier, touched_days(), 'month_start_date') %}
        {% set months = run_query('select count(*) from ' ~ touched_days()).columns[0].values()[0] %}
        {{ log(this.identifier ~ ': ' ~ months ~ ' months to rebuild', info=true) }}
    {% endif %}
{%- endmacro %}

{#- Deals and tickets that went badly; few enough to be counted anew each night. -#}
{% macro crm_by_month() -%}
    select
        customer_id,
        month_start_date,
        count(*) filter (where is_deal) as deal_count,
        count(*) filter (where not is_deal) as mishandled_ticket_count
    from (
        select
            customer_id,
            cast(date_trunc('month', opened_at) as date) as month_start_date,
            true as is_deal
        from {{ ref('fct_deals') }}
        where opened_at < {{ cutoff() }}
        union all
        select
            customer_id,
            cast(date_trunc('month', opened_at) as date) as month_start_date,
            false as is_deal
        from {{ ref('fct_tickets') }}
        where
            opened_at < {{ cutoff() }}
            and (is_reopened or first_response_hours > {{ var('slow_first_response_hours') }})
    ) as crm_records
    where customer_id is not null
    group by customer_id, month_start_date
{%- endmacro %}

{#-
    Notes which days (or months, by their first day) a model rebuilds, for models that follow it. They
    stay noted until a build has finished, so one that broke off between the two loses nothing.
-#}
{% macro remember_touched_days(model, relation, day) -%}
    {% do run_query(
        "insert into ops.touched_days select '" ~ model ~ "', " ~ day ~ " from " ~ relation
    ) %}
{%- endmacro %}

{#-
    Half of the weight for each half-life that a month lies further back. Whole numbers below 2^53, so
    that they and their sums are exact and no order of rows changes a digit.
-#}
{% macro evidence_weight(month) -%}
    cast(
        round(
            1000 * power(
                2.0,
                date_diff('month', cast('{{ var("earliest_plausible_date") }}' as date), {{ month }})
                / {{ var('evidence_half_life_months') }}.0
            )
        ) as double
    )
{%- endmacro %}

{#-
    Month ends to score: all that have passed, or those that are new or follow a month that was rebuilt.
    Known when the model is compiled for its run, after the months themselves.
-#}
{% macro month_ends_to_score() -%}
    {% set months = ref('fct_customer_months') %}
    {% if not execute or load_relation(months) is none %}
        {{ return([]) }}
    {% endif %}
    {% set found = run_query(
        "select cast(last_day(month_start) as varchar) from (select unnest(generate_series("
        ~ "(select min(month_start_date) from " ~ months ~ ")::timestamp, "
        ~ as_of_date() ~ "::timestamp, interval 1 month)) as month_start) "
        ~ "where last_day(month_start) <= " ~ as_of_date()
        ~ (
            " and (last_day(month_start) not in (select month_end_date from " ~ this ~ ")"
            ~ " or month_start >= (select min(touched_date) from ops.touched_days"
            ~ " where model_name = 'fct_customer_months'))"
            if is_incremental() else ""
        )
        ~ " order by 1"
    ) %}
    {{ return(found.columns[0].values() | list) }}
{%- endmacro %}

{#- Is the date one of a list, which may be empty? -#}
{% macro is_one_of_days(column, days) -%}
    (
        false
        {% for day in days %}
        or {{ column }} = '{{ day }}'
        {% endfor %}
    )
{%- endmacro %}
