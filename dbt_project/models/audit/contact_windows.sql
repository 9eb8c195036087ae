{% set windows = [1, 7, 30, 90, 365] %}

-- What the customers' rows say together, against a count of the touchpoints themselves.
with

touchpoints as (

    select {{ day_number(latest_day()) }} - {{ day_number('touchpoint_date') }} as age_days
    from {{ ref('fct_touchpoints') }}
    where is_marketing_contact
    union all
    select age_days
    from (
        select distinct
            customer_id,
            message_id,
            {{ day_number(latest_day()) }} - {{ day_number('touchpoint_date') }} as age_days
        from {{ ref('fct_touchpoints') }}
        where {{ is_pulse() }}
    ) as pulses

),

counted as (

    {% for days in windows %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        {{ days }} as window_days,
        (
            select sum(marketing_contact_count_{{ days }}d) from {{ ref('dim_contact_pressure') }}
        ) as contact_count,
        (
            select count(*) from touchpoints
            where age_days < {{ days }}
        ) as happened_count
    {% endfor %}

)

select
    window_days,
    coalesce(contact_count, 0) as contact_count,
    coalesce(contact_count, 0) - happened_count as difference
from counted
