-- What macros know of the night, without asking a table, is what the table of clocks says.
with

cuts as (

    select
        {{ cutoff() }} as cut_at,
        {{ cutoff() }} - interval 1 microsecond as last_at

)

select
    {{ reporting_date('cuts.last_at', 'latest') }} as latest_date,
    {{ reporting_date('cuts.cut_at', 'next') }} - 1 as last_complete_date
from cuts
{{ join_reporting_days('cuts.last_at', 'latest') }}
{{ join_reporting_days('cuts.cut_at', 'next') }}
where
    latest_date is distinct from {{ latest_day() }}
    or last_complete_date is distinct from {{ last_complete_day() }}
