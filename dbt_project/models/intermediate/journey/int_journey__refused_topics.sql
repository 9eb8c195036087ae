{% for topics in ['unwanted_topics', 'withdrawn_topics', 'withdrawn_email_topics'] %}
select
    customer_id,
    {{ unnested(topics) }} as topic
from {{ ref('dim_preferences') }}
{{ 'union' if not loop.last }}
{% endfor %}
