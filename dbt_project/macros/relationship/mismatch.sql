{#- What is wrong on an axis, in words: when more is given than wanted, and when less. -#}
{% macro gaps_in_words() -%}
    {{ return({
        'closeness': ('closer than wanted', 'more distant than wanted'),
        'frequency': ('more frequent than wanted', 'less frequent than wanted'),
        'reciprocity': ('more responsive than wanted', 'less responsive than wanted'),
        'human_share': ('more personal than wanted', 'less human than wanted'),
        'price_focus': ('more about price than wanted', 'less about price than wanted'),
        'commitment': ('more binding than wanted', 'less committed than wanted'),
    }) }}
{%- endmacro %}
