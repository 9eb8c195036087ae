select
    signal_date,
    cast(source as varchar) as source,
    cast(platform as varchar) as platform,
    page_id,
    cast(signal as varchar) as signal,
    signal in ({{ sql_texts(var('voice_levels')) }}) as is_level,
    cast(round(value, 6) as double) as value
from {{ ref('canonical_page_signals') }}
