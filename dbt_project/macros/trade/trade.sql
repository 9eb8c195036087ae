{#- What of the refund falls to the lines so far, in cents; all of it, whatever its decimals, to all lines. -#}
{% macro share_of_refund(left_amount) -%}
    case
        when further_amount = 0 or order_left_amount = 0 then 0
        when further_amount >= order_left_amount then {{ left_amount }}
        when {{ left_amount }} = order_left_amount then further_amount
        else
            cast(
                round(
                    cast(further_amount as double) * cast({{ left_amount }} as double)
                    / cast(order_left_amount as double) * 1e2
                ) / 1e2 as decimal(18, 3)
            )
    end
{%- endmacro %}

{#- Is it one of the words of a policy? -#}
{% macro is_one_of(column, words) -%}
    {{ column ~ ' in (' ~ sql_texts(words) ~ ')' if words else 'false' }}
{%- endmacro %}

{#- An id as its source has it: policies name codes, and ids of a source that the firm declared begin with its name. -#}
{% macro own_code(source, id) -%}
    case
        when {{ starts_with(id, source ~ " || ':'") }} then substr({{ id }}, length({{ source }}) + 2)
        else {{ id }}
    end
{%- endmacro %}

{#- What a product code stands for by the policy; null for goods. -#}
{% macro product_class_of(product_id) -%}
    case
        when {{ product_id }} is null then cast(null as string)
        {% for class in var('product_classes') %}
        {% for code in class.codes %}
        when {{ matches(product_id, '(?i)' ~ code) }} then {{ sql_text(class.name) }}
        {% endfor %}
        {% endfor %}
    end
{%- endmacro %}

{#- What of a return's amount falls to its pieces so far, in cents; all of it to all of them. -#}
{% macro share_of_pieces(quantity) -%}
    case
        when {{ quantity }} = 0 then 0
        when {{ quantity }} = returned_quantity then returned_amount
        else
            cast(
                round(
                    cast(returned_amount as double) * cast({{ quantity }} as double)
                    / cast(returned_quantity as double) * 1e2
                ) / 1e2 as decimal(18, 3)
            )
    end
{%- endmacro %}
