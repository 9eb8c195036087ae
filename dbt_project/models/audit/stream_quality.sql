-- Shares are of at least 100 rows, so that one bad row of a small stream is not a tenth of it.
select
    source || '.' || entity as stream_name,
    landed_count,
    -- that nothing was removed is no want
    case when entity <> 'removals' then staged_count end as staged_count,
    quarantined_count,
    quarantined_count / greatest(landed_count, 100) as quarantined_share
from {{ ref('row_conservation') }}
