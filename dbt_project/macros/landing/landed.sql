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
    {% set rows -%}
        (
            select
                *{% for column in lacking %},
                cast(null as string) as {{ column }}{% endfor %}
            from {{ landing_of(source_name, stream) }}
        )
    {%- endset %}
    {{ _landed_of(source_name, stream, rows) }}
{%- endmacro %}

{% macro columns_landed(source_name, stream) -%}
    {% set table = api.Relation.create(schema='landing', identifier=source_name ~ '__' ~ stream) %}
    {{ return(adapter.get_columns_in_relation(table) | map(attribute='name') | list if execute else []) }}
{%- endmacro %}

{% macro _landed_of(source_name, stream, rows) -%}
    select
        landed.*,
        landed._dlt_load_id as load_id,
        built.load_id is null as is_new_load,
        {{ row_digest('landed') }} as row_hash,
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
    number of 60 bits that depends on nothing but their texts.
-#}
{% macro row_digest(rows) -%}{{ adapter.dispatch('row_digest', 'rapport')(rows) }}{%- endmacro %}

{% macro default__row_digest(rows) -%}
    {{ digest_number('concat_ws(chr(31), *columns(' ~ rows ~ '.*))') }}
{%- endmacro %}

{% macro spark__row_digest(rows) -%}
    {{ digest_number('concat_ws(chr(31), ' ~ rows ~ '.*)') }}
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

