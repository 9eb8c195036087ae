select
    customer_id,
    segment,
    reason,
    lane,
    cast(treatment as string) as treatment,
    cast(channel as string) as channel,
    cast(owner_id as string) as owner_id,
    cast(urgency as double) as urgency,
    cast(send_window as string) as send_window,
    allowed_from_at,
    allowed_until_at,
    cast(
        case
            when {{ hash_share("customer_id || ':' || segment") }} < holdout_share then 'holdout'
            else 'treatment'
        end as string
    ) as arm
from {{ ref('int_segments__decided') }}
where clause is null
