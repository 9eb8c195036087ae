-- One row per stream that a source can count: what it says it has against what was landed, as
-- the newest reconciliation up to tonight found it. Counting may not be due every night.

with

completed as (

    select distinct load_id
    from read_json(
        getvariable('landing') || '/*/_dlt_loads/*.jsonl',
        format = 'newline_delimited', columns = {load_id: 'varchar', status: 'integer'}
    )
    where status = 0

),

checks as (

    select
        split_part(filename, '/', -4) || '.' || stream as stream_name,
        try_cast(source_total as bigint) as source_total,
        try_cast(landed_total as bigint) as landed_total,
        try_cast(checked_on as date) as checked_on,
        starts_with(method, 'refused') as is_refused
    from read_parquet(
        getvariable('landing') || '/*/source_totals/*/*.parquet',
        hive_partitioning = true, hive_types = {load_date: date},
        union_by_name = true, filename = true
    )
    where
        load_date <= getvariable('as_of')
        and _dlt_load_id in (select load_id from completed)
    qualify
        row_number() over (partition by stream_name order by checked_on desc, _dlt_load_id desc) = 1

),

expected as (

    select *
    from (
        values
        ('hubspot.contacts', 0),
        ('hubspot.companies', 0),
        ('hubspot.deals', 0),
        ('hubspot.tickets', 0),
        ('hubspot.feedback_submissions', 0),
        ('hubspot.calls', 0),
        ('hubspot.emails', 0),
        ('hubspot.meetings', 0),
        ('hubspot.notes', 0),
        ('hubspot.tasks', 0),
        ('hubspot.communications', 0),
        ('klaviyo.profiles', 7),
        ('klaviyo.events', 0),
        ('shop.customers', 0),
        ('shop.orders', 0),
        ('shop.order_lines', 0),
        ('shop.products', 0),
        ('shop.coupons', 0)
    ) as expected (stream_name, allowed_age_days)

),

-- What the firm has not, or its key may not read tonight, is not compared.
compared as (

    select
        expected.stream_name,
        expected.allowed_age_days,
        checks.source_total,
        checks.landed_total,
        checks.checked_on,
        coalesce(list_contains(getvariable('declared'), expected.stream_name), true)
        and not coalesce(checks.is_refused and checks.checked_on = getvariable('as_of'), false)
            as is_expected
    from expected
    left join checks using (stream_name)

)

select
    stream_name,
    coalesce(abs(source_total - landed_total), 0)::bigint as different_rows,
    -- Of at least 100 rows, so that one record of a small firm is not a fifth of it.
    coalesce(
        abs(source_total - landed_total) / greatest(source_total, 100), 0
    )::double as different_share,
    (is_expected and (source_total is null or landed_total is null))::integer as is_unknown,
    case
        when is_expected
            then greatest(coalesce(getvariable('as_of') - checked_on, 0) - allowed_age_days, 0)
        else 0
    end::bigint as overdue_days
from compared
order by stream_name;
