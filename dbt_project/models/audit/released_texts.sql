-- Every text of a release, and whose row it is in. A list is one text, with a sign between its
-- members that no text has.
{% for table in released_tables() if texts_of(table) %}
{% set columns = columns_of(table) | map(attribute=0) | list %}
{{ 'union all' if not loop.first }}
select
    '{{ table }}' as table_name,
    column_name,
    said,
    about_customer_id as customer_id,
    about_owner_id as owner_id,
    about_company_id as company_id
from (
    select
        {% for holder in ['customer_id', 'owner_id', 'company_id'] %}
        {{ holder if holder in columns else 'cast(null as string)' }} as about_{{ holder }},
        {% endfor %}
        *
    from {{ ref(table) }}
) as told
unpivot (said for column_name in ({{ as_texts(table) }}))
{% endfor %}
