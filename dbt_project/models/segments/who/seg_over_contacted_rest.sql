-- More marketing in 30 days than suits them, one message at the least: more than a cap of 0 is more
-- than none.
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
    cast(
        'Had ' || {{ counted('marketing_contact_count_30d', 'marketing contact') }}
        || ' in 30 days, last on ' || cast(last_marketing_contact_date as string) || '; '
        || {{ cap_in_words() }} || '.' as string
    ) as reason,
    cast(marketing_contact_count_30d - contact_cap_30d as double) as urgency
from pressure
where saturation = 'oversaturated'
