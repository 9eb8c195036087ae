with

landed as (

    {{ landed('klaviyo', 'lists') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', ['name', 'opt_in_process']) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as list_id,

        -- text
        {{ clean_text('members.name') }} as list_name,
        {{ topic_of('members.name') }} as topic,
        lower({{ clean_text('members.opt_in_process') }}) as opt_in_process,

        -- timestamps
        {{ utc_timestamp('created') }} as created_at,
        {{ utc_timestamp('updated') }} as updated_at,

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
        list_id,
        list_name,
        topic,
        opt_in_process,
        created_at,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        list_id as record_key,
        coalesce(created_at < {{ cutoff() }}, true) as is_seen,
        case
            when list_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
            when list_name is null then 'the list has no name'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ first_and_last_load_date(['list_id']) }},
    {{ version_rank(['list_id'], changed_at='updated_at') }} as version_rank
from checked
