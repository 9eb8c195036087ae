-- A load has each of its lists whole, so the members of a list are those of the latest load
-- that has the list; all others are superseded, whoever is in them.
with

landed as (

    {{ landed('klaviyo', 'list_members') }}

),

latest_reads as (

    select
        list_id,
        max({{ record_of(['load_date', 'load_id']) }}) as latest_read
    from {{ ref('base_klaviyo__lists') }}
    where list_id is not null
    group by list_id

),

typed as (

    select
        -- ids
        {{ clean_text('list_id') }} as list_id,
        {{ clean_text('profile_id') }} as profile_id,

        -- timestamps
        {{ utc_timestamp('joined_group_at') }} as joined_at,

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
        typed.*,
        coalesce(typed.list_id, '') || ':' || coalesce(typed.profile_id, '') as record_key,
        true as is_seen,
        {{ record({'load_date': 'typed.load_date', 'load_id': 'typed.load_id'}) }}
        < latest_reads.latest_read as is_of_earlier_read,
        case
            when typed.list_id is null then 'list_id is missing'
            when typed.profile_id is null then 'profile_id is missing'
            when {{ is_no_time('typed.raw.joined_group_at', 'typed.joined_at') }}
                then 'joined_group_at is not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('typed.raw') }} end as payload
    from typed
    left join latest_reads on typed.list_id = latest_reads.list_id

)

select
    list_id,
    profile_id,
    joined_at,
    load_id,
    load_date,
    is_new_load,
    row_hash,
    record_key,
    is_seen,
    is_of_earlier_read,
    quarantine_reason,
    is_quarantined,
    payload,
    case
        when is_of_earlier_read then 2
        else {{ version_rank(['list_id', 'profile_id']) }}
    end as version_rank
from checked
