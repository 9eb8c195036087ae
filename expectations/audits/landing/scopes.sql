-- One row per stream that a source's key may not read tonight, named with the scope it lacks; where it may
-- read all of them, one row that says so.
with

completed as (

    select distinct load_id
    from read_json(
        getvariable('landing') || '/*/_dlt_loads/*.jsonl',
        format = 'newline_delimited', columns = {load_id: 'varchar', status: 'integer'}
    )
    where status = 0

),

refused as (

    select distinct
        split_part(filename, '/', -4) || '.' || stream as stream_name,
        regexp_extract(method, '^refused: (.*)$', 1) as missing_scope
    from read_parquet(
        getvariable('landing') || '/*/source_totals/*/*.parquet',
        hive_partitioning = true, hive_types = {load_date: date},
        union_by_name = true, filename = true
    )
    where
        load_date = getvariable('as_of')
        and _dlt_load_id in (select load_id from completed)
        and starts_with(method, 'refused')

)

select
    stream_name || ' lacks the scope ' || missing_scope as refusal,
    1 as is_refused
from refused
where coalesce(list_contains(getvariable('declared'), stream_name), true)
union all
select
    'no stream' as refusal,
    0 as is_refused
order by refusal;
