select
    customer_id,
    segment,
    reason,
    cast(treatment as varchar) as treatment,
    cast(channel as varchar) as channel,
    cast(send_window as varchar) as send_window,
    case when channel is not null then next_allowed_from_at end as allowed_from_at,
    case when channel is not null then next_allowed_until_at end as allowed_until_at,
    cast(
        case
            when {{ hash_share("customer_id || ':' || segment") }} < holdout_share then 'holdout'
            else 'treatment'
        end as varchar
    ) as arm
from {{ ref('int_segments__decided') }}
where clause is null
