with

landed as (

    {{ landed('shop', 'coupons') }}

),

typed as (

    select
        -- ids
        {{ clean_text('coupon_upc') }} as coupon_upc,
        {{ clean_text('product_id') }} as product_id,
        {{ clean_text('campaign_id') }} as campaign_id,

        -- text
        {{ clean_text('offer_type') }} as offer_type,

        -- dates
        cast({{ utc_timestamp('valid_from') }} as date) as valid_from_date,
        cast({{ utc_timestamp('valid_until') }} as date) as valid_until_date,

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
        coupon_upc,
        product_id,
        campaign_id,
        offer_type,
        valid_from_date,
        valid_until_date,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        coalesce(coupon_upc, '')
        || ':' || coalesce(product_id, '')
        || ':' || coalesce(campaign_id, '') as record_key,
        true as is_seen,
        case
            when coupon_upc is null then 'coupon_upc is missing'
            when product_id is null then 'product_id is missing'
            when campaign_id is null then 'campaign_id is missing'
            when valid_from_date is null then 'valid_from is missing or not a date'
            when valid_until_date is null then 'valid_until is missing or not a date'
            when valid_until_date < valid_from_date then 'valid_until is before valid_from'
            when updated_at is null then 'updated_at is missing or not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{
        version_rank(['coupon_upc', 'product_id', 'campaign_id'], changed_at='updated_at')
    }} as version_rank
from checked
