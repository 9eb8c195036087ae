-- Lists of the staff's go to the CRM and are service, of which nobody is held out; nothing else is.
select segment
from {{ ref('segments') }}
where
    (most_per_owner is not null) <> coalesce(message_class = 'service', false)
    or (most_per_owner is not null and destination = 'klaviyo')
    or (message_class = 'service' and holdout_share > 0)
    or (takes_slot and (message_class is null or channel is null))
    or (not takes_slot and (message_class is not null or channel is not null))
