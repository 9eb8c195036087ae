{#-
    A model that sums up facts follows them: it rebuilds the days (or months, or campaigns) that
    changed in them, where it can only those of the customers concerned, and reads no others. A fact
    notes in `ops.touched_days` whose days changed (`customer_id`, null for everybody's), in the
    transaction that changes them; they stay noted until a build has finished, whole. So a build that
    broke off anywhere loses nothing: a fact that was done finds nothing to do in the next one, but its
    notes are still there. A day noted for nothing costs its rebuilding; none is ever missing.
-#}

{#- Days that changed in any of these facts since the last finished build. -#}
{% macro days_to_follow(facts) -%}
    (
        select distinct touched_date
        {{ noted_of(facts) }}
    )
{%- endmacro %}

{#- The same, with the customers whose days they are; null for everybody's. -#}
{% macro customers_to_follow(facts) -%}
    (
        select distinct
            touched_date,
            customer_id
        {{ noted_of(facts) }}
        and customer_id is distinct from {{ nobody() }}
    )
{%- endmacro %}

{% macro noted_of(facts) -%}
    {%- set names = [] %}
    {% for fact in facts %}
        {% do names.extend([fact] if fact is string else [fact.identifier, browsed_in(fact)]) %}
    {% endfor %}
    from ops.touched_days
    where model_name in ('{{ names | join("', '") }}')
{%- endmacro %}

{#-
    A fact to follow, but for the days on which a customer did nothing but look (meta `browsed`): a quarter of
    those of a usual night, which are nothing to a model that leaves looking out.
-#}
{% macro but_browsing(fact) -%}
    {{ return(fact.identifier) }}
{%- endmacro %}

{#- Name that such days are noted by. -#}
{% macro browsed_in(fact) -%}
    {{ return(fact.identifier ~ '__browsed') }}
{%- endmacro %}

{#- Runs before a model that is kept by the day of its facts. -#}
{% macro follow_days(facts) -%}
    {% set found %}
        select touched_date as {{ config.get('meta')['replaced_by'] }}
        from {{ days_to_follow(facts) }} as followed
    {% endset %}
    {{ plan_rebuild(found) }}
{%- endmacro %}

{#- The same, `of_customers`. -#}
{% macro follow_days_of_customers(facts) -%}
    {% set found %}
        select
            touched_date as {{ config.get('meta')['replaced_by'] }},
            customer_id
        from {{ customers_to_follow(facts) }} as followed
    {% endset %}
    {{ plan_rebuild(found, customers=ref('int_identity__customers')) }}
{%- endmacro %}

{#- Runs before a model that is kept by the month of its facts. -#}
{% macro follow_months(facts) -%}
    {% set found %}
        select distinct
            cast(date_trunc('month', touched_date) as date) as {{ config.get('meta')['replaced_by'] }}
        from {{ days_to_follow(facts) }} as followed
    {% endset %}
    {{ plan_rebuild(found, 'months') }}
{%- endmacro %}

{#-
    Runs before a model that is kept by customer and lists those who came or went, of whom something changed
    in the facts and dimensions that it follows, or on a day of its span (`first_date` to `last_date`) in
    those `within` it; all of them where `everybody` holds. Who comes or goes need not have done anything, so
    no fact tells of it.
-#}
{% macro follow_customers(followed, within=[], first_date=none, last_date=none, everybody='false') -%}
    {% set customers = ref('int_identity__customers') %}
    {% set found %}
        with

        noted as (

            select customer_id
            from {{ customers_to_follow([customers] + followed) }} as followed
            {% if within %}
            union
            select customer_id
            from {{ customers_to_follow(within) }} as followed_within
            where touched_date between {{ first_date }} and {{ last_date }}
            {% endif %}

        ),

        everybody as (

            select coalesce(bool_or(customer_id is null), false) or {{ everybody }} as is_concerned
            from noted

        )

        select customer_id
        from noted
        where customer_id is not null
        {% for relation in [customers, this] %}
        union
        select customer_id
        from {{ relation }}
        where (select everybody.is_concerned from everybody)
        {% endfor %}
    {% endset %}
    {{ plan_rebuild(found, 'customers') }}
{%- endmacro %}

{#- Does a column of the model say something else than it would in a build of tonight? -#}
{% macro is_other_than(column, value) -%}
    exists(select 1 from {{ this }} where {{ column }} <> {{ value }})
{%- endmacro %}

{#- The answer to a question about what stands there now, when the model is compiled for its run. -#}
{% macro asked(question) -%}
    {{ return(run_query('select ' ~ question).rows[0][0]) }}
{%- endmacro %}

{#-
    Runs after a table that is made whole, before the one that it replaces is gone, and notes the
    customers of whom any of these columns is another now, for the models that follow it.
-#}
{% macro note_customers_of_changed(columns) -%}
    {%- set differing %}
    select
        {{ as_of_date() }} as touched_date,
        customer_id
    from ({{ rows_that_differ(this, standing_table(), ['customer_id'], columns | join(', ')) }}) as differing
    where customer_id is not null
    {% endset %}
    {{ note_changes_of_table(differing) }}
{%- endmacro %}

{#- The table that this one replaces; none where there is none. -#}
{% macro standing_table() -%}
    {{ return(load_relation(make_backup_relation(this, 'table')) if execute else none) }}
{%- endmacro %}

{#- Notes `changes` against the table that stood there (`touched_date`, `customer_id`), or everything where none did. -#}
{% macro note_changes_of_table(changes) -%}
    {%- if execute %}
    insert into ops.touched_days
    select
        '{{ this.identifier }}' as model_name,
        touched_date,
        customer_id
    from ({{ changes if standing_table() is not none else every_day() }}) as changes
    {%- endif %}
{%- endmacro %}

{#-
    Is the day in a month to rebuild, of its customer where the model is `of_customers`? Asked of single
    days first, so that blocks of other months are skipped.
-#}
{% macro is_in_touched_month(day) -%}
    {%- set month = config.get('meta')['replaced_by'] %}
    {{ day }} in (
        select cast(unnest(generate_series({{ month }}, last_day({{ month }}), interval 1 day)) as date)
        from (select distinct {{ month }} from {{ touched_days() }}) as months
    )
    {%- if config.get('meta').get('of_customers') %}
    and {{ is_touched("cast(date_trunc('month', " ~ day ~ ") as date)") }}
    {%- endif %}
{%- endmacro %}

{#-
    Runs before a dimension: days of a `fact` with a record (`key`) that is about to change in what is
    watched, for those who follow the fact and look the record up.
-#}
{% macro note_days_of_changed(rows, key, watch, fact, day) -%}
    {% if execute and load_relation(this) is not none %}
        {% set changed %}
            with

            {% for name, relation in [('coming', rows), ('standing', this)] %}
            {{ name }} as (

                select
                    {{ key }},
                    {{ watch | join(', ') }}
                from {{ relation }}
                where {{ watch | join(' is not null or ') }} is not null

            ){{ ',' if not loop.last }}

            {% endfor %}
            (from coming except from standing)
            union all
            (from standing except from coming)
        {% endset %}
        {% do remember_touched_days(
            'select ' ~ day ~ ' as touched_date, customer_id from ' ~ fact
            ~ ' where ' ~ key ~ ' in (select ' ~ key ~ ' from (' ~ changed ~ ') as changed)'
        ) %}
    {% elif execute %}
        {% do remember_touched_days(every_day()) %}
    {% endif %}
{%- endmacro %}

{#-
    Notes days (a query with `touched_date` and `customer_id`) of this model, at once and not in its
    transaction.
-#}
{% macro remember_touched_days(days) -%}
    {% do run_query(
        "insert into ops.touched_days select distinct '" ~ this.identifier ~ "', touched_date, customer_id from ("
        ~ days ~ ") as touched"
    ) %}
{%- endmacro %}

{% macro every_day() -%}
    select
        cast(
            unnest(
                generate_series(
                    cast({{ sql_text(var('earliest_plausible_date')) }} as date), {{ latest_day() }}, interval 1 day
                )
            ) as date
        ) as touched_date,
        cast(null as string) as customer_id
{%- endmacro %}
