select
    customer_id,
    segment,
    reason,
    lane,
    cast(treatment as varchar) as treatment,
    cast(channel as varchar) as channel,
    cast(send_window as varchar) as send_window,
    allowed_from_at,
    allowed_until_at,
    cast(
        case
            when {{ hash_share("customer_id || ':' || segment") }} < holdout_share then 'holdout'
            else 'treatment'
        end as varchar
    ) as arm
from {{ ref('int_segments__decided') }}
where clause is null
