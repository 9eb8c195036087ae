-- One row per stream that a source can count: what it says it has against what was landed, as
-- the newest comparison up to tonight found it, and over which span. Counting may not be due every
-- night, and what could not be counted is neither equal nor different.

with

completed as (

    select distinct load_id
    from read_json(
        getvariable('landing') || '/*/_dlt_loads/*.jsonl',
        format = 'newline_delimited', columns = {load_id: 'varchar', status: 'integer'}
    )
    where status = 0

),

counted as (

    select
        split_part(filename, '/', -4) || '.' || stream as stream_name,
        try_cast(source_total as bigint) as source_total,
        try_cast(landed_total as bigint) as landed_total,
        try_cast(checked_on as date) as checked_on,
        try_cast(compared_from as timestamptz) as compared_from,
        try_cast(compared_to as timestamptz) as compared_to,
        coalesce(json_array_length(try_cast(not_compared as json)), 0) as not_compared_parts,
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
        row_number() over (
            partition by stream_name, try_cast(checked_on as date), compared_from
            order by _dlt_load_id desc
        ) = 1

),

-- A night may compare several spans of a stream.
checks as (

    select
        stream_name,
        checked_on,
        sum(source_total) as source_total,
        sum(landed_total) as landed_total,
        case when bool_and(compared_from is not null) then min(compared_from) end as compared_from,
        max(compared_to) as compared_to,
        sum(not_compared_parts) as not_compared_parts,
        bool_or(is_refused) as is_refused
    from counted
    group by stream_name, checked_on

),

latest as (

    select
        stream_name,
        max(checked_on) filter (where source_total is not null) as compared_on,
        max_by(not_compared_parts, checked_on) as not_compared_parts,
        bool_or(is_refused and checked_on = getvariable('as_of')) as is_refused
    from checks
    group by stream_name

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
        checks.compared_from,
        checks.compared_to,
        latest.not_compared_parts,
        coalesce(list_contains(getvariable('declared'), expected.stream_name), true)
        and not coalesce(latest.is_refused, false) as is_expected
    from expected
    left join latest using (stream_name)
    left join checks
        on latest.stream_name = checks.stream_name and latest.compared_on = checks.checked_on

)

select
    stream_name,
    coalesce(strftime(compared_from at time zone 'UTC', '%Y-%m-%d'), 'ever') as compared_from,
    coalesce(strftime(compared_to at time zone 'UTC', '%Y-%m-%d'), '') as compared_to,
    coalesce(abs(source_total - landed_total), 0)::bigint as different_rows,
    -- Of at least 100 rows, so that one record of a small firm is not a fifth of it.
    coalesce(
        abs(source_total - landed_total) / greatest(source_total, 100), 0
    )::double as different_share,
    case when is_expected then coalesce(not_compared_parts, 0) else 0 end::bigint
        as not_compared_parts,
    (is_expected and (source_total is null or landed_total is null))::integer as is_unknown,
    case
        when is_expected
            then greatest(coalesce(getvariable('as_of') - checked_on, 0) - allowed_age_days, 0)
        else 0
    end::bigint as overdue_days
from compared
order by stream_name;
