-- One row per source: for how many nights has nothing of it arrived? Every source has a stream that
-- is pulled whole or overlaps the night before, so a night without any load is no night; but for a
-- source that the firm has not. And how old is the newest thing that happened in it, by whatever of its streams
-- tells of one? A source may well be pulled every night and have stopped recording.

create or replace temp macro completed_loads(source) as table
    select distinct load_id
    from read_json(
        getvariable('landing') || '/' || source || '/_dlt_loads/*.jsonl',
        format = 'newline_delimited', columns = {load_id: 'varchar', status: 'integer'}
    )
    where status = 0;

create or replace temp macro days_of(source, stream, cursor_column) as table
    select distinct
        source as source,
        try_cast(columns(lambda name: name = cursor_column) as timestamptz)::date as day
    from read_parquet(
        getvariable('landing') || '/' || source || '/' || stream || '/*/*.parquet',
        hive_partitioning = true, hive_types = {load_date: date}, union_by_name = true
    )
    where
        load_date <= getvariable('as_of')
        and _dlt_load_id in (select load_id from completed_loads(source));

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

),

days as (

    from days_of('hubspot', 'contacts', 'updated_at')
    union
    from days_of('hubspot', 'deals', 'updated_at')
    union
    from days_of('hubspot', 'tickets', 'updated_at')
    union
    from days_of('hubspot', 'calls', 'updated_at')
    union
    from days_of('hubspot', 'emails', 'updated_at')
    union
    from days_of('hubspot', 'meetings', 'updated_at')
    union
    from days_of('hubspot', 'notes', 'updated_at')
    union
    from days_of('hubspot', 'tasks', 'updated_at')
    union
    from days_of('hubspot', 'communications', 'updated_at')
    union
    from days_of('hubspot', 'feedback_submissions', 'updated_at')
    union
    from days_of('hubspot', 'email_events', 'created_at')
    union
    from days_of('klaviyo', 'profiles', 'updated')
    union
    from days_of('klaviyo', 'events', 'datetime')
    union
    from days_of('shop', 'customers', 'updated_at')
    union
    from days_of('shop', 'orders', 'updated_at')

),

gaps as (

    select
        source,
        day,
        day - lag(day) over (partition by source order by day) as gap_days
    from days
    where day < getvariable('as_of') + 2

),

-- Three days hold a weekend, and a longer pause is usual where there was one in the eight weeks before.
newest as (

    select
        source,
        max(day) as day,
        greatest(max(gap_days) filter (where day > getvariable('as_of') - 56), 2) + 1 as allowed_days
    from gaps
    group by source

),

expected as (

    select
        source,
        coalesce(
            len(list_filter(getvariable('declared'), lambda name: starts_with(name, source || '.'))) > 0,
            true
        ) as is_declared
    from (values ('hubspot'), ('klaviyo'), ('shop')) as sources (source)

)

select
    expected.source as source_name,
    case
        when expected.is_declared then coalesce(getvariable('as_of') - latest.load_date, 36500) else 0
    end::bigint as nights_missing,
    -- that nothing ever came says the audit of its streams
    case
        when expected.is_declared
            then
                coalesce(
                    greatest(getvariable('as_of') - newest.day - coalesce(newest.allowed_days, 3), 0), 0
                )
        else 0
    end::bigint as overdue_days
from expected
left join latest on expected.source = latest.source
left join newest on expected.source = newest.source
order by source_name;
