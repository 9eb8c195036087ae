{#- An answer to the question about a message, which it names; surveys name none. -#}
{% macro is_pulse() -%}
    (event_type = 'answered' and question in ('too_much', 'clear') and message_id is not null)
{%- endmacro %}

{#-
    How many days before and after an exposure the evidence of a fact counts. After it: answers, and a later
    message, which takes over those that name none.
-#}
{% macro evidence_reach() -%}
    {%- set after = [7, most_answer_days()] | max %}
    {{ return([
        (ref('fct_touchpoints'), 30, after),
        (ref('fct_control_draws'), 90, after),
    ]) }}
{%- endmacro %}

{#-
    Runs before the exposures and lists the days of customers whose evidence moved: what happened within
    reach of the day, or the type of relationship at the end of the month before.
-#}
{% macro find_days_with_new_evidence() -%}
    {% set found %}
        select distinct
            exposure_date,
            customer_id
        from (
            {% for fact, before, after in evidence_reach() %}
            {{ each_day_between(
                'touched_date - ' ~ after, 'touched_date + ' ~ before, customers_to_follow([fact]), 'customer_id'
            ) }}
            union all
            {% endfor %}
            {{ each_day_between(
                'touched_date + 1',
                'last_day(touched_date + 1)',
                customers_to_follow([ref('fct_relationship_months')]),
                'customer_id',
            ) }}
        ) as every_day
        where exposure_date <= greatest({{ latest_day() }}, (select max(exposure_date) from {{ this }}))
    {% endset %}
    {% set noted %}
        select
            exposure_date as touched_date,
            cast(null as string) as customer_id
        from {{ touched_days() }}
    {% endset %}
    {{ plan_rebuild(found, noted=noted, customers=ref('int_identity__customers')) }}
{%- endmacro %}

{% macro each_day_between(first, last, relation, column=none) -%}
    select
        {{ series_of_days(first, last) }} as exposure_date
        {{- ', ' ~ column if column }}
    from {{ relation }} as listed
{%- endmacro %}

{#- The days so many before and after those to rebuild: a query. -#}
{% macro days_within_reach(before, after) -%}
    {{ each_day_between(
        'exposure_date - ' ~ before,
        'exposure_date + ' ~ after,
        '(select distinct exposure_date from ' ~ touched_days() ~ ')',
    ) }}
{%- endmacro %}
