{#- What makes two spellings of a place the same place. -#}

{#-
    A time zone as it is compared. The CRM writes zones as lower-case slugs, in which `_slash_` and
    `_hyphen_` stand for what a slug cannot hold; Windows' names have blanks. Signs stay: Etc/GMT+5
    and Etc/GMT-5 are ten hours apart.
-#}
{% macro zone_key(expression) -%}
    {% set plain %}
        replace(
            replace(
                replace(lower({{ trimmed(expression) }}), '_slash_', '/'), '_hyphen_', '-'
            ),
            '_plus_',
            '+'
        )
    {% endset %}
    {{ replaced(plain, '\\s+', '_') }}
{%- endmacro %}

{#- A country's name or code as it is compared; null where there is no letter in it. -#}
{% macro country_key(expression) -%}
    nullif({{ replaced(folded(expression), '[^\\p{L}\\p{M}\\p{N}]+', '') }}, '')
{%- endmacro %}
