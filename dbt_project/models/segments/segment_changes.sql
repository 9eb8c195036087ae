with

compared as (

    select
        coalesce(members.customer_id, last_released.customer_id) as customer_id,
        coalesce(members.segment, last_released.segment) as segment,
        case
            when last_released.customer_id is null then 'joined'
            when members.customer_id is null then 'left'
            else 'stayed'
        end as change
    from {{ ref('segment_members') }} as members
    full outer join {{ ref('int_segments__last_released') }} as last_released
        on members.customer_id = last_released.customer_id and members.segment = last_released.segment

)

select
    cast(compared.customer_id as string) as customer_id,
    cast(compared.segment as string) as segment,
    cast(compared.change as string) as change,
    -- who left without a clause does not qualify any more
    suppressions.clause,
    cast({{ sql_text_or_null((var('last_release') or {}).get('as_of_date')) }} as date) as last_as_of_date
from compared
left join {{ ref('segment_suppressions') }} as suppressions
    on
        compared.change = 'left'
        and compared.customer_id = suppressions.customer_id
        and compared.segment = suppressions.segment
