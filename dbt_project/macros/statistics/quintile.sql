{#-
    Fifth of the measured that a value stands in, 5 = best: one more than those who are worse, as a share
    of all who are measured. Equal values stand at the bottom of their group, so what most have in
    common is not best; the order of rows decides nothing. In whole numbers. Who is not measured is not
    ranked; and nobody is where fewer than five are measured, or all alike: there are no fifths then.
-#}
{% macro quintile(value, best='highest') -%}
    {%- set worst_first = 'asc' if best == 'highest' else 'desc' %}
    case
        when
            {{ value }} is not null
            and count({{ value }}) over () >= 5
            and min({{ value }}) over () < max({{ value }}) over ()
            then
                cast(
                    (
                        5 * (rank() over (order by {{ value }} {{ worst_first }} nulls last))
                        + count({{ value }}) over () - 1
                    ) // count({{ value }}) over () as integer
                )
    end
{%- endmacro %}
