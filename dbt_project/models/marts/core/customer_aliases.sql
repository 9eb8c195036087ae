with

-- Every record could have named a customer; those that did, and were merged, are aliases.
named as (

    select
        {{ customer_id_of('contact_map') }} as alias_customer_id,
        contact_map.customer_id
    from {{ ref('int_identity__contact_map') }} as contact_map

),

merged as (

    select
        other_customer_id as alias_customer_id,
        max(change_date) as since_date,
        max_by(rule, (change_date, rule)) filter (where rule is not null) as rule
    from {{ ref('identity_changes') }}
    where change = 'merged'
    group by other_customer_id

)

select
    named.alias_customer_id,
    named.customer_id,
    merged.since_date,
    merged.rule
from named
inner join merged on named.alias_customer_id = merged.alias_customer_id
where named.alias_customer_id <> named.customer_id
