{#- One test for all counts and amounts of a table: a test costs a night more than a comparison. -#}
{% test not_negative(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    where least({{ columns | join(', ') }}) < 0
{% endtest %}
