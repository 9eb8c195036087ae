{#-
    One value out of several records of a customer: of the living records that have one, that of the
    record which changed last: the first by `place`.
-#}
{% macro survivor(column) -%}
    min_by({{ column }}, place) filter (where {{ column }} is not null)
{%- endmacro %}
