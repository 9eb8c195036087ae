select
    flow_id,
    flow_name,
    flow_status,
    {{ is_service_flow('flow_name', 'tags') }} as is_service
from {{ ref('stg_klaviyo__flows') }}
