-- The rest of such a record takes part in everything; what the field of a preference would have
-- said is read as the strictest of its kind, any other as not said.
{{ depends_on_mapped() }}
{% for source_name, stream, held_by in streams() if says_unreadable_fields(held_by) %}
{% if not loop.first %}
union all
{% endif %}
select
    '{{ source_name }}' as source,
    '{{ stream }}' as entity,
    record_key,
    field,
    load_id,
    load_date,
    field || ' cannot be read' as reason,
    version_rank = 1 as is_current,
    payload
from (
    select
        record_key,
        {{ unnested('unreadable_fields') }} as field,
        load_id,
        load_date,
        version_rank,
        payload
    from {{ ref('base_' ~ held_by) }}
    where not is_quarantined and {{ is_of_stream(source_name, stream, held_by) }}
) as {{ held_by }}
{% endfor %}
