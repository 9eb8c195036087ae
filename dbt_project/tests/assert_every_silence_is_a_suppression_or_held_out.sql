-- Row by row: what silence saves is counted of exactly those who were held back.
with

silences as (

    select
        customer_id,
        segment,
        clause
    from {{ ref('segment_silences') }}

),

held_back as (

    select
        customer_id,
        segment,
        clause
    from {{ ref('segment_suppressions') }}
    union all
    select
        customer_id,
        segment,
        cast(null as string) as clause
    from {{ ref('segment_members') }}
    where arm = 'holdout'

)

(
    select * from silences
    except all
    select * from held_back
)
union all
(
    select * from held_back
    except all
    select * from silences
)
