-- A model in Python is given what dbt knew when it parsed the project, and policies come with the
-- night.
select
    cast({{ var('attribution_half_life_days') }} * 24 as double) as half_life_hours,
    cast({{ var('attribution_position_shares').first }} as double) as first_share,
    cast({{ var('attribution_position_shares').last }} as double) as last_share,
    cast({{ var('attribution_prior_journeys') }} as double) as prior_journeys,
    cast({{ var('attribution_bootstrap_draws') }} as bigint) as draws,
    cast({{ var('confidence_z') }} as double) as confidence_z
