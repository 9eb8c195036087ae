{#-
    Fifth of the base that a value stands in, 5 = best: one more than the customers who are worse, as a
    share of all. Equal values stand at the bottom of their group, so what most have in common is not
    best; the order of rows decides nothing. In whole numbers; null stays null.
-#}
{% macro quintile(value, best='highest') -%}
    case
        when {{ value }} is not null
            then
                cast(
                    (
                        5 * (rank() over (
                            order by {{ value }} {{ 'asc' if best == 'highest' else 'desc' }} nulls last
                        ))
                        + count({{ value }}) over () - 1
                    ) // count({{ value }}) over () as integer
                )
    end
{%- endmacro %}
