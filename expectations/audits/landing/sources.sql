-- One row per source: for how many nights has nothing of it arrived? Every source has a stream that
-- is pulled whole or overlaps the night before, so a night without any load is no night; but for a
-- source that the firm has not.
with

loads as (

    select
        split_part(filename, '/', -3) as source,
        load_id
    from read_json(
        getvariable('landing') || '/*/_dlt_loads/*.jsonl',
        format = 'newline_delimited',
        columns = {load_id: 'varchar', status: 'integer'},
        filename = true
    )
    where status = 0

),

files as (

    select distinct
        split_part(file, '/', -4) as source,
        regexp_replace(parse_filename(file), '\.[^.]+\.parquet$', '') as load_id,
        try_cast(replace(split_part(file, '/', -2), 'load_date=', '') as date) as load_date
    from glob(getvariable('landing') || '/*/*/load_date=*/*.parquet')

),

latest as (

    select
        files.source,
        max(files.load_date) as load_date
    from files
    semi join loads on files.source = loads.source and files.load_id = loads.load_id
    where files.load_date <= getvariable('as_of')
    group by files.source

)

select
    expected.source as source_name,
    case
        when
            coalesce(
                len(
                    list_filter(
                        getvariable('declared'),
                        lambda name: starts_with(name, expected.source || '.')
                    )
                ) = 0,
                false
            )
            then 0
        else coalesce(getvariable('as_of') - latest.load_date, 36500)
    end::bigint as nights_missing
from (values ('hubspot'), ('klaviyo'), ('shop')) as expected (source)
left join latest using (source)
order by source_name;
