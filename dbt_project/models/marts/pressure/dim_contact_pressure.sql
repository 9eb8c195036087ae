{% set windows = [1, 7, 30, 90, 365] %}

with

customers as (

    select customer_id from {{ ref('dim_customers') }}

),

-- A contact of the as-of date itself is 0 days old; a window of n days holds ages 0 to n - 1.
contacts as (

    select
        customer_id,
        channel,
        touchpoint_date,
        {{ day_number(as_of_date()) }} - {{ day_number('touchpoint_date') }} as age_days
    from {{ ref('fct_touchpoints') }}
    where is_marketing_contact and touchpoint_date <= {{ as_of_date() }}

),

counted as (

    select
        customer_id,
        {% for days in windows %}
        count(*) filter (where age_days < {{ days }}) as contact_count_{{ days }}d,
        count(*) filter (
            where age_days < {{ days }} and channel = 'email'
        ) as email_contact_count_{{ days }}d,
        {% endfor %}
        max(touchpoint_date) as last_contact_date
    from contacts
    group by customer_id

)

select
    customers.customer_id,
    {{ as_of_date() }} as as_of_date,
    {% for days in windows %}
    cast(
        coalesce(counted.contact_count_{{ days }}d, 0) as bigint
    ) as marketing_contact_count_{{ days }}d,
    {% endfor %}
    {% for days in windows %}
    cast(
        coalesce(counted.email_contact_count_{{ days }}d, 0) as bigint
    ) as email_marketing_contact_count_{{ days }}d,
    {% endfor %}
    counted.last_contact_date as last_marketing_contact_date
from customers
left join counted on customers.customer_id = counted.customer_id
