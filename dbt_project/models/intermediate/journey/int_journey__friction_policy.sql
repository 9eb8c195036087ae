-- A model in Python is given what dbt knew when it parsed the project, and policies come with the
-- night.
select
    cast({{ var('journey_least_exits') }} as bigint) as least_exits,
    cast({{ var('confidence_z') }} as double) as z
