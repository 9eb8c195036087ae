-- One row per load that was laid aside tonight, as a file of it could not be read any more, and what it had brought;
-- where none was, one row that says so. The moment is told by the ids of loads, which are moments themselves.
with

loads as (

    select
        split_part(filename, '/', -3) as source_name,
        load_id,
        load_date,
        lost_at,
        json_keys(coalesce(files, '{}')) as file_names
    from read_json(
        getvariable('landing') || '/*/_dlt_loads/*.jsonl',
        format = 'newline_delimited',
        filename = true,
        columns = {load_id: 'varchar', load_date: 'date', lost_at: 'varchar', files: 'json'}
    )

),

-- what nights before this one landed
earlier as (

    select source_name, max(load_id) as newest_load_id
    from loads
    where load_date < getvariable('as_of')
    group by source_name

),

lost as (

    select
        loads.source_name,
        loads.load_id,
        array_to_string(
            list_sort(list_distinct(list_transform(loads.file_names, name -> split_part(name, '/', 1)))), ', '
        ) as streams
    from loads
    left join earlier on loads.source_name = earlier.source_name
    where loads.lost_at <> '' and loads.lost_at > coalesce(earlier.newest_load_id, '')

)

select
    source_name || ': ' || streams || ' of load ' || load_id as damage,
    1 as is_damaged
from lost
union all
select
    'no file' as damage,
    0 as is_damaged
order by damage;
