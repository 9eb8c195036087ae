-- Did the treatment reach whom it was meant for? Of the customers who were of a type when a month began, by
-- what could be inferred then.
with

customers as (

    select
        types.month_end_date + 1 as month_start_date,
        treatments.has_human_desk,
        treatments.gets_offers,
        types.relationship_type = 'strained' as is_strained,
        coalesce(months.staff_contact_count, 0) > 0 as is_touched,
        coalesce(months.message_count, 0) as message_count,
        coalesce(months.offer_message_count, 0) as offer_message_count,
        treatments.inferred_contact_count_30d as contact_count
    from {{ ref('fct_relationship_months') }} as types
    inner join {{ ref('int_relationship__types') }} as treatments
        on types.relationship_type = treatments.relationship_type
    left join {{ ref('fct_customer_months') }} as months
        on
            types.customer_id = months.customer_id
            and types.month_end_date + 1 = months.month_start_date
    where types.month_end_date < {{ latest_day() }}

)

select
    month_start_date,
    'human_desk_reached' as measure,
    'events' as scope,
    count(*) filter (where is_touched) as counted,
    count(*) as total
from customers
where has_human_desk
group by month_start_date
union all
select
    month_start_date,
    'strained_spoken_to' as measure,
    'events' as scope,
    count(*) filter (where is_touched) as counted,
    count(*) as total
from customers
where is_strained
group by month_start_date
union all
select
    month_start_date,
    'unoffered_got_no_offer' as measure,
    'events' as scope,
    count(*) filter (where offer_message_count = 0) as counted,
    count(*) as total
from customers
where not gets_offers
group by month_start_date
union all
select
    month_start_date,
    'within_treatment' as measure,
    'events' as scope,
    count(*) filter (where message_count <= contact_count) as counted,
    count(*) as total
from customers
group by month_start_date
