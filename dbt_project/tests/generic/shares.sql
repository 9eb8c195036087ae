{#- Parts of a whole: from 0 to 1, or null where there is no whole. One test for all of a table. -#}
{% test shares(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    where
        least({{ columns | join(', ') }}) < 0
        or greatest({{ columns | join(', ') }}) > 1
{% endtest %}
