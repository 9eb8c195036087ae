-- Landed = staged + superseded + repeated + not yet seen + quarantined, for every stream.
select * from {{ ref('row_conservation') }}
where difference <> 0
