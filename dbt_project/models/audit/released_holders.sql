-- A row is held against what identifies those whom it is about, and not everybody, as somebody is
-- always called like a thing: every text of a release, once for each of whom its row is about.
select
    table_name,
    column_name,
    said,
    holder_kind,
    holder_id
from {{ ref('released_texts') }}
unpivot (holder_id for holder_kind in (customer_id, owner_id, company_id))
where column_name <> holder_kind
