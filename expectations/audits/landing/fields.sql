-- One row per column of the night's loads, and per member of a JSON column that staging
-- cannot do without: a renamed field does not fail a pull, it only comes empty.

create or replace temp macro completed_loads(source) as table
    select distinct load_id
    from read_json(
        getvariable('landing') || '/' || source || '/_dlt_loads/*.jsonl',
        format = 'newline_delimited', columns = {load_id: 'varchar', status: 'integer'}
    )
    where status = 0;

create or replace temp macro landed_tonight(source, stream) as table
    select * exclude (load_date)
    from read_parquet(
        getvariable('landing') || '/' || source || '/' || stream || '/*/*.parquet',
        hive_partitioning = true, hive_types = {load_date: date}, union_by_name = true
    )
    where
        load_date = getvariable('as_of')
        and _dlt_load_id in (select load_id from completed_loads(source));

create or replace temp macro declared_columns(source, stream) as table
    select name
    from parquet_schema(
        getvariable('landing') || '/' || source || '/' || stream || '/*/declared.parquet'
    );

create or replace temp macro column_figures(source, stream, required) as table
    select
        source || '.' || stream || '.' || field as field_name,
        field in (select name from declared_columns(source, stream)) as is_declared,
        list_contains(required, field) as is_required,
        5 as telling_rows,
        night_rows,
        filled_rows
    from (
        unpivot (
            select
                count(*) as night_rows,
                count(columns(* exclude (_dlt_load_id)))
            from landed_tonight(source, stream)
        )
        on columns(* exclude (night_rows)) into name field value filled_rows
    )
    where not starts_with(field, '_dlt');

create or replace temp macro member_figures(source, stream, json_column, path) as table
    select
        source || '.' || stream || '.' || json_column || path as field_name,
        true as is_declared,
        true as is_required,
        20 as telling_rows,
        count(*) as night_rows,
        count(json_extract(case when json_valid(document) then document end, path)) as filled_rows
    from (
        select columns(lambda name: name = json_column) as document
        from landed_tonight(source, stream)
    );

with

