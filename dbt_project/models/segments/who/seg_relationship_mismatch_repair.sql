-- Who wants a relationship and gets another one. That they hear from us too often no message mends:
-- the cap does.
select
    customer_id,
    cast(
        'Wants a relationship (' || {{ wish_basis_in_words() }} || '), and ours is '
        || mismatch_reason || ' ('
        || case mismatch_reason
            {% for axis, words in gaps_in_words().items() %}
            {% for said in words %}
            when '{{ said }}'
                then
                    'wanted ' || {{ share_text('wanted_' ~ axis) }}
                    || ', given ' || {{ share_text('given_' ~ axis) }}
            {% endfor %}
            {% endfor %}
        end
        || ' on a scale of 1); mismatch over all ' || {{ share_text('mismatch') }} || '.' as string
    ) as reason,
    cast(mismatch as double) as urgency
from {{ ref('dim_customer_relationships') }}
where
    wants_relationship = 'yes'
    and mismatch >= {{ var('repair_least_mismatch') }}
    and mismatch_reason <> '{{ gaps_in_words().frequency[0] }}'
