select
    {{ as_of_date() }} as as_of_date,
    cast({{ sql_text(var('reporting_time_zone')) }} as string) as reporting_time_zone,
    {{ latest_day() }} as latest_date,
    {{ last_complete_day() }} as last_complete_date
