with

relationships as (

    select
        customer_id,
        relationship_type,
        coalesce(wanted_human_share >= {{ var('wants_people_from') }}, false) as is_wanting_people
    from {{ ref('dim_customer_relationships') }}

),

counted as (

    select
        months.month_start_date,
        relationships.relationship_type,
        count(*) as customer_count,
        sum(months.message_count) as message_count,
        sum(months.staff_contact_count) as staff_contact_count,
        sum(
            months.order_count + months.letter_count + months.chat_count + months.call_count
        ) as act_count,
        sum(
            months.store_order_count + months.chat_count + months.call_count
        ) as personal_act_count,
        sum(months.written_count) as written_count,
        sum(months.answered_count) as answered_count,
        count(*) filter (where months.staff_contact_count > 0) as touched_customer_count,
        count(*) filter (where relationships.is_wanting_people) as wanting_customer_count,
        count(*) filter (
            where relationships.is_wanting_people and months.staff_contact_count = 0
        ) as neglected_customer_count
    from {{ ref('fct_customer_months') }} as months
    inner join relationships on months.customer_id = relationships.customer_id
    group by months.month_start_date, relationships.relationship_type

)

select
    month_start_date,
    cast(relationship_type as string) as relationship_type,
    cast(customer_count as bigint) as customer_count,
    cast(message_count as bigint) as message_count,
    cast(staff_contact_count as bigint) as staff_contact_count,
    cast(
        staff_contact_count / nullif(message_count + staff_contact_count, 0) as double
    ) as given_human_share,
    cast(act_count as bigint) as act_count,
    cast(personal_act_count as bigint) as personal_act_count,
    cast(personal_act_count / nullif(act_count, 0) as double) as wanted_human_share,
    cast(written_count as bigint) as written_count,
    cast(answered_count as bigint) as answered_count,
    cast(answered_count / nullif(written_count, 0) as double) as answered_share,
    cast(touched_customer_count as bigint) as touched_customer_count,
    cast(wanting_customer_count as bigint) as wanting_customer_count,
    cast(neglected_customer_count as bigint) as neglected_customer_count
from counted
