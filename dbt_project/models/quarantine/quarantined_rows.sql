{{ depends_on_mapped() }}
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
    not exists (
        select 1
        from {{ ref('base_' ~ held_by) }} as later
        where
            later.record_key = bad.record_key
            and (
                later.load_date > bad.load_date
                or (later.load_date = bad.load_date and later.load_id > bad.load_id)
            )
            and {{ is_of_stream(source_name, stream, held_by) }}
    ) as is_current,
    payload
from {{ ref('base_' ~ held_by) }} as bad
where
    is_quarantined
    and {{ is_of_stream(source_name, stream, held_by) }}
{% endfor %}
