{{
    config(
        pre_hook="{{ note_days_of_changed(
            rows=ref('canonical_products'),
            key='product_id',
            watch=['product_category', 'brand'],
            fact=ref('fct_order_lines'),
            day='order_date',
        ) }}"
    )
}}

with

catalogue as (

    select * from {{ ref('canonical_products') }}

),

sold as (

    select distinct product_id from {{ ref('fct_order_lines') }}

)

select
    coalesce(catalogue.product_id, sold.product_id) as product_id,
    coalesce(classes.product_class, 'goods') as product_class,
    catalogue.manufacturer_id,
    catalogue.department,
    catalogue.brand,
    catalogue.product_category,
    catalogue.product_type,
    catalogue.package_size,
    catalogue.product_id is not null as is_in_catalogue,
    sold.product_id is not null as is_sold
from catalogue
full outer join sold on catalogue.product_id = sold.product_id
left join {{ ref('int_products__classes') }} as classes
    on coalesce(catalogue.product_id, sold.product_id) = classes.product_id
