with

landed as (

    {{ landed('hubspot', 'deals') }}

),

opened as (

    select
        *,
        {{ json_members('properties', [
            'pipeline', 'dealstage', 'amount', 'deal_currency_code', 'closedate', 'createdate',
            'hs_is_closed', 'hs_is_closed_won', 'hubspot_owner_id', 'hs_merged_object_ids',
        ]) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as deal_id,
        {{ clean_text('members.hubspot_owner_id') }} as owner_id,
        {{ listed_ids('members.hs_merged_object_ids') }} as merged_deal_ids,

        -- text
        {{ clean_text('members.pipeline') }} as pipeline,
        {{ clean_text('members.dealstage') }} as deal_stage,
        upper({{ clean_text('members.deal_currency_code') }}) as currency_code,
        {{ json_part('properties_with_history', '$.dealstage') }} as stage_history,

        -- numbers
        {{ amount('members.amount') }} as deal_amount,

        -- booleans
        coalesce({{ boolean('members.hs_is_closed') }}, false) as is_closed,
        coalesce({{ boolean('members.hs_is_closed_won') }}, false) as is_won,
        coalesce({{ boolean('archived') }}, false) as is_archived,

        -- timestamps
        {{ utc_timestamp(
            "coalesce(" ~ clean_text('members.createdate') ~ ", created_at)"
        ) }} as opened_at,
        {{ utc_timestamp('members.closedate') }} as closed_at,
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
        deal_id,
        owner_id,
        merged_deal_ids,
        pipeline,
        deal_stage,
        currency_code,
        stage_history,
        deal_amount,
        is_closed,
        is_won,
        is_archived,
        opened_at,
        closed_at,
        created_at,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        deal_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            {{ crm_object_faults('deal_id') }}
            when members.amount <> '' and deal_amount is null then 'amount is not a number'
            when {{ is_no_time('members.createdate', 'opened_at') }} then 'createdate is not a time'
            when {{ is_no_time('members.closedate', 'closed_at') }} then 'closedate is not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ first_and_last_load_date(['deal_id']) }},
    {{
        version_rank(['deal_id'], changed_at='updated_at', prefer='is_archived')
    }} as version_rank
from checked
