-- Events of an unknown kind are kept but are no touchpoints yet: add the metric to klaviyo_metrics.
{{ config(severity='warn') }}

select * from {{ ref('unmapped_metrics') }}
