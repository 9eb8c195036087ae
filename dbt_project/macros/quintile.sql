{#-
    Fifth of the base that a value stands in, 5 = best: the share of customers at or
    below it, in whole numbers. Equal values always share a quintile, so the order of
    rows decides nothing. Null stays null.
-#}
{% macro quintile(value, best='highest') -%}
    case
        when {{ value }} is not null
            then
                cast(
                    (
                        5 * count({{ value }}) over (
                            order by {{ value }} {{ 'asc' if best == 'highest' else 'desc' }} nulls last
                            range between unbounded preceding and current row
                        )
                        + count({{ value }}) over () - 1
                    ) // count({{ value }}) over () as integer
                )
    end
{%- endmacro %}
