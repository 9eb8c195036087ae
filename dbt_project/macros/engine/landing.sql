{#- The landing: DuckDB reads its files, Spark tables over the same files. -#}

{#- A table of the landing; of a source that the firm declared dbt knows none by name. -#}
{% macro landing_of(source_name, stream) -%}{{ adapter.dispatch('landing_of', 'rapport')(source_name, stream) }}{%- endmacro %}

{% macro default__landing_of(source_name, stream) -%}
    {% if source_name not in declared_sources() -%}
        {{ source(source_name, stream) }}
    {%- elif stream == 'completed_loads' -%}
        read_json('{{ source_name }}/_dlt_loads/*.jsonl', format = 'newline_delimited', columns = {load_id: 'string', status: 'integer', load_date: 'date', erased: 'map(string, bigint)'})
    {%- else -%}
        read_parquet('{{ source_name }}/{{ stream }}/load_date=*/*.parquet', hive_partitioning = true, union_by_name = true)
    {%- endif %}
{%- endmacro %}

{#- It is named as a source too, so that its table is taken before (handover.sql). -#}
{% macro spark__landing_of(source_name, stream) -%}
    {% if source_name not in declared_sources() %}{% do source(source_name, stream) %}{% endif -%}
    landing.{{ source_name }}__{{ stream }}
{%- endmacro %}

{#-
    What landed for the night: rows of completed loads, as text, each with
    `load_id`, `load_date`, `is_new_load` (no finished build has seen the load), `raw`, the row as
    it came, and `row_hash`, the digest of it. Columns that a source may lack (`optional`) are
    null where it does.
-#}
{% macro landed(source_name, stream, optional=[]) -%}
    {{ adapter.dispatch('landed', 'rapport')(source_name, stream, optional) }}
{%- endmacro %}

{#- DuckDB reads the files and has the columns that stand in them. -#}
{% macro default__landed(source_name, stream, optional) -%}
    {% if optional %}
    select * from ({{ _landed_of(source_name, stream, landing_of(source_name, stream)) }}) as present
    union all by name
    select
        {% for column in optional %}
        cast(null as string) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    where false
    {% else %}
    {{ _landed_of(source_name, stream, landing_of(source_name, stream)) }}
    {% endif %}
{%- endmacro %}

{#- Spark reads tables over the same files, and knows their columns before. -#}
{% macro spark__landed(source_name, stream, optional) -%}
    {% set present = columns_landed(source_name, stream) %}
    {% set lacking = optional | reject('in', present) | list %}
    select
        *{% for column in lacking %},
        cast(null as string) as {{ column }}{% endfor %}
    from ({{ _landed_of(source_name, stream, landing_of(source_name, stream)) }}) as present
{%- endmacro %}

{% macro columns_landed(source_name, stream) -%}
    {% set table = api.Relation.create(schema='landing', identifier=source_name ~ '__' ~ stream) %}
    {{ return(adapter.get_columns_in_relation(table) | map(attribute='name') | list if execute else []) }}
{%- endmacro %}

{% macro _landed_of(source_name, stream, rows, told=none) -%}
    select
        landed.*,
        landed._dlt_load_id as load_id,
        built.load_id is null as is_new_load,
        {{ row_digest('landed', told) }} as row_hash,
        {{ whole_row('landed') }} as raw
    from {{ rows }} as landed
    inner join ({{ completed_loads(source_name) }}) as completed
        on landed._dlt_load_id = completed.load_id
    left join (
        select distinct load_id
        from {{ source('build_ledger', 'built_loads') }}
        where source = '{{ source_name }}'
    ) as built
        on landed._dlt_load_id = built.load_id
    where landed.load_date <= {{ as_of_date() }}
{%- endmacro %}

{#-
    What tells rows of one load apart that say the same time, and what is the same in the same rows: a
    number of 60 bits that depends on nothing but their texts. A null has a place among them, so that a
    price cut by coupon is not one cut by the shop.
-#}
{% macro row_digest(rows, told=none) -%}
    {{ adapter.dispatch('row_digest', 'rapport')(rows, told) }}
{%- endmacro %}

{% macro default__row_digest(rows, told) -%}
    {% set texts = '[*columns(' ~ rows ~ '.* exclude load_date)]' %}
    {{ digest_number(
        'array_to_string(list_transform(' ~ texts ~ ', lambda text: coalesce(text, chr(30))), chr(31))'
    ) }}
{%- endmacro %}

{#- Where columns were added that did not land, `told` are those that did. -#}
{% macro spark__row_digest(rows, told) -%}
    {% set texts = told | reject('equalto', 'load_date') | join(', ') if told else rows ~ '.* except (load_date)' %}
    {{ digest_number('array_join(array(' ~ texts ~ '), chr(31), chr(30))') }}
{%- endmacro %}

{% macro digest_number(text) -%}{{ adapter.dispatch('digest_number', 'rapport')(text) }}{%- endmacro %}

{% macro default__digest_number(text) -%}
    cast('0x' || substr(md5({{ text }}), 1, 15) as bigint)
{%- endmacro %}

{% macro spark__digest_number(text) -%}
    cast(conv(substr(md5({{ text }}), 1, 15), 16, 10) as bigint)
{%- endmacro %}

{#- A row as one value, each column a field of its own name. -#}
{% macro whole_row(rows) -%}{{ adapter.dispatch('whole_row', 'rapport')(rows) }}{%- endmacro %}

{% macro default__whole_row(rows) -%}
    {{ rows }}
{%- endmacro %}

{% macro spark__whole_row(rows) -%}
    struct({{ rows }}.*)
{%- endmacro %}

{#- A record as JSON, with the fields that are null. -#}
{% macro json_of(record) -%}{{ adapter.dispatch('json_of', 'rapport')(record) }}{%- endmacro %}

{% macro default__json_of(record) -%}
    cast(to_json({{ record }}) as string)
{%- endmacro %}

{% macro spark__json_of(record) -%}
    to_json({{ record }}, map('ignoreNullFields', 'false'))
{%- endmacro %}

{#- What landed of several streams of one shape; a column that only some have is null of the others. -#}
{% macro landed_together(model) -%}{{ adapter.dispatch('landed_together', 'rapport')(model) }}{%- endmacro %}

{% macro default__landed_together(model) -%}
    {% for source_name, stream in streams_of(model) %}
    {{ _landed_of_streams(source_name, stream, landed(source_name, stream)) }}
    {{ 'union all by name' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{% macro spark__landed_together(model) -%}
    {% set columns = [] %}
    {% for source_name, stream in streams_of(model) %}
        {% do columns.extend(columns_landed(source_name, stream) | reject('in', columns) | list) %}
    {% endfor %}
    {% for source_name, stream in streams_of(model) %}
    {% set present = columns_landed(source_name, stream) %}
    {% set rows -%}
        (
            select
                {% for column in columns %}
                {{ column if column in present else 'cast(null as string) as ' ~ column }}{{ ',' if not loop.last }}
                {% endfor %}
            from {{ landing_of(source_name, stream) }}
        )
    {%- endset %}
    {{ _landed_of_streams(source_name, stream, _landed_of(source_name, stream, rows, present)) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{% macro _landed_of_streams(source_name, stream, rows) -%}
    select
        '{{ source_name }}' as source,
        '{{ stream }}' as landed_stream,
        together.*
    from ({{ rows }}) as together
{%- endmacro %}
