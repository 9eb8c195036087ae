with

versions as (

    select * from {{ ref('base_klaviyo__metrics') }}

)

select
    metric_id,
    metric_name,
    integration_name,
    created_at,
    updated_at
from versions
where {{ is_staged() }}
