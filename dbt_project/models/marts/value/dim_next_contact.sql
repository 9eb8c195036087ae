{% set channels = ['email', 'sms', 'push', 'post'] %}

with

-- What an opt-out loses: the same answers of anybody, and of who buys much at least a share of what they bring.
customers as (

    select
        customers.customer_id,
        coalesce(relationships.relationship_type, 'unknown') as relationship_type,
        greatest(
            {{ var('opt_out_value_at_risk_amount') }},
            {{ var('opt_out_lost_margin_share') }} * coalesce(
                cast(customer_values.clv_365d as double),
                {{ var('gross_margin_share') }} * cast(customer_values.sales_amount_365d as double),
                0
            )
        ) as value_at_risk
    from {{ ref('dim_customers') }} as customers
    left join {{ ref('dim_customer_relationships') }} as relationships
        on customers.customer_id = relationships.customer_id
    left join {{ ref('dim_customer_value') }} as customer_values
        on customers.customer_id = customer_values.customer_id

),

-- As the curve counts them before a message of tomorrow.
contacts as (

    select
        customer_id,
        sum(contact_count) as contact_count
    from {{ ref('fct_contact_days') }}
    where
        message_class = 'marketing'
        and contact_date > {{ latest_day() }} - 28
        and contact_date <= {{ latest_day() }}
    group by customer_id

),

channels as (

    select *
    from (
        values
        {% for channel in channels %}
        ('{{ channel }}', cast({{ contact_cost("'" ~ channel ~ "'") }} as double)){{ ',' if not loop.last }}
        {% endfor %}
    ) as prices(channel, contact_cost)

),

drawn as (

    select distinct channel
    from {{ ref('fct_control_draws') }}

),

curve as (

    select
        relationship_type,
        contact_count_28d,
        -- a message prevents neither answers nor opt-outs: what is below zero is chance
        greatest(fitted_caused_response_rate, 0) as response_rate,
        greatest(fitted_caused_opt_out_rate, 0) as opt_out_rate,
        greatest(fitted_complaint_rate, 0) as complaint_rate,
        fitted_net_value_per_contact - fitted_net_value_per_contact_low as margin_of_error
    from {{ ref('rpt_contact_response_curve') }}
    where evidence = 'randomised' and fitted_net_value_per_contact is not null

),

expected as (

    select
        customers.customer_id,
        customers.relationship_type,
        customers.value_at_risk,
        channels.channel,
        channels.contact_cost,
        coalesce(contacts.contact_count, 0) as contact_count_28d,
        drawn.channel is not null as is_drawn,
        curve.response_rate,
        curve.opt_out_rate,
        curve.complaint_rate,
        curve.response_rate * {{ var('response_margin_amount') }} as margin_value,
        curve.opt_out_rate * customers.value_at_risk as opt_out_loss,
        curve.complaint_rate * {{ var('complaint_cost_amount') }} as complaint_cost,
        -- wider for whom an opt-out loses more than the curve says
        curve.margin_of_error * customers.value_at_risk / {{ var('opt_out_value_at_risk_amount') }} as margin_of_error
    from customers
    cross join channels
    left join contacts on customers.customer_id = contacts.customer_id
    left join drawn on channels.channel = drawn.channel
    left join curve
        on
            drawn.channel is not null
            and customers.relationship_type = curve.relationship_type
            and least(coalesce(contacts.contact_count, 0), {{ var('response_curve_most_contacts') }})
            = curve.contact_count_28d

),

valued as (

    select
        *,
        margin_value - contact_cost - opt_out_loss - complaint_cost as net_value
    from expected

)

select
    md5(concat_ws('|', customer_id, channel)) as customer_channel_id,
    {{ as_of_date() }} as as_of_date,
    customer_id,
    cast(channel as string) as channel,
    cast(relationship_type as string) as relationship_type,
    cast(contact_count_28d as bigint) as contact_count_28d,
    response_rate as expected_response_rate,
    opt_out_rate as expected_opt_out_rate,
    complaint_rate as expected_complaint_rate,
    {{ reporting_currency() }} as currency_code,
    {{ in_cents('value_at_risk') }} as value_at_risk_amount,
    round(contact_cost * 1e6) / 1e6 as contact_cost,
    round(margin_value * 1e6) / 1e6 as expected_margin,
    round(opt_out_loss * 1e6) / 1e6 as expected_opt_out_loss,
    round(complaint_cost * 1e6) / 1e6 as expected_complaint_cost,
    round(net_value * 1e6) / 1e6 as net_value,
    round((net_value - margin_of_error) * 1e6) / 1e6 as net_value_low,
    round((net_value + margin_of_error) * 1e6) / 1e6 as net_value_high,
    cast(
        case
            when not is_drawn
                then 'No campaign by ' || channel || ' ever kept anybody out by lot: what one more does, nobody knows.'
            when net_value is null
                then
                    'Too few customers who are ' || relationship_type || ' and had had '
                    || {{ counted('contact_count_28d', 'marketing contact') }}
                    || ' in 28 days were kept out by lot: what one more does, nobody knows.'
            when net_value < 0
                then
                    'After ' || {{ counted('contact_count_28d', 'marketing contact') }} || ' in 28 days one more brings '
                    || cast({{ in_cents('margin_value') }} as string) || ' in answers and costs '
                    || cast({{ in_cents('contact_cost + opt_out_loss + complaint_cost') }} as string) || ': '
                    || cast({{ in_cents('contact_cost') }} as string) || ' to send, '
                    || cast({{ in_cents('opt_out_loss') }} as string) || ' by who opts out, '
                    || cast({{ in_cents('complaint_cost') }} as string) || ' by who complains.'
        end as string
    ) as reason
from valued