fields as (

    from column_figures(
        'hubspot', 'contacts', ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from member_figures('hubspot', 'contacts', 'properties', '/email')
    union all
    from column_figures('hubspot', 'owners', ['id', 'created_at', 'updated_at'])
    union all
    from column_figures(
        'hubspot',
        'companies',
        ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from column_figures(
        'hubspot',
        'deals',
        ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from column_figures(
        'hubspot',
        'tickets',
        ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from column_figures(
        'hubspot',
        'feedback_submissions',
        ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from column_figures(
        'hubspot',
        'calls',
        ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from column_figures(
        'hubspot',
        'emails',
        ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from column_figures(
        'hubspot',
        'meetings',
        ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from column_figures(
        'hubspot',
        'notes',
        ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from column_figures(
        'hubspot',
        'tasks',
        ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from column_figures(
        'hubspot',
        'communications',
        ['id', 'created_at', 'updated_at', 'archived', 'properties']
    )
    union all
    from member_figures('hubspot', 'deals', 'properties', '/dealstage')
    union all
    from member_figures('hubspot', 'deals', 'properties_with_history', '/dealstage')
    union all
    from member_figures('hubspot', 'tickets', 'properties', '/hs_pipeline_stage')
    union all
    from member_figures(
        'hubspot', 'tickets', 'properties_with_history', '/hs_pipeline_stage'
    )
    union all
    from column_figures(
        'hubspot', 'associations', ['from_type', 'from_id', 'to_type', 'targets', 'read_on']
    )
    union all
    from column_figures('hubspot', 'subscription_definitions', ['id', 'attributes'])
    union all
    from column_figures(
        'hubspot',
        'subscription_statuses',
        ['subscriber', 'channel', 'subscription_id', 'status', 'read_on']
    )
    union all
    from column_figures('hubspot', 'removals', ['object_type', 'id', 'noticed_on'])
    union all
    from column_figures('hubspot', 'refusals', ['stream', 'reason', 'noticed_on'])
    union all
    from column_figures(
        'hubspot',
        'source_totals',
        ['stream', 'checked_on', 'method', 'compared_to']
    )
    union all
    from column_figures('klaviyo', 'removals', ['object_type', 'id', 'noticed_on'])
    union all
    from column_figures('klaviyo', 'refusals', ['stream', 'reason', 'noticed_on'])
    union all
    from column_figures(
        'klaviyo',
        'source_totals',
        ['stream', 'checked_on', 'method', 'compared_to']
    )
    union all
    from column_figures('shop', 'removals', ['object_type', 'id', 'noticed_on'])
    union all
    from column_figures(
        'shop',
        'source_totals',
        ['stream', 'checked_on', 'method', 'compared_to']
    )
    union all
    from column_figures('klaviyo', 'lists', ['id', 'attributes'])
    union all
    from column_figures('klaviyo', 'list_members', ['list_id', 'profile_id'])
    union all
    from column_figures('klaviyo', 'profiles', ['id', 'created', 'updated', 'attributes'])
    union all
    from member_figures('klaviyo', 'profiles', 'attributes', '/email')
    union all
    from member_figures('klaviyo', 'profiles', 'attributes', '/subscriptions')
    union all
    from column_figures('klaviyo', 'metrics', ['id', 'attributes'])
    union all
    from member_figures('klaviyo', 'metrics', 'attributes', '/name')
    union all
    from column_figures(
        'klaviyo', 'campaigns', ['id', 'created_at', 'updated_at', 'channel', 'attributes']
    )
    union all
    from member_figures('klaviyo', 'campaigns', 'attributes', '/name')
    union all
    from member_figures('klaviyo', 'campaigns', 'attributes', '/send_time')
    union all
    from column_figures(
        'klaviyo', 'events', ['id', 'datetime', 'metric_id', 'profile_id', 'attributes']
    )
    union all
    from member_figures('klaviyo', 'events', 'attributes', '/event_properties')
    union all
    from column_figures(
        'klaviyo', 'campaign_messages', ['id', 'created_at', 'updated_at', 'campaign_id', 'attributes']
    )
    union all
    from column_figures('klaviyo', 'flows', ['id', 'attributes'])
    union all
    from member_figures('klaviyo', 'flows', 'attributes', '/name')
    union all
    from column_figures('klaviyo', 'flow_actions', ['id', 'flow_id', 'attributes'])
    union all
    from member_figures('klaviyo', 'flow_actions', 'attributes', '/definition')
    union all
    from column_figures('klaviyo', 'flow_messages', ['id', 'action_id', 'attributes'])
    union all
    from member_figures('klaviyo', 'flow_messages', 'attributes', '/definition')
    union all
    from column_figures('hubspot', 'marketing_emails', ['id', 'created_at', 'attributes'])
    union all
    from member_figures('hubspot', 'marketing_emails', 'attributes', '/name')
    union all
    from column_figures('hubspot', 'email_events', ['id', 'type', 'created_at'])
    union all
    from column_figures('shop', 'customers', ['customer_id', 'email', 'created_at', 'updated_at'])
    union all
    from column_figures(
        'shop',
        'orders',
        ['order_id', 'currency_code', 'ordered_at', 'updated_at']
    )
    union all
    from column_figures(
        'shop',
        'order_lines',
        ['order_id', 'product_id', 'quantity', 'sales_amount', 'updated_at']
    )
    union all
    from column_figures('shop', 'products', ['product_id', 'department', 'updated_at'])
    union all
    from column_figures(
        'shop', 'coupons', ['coupon_upc', 'product_id', 'campaign_id', 'updated_at']
    )

)

select
    field_name,
    -- A row or two without it are bad rows; half of the night without it is a lost field.
    (
        is_required and night_rows >= telling_rows and filled_rows < night_rows / 2
    )::integer as is_lost,
    (is_required and filled_rows < night_rows)::integer as is_incomplete,
    (not is_declared and filled_rows > 0)::integer as is_new
from fields
order by field_name;
