with

landed as (

    {{ landed('shop', 'products') }}

),

typed as (

    select
        -- ids
        {{ clean_text('product_id') }} as product_id,
        {{ clean_text('manufacturer_id') }} as manufacturer_id,

        -- text
        {{ clean_text('department') }} as department,
        {{ clean_text('brand') }} as brand,
        {{ clean_text('product_category') }} as product_category,
        {{ clean_text('product_type') }} as product_type,
        {{ clean_text('package_size') }} as package_size,

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
        product_id,
        manufacturer_id,
        department,
        brand,
        product_category,
        product_type,
        package_size,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        product_id as record_key,
        true as is_seen,
        case
            when product_id is null then 'product_id is missing'
            when updated_at is null then 'updated_at is missing or not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ version_rank(['product_id'], changed_at='updated_at') }} as version_rank
from checked
