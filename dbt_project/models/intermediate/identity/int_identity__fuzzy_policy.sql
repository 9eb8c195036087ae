-- A model in Python is given what dbt knew when it parsed the project, and policies come with the
-- night.
select
    cast({{ var('fuzzy_identity') }} as boolean) as is_on,
    cast({{ var('fuzzy_identity_tie_probability') }} as double) as tie_from,
    cast({{ var('fuzzy_identity_review_probability') }} as double) as review_from,
    cast({{ var('fuzzy_identity_most_relatives') }} as double) as most_relatives
