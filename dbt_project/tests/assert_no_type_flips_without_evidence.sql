-- Silence is no evidence: between the last two month ends nobody without anything new became
-- something else.
with

months as (

    select * from {{ ref('fct_relationship_months') }}
    where month_end_date > {{ as_of_date() }} - 62

)

select
    months.customer_id,
    months.month_end_date,
    earlier.relationship_type as from_type,
    months.relationship_type as to_type
from months
inner join months as earlier
    on
        months.customer_id = earlier.customer_id
        and months.month_end_date > earlier.month_end_date
        and months.last_evidence_date = earlier.last_evidence_date
where months.relationship_type <> earlier.relationship_type
