-- Qualifying = members + suppressed: nobody is forgotten, nobody is in both.
with

qualified as (

    select
        customer_id,
        segment
    from {{ ref('seg_loyal_high_value') }}
    union all
    select
        customer_id,
        segment
    from {{ ref('seg_over_contacted_rest') }}
    union all
    select
        customer_id,
        segment
    from {{ ref('seg_win_back_dormant') }}

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
