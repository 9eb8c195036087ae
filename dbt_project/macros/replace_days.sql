{#-
    Facts are built by the day: the days that something happened to are deleted and
    inserted anew, in one transaction. Same result as a full build, and a second
    build of the same night touches no day. What they rebuild is noted for the models
    that follow them (followers.sql).
-#}

{#-
    Runs before an incremental fact and lists its days to rebuild: those on which the fact
    and the rows it is made of (`rows`) disagree in any of the columns to `watch`: something
    came, changed or moved and would leave a ghost, a record found its customer, a day has
    come. Days are compared by the number of their rows and a sum of hashes, which needs no
    memory per row. `changed` lists keys whose days are to be rebuilt besides, because of
    something that `rows` does not show.
-#}
{% macro find_touched_days(rows, day, watch, changed=none, key=none) -%}
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
    {% endset %}
    {{ plan_rebuild(found) }}
{%- endmacro %}

{#-
    Lists what `found` says is to be rebuilt, in the column that the model's meta names, and notes
    the days of it for those who follow the model; `noted` where the two are not the same. A model that
    is made whole may differ from what was there on any day, whatever has become of that.
-#}
{% macro plan_rebuild(found, what='days', noted=none) -%}
    {% if execute and is_incremental() %}
        {% set column = config.get('meta')['replaced_by'] %}
        {% call statement('touched_days') %}
            create or replace temporary table {{ touched_days() }} as {{ found }}
        {% endcall %}
        {% do remember_touched_days(
            noted or 'select ' ~ column ~ ' as touched_date from ' ~ touched_days()
        ) %}
        {% set listed = run_query('select count(*) from ' ~ touched_days()).columns[0].values()[0] %}
        {{ log(this.identifier ~ ': ' ~ listed ~ ' ' ~ what ~ ' to rebuild', info=true) }}
    {% elif execute %}
        {% do remember_touched_days(every_day()) %}
    {% endif %}
{%- endmacro %}

{#- Name of the list; it lives as long as dbt's connection. -#}
{% macro touched_days() -%}
    {{ this.identifier }}__touched_days
{%- endmacro %}

{#- The incremental strategy `replace_days`; the column is in the model's meta. -#}
{% macro get_incremental_replace_days_sql(arg_dict) %}
    {% set day = config.get('meta')['replaced_by'] %}
    {% set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) %}

    delete from {{ arg_dict['target_relation'] }}
    where {{ day }} in (select {{ day }} from {{ touched_days() }});

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{% endmacro %}
