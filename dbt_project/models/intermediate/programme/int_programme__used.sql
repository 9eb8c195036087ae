-- Is the CRM used? What happened in a month, and whether it left a trace.
with

logged as (

    select * from {{ ref('int_programme__logged') }}
    -- a task is put into somebody's list, by whomever
    where engagement_type <> 'task'

),

-- From the month on in which anything was logged at all: what lies before it nobody could know.
months as (

    select * from {{ ref('int_programme__months') }}
    where month_start_date >= (select min(logged.month_start_date) from logged)

),

-- Since when somebody was away nobody knows: of who left the months count in which they logged.
staff as (

    select
        months.month_start_date,
        staff.owner_id,
        staff.is_archived,
        count(logged.engagement_id) as logged_count
    from months
    inner join {{ ref('int_crm__staff') }} as staff
        on staff.created_at < cast(months.next_month_start_date as timestamp)
    left join logged
        on staff.owner_id = logged.owner_id and months.month_start_date = logged.month_start_date
    group by months.month_start_date, staff.owner_id, staff.is_archived

),

deals as (

    select
        deal_id,
        min(customer_id) as customer_id,
        min(opened_at) as opened_at,
        max_by(entered_at, visit_number) filter (where outcome <> 'open') as closed_at
    from {{ ref('int_crm__deals') }}
    where customer_id is not null
    group by deal_id

),

-- A deal moved on, or somebody had to do with its customer.
active_deals as (

    select distinct
        deals.deal_id,
        cast(date_trunc('month', {{ reporting_date('visits.entered_at') }}) as date)
            as month_start_date
    from deals
    inner join {{ ref('int_crm__deals') }} as visits on deals.deal_id = visits.deal_id
    {{ join_reporting_days('visits.entered_at') }}
    union
    select
        deals.deal_id,
        logged.month_start_date
    from deals
    inner join logged on deals.customer_id = logged.customer_id

),

notes as (

    select
        month_start_date,
        count(distinct source || ':' || engagement_id) as note_count
    from logged
    where engagement_type = 'note' and customer_id is not null
    group by month_start_date

),

dealt_with as (

    select
        month_start_date,
        count(*) as customer_count
    from {{ ref('fct_customer_months') }}
    where staff_contact_count > 0 or ticket_count > 0
    group by month_start_date

)

select
    month_start_date,
    'staff_without_log' as measure,
    'events' as scope,
    count(*) filter (where logged_count = 0) as counted,
    count(*) as total
from staff
where not is_archived or logged_count > 0
group by month_start_date
union all
select
    months.month_start_date,
    'deals_without_activity' as measure,
    'events' as scope,
    count(*) filter (where active_deals.deal_id is null) as counted,
    count(*) as total
from months
inner join deals
    on
        deals.opened_at < cast(months.next_month_start_date as timestamp)
        and (
            deals.closed_at is null
            or deals.closed_at >= cast(months.month_start_date as timestamp)
        )
left join active_deals
    on
        deals.deal_id = active_deals.deal_id
        and months.month_start_date = active_deals.month_start_date
group by months.month_start_date
union all
select
    cast(date_trunc('month', opened_date) as date) as month_start_date,
    'tickets_without_owner' as measure,
    'events' as scope,
    count(*) filter (where owner_id is null) as counted,
    count(*) as total
from {{ ref('fct_tickets') }}
group by cast(date_trunc('month', opened_date) as date)
union all
select
    dealt_with.month_start_date,
    'notes_per_customer' as measure,
    'events' as scope,
    coalesce(notes.note_count, 0) as counted,
    dealt_with.customer_count as total
from dealt_with
left join notes on dealt_with.month_start_date = notes.month_start_date
