-- Are people asked? Of the customers who came in a month, and of all, how many said what they want.
with

customers as (

    select
        cast(date_trunc('month', customers.first_seen_date) as date) as first_month_date,
        coalesce(preferences.wanted_topics, preferences.unwanted_topics) is not null as has_topics,
        preferences.allowed_channels is not null as has_channels,
        preferences.max_marketing_messages_30d is not null as has_frequency,
        preferences.declared_relationship is not null as has_relationship
    from {{ ref('dim_customers') }} as customers
    inner join {{ ref('dim_preferences') }} as preferences
        on customers.customer_id = preferences.customer_id
    -- whom no tool knows nobody could ask
    where customers.has_crm_contact or customers.has_mailing_profile

),

scoped as (

    select
        first_month_date as month_start_date,
        'cohort' as scope,
        customers.*
    from customers
    union all
    select
        cast(date_trunc('month', {{ latest_day() }}) as date) as month_start_date,
        'stock' as scope,
        customers.*
    from customers

)

{% for said in ['topics', 'channels', 'frequency', 'relationship'] %}
select
    month_start_date,
    'declared_{{ said }}' as measure,
    scope,
    count(*) filter (where has_{{ said }}) as counted,
    count(*) as total
from scoped
group by month_start_date, scope
{{ 'union all' if not loop.last }}
{% endfor %}
