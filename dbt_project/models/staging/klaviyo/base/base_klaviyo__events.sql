{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ age_typed_rows('klaviyo', seen_at='occurred_at') }}",
        post_hook="{{ rank_anew(['event_id']) }}"
    )
}}

with

landed as (

    {{ not_yet_typed(landed('klaviyo', 'events')) }}

),

opened as (

    select
        *,
        {{ json_members('landed.attributes', {
            'event_properties': {
                '$message': 'VARCHAR',
                '$flow': 'VARCHAR',
                '$variation': 'VARCHAR',
                'campaign_id': 'VARCHAR',
                'coupon_upc': 'VARCHAR',
                'ProductID': 'VARCHAR',
                'AddedItemProductID': 'VARCHAR',
                'Categories': ['VARCHAR'],
                'AddedItemCategories': ['VARCHAR'],
                'CategoryName': 'VARCHAR',
                'Category': 'VARCHAR',
                'SearchTerm (autocorrected)': 'VARCHAR',
                'SearchTerm': 'VARCHAR',
                'Search Term': 'VARCHAR',
                'List': 'VARCHAR',
                'question': 'VARCHAR',
                'answer': 'VARCHAR',
                'URL': 'VARCHAR',
                'Bot Click': 'VARCHAR',
                'machine_open': 'VARCHAR',
                'Apple Privacy Open': 'VARCHAR',
                'OrderId': 'VARCHAR',
                'order_id': 'VARCHAR',
                '$event_id': 'VARCHAR',
                '$value': 'VARCHAR',
                '$attributed_message': 'VARCHAR',
                '$attribution': {'$message': 'VARCHAR', '$flow': 'VARCHAR'},
            },
        }) }} as members,
        {{ json_members('landed.relationships', {
            'attributions': {
                'data': [
                    {'campaign': 'VARCHAR', 'campaign-message': 'VARCHAR', 'flow': 'VARCHAR'}
                ],
            },
        }) }}.attributions.data[1] as attribution
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as event_id,
        {{ clean_text('profile_id') }} as profile_id,
        {{ clean_text('metric_id') }} as metric_id,
        {{ clean_text('members.event_properties."$message"') }} as message_id,
        {{ clean_text('members.event_properties."$flow"') }} as flow_id,
        {{ clean_text('members.event_properties."$variation"') }} as variation_id,
        {{ clean_text('members.event_properties.campaign_id') }} as campaign_id,
        {{ clean_text('members.event_properties.coupon_upc') }} as coupon_upc,
        -- of a basket, what was put into it just now
        coalesce(
            {{ clean_text('members.event_properties.addeditemproductid') }},
            {{ clean_text('members.event_properties.productid') }}
        ) as product_id,
        -- whose doing the tool says the event was, and the order that it is about
        {{ clean_text('attribution.campaign') }} as attributed_campaign_id,
        coalesce(
            {{ clean_text('attribution."campaign-message"') }},
            {{ clean_text('members.event_properties."$attribution"."$message"') }},
            {{ clean_text('members.event_properties."$attributed_message"') }}
        ) as attributed_message_id,
        coalesce(
            {{ clean_text('attribution.flow') }},
            {{ clean_text('members.event_properties."$attribution"."$flow"') }}
        ) as attributed_flow_id,
        coalesce(
            {{ clean_text('members.event_properties.orderid') }},
            {{ clean_text('members.event_properties.order_id') }},
            {{ clean_text('members.event_properties."$event_id"') }}
        ) as order_id,

        -- text
        coalesce(
            members.event_properties.addeditemcategories,
            members.event_properties.categories,
            string_split(
                coalesce(members.event_properties.categoryname, members.event_properties.category), ';'
            )
        ) as categories,
        -- as the shop understood it, else as it was typed; who they are is not what they looked for
        lower(
            coalesce(
                {{ clean_text('members.event_properties."searchterm (autocorrected)"') }},
                {{ clean_text('members.event_properties.searchterm') }},
                {{ clean_text('members.event_properties."search term"') }}
            )
        ) as typed_term,
        case when not {{ looks_like_an_identifier('typed_term') }} then typed_term end as search_term,
        {{ topic_of('members.event_properties.list') }} as list_topic,
        lower({{ clean_text('members.event_properties.question') }}) as pulse_question,
        lower({{ clean_text('members.event_properties.answer') }}) as pulse_answer,
        {{ whole_text('members.event_properties.url') }} as clicked_url,

        -- booleans, null where the tool says neither
        try_cast({{ clean_text('members.event_properties."bot click"') }} as boolean) as is_bot_click,
        try_cast({{ clean_text('members.event_properties.machine_open') }} as boolean) is true
        or try_cast({{ clean_text('members.event_properties."apple privacy open"') }} as boolean) is true
            as is_machine_open,

        -- numbers
        {{ amount('members.event_properties."$value"') }} as order_amount,
        order_amount is null
        and {{ clean_text('members.event_properties."$value"') }} is not null as is_amount_unreadable,

        -- timestamps
        {{ utc_timestamp('datetime') }} as occurred_at,

        -- the row as it came
        members is not null as is_object,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from opened

),

checked as (

    select
        * exclude (raw),
        event_id as record_key,
        occurred_at < {{ cutoff() }} as is_seen,
        case
            when event_id is null then 'id is missing'
            when profile_id is null then 'profile_id is missing'
            when not is_object then 'attributes is not a JSON object'
            when occurred_at is null then 'datetime is missing or not a time'
            when {{ is_implausible('occurred_at') }} then 'datetime is implausibly early'
            when occurred_at >= cast(load_date as timestamp) + interval 2 day
                then 'datetime is more than a day after the pull'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then cast(to_json(raw) as string) end as payload

    from typed

)

select
    * exclude (is_object, typed_term),
    1 as version_rank
from checked
