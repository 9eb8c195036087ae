{{
    config(
        schema='intermediate',
        materialized='view',
        access='private',
        contract={'enforced': false},
    )
}}

-- What keeps a message from them by their own word or the mailing tool's, whatever else is known.
select
    preferences.customer_id,
    channels.channel,
    case {{ refusals_of('channels.channel', 'preferences') }} end as clause,
    case {{ service_refusals_of('channels.channel', 'preferences') }} end as service_clause,
    {{ refused_topics('channels.channel', 'preferences') }} as refused_topics,
    preferences.is_paused
from {{ ref('dim_preferences') }} as preferences
cross join (
    values
    {% for channel in marketing_channels() %}
    ('{{ channel }}'){{ ',' if not loop.last }}
    {% endfor %}
) as channels (channel)
