-- What there is to fit each model on, and why it is too little where it is.
with

models as (

    select
        spans.span,
        models.model
    from {{ ref('int_value__spans') }} as spans
    cross join (values ('orders'), ('spend')) as models (model)

),

orders as (

    select
        span,
        sum(customer_count) as customer_count,
        coalesce(sum(customer_count) filter (where repeat_count > 0), 0) as repeat_customer_count,
        count(*) as cell_count,
        min(repeat_count) = max(repeat_count) as are_all_alike
    from {{ ref('int_value__cells') }}
    group by span

),

spend as (

    select
        span,
        sum(customer_count) as customer_count,
        sum(customer_count) as repeat_customer_count,
        count(*) as cell_count,
        min(round(spend_amount / spend_count * 1e3) / 1e3)
        = max(round(spend_amount / spend_count * 1e3) / 1e3) as are_all_alike
    from {{ ref('int_value__spend_cells') }}
    group by span

),

counted as (

    select
        'orders' as model,
        *
    from orders
    union all
    select
        'spend' as model,
        *
    from spend

)

select
    models.span,
    models.model,
    cast(coalesce(counted.customer_count, 0) as bigint) as customer_count,
    cast(coalesce(counted.repeat_customer_count, 0) as bigint) as repeat_customer_count,
    cast(coalesce(counted.cell_count, 0) as bigint) as cell_count,
    case
        when counted.customer_count is null then 'nobody'
        when counted.repeat_customer_count = 0 then 'nobody_came_back'
        when counted.repeat_customer_count < {{ var('value_least_repeat_customers') }}
            then 'too_few'
        when counted.are_all_alike then 'all_alike'
    end as fault
from models
left join counted
    on models.span = counted.span and models.model = counted.model
