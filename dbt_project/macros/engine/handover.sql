{#-
    A night that Spark builds a part of goes in turns (rapport/build/turns.py). What the models of a turn read and do not
    make themselves lies as parquet in one folder, `<schema>/<table>`, whoever made it; so does what they make.
-#}
{% macro spark__location_clause() -%}
    location '{{ _spark_files(this) }}'
{%- endmacro %}

{% macro _spark_files(relation) -%}
    {{- env_var('RAPPORT_SPARK_TABLES') }}/{{ relation.schema }}/{{ relation.identifier -}}
{%- endmacro %}

{#- Runs at the start of a turn: tables over the landing and over what others have made. -#}
{% macro take_tables() -%}
    {% if execute %}
        {% set taken = [] %}
        {% for key in selected_resources if key in graph.nodes %}
            {% for parent in graph.nodes[key].depends_on.nodes if parent not in selected_resources and parent not in taken %}
                {% do taken.append(parent) %}
                {% set source = graph.sources.get(parent) %}
                {% if source and source.schema == 'landing' %}
                    {% do _take_landed(source) %}
                {% else %}
                    {% set node = source or graph.nodes[parent] %}
                    {% set table = api.Relation.create(schema=node.schema, identifier=node.get('alias') or node.identifier) %}
                    {% do _take(table, '', _spark_files(table)) %}
                {% endif %}
            {% endfor %}
        {% endfor %}
    {% endif %}
{%- endmacro %}

{% macro _take_landed(source) -%}
    {% set table = api.Relation.create(schema='landing', identifier=source.source_name ~ '__' ~ source.name) %}
    {% set folder = env_var('RAPPORT_LANDING') ~ '/' ~ source.source_name ~ '/' %}
    {% if source.name == 'completed_loads' %}
        {% do _take(table, '(load_id string, status int, load_date date) using json', folder ~ '_dlt_loads') %}
    {% else %}
        {% do _take(table, 'using parquet options (mergeSchema true)', folder ~ source.name) %}
        {% do run_query('msck repair table ' ~ table) %}
    {% endif %}
{%- endmacro %}

{% macro _take(table, described, files) -%}
    {% do run_query('create schema if not exists ' ~ table.schema) %}
    {% do run_query('drop table if exists ' ~ table) %}
    {% do run_query('create table ' ~ table ~ ' ' ~ (described or 'using parquet') ~ ' location ' ~ sql_text(files)) %}
{%- endmacro %}

{% macro spark__file_format_clause() -%}
    using parquet
{%- endmacro %}

{#- A contract has DuckDB's types. What Spark made is held against it in the warehouse, where both are read alike. -#}
{% macro spark__get_assert_columns_equivalent(sql) -%}{%- endmacro %}

{#-
    What is kept from night to night on DuckDB is made whole here, every night: files take no change of single rows. So
    nothing has to be found out before, or told to others after, and the hooks that do it are left out.
-#}
{% macro _make_whole() -%}
    {%- do adapter.drop_relation(this.incorporate(type='table')) -%}
    {%- call statement('main') -%}
        {{ create_table_as(false, this, model['compiled_code'], 'sql') }}
    {%- endcall -%}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{%- endmacro %}

{% materialization incremental, adapter='spark' -%}
    {{ return(_make_whole()) }}
{%- endmaterialization %}

{% materialization table, adapter='spark' -%}
    {{ return(_make_whole()) }}
{%- endmaterialization %}
