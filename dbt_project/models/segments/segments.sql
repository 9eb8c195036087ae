with

qualified as (

    select
        segment,
        count(*) as qualified_count
    from {{ ref('int_segments__qualified') }}
    group by segment

),

members as (

    select
        segment,
        count(*) as size,
        count(*) filter (where arm = 'treatment') as treatment_size,
        count(*) filter (where arm = 'holdout') as holdout_size
    from {{ ref('segment_members') }}
    group by segment

),

suppressions as (

    select
        segment,
        count(*) as suppressed_count
    from {{ ref('segment_suppressions') }}
    group by segment

)

select
    definitions.segment,
    definitions.description,
    definitions.owner,
    definitions.destination,
    definitions.priority,
    definitions.takes_slot,
    definitions.message_class,
    definitions.channel,
    definitions.treatment,
    definitions.is_offer,
    definitions.topic,
    definitions.send_window,
    definitions.holdout_share,
    definitions.skill,
    definitions.most_per_owner,
    {{ as_of_date() }} as as_of_date,
    cast({{ sql_text_or_null((var('last_release') or {}).get('as_of_date')) }} as date) as last_as_of_date,
    cast(coalesce(qualified.qualified_count, 0) as bigint) as qualified_count,
    cast(coalesce(members.size, 0) as bigint) as size,
    cast(coalesce(members.treatment_size, 0) as bigint) as treatment_size,
    cast(coalesce(members.holdout_size, 0) as bigint) as holdout_size,
    cast(coalesce(suppressions.suppressed_count, 0) as bigint) as suppressed_count
from {{ ref('int_segments__definitions') }} as definitions
left join qualified on definitions.segment = qualified.segment
left join members on definitions.segment = members.segment
left join suppressions on definitions.segment = suppressions.segment
