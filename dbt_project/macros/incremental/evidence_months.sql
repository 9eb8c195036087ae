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
            cast(date_trunc('month', opened_date) as date) as month_start_date,
            true as is_deal
        from {{ ref('fct_deals') }}
        where opened_at < {{ cutoff() }}
        union all
        select
            customer_id,
            cast(date_trunc('month', opened_date) as date) as month_start_date,
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
    Half of the weight for each half-life that a month lies further back. Whole numbers below 2^53, so
    that they and their sums are exact and no order of rows changes a digit.
-#}
{% macro evidence_weight(month) -%}
    cast(
        round(
            1000 * power(
                2.0,
                date_diff('month', cast({{ sql_text(var('earliest_plausible_date')) }} as date), {{ month }})
                / {{ var('evidence_half_life_months') }}.0
            )
        ) as double
    )
{%- endmacro %}

{#-
    Month ends to score: all that have passed, or those that are new or follow a month in which somebody's
    evidence changed. Known when the model is compiled for its run, after the months themselves.
-#}
{% macro month_ends_to_score() -%}
    {% set months, signals = ref('fct_customer_months'), ref('rpt_signal_coverage') %}
    {% if not execute or load_relation(months) is none %}
        {{ return([]) }}
    {% endif %}
    {% set found %}
        select cast(last_day(month_start) as string)
        from (
            select
                unnest(
                    generate_series(
                        (select min(month_start_date) from {{ months }})::timestamp,
                        {{ latest_day() }}::timestamp,
                        interval 1 month
                    )
                ) as month_start
        ) as every_month
        where
            last_day(month_start) <= {{ last_complete_day() }}
            {% if is_incremental() %}
            and (
                last_day(month_start) not in (select month_end_date from {{ this }})
                or month_start >= (
                    select min(touched_date) from {{ days_to_follow([months, signals]) }} as followed
                )
            )
            {% endif %}
        order by month_start
    {% endset %}
    {{ return(run_query(found).columns[0].values() | list) }}
{%- endmacro %}

{#- Was the month not over yet when the model was last built? Then its end is everybody's. -#}
{% macro is_new_month_end(month_end) -%}
    not exists(select 1 from {{ this }} where month_end_date = '{{ month_end }}')
{%- endmacro %}

{#-
    Runs before the relationship months: month ends to score anew, and those there are no more. New ones
    are everybody's, others those of the customers whose evidence up to then changed, and everybody's from the
    month on in which another signal could be seen.
-#}
{% macro find_month_ends() -%}
    {% set months, signals = ref('fct_customer_months'), ref('rpt_signal_coverage') %}
    {% set found %}
        with

        month_ends as (

            select unnest({{ month_ends_to_score() }}::date[]) as month_end_date

        ),

        changed as (

            select
                customer_id,
                min(touched_date) as first_date
            from {{ customers_to_follow([months, signals]) }} as followed
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
            or month_end_date < (select min(month_start_date) from {{ months }})
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

{#- Is the date one of a list, which may be empty? -#}
{% macro is_one_of_days(column, days) -%}
    (
        false
        {% for day in days %}
        or {{ column }} = '{{ day }}'
        {% endfor %}
    )
{%- endmacro %}
