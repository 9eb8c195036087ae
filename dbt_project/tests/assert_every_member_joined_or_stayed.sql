-- Members = joined + stayed, and who left is none.
select
    coalesce(members.customer_id, changes.customer_id) as customer_id,
    coalesce(members.segment, changes.segment) as segment
from {{ ref('segment_members') }} as members
full outer join {{ ref('segment_changes') }} as changes
    on members.customer_id = changes.customer_id and members.segment = changes.segment
where (members.customer_id is not null) <> coalesce(changes.change in ('joined', 'stayed'), false)
