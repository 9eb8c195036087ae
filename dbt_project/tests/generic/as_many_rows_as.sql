{% test as_many_rows_as(model, other) %}
    select
        (select count(*) from {{ model }}) as row_count,
        (select count(*) from {{ other }}) as other_row_count
    where (select count(*) from {{ model }}) <> (select count(*) from {{ other }})
{% endtest %}
