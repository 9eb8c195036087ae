{#-
    Runs before the customer months and lists whose months to rebuild: those that hold a day which
    changed in a fact, or on which a campaign or a product was something else than it is, or whose deals
    and tickets are others than before; all of them when the catalogue has other categories.
-#}
{% macro find_evidence_months(touchpoints, others) -%}
    {% set found %}
        with

        -- an answer looks back as far as the letter that it answers: a day further than it has days, as one of
        -- them may be an hour short
        days as (

            select
                touched_date,
                customer_id
            from {{ customers_to_follow([touchpoints] + others) }} as followed
            union
            select
                touched_date - {{ var('answer_within_days') + 1 }} as touched_date,
                customer_id
            from {{ customers_to_follow([touchpoints]) }} as followed

        ),

        coming as (

            select
                customer_id,
                month_start_date,
                deal_count,
                mishandled_ticket_count
            from {{ ref('int_relationship__crm_months') }}

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

        select
            cast(date_trunc('month', touched_date) as date) as month_start_date,
            customer_id
        from days
        union
        -- a category more on offer makes everybody's share of them smaller
        select
            month_start_date,
            null as customer_id
        from {{ this }}
        where offered_category_count <> (
            select count(distinct product_category)
            from {{ ref('dim_products') }}
            where is_in_catalogue and product_class = 'goods'
        )
        union
        select
            month_start_date,
            customer_id
        from moved
    {% endset %}
    {{ plan_rebuild(found, 'months', customers=ref('int_identity__customers')) }}
{%- endmacro %}

{#-
    Half of the weight for each half-life that a month lies further back. Whole numbers below 2^53, so
    that they and their sums are exact and no order of rows changes a digit.
-#}
{% macro evidence_weight(month) -%}
    {%- set first = modules.datetime.date.fromisoformat(var('earliest_plausible_date') | string) -%}
    cast(
        round(
            1000 * power(
                2e0,
                (12 * (year({{ month }}) - {{ first.year }}) + month({{ month }}) - {{ first.month }})
                / cast({{ var('evidence_half_life_months') }} as double)
            )
        ) as double
    )
{%- endmacro %}

{#-
    Runs before the relationship scores: the months of whose evidence changed from the first such on, and everybody's
    from the month on in which another signal could be seen.
-#}
{% macro find_months_to_score(months, signals) -%}
    {% set found %}
        with

        changed as (

            select
                customer_id,
                cast(date_trunc('month', min(touched_date)) as date) as first_month_date
            from {{ customers_to_follow([months, signals]) }} as followed
            group by customer_id

        ),

        every_month as (

            select month_start_date
            from {{ months }}
            union
            select month_start_date
            from {{ this }}

        )

        select
            every_month.month_start_date,
            changed.customer_id
        from every_month
        inner join changed on every_month.month_start_date >= changed.first_month_date
    {% endset %}
    {{ plan_rebuild(found, 'months', customers=ref('int_identity__customers')) }}
{%- endmacro %}

{#-
    Month ends to tell of: all that have passed, or those that are new or follow a month in which somebody's
    scores changed. Known when the model is compiled for its run, after the scores themselves.
-#}
{% macro month_ends_to_score() -%}
    {% set scores = ref('int_relationship__scores') %}
    {% if not execute or load_relation(scores) is none %}
        {{ return([]) }}
    {% endif %}
    {% set found %}
        select cast(last_day(month_start_date) as string)
        from (
            select {{ series_of_months('first_month', latest_day()) }} as month_start_date
            from (select min(month_start_date) as first_month from {{ scores }}) as firsts
        ) as every_month
        where
            last_day(month_start_date) <= {{ last_complete_day() }}
            {% if is_incremental() %}
            and (
                last_day(month_start_date) not in (select month_end_date from {{ this }})
                or month_start_date >= (
                    select min(touched_date) from {{ days_to_follow([scores]) }} as followed
                )
            )
            {% endif %}
        order by month_start_date nulls last
    {% endset %}
    {{ return(run_query(found).columns[0].values() | list) }}
{%- endmacro %}

{#-
    Runs before the relationship months: month ends to tell of anew, and those there are no more. New ones
    are everybody's, others those of the customers whose scores up to then changed.
-#}
{% macro find_month_ends() -%}
    {% set scores = ref('int_relationship__scores') %}
    {% set found %}
        with

        month_ends as (

            {{ days_listed(month_ends_to_score(), 'month_end_date') }}

        ),

        changed as (

            select
                customer_id,
                min(touched_date) as first_date
            from {{ customers_to_follow([scores]) }} as followed
            group by customer_id

        )

        select
            month_ends.month_end_date,
            changed.customer_id
        from month_ends
        inner join changed on month_ends.month_end_date >= changed.first_date
        union
        select
            month_end_date,
            null as customer_id
        from month_ends
        where month_end_date not in (select scored.month_end_date from {{ this }} as scored)
        union
        select
            month_end_date,
            null as customer_id
        from {{ this }}
        where
            month_end_date > {{ last_complete_day() }}
            or month_end_date < (select min(month_start_date) from {{ scores }})
    {% endset %}
    {{ plan_rebuild(found, 'month ends', customers=ref('int_identity__customers')) }}
{%- endmacro %}

{#- Runs before what is told of a month end and the one before it, and lists those with other types. -#}
{% macro follow_month_ends(months) -%}
    {% set found %}
        select touched_date as month_end_date
        from {{ days_to_follow([months]) }} as followed
        union
        select last_day(touched_date + 1) as month_end_date
        from {{ days_to_follow([months]) }} as followed
    {% endset %}
    {{ plan_rebuild(found, 'month ends') }}
{%- endmacro %}

{#-
    Is there a loyalty programme now and was none before, or the other way round? Who has no standing in one
    is then slighted, or no more; where a standing is all there is, a commitment comes from contracts alone.
-#}
{% macro loyalty_programme_came_or_went(preferences) -%}
    exists(select 1 from {{ preferences }} where loyalty_status is not null)
    <> exists(select 1 from {{ this }} where given_commitment <> {{ var('given_commitment').contract }})
{%- endmacro %}

{#- The dates of a list, which may be empty, one row each. -#}
{% macro days_listed(days, column) -%}
    {% for day in days %}
    select cast('{{ day }}' as date) as {{ column }}
    {{ 'union all' if not loop.last }}
    {% else %}
    select cast(null as date) as {{ column }}
    where false
    {% endfor %}
{%- endmacro %}
