-- A service or transactional message is never marketing, nor is anything the customer does.
select touchpoint_id
from {{ ref('fct_touchpoints') }}
where
    is_marketing_contact
    and (
        message_class is distinct from 'marketing'
        or direction <> 'outbound'
        or event_type not in ('sent', 'delivered')
    )
