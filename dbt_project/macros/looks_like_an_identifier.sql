{#-
    True for text that holds an e-mail address or a telephone number, international or in
    groups. Digits alone are not enough: order numbers and coupon codes are that too.
-#}
{% macro looks_like_an_identifier(expression) -%}
    {%- set text = 'cast(' ~ expression ~ ' as varchar)' -%}
    case
        when contains({{ text }}, '@')
            then regexp_matches({{ text }}, '[^@\s]+@[^@\s]+\.[^@\s.]{2,}')
        when contains({{ text }}, '+')
            then regexp_matches({{ text }}, '\+\d[\d ().-]{7,}\d')
        else
            regexp_full_match({{ text }}, '\(?\d{2,5}\)?([ ./-]\d{2,5}){2,4}')
            and length(regexp_replace({{ text }}, '\D', '', 'g')) between 9 and 15
    end
{%- endmacro %}
