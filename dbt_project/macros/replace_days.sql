{#-
    Facts are built by the day: the days that something happened to are deleted and
    inserted anew, in one transaction. Same result as a full build, and a second
    build of the same night touches no day.
-#}

{#-
    Runs before an incremental fact and lists its days to rebuild:
    - days of rows that came with a load no finished build has seen,
    - days on which the fact and its rows disagree about who is there: an order moved and
      would leave a ghost, a record found its customer, a day has come.
    `rows` is what the fact is made of; `key`, `day` and `watch` are columns of both.
-#}
{% macro find_touched_days(rows, changed, key, day, watch) -%}
    {% if execute and is_incremental() %}
        {% set identity = ([key, day] + watch) | join(', ') %}
        {% call statement('touched_days') %}
            create or replace temporary table {{ touched_days() }} as

            with

            entering as (

                select {{ identity }} from {{ rows }}
                except
                select {{ identity }} from {{ this }}

            ),

            leaving as (

                select {{ identity }} from {{ this }}
                except
                select {{ identity }} from {{ rows }}

            )

            select {{ day }} from {{ rows }} where {{ key }} in (select {{ key }} from {{ changed }})
            union
            select {{ day }} from entering
            union
            select {{ day }} from leaving
        {% endcall %}
        {% set days = run_query('select count(*) from ' ~ touched_days()).columns[0].values()[0] %}
        {{ log(this.identifier ~ ': ' ~ days ~ ' days to rebuild', info=true) }}
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
