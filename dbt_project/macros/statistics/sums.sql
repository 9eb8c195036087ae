{#-
    A sum of doubles that is the same in whatever order the rows come. Doubles are added as they
    come, and whose turn it was decides the last digit; whole numbers add up exactly. So each is
    counted in units of so many places after the point: all that a stored one has, or twelve.

    It is off by half a unit a row at the most. A value, and on Spark the sum of them, must stay
    below 2^63 units: nine million with twelve places, nine million million with six. Past that the
    build stops with an error. So it is for shares, weights and scores; amounts are decimals, and
    add up exactly as they are.
-#}
{% macro exact_sum(value, places=12, filter=none) -%}
    cast(
        sum(cast(round(({{ value }}) * 1e{{ places }}) as bigint)){{ ' filter (where ' ~ filter ~ ')' if filter }}
        as double
    ) / 1e{{ places }}
{%- endmacro %}
