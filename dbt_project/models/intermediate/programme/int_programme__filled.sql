-- Is it filled? Of the contacts that were made in a month, and of all that there are, what is missing tonight.
with

contacts as (

    select
        coalesce(contacts.first_name, contacts.last_name) is null as is_without_name,
        contacts.email is null as is_without_email,
        contacts.owner_id is null as is_without_owner,
        contacts.company_id is null and coalesce({{ size_of('contacts.company_ids') }}, 0) = 0
            as is_without_company,
        contacts.updated_at < {{ cutoff() }} - interval {{ var('stale_contact_days') }} day as is_stale,
        cast(date_trunc('month', {{ reporting_date('contacts.created_at') }}) as date)
            as created_month_date
    from {{ ref('canonical_contacts') }} as contacts
    {{ join_reporting_days('contacts.created_at') }}
    where
        contacts.source in {{ sources_with(['deals', 'tickets', 'engagements'], ['hubspot']) }}
        and contacts.is_current
        and not contacts.is_removed
        and not contacts.is_archived

),

-- A firm that sells to people has no company in its CRM, and misses none.
companies as (

    select count(*) > 0 as has_companies
    from {{ ref('dim_companies') }}

),

scoped as (

    select
        created_month_date as month_start_date,
        'cohort' as scope,
        contacts.*
    from contacts
    union all
    select
        cast(date_trunc('month', {{ latest_day() }}) as date) as month_start_date,
        'stock' as scope,
        contacts.*
    from contacts

)

{% for measure in ['name', 'email', 'owner', 'company'] %}
select
    month_start_date,
    'contacts_without_{{ measure }}' as measure,
    scope,
    count(*) filter (where is_without_{{ measure }}) as counted,
    count(*) as total
from scoped
{% if measure == 'company' %}
where (select companies.has_companies from companies)
{% endif %}
group by month_start_date, scope
union all
{% endfor %}
select
    month_start_date,
    'contacts_stale' as measure,
    scope,
    count(*) filter (where is_stale) as counted,
    count(*) as total
from scoped
where scope = 'stock'
group by month_start_date, scope
