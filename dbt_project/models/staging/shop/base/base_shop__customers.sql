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
        coalesce(
            {{ time_of_making('created_at') }},
            {{ plausible_time('updated_at') }},
            cast(load_date as timestamp)
        ) as created_at,
        coalesce({{ plausible_time('updated_at') }}, cast(load_date as timestamp)) as updated_at,

        -- the row as it came
        {{ unreadable([
            ('created_at', time_of_making('created_at') ~ ' is null'),
            ('updated_at', plausible_time('updated_at') ~ ' is null'),
            ('email', clean_text('email') ~ ' is not null and ' ~ normalised_email('email') ~ ' is null'),
        ]) }} as unreadable_fields,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from landed

),

checked as (

    select
        shop_customer_id,
        email,
        created_at,
        updated_at,
        unreadable_fields,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        shop_customer_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case when shop_customer_id is null then 'customer_id is missing' end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case
            when is_quarantined or {{ size_of('unreadable_fields') }} > 0 then {{ json_of('raw') }}
        end as payload

    from typed

)

select
    *,
    {{ first_and_last_load_date(['shop_customer_id']) }},
    {{ version_rank(['shop_customer_id'], changed_at='updated_at') }} as version_rank
from checked
