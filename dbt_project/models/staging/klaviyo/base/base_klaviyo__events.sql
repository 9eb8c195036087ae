{{
    config(
        materialized=typed_once(),
        incremental_strategy='append',
        on_schema_change='fail',
        meta={'version_key': ['event_id']},
        pre_hook="{{ age_typed_rows('klaviyo', seen_at='occurred_at') }}",
        post_hook="{{ rank_anew() }}"
    )
}}

with

landed as (

    {{ not_yet_typed(landed('klaviyo', 'events')) }}

),

opened as (

    select
        *,
        {{ json_members('attributes', {
            'event_properties': {
                '$message': 'string',
                '$flow': 'string',
                '$variation': 'string',
                'campaign_id': 'string',
                'coupon_upc': 'string',
                'ProductID': 'string',
                'AddedItemProductID': 'string',
                'Categories': ['string'],
                'AddedItemCategories': ['string'],
                'CategoryName': 'string',
                'Category': 'string',
                'SearchTerm (autocorrected)': 'string',
                'SearchTerm': 'string',
                'Search Term': 'string',
                'List': 'string',
                'question': 'string',
                'answer': 'string',
                'URL': 'string',
                'Bot Click': 'string',
                'machine_open': 'string',
                'Apple Privacy Open': 'string',
                'OrderId': 'string',
                'order_id': 'string',
                '$event_id': 'string',
                '$value': 'string',
                '$attributed_message': 'string',
                '$attribution': {'$message': 'string', '$flow': 'string'},
            },
        }) }} as members,
        {{ json_members('relationships', {
            'attributions': {
                'data': [
                    {'campaign': 'string', 'campaign-message': 'string', 'flow': 'string'}
                ],
            },
        }) }} as related
    from landed

),

flattened as (

    select
        *,
        members.event_properties as said,
        {{ item_at('related.attributions.data', 1) }} as attribution
    from opened

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as event_id,
        {{ clean_text('profile_id') }} as profile_id,
        {{ clean_text('metric_id') }} as metric_id,
        {{ clean_text(member('said', '$message')) }} as message_id,
        {{ clean_text(member('said', '$flow')) }} as flow_id,
        {{ clean_text(member('said', '$variation')) }} as variation_id,
        {{ clean_text('said.campaign_id') }} as campaign_id,
        {{ clean_text('said.coupon_upc') }} as coupon_upc,
        -- of a basket, what was put into it just now
        coalesce(
            {{ clean_text('said.addeditemproductid') }},
            {{ clean_text('said.productid') }}
        ) as product_id,
        -- whose doing the tool says the event was, and the order that it is about
        {{ clean_text('attribution.campaign') }} as attributed_campaign_id,
        coalesce(
            {{ clean_text(member('attribution', 'campaign-message')) }},
            {{ clean_text(member(member('said', '$attribution'), '$message')) }},
            {{ clean_text(member('said', '$attributed_message')) }}
        ) as attributed_message_id,
        coalesce(
            {{ clean_text('attribution.flow') }},
            {{ clean_text(member(member('said', '$attribution'), '$flow')) }}
        ) as attributed_flow_id,
        coalesce(
            {{ clean_text('said.orderid') }},
            {{ clean_text('said.order_id') }},
            {{ clean_text(member('said', '$event_id')) }}
        ) as order_id,

        -- text
        coalesce(
            said.addeditemcategories,
            said.categories,
            {{ split_text('coalesce(said.categoryname, said.category)', ';') }}
        ) as categories,
        -- as the shop understood it, else as it was typed; who they are is not what they looked for
        lower(
            coalesce(
                {{ clean_text(member('said', 'searchterm (autocorrected)')) }},
                {{ clean_text('said.searchterm') }},
                {{ clean_text(member('said', 'search term')) }}
            )
        ) as typed_term,
        case when not {{ looks_like_an_identifier('typed_term') }} then typed_term end as search_term,
        {{ topic_of('said.list') }} as list_topic,
        lower({{ clean_text('said.question') }}) as pulse_question,
        lower({{ clean_text('said.answer') }}) as pulse_answer,
        {{ whole_text('said.url') }} as clicked_url,

        -- booleans, null where the tool says neither
        {{ boolean(clean_text(member('said', 'bot click'))) }} as is_bot_click,
        {{ boolean(clean_text('said.machine_open')) }} is true
        or {{ boolean(clean_text(member('said', 'apple privacy open'))) }} is true
            as is_machine_open,

        -- numbers
        {{ amount(member('said', '$value')) }} as order_amount,
        order_amount is null
        and {{ clean_text(member('said', '$value')) }} is not null as is_amount_unreadable,

        -- timestamps
        {{ utc_timestamp('datetime') }} as occurred_at,

        -- the row as it came
        members is not null as is_object,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from flattened

),

checked as (

    select
        event_id,
        profile_id,
        metric_id,
        message_id,
        flow_id,
        variation_id,
        campaign_id,
        coupon_upc,
        product_id,
        attributed_campaign_id,
        attributed_message_id,
        attributed_flow_id,
        order_id,
        categories,
        search_term,
        list_topic,
        pulse_question,
        pulse_answer,
        clicked_url,
        is_bot_click,
        is_machine_open,
        order_amount,
        is_amount_unreadable,
        occurred_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
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
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ ranked_when_typed() }}
from checked
