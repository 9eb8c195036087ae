select
    ticket_id,
    customer_id,
    cast(customer_count as bigint) as customer_count,
    company_id,
    owner_id,
    pipeline,
    cast(stage as string) as stage,
    category,
    cast(priority as string) as priority,
    cast(case source_type when 'form' then 'web' else source_type end as string) as channel,
    cast(sentiment as string) as sentiment,
    opened_at,
    {{ reporting_date('opened_at') }} as opened_date,
    first_replied_at,
    case
        when first_replied_at >= opened_at
            then {{ hours_between('opened_at', 'first_replied_at') }}
    end as first_response_hours,
    is_closed,
    first_closed_at,
    closed_at,
    case
        when closed_at >= opened_at then {{ hours_between('opened_at', 'closed_at') }}
    end as resolution_hours,
    case
        when not is_closed then {{ hours_between('opened_at', cutoff()) }}
    end as open_hours,
    cast(reopened_count as bigint) as reopened_count,
    reopened_count > 0 as is_reopened
from {{ ref('int_crm__tickets') }}
{{ join_reporting_days('opened_at') }}
