select
    signal_date,
    cast(source as string) as source,
    cast(platform as string) as platform,
    page_id,
    cast(signal as string) as signal,
    signal in ({{ sql_texts(var('voice_levels')) }}) as is_level,
    cast(round(value * 1e6) / 1e6 as double) as value
from {{ ref('canonical_page_signals') }}
