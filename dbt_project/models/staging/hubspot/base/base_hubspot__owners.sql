with

landed as (

    {{ landed('hubspot', 'owners') }}

),

opened as (

    select
        *,
        {{ cut_texts('coalesce(' ~ json_list('teams', 'name') ~ ', ' ~ empty_list('string') ~ ')') }}
            as teams_of_owner
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as owner_id,
        {{ clean_text('user_id') }} as user_id,

        -- direct identifiers
        {{ normalised_email('email') }} as email,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,

        -- text
        {{
            item_at(those_of('teams_of_owner', 'team', 'not ' ~ starts_with('team', "'skill:'")), 1)
        }} as team,
        -- A team named "skill:negotiation" says what its members can do.
        {{
            distinct_sorted(all_found(joined('teams_of_owner', ';'), 'skill:\\s*([^;]+)', 1))
        }} as skills,

        -- booleans
        coalesce({{ boolean('archived') }}, false) as is_archived,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,

        -- the row as it came
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from opened

),

checked as (

    select
        owner_id,
        user_id,
        email,
        first_name,
        last_name,
        team,
        skills,
        is_archived,
        created_at,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        owner_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            when owner_id is null then 'id is missing'
            when created_at is null then 'created_at is missing or not a time'
            when updated_at is null then 'updated_at is missing or not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ version_rank(['owner_id'], changed_at='updated_at', prefer='is_archived') }} as version_rank
from checked
