-- Shares are of at least 100 rows, so that one bad row of a small stream is not a tenth of it. What
-- counts is how the records are now: a bad version whose record came again since waits for nobody.
select
    source || '.' || entity as stream_name,
    landed_count,
    staged_count,
    -- that nothing was removed or refused is no want, nor is what the firm has not
    case
        when staged_count > 0 or entity in ('removals', 'refusals') then 0
        {% for source_name, stream, _ in streams() %}
        {% set mapping = mapping_of(source_name, stream) %}
        {% if mapping %}
        -- a file may hold nothing; what is there has to be something
        when
            source = '{{ source_name }}'
            and entity = '{{ stream }}'
            and landed_count = left_out_count
            then 0
        {% elif not is_known(source_name ~ '.' ~ stream) or source_name in declared_sources() %}
        when source = '{{ source_name }}' and entity = '{{ stream }}' then 0
        {% endif %}
        {% endfor %}
        else 1
    end as is_empty,
    quarantined_count,
    waiting_count,
    -- a refusal is nothing else than a row in quarantine
    case
        when entity = 'refusals' then 0
        else
            waiting_count / greatest(
                landed_count - left_out_count - erased_count - superseded_count - repeated_count
                - (quarantined_count - waiting_count), 100
            )
    end as waiting_share
from {{ ref('row_conservation') }}
