-- Within the warehouse a count of what nobody tells of is 0, as sums need it. A release says null
-- instead: it reads here which columns these are (rapport/release/content.py).
select
    untold.mart,
    untold.column_name,
    untold.known_by
from (
    values
    {% for mart, column, streams in untold_columns() %}
    ('{{ mart }}', '{{ column }}', '{{ streams }}'),
    {% endfor %}
    (cast(null as string), cast(null as string), cast(null as string))
) as untold (mart, column_name, known_by)
where untold.mart is not null
