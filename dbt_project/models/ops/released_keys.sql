-- A release carries its keys in its manifest (rapport/release/content.py), so that whoever loads it
-- elsewhere can declare them: what the tests `unique` and `unique_together` hold, no second list.
select
    released.table_name,
    released.key_number,
    released.column_names
from (
    values
    {% for table, number, columns in released_keys() %}
    ('{{ table }}', {{ number }}, '{{ columns | join(",") }}'),
    {% endfor %}
    (cast(null as string), cast(null as integer), cast(null as string))
) as released (table_name, key_number, column_names)
where released.table_name is not null
