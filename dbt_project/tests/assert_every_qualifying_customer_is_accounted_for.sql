-- Qualifying = members, hold-out included, + suppressed: nobody is forgotten, nobody is in both.
with

qualified as (

    select
        customer_id,
        segment
    from {{ ref('int_segments__qualified') }}

),

answered as (

    select
        customer_id,
        segment
    from {{ ref('segment_members') }}
    union all
    select
        customer_id,
        segment
    from {{ ref('segment_suppressions') }}

)

(
    select * from qualified
    except all
    select * from answered
)
union all
(
    select * from answered
    except all
    select * from qualified
)
