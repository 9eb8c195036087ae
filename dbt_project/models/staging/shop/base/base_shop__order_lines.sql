{{
    config(
        materialized=typed_once(),
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ age_typed_rows('shop') }}",
        post_hook="{{ rank_lines_anew() }}"
    )
}}

with

landed as (

    {{ not_yet_typed(landed('shop', 'order_lines', optional=['line_id', 'quantity_unit'])) }}

),

typed as (

    select
        -- ids
        {{ clean_text('order_id') }} as order_id,
        {{ clean_text('product_id') }} as product_id,
        {{ clean_text('line_id') }} as line_id,

        -- text
        lower({{ clean_text('quantity_unit') }}) as quantity_unit,

        -- numbers
        {{ quantity('quantity') }} as item_quantity,
        {{ amount('sales_amount') }} as sales_amount,
        {{ amount('retail_discount_amount') }} as retail_discount_amount,
        {{ amount('coupon_discount_amount') }} as coupon_discount_amount,
        {{ amount('coupon_match_discount_amount') }} as coupon_match_discount_amount,

        -- timestamps
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
        product_id,
        line_id,
        quantity_unit,
        item_quantity,
        sales_amount,
        retail_discount_amount,
        coupon_discount_amount,
        coupon_match_discount_amount,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        coalesce(order_id, '') || ':' || coalesce(product_id, '')
        || coalesce(':' || line_id, '') as record_key,
        true as is_seen,
        case
            when order_id is null then 'order_id is missing'
            when product_id is null then 'product_id is missing'
            when item_quantity is null then 'quantity is missing or not a number'
            when sales_amount is null then 'sales_amount is missing or not a number'
            when retail_discount_amount is null
                then 'retail_discount_amount is missing or not a number'
            when coupon_discount_amount is null
                then 'coupon_discount_amount is missing or not a number'
            when coupon_match_discount_amount is null
                then 'coupon_match_discount_amount is missing or not a number'
            when item_quantity >= 0 and sales_amount >= 0 and retail_discount_amount < 0
                then 'retail_discount_amount is negative'
            when item_quantity >= 0 and sales_amount >= 0 and coupon_discount_amount < 0
                then 'coupon_discount_amount is negative'
            when item_quantity >= 0 and sales_amount >= 0 and coupon_match_discount_amount < 0
                then 'coupon_match_discount_amount is negative'
            when updated_at is null then 'updated_at is missing or not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

{{ lines_when_typed('checked') }}
