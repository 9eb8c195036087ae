{{
    config(
        materialized=typed_once(),
        incremental_strategy='append',
        on_schema_change='fail',
        meta={'version_key': ['order_id'], 'changed_at': 'updated_at'},
        pre_hook="{{ age_typed_rows('shop', seen_at='ordered_at') }}",
        post_hook="{{ rank_anew() }}"
    )
}}

with

landed as (

    {{ not_yet_typed(landed('shop', 'orders', optional=['status', 'returned_order_id'])) }}

),

typed as (

    select
        -- ids
        {{ clean_text('order_id') }} as order_id,
        {{ clean_text('customer_id') }} as shop_customer_id,
        {{ clean_text('store_id') }} as store_id,
        {{ clean_text('returned_order_id') }} as returned_order_id,

        -- text
        upper({{ clean_text('currency_code') }}) as currency_code,
        {{ topic_of('status') }} as shop_status,

        -- timestamps
        {{ utc_timestamp('ordered_at') }} as ordered_at,
        {{ utc_timestamp('updated_at') }} as updated_at,

        -- the row as it came
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from landed

),

checked as (

    select
        order_id,
        shop_customer_id,
        store_id,
        returned_order_id,
        currency_code,
        shop_status,
        ordered_at,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        order_id as record_key,
        ordered_at < {{ cutoff() }} as is_seen,
        case
            when order_id is null then 'order_id is missing'
            when not coalesce({{ matches('currency_code', '[A-Z]{3}') }}, false)
                then 'currency_code is not an ISO 4217 code'
            when ordered_at is null then 'ordered_at is missing or not a time'
            when updated_at is null then 'updated_at is missing or not a time'
            when {{ is_implausible('ordered_at') }} then 'ordered_at is implausibly early'
            when ordered_at > updated_at + interval 1 day
                then 'ordered_at is more than a day after updated_at'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ ranked_when_typed() }}
from checked
