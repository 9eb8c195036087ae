{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'draw_date', 'noted': 'all'},
        pre_hook="{{ find_touched_days(
            rows=ref('int_pressure__control_draws'),
            day='draw_date',
            watch=['customer_id', 'occurred_at', 'campaign_id', 'channel'],
        ) }}"
    )
}}

-- The id of a draw is not watched: a draw keeps it for good, and reading ids off all events would
-- be a third of the search.
select
    draw_id,
    customer_id,
    occurred_at,
    draw_date,
    cast(campaign_id as string) as campaign_id,
    cast(channel as string) as channel
from {{ ref('int_pressure__control_draws') }}
{% if is_incremental() %}
where
    draw_date in (select touched.draw_date from {{ touched_days() }} as touched)
    -- skips blocks of events, all of them where no day differs; no clock is a day ahead of UTC
    and occurred_at >= coalesce(
        (select min(touched.draw_date) - 1 from {{ touched_days() }} as touched), {{ cutoff() }}
    )
{% endif %}
