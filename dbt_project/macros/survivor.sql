{#-
    One value out of several records of a customer: that of the oldest living record,
    its holes filled from the next. Does not depend on the order of rows.
-#}
{% macro survivor(column) -%}
    first({{ column }} order by is_archived, created_at, contact_id)
        filter (where {{ column }} is not null)
{%- endmacro %}
