{#-
    Is the touchpoint an act in the customer's name that no person did: a filter that follows the links of a
    message, a proxy that opens it? Such acts are told beside the human ones and answer nothing.
-#}
{% macro is_by_robot(touchpoints=none) -%}
    {%- set of = touchpoints ~ '.' if touchpoints else '' -%}
    coalesce({{ of }}direction = 'inbound' and {{ of }}actor = 'automated', false)
{%- endmacro %}
