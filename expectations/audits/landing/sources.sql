-- One row per source: did the night's pull arrive at all? Every source has a stream that
-- is pulled whole or overlaps the night before, so a night without any load is no night; but for a
-- source that the firm has not.
select
    source as source_name,
    is_declared,
    night_loads,
    (is_declared and night_loads = 0)::integer as is_missing
from (
select
    source,
    coalesce(
        len(list_filter(getvariable('declared'), lambda name: starts_with(name, source || '.'))) > 0, true
    ) as is_declared,
    (
        select count(distinct loads.load_id)
        from read_json(
            getvariable('landing') || '/*/_dlt_loads/*.jsonl',
            format = 'newline_delimited',
            columns = {load_id: 'varchar', status: 'integer'},
            filename = true
        ) as loads
        where
            loads.status = 0
            and split_part(loads.filename, '/', -3) = source
            and loads.load_id in (
                select regexp_replace(parse_filename(files.file), '\.[^.]+\.parquet$', '')
                from glob(
                    getvariable('landing') || '/*/*/load_date=' || getvariable('as_of')
                    || '/*.parquet'
                ) as files
                where split_part(files.file, '/', -4) = source
            )
    ) as night_loads
from (values ('hubspot'), ('klaviyo'), ('shop')) as expected (source)
)
order by source_name;
