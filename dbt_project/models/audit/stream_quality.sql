-- Shares are of at least 100 rows, so that one bad row of a small stream is not a tenth of it. What
-- counts is how the records are now: a bad version whose record came again since waits for nobody.
select
    source || '.' || entity as stream_name,
    landed_count,
    staged_count,
    -- that nothing was removed or refused is no want, nor is what the firm has not
    case
        when staged_count > 0 or entity in ('removals', 'refusals') then 0
        {% for source_name, stream, _ in streams() if not is_told(source_name ~ '.' ~ stream) %}
        when source = '{{ source_name }}' and entity = '{{ stream }}' then 0
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
                landed_count - erased_count - superseded_count - repeated_count
                - (quarantined_count - waiting_count), 100
            )
    end as waiting_share
from {{ ref('row_conservation') }}
