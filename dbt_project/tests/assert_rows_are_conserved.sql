-- Landed = staged + superseded + not yet seen + quarantined, for every stream.
select * from {{ ref('row_conservation') }}
where difference <> 0
