{#- dlt lists a load once all its files are there; files of other loads do not count. -#}
{% macro completed_loads(source_name) -%}
    select distinct load_id
    from {{ landing_of(source_name, 'completed_loads') }}
    where status = 0
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
