with

declared as (

    select
        customer_id,
        declared_relationship,
        {{ reporting_date('preferences_updated_at') }} as declared_date
    from {{ ref('dim_preferences') }}
    {{ join_reporting_days('preferences_updated_at') }}
    where {{ is_relationship_type('declared_relationship') }}

),

-- What they declared counts from the day they said it; before that there is what could be inferred.
months as (

    select
        months.month_end_date,
        months.value_tier,
        months.polarity,
        case
            when declared.declared_date <= months.month_end_date
                then declared.declared_relationship
            else months.relationship_type
        end as relationship_type,
        months.sales_amount,
        months.contact_cost_amount
    from {{ ref('fct_relationship_months') }} as months
    left join declared on months.customer_id = declared.customer_id

),

cells as (

    select
        month_end_date,
        value_tier,
        polarity,
        relationship_type,
        count(*) as customer_count,
        cast(
            sum(sales_amount) * {{ var('gross_margin_share') }} as decimal(18, 2)
        ) as margin_amount,
        cast(sum(contact_cost_amount) as decimal(18, 2)) as contact_cost_amount
    from months
    group by month_end_date, value_tier, polarity, relationship_type

),

-- Each cell once as it is and once as what the next month had before: a cell that emptied stays to
-- be seen for that one month.
beside_before as (

    select
        *,
        0 as count_before,
        0 as net_before
    from cells
    union all
    select
        last_day(month_end_date + interval 1 day) as month_end_date,
        value_tier,
        polarity,
        relationship_type,
        0 as customer_count,
        0 as margin_amount,
        0 as contact_cost_amount,
        customer_count as count_before,
        margin_amount - contact_cost_amount as net_before
    from cells

)

select
    month_end_date,
    cast(value_tier as string) as value_tier,
    cast(polarity as string) as polarity,
    cast(relationship_type as string) as relationship_type,
    cast(sum(customer_count) as bigint) as customer_count,
    {{ reporting_currency() }} as currency_code,
    cast(sum(margin_amount) as decimal(18, 2)) as margin_amount,
    cast(sum(contact_cost_amount) as decimal(18, 2)) as contact_cost_amount,
    cast(sum(margin_amount - contact_cost_amount) as decimal(18, 2)) as net_amount,
    cast(sum(customer_count - count_before) as bigint) as customer_count_change,
    cast(
        sum(margin_amount - contact_cost_amount - net_before) as decimal(18, 2)
    ) as net_change_amount
from beside_before
where month_end_date <= {{ last_complete_day() }}
group by month_end_date, value_tier, polarity, relationship_type
