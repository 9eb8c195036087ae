{#-
    A sum of doubles that is the same in whatever order the rows come. Doubles are added as they
    come, and whose turn it was decides the last digit; whole numbers add up exactly. So each is
    counted in units of so many places after the point: all that a stored one has, or twelve.
-#}
{% macro exact_sum(value, places=12, filter=none) -%}
    cast(
        sum(cast(round(({{ value }}) * 1e{{ places }}) as bigint)){{ ' filter (where ' ~ filter ~ ')' if filter }}
        as double
    ) / 1e{{ places }}
{%- endmacro %}
