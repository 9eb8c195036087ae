with

landed as (

    {{ landed('shop', 'customers') }}

),

typed as (

    select
        -- ids
        {{ clean_text('customer_id') }} as shop_customer_id,

        -- direct identifiers
        {{ normalised_email('email') }} as email,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
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
        * exclude (raw),
        shop_customer_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            when shop_customer_id is null then 'customer_id is missing'
            when created_at is null then 'created_at is missing or not a time'
            when updated_at is null then 'updated_at is missing or not a time'
            when {{ is_implausible('created_at') }} then 'created_at is implausibly early'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then cast(to_json(raw) as varchar) end as payload

    from typed

)

select
    *,
    {{ first_and_last_load_date(['shop_customer_id']) }},
    {{ version_rank(['shop_customer_id'], changed_at='updated_at') }} as version_rank
from checked
