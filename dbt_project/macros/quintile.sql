{#-
    Fifth of the measured that a value stands in, 5 = best: one more than those who are worse, as a share
    of all who are measured. Equal values stand at the bottom of their group, so what most have in
    common is not best; the order of rows decides nothing. In whole numbers. Who is not measured is not
    ranked, and where there are fewer than five different values nobody is: there are no fifths then.
-#}
{% macro quintile(value, best='highest') -%}
    {%- set worst_first = 'asc' if best == 'highest' else 'desc' %}
    {%- set best_first = 'desc' if best == 'highest' else 'asc' %}
    case
        when
            {{ value }} is not null
            -- places from either end: together one more than there are different values
            and dense_rank() over (order by {{ value }} {{ worst_first }} nulls last)
            + dense_rank() over (order by {{ value }} {{ best_first }} nulls last) > 5
            then
                cast(
                    (
                        5 * (rank() over (order by {{ value }} {{ worst_first }} nulls last))
                        + count({{ value }}) over () - 1
                    ) // count({{ value }}) over () as integer
                )
    end
{%- endmacro %}
