{#-
    True for text that holds an e-mail address or a telephone number: international, or in
    groups of which none but the first and the last is shorter than three digits (a date has
    such a one), or in pairs. Digits alone are not enough: order numbers are that too. Members of
    a list may stand in it one after another, with chr(31) between. What has none of these signs
    is ruled out before a regular expression looks at it.
-#}
{% macro looks_like_an_identifier(text) -%}
    case
        when
            {% for sign in '@+ -./' %}
            {{ 'or ' if not loop.first }}contains({{ text }}, '{{ sign }}')
            {% endfor %}
            then regexp_matches(
                {{ text }},
                '[^@\s]@[^@\s]+\.[^@\s.]{2}'
                || '|\+\d[\d ().-]{7,}\d'
                || '|(^|\x1F)\(?\d{2,4}\)?[ ./-]\d{3,4}[ ./-]\d{2,4}([ ./-]\d{2,4})?($|\x1F)'
                || '|(^|\x1F)\d{2}([ .-]\d{2}){4}($|\x1F)'
            )
        else false
    end
{%- endmacro %}
