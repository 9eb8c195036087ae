{{ config(materialized='table') }}

-- What each record said from which night on. A version counts from the night that landed it, and
-- only if it was newer than all that had landed by then.
with

-- A record of the future waits for its day, as it does in staging.
seen as (

    select
        *,
        greatest(cast(load_date as date), cast(created_at as date)) as valid_from,
        row_number() over (
            partition by source, contact_id
            order by
                updated_at asc nulls last,
                load_date asc nulls last,
                load_id asc nulls last,
                is_archived asc nulls last,
                row_hash asc nulls last
        ) as version_number
    from {{ ref('canonical_contacts') }}
    where created_at < {{ cutoff() }}

),

compared as (

    select
        *,
        max(version_number) over (
            partition by source, contact_id
            order by valid_from asc nulls last
        ) as newest_number
    from seen

)

select
    source,
    contact_id as source_record_id,
    external_id,
    {{ email_key('email') }} as email_key,
    {{ each_of('additional_emails', 'address', email_key('address')) }}
        as additional_email_keys,
    email,
    first_name,
    last_name,
    {{ name_key('first_name', 'last_name') }} as name_key,
    {{ tying_name('first_name', 'last_name') }} as tying_name,
    phones,
    {{ phone_region('source', 'country_code') }} as phone_region,
    birth_date,
    postcode,
    city,
    company_name,
    merged_contact_ids as merged_record_ids,
    is_archived,
    created_at,
    updated_at,
    last_load_date,
    valid_from,
    lead(valid_from) over (
        partition by source, contact_id
        order by valid_from asc nulls last
    ) as valid_to
from compared
where version_number = newest_number
