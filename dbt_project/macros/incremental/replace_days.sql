{#-
    Facts are built by the day: the days that something happened to are deleted and
    inserted anew, in one transaction. Same result as a full build, and a second
    build of the same night touches no day. Whose days differ afterwards is noted for the
    models that follow them (followers.sql).
-#}

{#-
    Runs before an incremental fact and lists its days to rebuild: those on which the fact
    and the rows it is made of (`rows`) disagree in any of the columns to `watch`: something
    came, changed or moved and would leave a ghost, a record found its customer, a day has
    come. Days are compared by the number of their rows and a sum of hashes, which needs no
    memory per row. `changed` lists keys whose days are to be rebuilt besides, because of
    something that `rows` does not show; and so are days that changed in the facts that are `followed`.
-#}
{% macro find_touched_days(rows, day, watch, changed=none, key=none, followed=[]) -%}
    {% set found %}
        with

        {% for name, relation in [('coming', rows), ('standing', this)] %}
        {{ name }} as (

            select
                {{ day }} as touched_day,
                count(*) as row_count,
                sum(hash({{ watch | join(', ') }})) as row_hashes
            from {{ relation }}
            group by {{ day }}

        ){{ ',' if not loop.last }}

        {% endfor %}
        select coalesce(coming.touched_day, standing.touched_day) as {{ day }}
        from coming
        full outer join standing on coming.touched_day = standing.touched_day
        where
            coming.row_count is distinct from standing.row_count
            or coming.row_hashes is distinct from standing.row_hashes
        {% if changed is not none %}
        union
        select {{ day }} from {{ rows }} where {{ key }} in (select {{ key }} from {{ changed }})
        {% endif %}
        {% if followed %}
        union
        select touched_date as {{ day }} from {{ days_to_follow(followed) }} as followed
        {% endif %}
    {% endset %}
    {{ plan_rebuild(found) }}
{%- endmacro %}

{#-
    Lists what `found` says is to be rebuilt: days, or months, in the column that the model's meta
    names; for a model `of_customers` with the `customer_id` whose day it is, null for everybody's: all in
    `customers` and, as some may be nobody's any more, all whom the model knows.
    `noted` are days that change for followers without a row of the model on them changing. A model
    that is made whole may differ from what was there on any day, whatever has become of that.
-#}
{% macro plan_rebuild(found, what='days', noted=none, customers=none) -%}
    {% if execute and is_incremental() %}
        {% set meta = config.get('meta') %}
        {% if meta.get('has_reporting_currency') %}
        {% set found = found ~ rows_in_another_currency() %}
        {% endif %}
        {% call statement('touched_days') %}
            create or replace temporary table {{ touched_days() }} as {{ found }}
        {% endcall %}
        {% if meta.get('of_customers') %}
        {% call statement('touched_customers') %}
            create or replace temporary table {{ touched_customers() }} as
            select customer_id
            from {{ touched_days() }}
            where customer_id is not null
            {% for relation in [customers, this] %}
            union
            select customer_id
            from {{ relation }}
            where (select bool_or(customer_id is null) from {{ touched_days() }})
            {% endfor %}
        {% endcall %}
        {% endif %}
        {% if noted is not none %}
            {% do remember_touched_days(noted) %}
        {% endif %}
        {% set listed %}
            select
                count(distinct {{ meta['replaced_by'] }}),
                {% if meta.get('of_customers') %}
                case
                    when bool_or(customer_id is null) then ' of all customers'
                    else format(' of {} customers', count(distinct customer_id))
                end
                {% else %}
                ''
                {% endif %}
            from {{ touched_days() }}
        {% endset %}
        {% set counted = run_query(listed).rows[0] %}
        {{ log(this.identifier ~ ': ' ~ counted[0] ~ ' ' ~ what ~ counted[1] ~ ' to rebuild', info=true) }}
    {% elif execute %}
        {% do remember_touched_days(every_day()) %}
    {% endif %}
{%- endmacro %}

{#-
    Everything that stands there, where orders have decided on another reporting currency since: nothing
    of it is in the same money as what comes. To be added to what is found otherwise.
-#}
{% macro rows_in_another_currency() -%}
    {%- set meta = config.get('meta') %}
    union
    select
        {{ meta['replaced_by'] }}{{ ', cast(null as string) as customer_id' if meta.get('of_customers') }}
    from {{ this }}
    where currency_code <> {{ reporting_currency() }}
{%- endmacro %}

{#- Names of the lists; they live as long as dbt's connection. -#}
{% macro touched_days() -%}
    {{ this.identifier }}__touched_days
{%- endmacro %}

{% macro touched_customers() -%}
    {{ this.identifier }}__touched_customers
{%- endmacro %}

{#-
    Is the row one of those that a model `of_customers` has to rebuild? `day` as the model's own. Asked of
    days and of customers first: so blocks of other days are skipped, and few are left to ask of both.
-#}
{% macro is_touched(day) -%}
    {%- set column = config.get('meta')['replaced_by'] %}
    {{ day }} in (select {{ column }} from {{ touched_days() }})
    and {{ is_of_touched_customer() }}
    and (
        {{ day }} in (select {{ column }} from {{ touched_days() }} where customer_id is null)
        or (customer_id, {{ day }}) in (select customer_id, {{ column }} from {{ touched_days() }})
    )
{%- endmacro %}

{#-
    Is it a row of a customer of whom there is something to rebuild? For models that are kept by customer
    or `of_customers`; everybody is one when the model is made whole.
-#}
{% macro is_of_touched_customer(customer_id='customer_id') -%}
    {%- if not is_incremental() -%}
    true
    {%- else -%}
    {{ customer_id }} in (
        select touched.customer_id
        from {{ touched_customers() if config.get('meta').get('of_customers') else touched_days() }} as touched
    )
    {%- endif %}
{%- endmacro %}

{#-
    The incremental strategy `replace_days`; the column is in the model's meta. What other models follow
    has columns `noted` in its meta: in the same transaction it is noted whose days differ in any; or all
    that are `rebuilt`, where nearly all of them differ.
-#}
{% macro get_incremental_replace_days_sql(arg_dict) %}
    {% set meta = config.get('meta') %}
    {% set day = meta['replaced_by'] %}
    {% set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) %}
    {%- set touched -%}
        {% if meta.get('of_customers') %}{{ is_touched(day) }}
        {% else %}{{ day }} in (select {{ day }} from {{ touched_days() }}){% endif %}
    {%- endset %}

    {% if meta.get('noted') == 'rebuilt' %}
    insert into ops.touched_days
    select
        '{{ this.identifier }}' as model_name,
        {{ as_of_date() if day == 'customer_id' else day }} as touched_date,
        customer_id
    from {{ touched_days() }};
    {% elif 'noted' in meta %}
    {% set keys = ['customer_id'] + ([] if day == 'customer_id' else [day]) %}
    insert into ops.touched_days
    select
        case when is_browsed then '{{ browsed_in(this) }}' else '{{ this.identifier }}' end as model_name,
        {{ as_of_date() if day == 'customer_id' else day }} as touched_date,
        coalesce(customer_id, {{ nobody() }}) as customer_id
    from (
        {{ rows_that_differ(
            arg_dict['temp_relation'],
            '(from ' ~ arg_dict['target_relation'] ~ ' where ' ~ touched ~ ')',
            keys,
            columns if meta['noted'] == 'all' else meta['noted'] | join(', '),
            browsed=meta.get('browsed', 'false'),
        ) }}
    ) as differing;
    {% endif %}

    delete from {{ arg_dict['target_relation'] }}
    where {{ touched }};

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{% endmacro %}

{#- Whose rows belong to no customer, as notes say it: null is everybody there. -#}
{% macro nobody() -%}
    'nobody'
{%- endmacro %}

{#- Keys whose rows are others in one relation than in the other, in any of the columns. -#}
{% macro rows_that_differ(coming, standing, keys, columns, browsed='false') -%}
    select
        {{ keys | join(', ') }},
        is_browsed
    from (
        {% for name, relation, sign in [('coming', coming, 1), ('standing', standing, -1)] %}
        select
            {{ keys | join(', ') }},
            {{ browsed }} as is_browsed,
            {{ sign }} as sign,
            hash({{ columns }}) as row_hash
        from {{ relation }} as {{ name }}
        {{ 'union all' if not loop.last }}
        {% endfor %}
    ) as rows_of_both
    group by {{ keys | join(', ') }}, is_browsed
    having sum(sign) <> 0 or sum(sign * cast(row_hash as hugeint)) <> 0
{%- endmacro %}
