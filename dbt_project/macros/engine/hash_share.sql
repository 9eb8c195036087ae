{#- A number from 0 to below 1 that depends on the text alone: a draw that comes out the same every night. -#}
{% macro hash_share(expression) -%}
    cast(cast('0x' || substr(md5({{ expression }}), 1, 8) as bigint) as double) / 4294967296
{%- endmacro %}
