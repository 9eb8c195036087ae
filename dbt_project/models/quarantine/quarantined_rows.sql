{% for source_name, stream, held_by in streams() %}
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
from {{ ref('base_' ~ held_by) }}
where
    is_quarantined
    and {{ is_of_stream(source_name, stream, held_by) }}
{% endfor %}
