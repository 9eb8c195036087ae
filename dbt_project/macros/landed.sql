{#-
    What landed for the night: rows of completed loads, as text, each with
    `load_id`, `load_date`, `is_new_load` (no finished build has seen the load),
    `row_hash` and `payload` (the row as it came).
-#}
{% macro landed(source_name, stream) -%}
    select
        landed.*,
        landed._dlt_load_id as load_id,
        built.load_id is null as is_new_load,
        hash(landed) as row_hash,
        cast(to_json(landed) as varchar) as payload
    from {{ source(source_name, stream) }} as landed
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

{#- dlt lists a load once all its files are there; files of other loads do not count. -#}
{% macro completed_loads(source_name) -%}
    select distinct load_id
    from {{ source(source_name, 'completed_loads') }}
    where status = 0
{%- endmacro %}

{#-
    1 for the latest valid version of a key. A later load beats an earlier one that
    reports the same time of change: deleting a record does not move that time in every
    source. Rows in quarantine are ranked apart, so that they supersede nothing.
-#}
{% macro version_rank(keys, changed_at=none, prefer=none) -%}
    row_number() over (
        partition by {{ keys | join(', ') }}, quarantine_reason is null
        order by
            {% if changed_at %}{{ changed_at }} desc nulls last,{% endif %}
            load_date desc,
            load_id desc,
            {% if prefer %}{{ prefer }} desc,{% endif %}
            row_hash desc
    )
{%- endmacro %}

{#- Which row of a base model is the record as the night knows it. -#}
{% macro is_staged() -%}
    quarantine_reason is null and version_rank = 1 and is_seen
{%- endmacro %}

{#- The streams, for the models that count them all. -#}
{% macro streams() -%}
    {{ return([
        ('hubspot', 'contacts'),
        ('hubspot', 'owners'),
        ('klaviyo', 'profiles'),
        ('klaviyo', 'metrics'),
        ('klaviyo', 'campaigns'),
        ('klaviyo', 'events'),
        ('shop', 'customers'),
        ('shop', 'orders'),
        ('shop', 'order_lines'),
        ('shop', 'products'),
        ('shop', 'coupons'),
    ]) }}
{%- endmacro %}

{#- The runner of the night fills it after a build has succeeded; here it only has to exist. -#}
{% macro create_build_ledger() -%}
    create schema if not exists ops;
    create table if not exists ops.built_loads (source varchar, load_id varchar)
{%- endmacro %}
