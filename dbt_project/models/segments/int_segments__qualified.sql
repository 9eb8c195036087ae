{{
    config(
        schema='intermediate',
        access='private',
        contract={'enforced': false},
    )
}}

-- An entry of the policy `segments` is found here by its name: nobody lists segments a second time.
{% for segment in var('segments') %}
{% if not loop.first %}
union all
{% endif %}
select
    customer_id,
    cast({{ sql_text(segment) }} as string) as segment,
    reason,
    urgency
from {{ ref('seg_' ~ segment) }}
{% endfor %}
