with

pressure as (

    select
        pressure.*,
        relationships.type_basis,
        relationships.inferred_confidence
    from {{ ref('dim_contact_pressure') }} as pressure
    left join {{ ref('dim_customer_relationships') }} as relationships
        on pressure.customer_id = relationships.customer_id

)

select
    customer_id,
    cast('over_contacted_rest' as varchar) as segment,
    cast(
        'Had ' || {{ counted('marketing_contact_count_30d', 'marketing contact') }}
        || ' in 30 days, last on ' || last_marketing_contact_date || '; '
        || {{ cap_in_words() }} || '.'
        as varchar
    ) as reason
from pressure
-- who had one at least: more than a cap of 0 is more than none
where saturation = 'oversaturated'
