{#-
    True for text that holds an e-mail address or a telephone number: international, or in
    groups of which none but the first and the last is shorter than three digits (a date has
    such a one), or in pairs. Digits alone are not enough: order numbers are that too.
-#}
{% macro looks_like_an_identifier(expression) -%}
    case
        when contains(typeof({{ expression }}), 'VARCHAR')
            then regexp_matches(
                cast({{ expression }} as varchar),
                '[^@\s]@[^@\s]+\.[^@\s.]{2}'
                || '|\+\d[\d ().-]{7,}\d'
                || '|^\(?\d{2,4}\)?[ ./-]\d{3,4}[ ./-]\d{2,4}([ ./-]\d{2,4})?$'
                || '|^\d{2}([ .-]\d{2}){4}$'
            )
        else false
    end
{%- endmacro %}
