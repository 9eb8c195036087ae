with

landed as (

    {{ landed('hubspot', 'subscription_definitions') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', [
            'name', 'purpose', 'communicationMethod', 'isActive', 'isDefault', 'isInternal',
        ]) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as subscription_id,

        -- text
        {{ clean_text('members.name') }} as subscription_name,
        {{ topic_of('members.name') }} as topic,
        {{ clean_text('members.purpose') }} as purpose,
        lower({{ clean_text('members.communicationMethod') }}) as channel,

        -- booleans
        coalesce({{ boolean('members.isactive') }}, true) as is_active,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,

        -- the row as it came
        members,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from opened

),

checked as (

    select
        subscription_id,
        subscription_name,
        topic,
        purpose,
        channel,
        is_active,
        created_at,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        subscription_id as record_key,
        coalesce(created_at < {{ cutoff() }}, true) as is_seen,
        case
            when subscription_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
            when subscription_name is null then 'the subscription has no name'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ version_rank(['subscription_id'], changed_at='updated_at') }} as version_rank
from checked
