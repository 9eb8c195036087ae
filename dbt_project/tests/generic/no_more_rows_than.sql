{#- A join that multiplies rows shows here, whatever the keys look like. -#}
{% test no_more_rows_than(model, other) %}
    select
        (select count(*) from {{ model }}) as row_count,
        (select count(*) from {{ other }}) as other_row_count
    where (select count(*) from {{ model }}) > (select count(*) from {{ other }})
{% endtest %}
