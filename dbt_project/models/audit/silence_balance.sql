-- Of each segment: those held back, by the lists themselves, beside those silence is counted of.
with

told as (

    select
        segment,
        sum(held_back_count) as held_back_count,
        sum(silence_count) as silence_count,
        sum(reported_count) as reported_count,
        sum(twice_count) as twice_count
    from (
        select
            segment,
            1 as held_back_count,
            0 as silence_count,
            0 as reported_count,
            0 as twice_count
        from {{ ref('segment_suppressions') }}
        union all
        select
            segment,
            1 as held_back_count,
            0 as silence_count,
            0 as reported_count,
            0 as twice_count
        from {{ ref('segment_members') }}
        where arm = 'holdout'
        union all
        select
            silences.segment,
            0 as held_back_count,
            1 as silence_count,
            0 as reported_count,
            case
                when
                    silences.is_contact_avoided
                    and (
                        written_to.customer_id is not null
                        or count(case when silences.is_contact_avoided then 1 end) over (
                            partition by silences.customer_id
                        ) > 1
                    )
                    then 1
                else 0
            end as twice_count
        from {{ ref('segment_silences') }} as silences
        left join (
            select distinct members.customer_id
            from {{ ref('segment_members') }} as members
            inner join {{ ref('segments') }} as segments on members.segment = segments.segment
            where members.arm = 'treatment' and segments.takes_slot
        ) as written_to
            on silences.customer_id = written_to.customer_id
        union all
        select
            segment,
            0 as held_back_count,
            0 as silence_count,
            silenced_count as reported_count,
            0 as twice_count
        from {{ ref('rpt_silence_savings') }}
    ) as counted
    group by segment

)

select
    segment,
    cast(held_back_count as bigint) as held_back_count,
    cast(silence_count as bigint) as silence_count,
    cast(reported_count as bigint) as reported_count,
    held_back_count = silence_count and silence_count = reported_count as is_balanced,
    cast(twice_count as bigint) as twice_count
from told
