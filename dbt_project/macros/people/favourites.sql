{#-
    The most frequent values of a customer as three lists of one length: values, how often, and
    which share of all. `counted` has one row per customer and value; ties go by the alphabet.
-#}
{% macro favourites(counted, value) -%}
    select
        customer_id,
        list_transform(ranked, lambda entry: entry.value) as favourites,
        list_transform(ranked, lambda entry: -entry.negated) as favourite_counts,
        list_transform(ranked, lambda entry: -entry.negated / whole) as favourite_shares,
        whole
    from (
        select
            customer_id,
            min({'negated': -observations, 'value': {{ value }}}, {{ var('habit_most_favourites') }})
                filter (where {{ value }} is not null) as ranked,
            sum(observations) as whole
        from {{ counted }}
        group by customer_id
    ) as of_customers
{%- endmacro %}
