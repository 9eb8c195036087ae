select members.customer_id
from {{ ref('segment_members') }} as members
inner join {{ ref('segments') }} as segments on members.segment = segments.segment
where segments.takes_slot
group by members.customer_id
having count(*) > 1
