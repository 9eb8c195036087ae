-- A model in Python is given what dbt knew when it parsed the project, and policies come with the
-- night.
select
    cast({{ var('value_discount_rate') }} as double) as discount_rate,
    cast({{ var('confidence_z') }} as double) as confidence_z
