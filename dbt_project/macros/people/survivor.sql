{#-
    One value out of several records of a customer: of the living records that have one, that of the
    record which changed last. Every tie is broken, so the order of rows decides nothing.
-#}
{% macro survivor(column) -%}
    first(
        {{ column }}
        order by
            coalesce(is_archived or is_removed, false),
            updated_at desc nulls last,
            created_at,
            contact_id
    ) filter (where {{ column }} is not null)
{%- endmacro %}