{#- dlt lists a load once all its files are there; files of other loads do not count. -#}
{% macro completed_loads(source_name) -%}
    select distinct load_id
    from {{ landing_of(source_name, 'completed_loads') }}
    where status = 0
{%- endmacro %}

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

{% macro spark__landing_of(source_name, stream) -%}
    landing.{{ source_name }}__{{ stream }}
{%- endmacro %}

{#-
    1 for the latest valid version of a key. A later load beats an earlier one that
    reports the same time of change: deleting a record does not move that time in every
    source. Rows in quarantine are ranked apart, so that they supersede nothing; by a column,
    so that who wants one kind only spares the other the ordering.
-#}
{% macro version_rank(keys, changed_at=none, prefer=none) -%}
    row_number() over (
        partition by {{ keys | join(', ') }}, is_quarantined
        order by
            {% if changed_at %}{{ changed_at }} desc nulls last,{% endif %}
            load_date desc nulls last,
            load_id desc nulls last,
            {% if prefer %}{{ prefer }} desc nulls last,{% endif %}
            row_hash desc nulls last
    )
{%- endmacro %}

{#- The first and the last night whose pull brought the record at all. -#}
{% macro first_and_last_load_date(keys) -%}
    min(load_date) over (
        partition by {{ keys | join(', ') }}, is_quarantined
    ) as first_load_date,
    max(load_date) over (
        partition by {{ keys | join(', ') }}, is_quarantined
    ) as last_load_date
{%- endmacro %}

{#-
    Was the record gone for good when its source was last listed? A pull that brought it
    on a later night, or shows it as archived, takes that back.
-#}
{% macro is_removed(version, removal, can_be_archived=true) -%}
    coalesce(
        {{ removal }}.noticed_date >= {{ version }}.last_load_date
        {% if can_be_archived %}and not {{ version }}.is_archived{% endif %},
        false
    )
{%- endmacro %}

{#- Gone, and living on under no other id: nothing that names the person is shown any more. -#}
{% macro is_erased(version, removal, can_be_archived=true) -%}
    (
        {{ is_removed(version, removal, can_be_archived) }}
        and {{ removal }}.successor_id is null
    )
{%- endmacro %}

{#- Which row of a base model is the record as the night knows it. -#}
{% macro is_staged() -%}
    not is_quarantined and version_rank = 1 and is_seen
{%- endmacro %}

{#-
    Every stream with the two models that hold it. Streams of one shape share a pair of
    models, which then have columns `source` and `landed_stream`; so has what is mapped, a model for all sources.
-#}
{% macro streams() -%}
    {% set mapped = [] %}
    {% for mapping in var('mapped_sources') %}
        {% do mapped.append((mapping.source, mapping_name(mapping), 'mapped__' ~ mapping.stream)) %}
    {% endfor %}
    {% for source_name in declared_sources() %}
        {% do mapped.append((source_name, 'removals', 'sources__removals')) %}
        {% do mapped.append((source_name, 'source_totals', 'sources__totals')) %}
        {% do mapped.append((source_name, 'refusals', 'sources__refusals')) %}
    {% endfor %}
    {{ return(mapped + [
        ('hubspot', 'contacts', 'hubspot__contacts'),
        ('hubspot', 'owners', 'hubspot__owners'),
        ('hubspot', 'companies', 'hubspot__companies'),
        ('hubspot', 'deals', 'hubspot__deals'),
        ('hubspot', 'tickets', 'hubspot__tickets'),
        ('hubspot', 'calls', 'hubspot__engagements'),
        ('hubspot', 'emails', 'hubspot__engagements'),
        ('hubspot', 'meetings', 'hubspot__engagements'),
        ('hubspot', 'notes', 'hubspot__engagements'),
        ('hubspot', 'tasks', 'hubspot__engagements'),
        ('hubspot', 'communications', 'hubspot__engagements'),
        ('hubspot', 'feedback_submissions', 'hubspot__feedback_submissions'),
        ('hubspot', 'associations', 'hubspot__associations'),
        ('hubspot', 'subscription_definitions', 'hubspot__subscription_definitions'),
        ('hubspot', 'subscription_statuses', 'hubspot__subscription_statuses'),
        ('hubspot', 'marketing_emails', 'hubspot__marketing_emails'),
        ('hubspot', 'email_events', 'hubspot__email_events'),
        ('hubspot', 'removals', 'sources__removals'),
        ('hubspot', 'source_totals', 'sources__totals'),
        ('hubspot', 'refusals', 'sources__refusals'),
        ('klaviyo', 'profiles', 'klaviyo__profiles'),
        ('klaviyo', 'metrics', 'klaviyo__metrics'),
        ('klaviyo', 'campaigns', 'klaviyo__campaigns'),
        ('klaviyo', 'campaign_messages', 'klaviyo__campaign_messages'),
        ('klaviyo', 'flows', 'klaviyo__flows'),
        ('klaviyo', 'flow_actions', 'klaviyo__flow_actions'),
        ('klaviyo', 'flow_messages', 'klaviyo__flow_messages'),
        ('klaviyo', 'events', 'klaviyo__events'),
        ('klaviyo', 'lists', 'klaviyo__lists'),
        ('klaviyo', 'list_members', 'klaviyo__list_members'),
        ('klaviyo', 'removals', 'sources__removals'),
        ('klaviyo', 'source_totals', 'sources__totals'),
        ('klaviyo', 'refusals', 'sources__refusals'),
        ('shop', 'customers', 'shop__customers'),
        ('shop', 'orders', 'shop__orders'),
        ('shop', 'order_lines', 'shop__order_lines'),
        ('shop', 'products', 'shop__products'),
        ('shop', 'coupons', 'shop__coupons'),
        ('shop', 'removals', 'sources__removals'),
        ('shop', 'source_totals', 'sources__totals'),
    ]) }}
{%- endmacro %}

{#- The models that hold persons, of whose fields each may be unreadable by itself. -#}
{% macro person_models() -%}
    {{ return(['hubspot__contacts', 'klaviyo__profiles', 'shop__customers']) }}
{%- endmacro %}

{#- Does a base model say which fields of a row nobody can read? -#}
{% macro says_unreadable_fields(held_by) -%}
    {{ return(held_by in person_models() + ['hubspot__tickets'] or held_by.startswith('mapped__')) }}
{%- endmacro %}

{#- The streams that one pair of models holds together, as (source, stream). -#}
{% macro streams_of(model) -%}
    {% set found = [] %}
    {% for source_name, stream, held_by in streams() if held_by == model %}
        {% do found.append((source_name, stream)) %}
    {% endfor %}
    {{ return(found) }}
{%- endmacro %}

{#- Does a model say of each row which stream it is of? -#}
{% macro holds_several(held_by) -%}
    {{ return(held_by.startswith('mapped__') or streams_of(held_by) | length > 1) }}
{%- endmacro %}

{#- The rows of one stream in a model that may hold several. -#}
{% macro is_of_stream(source_name, stream, held_by) -%}
    {% if holds_several(held_by) -%}
        source = '{{ source_name }}' and landed_stream = '{{ stream }}'
    {%- else -%}
        true
    {%- endif %}
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
    {{ _landed_of_streams(source_name, stream, _landed_of(source_name, stream, rows)) }}
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

{#- The runner of the night fills it after a build has succeeded; here it only has to exist. -#}
{% macro create_build_ledger() -%}
    create schema if not exists ops;
    create table if not exists ops.built_loads (source string, load_id string);
    create table if not exists ops.touched_days (
        model_name string, touched_date date, customer_id string
    )
{%- endmacro %}

{#- The rows of one parquet file that Rapport wrote itself. -#}
{% macro parquet_rows(path) -%}
    read_parquet({{ sql_text(path) }})
{%- endmacro %}
