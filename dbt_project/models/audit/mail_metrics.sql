-- Kinds of events that the mailing tool has and Rapport makes nothing of, or not all that it should.
select
    cast({{ as_of_date() }} as string) as night,
    count(*) filter (where missing_in = 'klaviyo_metrics') as unmapped_metric_count,
    count(*) filter (where missing_in = 'refunded_order_metrics') as uncounted_return_metric_count
from {{ ref('unmapped_metrics') }}
