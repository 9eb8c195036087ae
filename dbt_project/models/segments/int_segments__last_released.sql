{{
    config(
        schema='intermediate',
        access='private',
        contract={'enforced': false},
    )
}}

{% set last = var('last_release') %}
{% if last %}
select distinct
    coalesce(aliases.customer_id, members.customer_id) as customer_id,
    members.segment
from {{ parquet_rows(last.folder ~ '/segment_members.parquet') }} as members
-- whom two ids were before is one customer by now
left join {{ ref('customer_aliases') }} as aliases
    on members.customer_id = aliases.alias_customer_id
{% else %}
select
    customer_id,
    cast(null as string) as segment
from {{ ref('customer_aliases') }}
where false
{% endif %}
