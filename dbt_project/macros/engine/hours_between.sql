{#- Hours with their fraction, from the instants themselves. -#}
{% macro hours_between(earlier, later) -%}
    (epoch_us({{ later }}) - epoch_us({{ earlier }})) / 3600000000.0
{%- endmacro %}
