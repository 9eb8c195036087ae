{% for source_name, stream in streams() %}
{% if not loop.first %}
union all
{% endif %}
select
    '{{ source_name }}' as source,
    '{{ stream }}' as entity,
    record_key,
    load_id,
    load_date,
    quarantine_reason as reason,
    payload
from {{ ref('base_' ~ source_name ~ '__' ~ stream) }}
where quarantine_reason is not null
{% endfor %}
