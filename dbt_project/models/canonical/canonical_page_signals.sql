select
    source,
    page_id,
    lower(platform) as platform,
    {{ topic_of('signal') }} as signal,
    value,
    signal_date,
    updated_at
from {{ ref('base_mapped__page_signals') }}
where {{ is_staged() }} and not is_removed
