-- Tickets are found by the ids of their touchpoints: were these made otherwise, journeys would be
-- missing in silence.
select journeys.journey_id
from {{ ref('fct_journeys') }} as journeys
full join {{ ref('fct_service_journeys') }} as service_journeys
    on journeys.journey_id = service_journeys.journey_id
where coalesce(journeys.has_ticket, false) <> (service_journeys.journey_id is not null)
