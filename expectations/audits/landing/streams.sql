-- One row per stream: what the night landed, how much of it staging will be able to use,
-- and how old the newest record is. Reads the landing itself: staging has not run yet.

create or replace temp macro completed_loads(source) as table
    select distinct load_id
    from read_json(
        getvariable('landing') || '/' || source || '/_dlt_loads/*.jsonl',
        format = 'newline_delimited', columns = {load_id: 'varchar', status: 'integer'}
    )
    where status = 0;

create or replace temp macro landed(source, stream) as table
    select
        *,
        _dlt_load_id in (select load_id from completed_loads(source)) as is_complete
    from read_parquet(
        getvariable('landing') || '/' || source || '/' || stream || '/*/*.parquet',
        hive_partitioning = true, hive_types = {load_date: date}, union_by_name = true
    )
    where load_date <= getvariable('as_of');

-- key_columns tell one record from another; cursor_column is the time of change, after
-- allowed_age_days without a newer one somebody should look (36500: it may never change). A
-- firm need not use all that its CRM offers, and what no source counts may be none: what may_be_empty
-- may also bring nothing tonight.
create or replace temp macro stream_figures(
    source, stream, key_columns, cursor_column, allowed_age_days, may_be_empty
) as table

    with

    dated as (

        select
            load_date,
            _dlt_load_id,
            is_complete,
            try_cast(columns(lambda name: name = cursor_column) as timestamptz) as changed_at
        from landed(source, stream)

    ),

    history as (

        select
            load_date,
            count(*) filter (where is_complete) as landed_rows,
            count(*) filter (where not is_complete) as unfinished_rows,
            count(distinct _dlt_load_id) filter (where is_complete) as loads,
            max(changed_at) filter (
                where is_complete and changed_at < (getvariable('as_of') + 2)::timestamptz
            ) as newest_at
        from dated
        group by load_date

    ),

    tonight as (

        select
            count(*) filter (
                where list_count(
                    list_value(*columns(lambda name: list_contains(key_columns, name)))
                ) < len(key_columns)
            ) as keyless_rows,
            count(*) filter (
                where try_cast(columns(lambda name: name = cursor_column) as timestamptz) is null
            ) as undated_rows,
            count(*) filter (
                where try_cast(columns(lambda name: name = cursor_column) as timestamptz)
                >= (getvariable('as_of') + 2)::timestamptz
            ) as future_rows
        from landed(source, stream)
        where load_date = getvariable('as_of') and is_complete

    ),

    -- Every night on which the source was pulled, also those that brought nothing of the stream. The first one of
    -- the stream brought all there was, and one after a gap what the nights of the gap would have.
    nights as (

        select
            nights.night,
            coalesce(history.landed_rows, 0) as landed_rows,
            max(nights.night) filter (where history.landed_rows > 0) over () as last_told_on,
            nights.night > min(history.load_date) over ()
            and nights.night - lag(nights.night) over (order by nights.night) = 1 as is_usual
        from (
            select distinct try_cast(regexp_extract(file, 'load_date=([0-9-]+)', 1) as date) as night
            from glob(getvariable('landing') || '/' || source || '/*/load_date=*/*.parquet')
        ) as nights
        left join history on nights.night = history.load_date
        where nights.night between date '1970-01-02' and getvariable('as_of')

    ),

    -- Four nights of the same weekday, of the eight weeks before, say what is usual; while there are not so many, a
    -- week of any. The nights of a silence that goes on are no part of what is usual.
    compared as (

        select
            coalesce(
                case when count(*) filter (where is_same_weekday) >= 4
                    then list(landed_rows) filter (where is_same_weekday) end,
                case when count(*) filter (where is_recent) > 7
                    then list(landed_rows) filter (where is_recent) end
            ) as night_rows
        from (
            select
                landed_rows,
                least(getvariable('as_of') - 1, last_told_on) as last_usual,
                night > last_usual - 14 as is_recent,
                (getvariable('as_of') - night) % 7 = 0 as is_same_weekday
            from nights
            where is_usual and night between getvariable('as_of') - 56 and last_usual
        ) as before

    ),

    usual as (

        select
            list_median(night_rows) as usual_rows,
            -- as wide as they lie apart, and no narrower than chance makes counts of this size
            greatest(
                1.4826 * list_median(list_transform(night_rows, lambda n: abs(n - list_median(night_rows)))),
                sqrt(list_median(night_rows)),
                1
            ) as spread_rows,
            list_min(night_rows) as fewest_rows,
            (
                select count(*)
                from nights
                where night > (select coalesce(max(night), date '9999-12-31') from nights where landed_rows > 0)
            ) as silent_nights,
            coalesce((select is_usual from nights where night = getvariable('as_of')), false) as is_comparable
        from compared

    ),

    summed as (

        select
            coalesce(sum(landed_rows), 0) as landed_rows,
            coalesce(sum(landed_rows) filter (where load_date = getvariable('as_of')), 0) as night_rows,
            coalesce(sum(loads) filter (where load_date = getvariable('as_of')), 0) as night_loads,
            coalesce(sum(unfinished_rows), 0) as unfinished_rows,
            max(newest_at) as newest_at
        from history

    )

    select
        source || '.' || stream as stream_name,
        landed_rows::bigint as landed_rows,
        night_rows::bigint as night_rows,
        landed_rows = 0 and not may_be_empty as is_empty,
        -- what no firm need have is silent where every such night had some
        night_loads = 0 and (not may_be_empty or coalesce(fewest_rows > 0, false)) as is_silent,
        case when fewest_rows > 0 then silent_nights else 0 end::bigint as silent_nights,
        unfinished_rows::bigint as unfinished_rows,
        -- Of at least 100 rows, so that one bad row of a quiet night is not a fifth of it.
        (keyless_rows + undated_rows) / greatest(night_rows, 100)::double as unusable_share,
        (keyless_rows + undated_rows)::bigint as unusable_rows,
        future_rows::bigint as future_rows,
        case
            when is_silent then 1  -- said by is_silent
            when is_comparable and abs(night_rows - usual_rows) > 5 * spread_rows
                then night_rows / greatest(usual_rows, 1)
            else 1
        end::double as share_of_usual_night,
        case
            when landed_rows = 0 then 0  -- said by is_empty, unless there are none
            else
                greatest(
                    coalesce(getvariable('as_of') - newest_at::date, 100000) - allowed_age_days, 0
                )
        end::bigint as overdue_days
    from summed, tonight, usual;

-- What the newest count of a source says of its streams.
create or replace temp macro counts(source) as table
    select
        source || '.' || stream as stream_name,
        max_by(method, (checked_on, _dlt_load_id)) as method,
        max_by(coalesce(try_cast(source_total as bigint), -1), (checked_on, _dlt_load_id)) as source_total,
        max(checked_on) = getvariable('as_of')::varchar as is_of_tonight
    from landed(source, 'source_totals')
    where is_complete
    group by stream;

with

figures as (

from stream_figures('hubspot', 'contacts', ['id'], 'updated_at', 31, false)
union all by name
from stream_figures('hubspot', 'companies', ['id'], 'updated_at', 36500, true)
union all by name
from stream_figures('hubspot', 'owners', ['id'], 'updated_at', 36500, true)
union all by name
from stream_figures('hubspot', 'deals', ['id'], 'updated_at', 92, true)
union all by name
from stream_figures('hubspot', 'tickets', ['id'], 'updated_at', 92, true)
union all by name
from stream_figures('hubspot', 'feedback_submissions', ['id'], 'updated_at', 92, true)
union all by name
from stream_figures('hubspot', 'calls', ['id'], 'updated_at', 92, true)
union all by name
from stream_figures('hubspot', 'emails', ['id'], 'updated_at', 92, true)
union all by name
from stream_figures('hubspot', 'meetings', ['id'], 'updated_at', 92, true)
union all by name
from stream_figures('hubspot', 'notes', ['id'], 'updated_at', 92, true)
union all by name
from stream_figures('hubspot', 'tasks', ['id'], 'updated_at', 92, true)
union all by name
from stream_figures('hubspot', 'communications', ['id'], 'updated_at', 92, true)
union all by name
from stream_figures(
    'hubspot', 'associations', ['from_type', 'to_type', 'from_id'], 'read_on', 1, true
)
union all by name
from stream_figures('hubspot', 'subscription_definitions', ['id'], 'updated_at', 36500, true)
union all by name
from stream_figures(
    'hubspot', 'subscription_statuses', ['subscriber', 'channel', 'subscription_id'], 'read_on', 1, true
)
union all by name
from stream_figures('hubspot', 'marketing_emails', ['id'], 'updated_at', 36500, true)
union all by name
from stream_figures('hubspot', 'email_events', ['id'], 'created_at', 36500, true)
union all by name
from stream_figures('hubspot', 'removals', ['object_type', 'id'], 'noticed_on', 36500, true)
union all by name
from stream_figures('hubspot', 'source_totals', ['stream', 'checked_on'], 'checked_on', 1, false)
union all by name
from stream_figures('hubspot', 'refusals', ['stream'], 'noticed_on', 36500, true)
union all by name
from stream_figures('klaviyo', 'profiles', ['id'], 'updated', 31, false)
union all by name
from stream_figures('klaviyo', 'lists', ['id'], 'updated', 36500, true)
union all by name
from stream_figures(
    'klaviyo', 'list_members', ['list_id', 'profile_id'], 'joined_group_at', 36500, true
)
union all by name
from stream_figures('klaviyo', 'metrics', ['id'], 'updated', 36500, true)
union all by name
from stream_figures('klaviyo', 'campaigns', ['id'], 'updated_at', 92, true)
union all by name
from stream_figures('klaviyo', 'campaign_messages', ['id'], 'updated_at', 36500, true)
union all by name
from stream_figures('klaviyo', 'flows', ['id'], 'updated', 36500, true)
union all by name
from stream_figures('klaviyo', 'flow_actions', ['id'], 'updated', 36500, true)
union all by name
from stream_figures('klaviyo', 'flow_messages', ['id'], 'updated', 36500, true)
union all by name
from stream_figures('klaviyo', 'events', ['id'], 'datetime', 31, false)
union all by name
from stream_figures('klaviyo', 'removals', ['object_type', 'id'], 'noticed_on', 36500, true)
union all by name
from stream_figures('klaviyo', 'source_totals', ['stream', 'checked_on'], 'checked_on', 1, false)
union all by name
from stream_figures('klaviyo', 'refusals', ['stream'], 'noticed_on', 36500, true)
union all by name
from stream_figures('shop', 'customers', ['customer_id'], 'updated_at', 92, false)
union all by name
from stream_figures('shop', 'orders', ['order_id'], 'updated_at', 3, false)
union all by name
from stream_figures('shop', 'order_lines', ['order_id', 'product_id'], 'updated_at', 3, false)
union all by name
from stream_figures('shop', 'products', ['product_id'], 'updated_at', 36500, false)
union all by name
from stream_figures(
    'shop', 'coupons', ['coupon_upc', 'product_id', 'campaign_id'], 'updated_at', 92, false
)
union all by name
from stream_figures('shop', 'removals', ['object_type', 'id'], 'noticed_on', 36500, true)
union all by name
from stream_figures('shop', 'source_totals', ['stream', 'checked_on'], 'checked_on', 1, false)

),

counted as (

    from counts('hubspot')
    union all
    from counts('klaviyo')
    union all
    from counts('shop')

),

-- An empty account is not a wrong one: where the source says that there are none, there are none. What the firm
-- has not, or its key may not read tonight, brings nothing.
expected as (

    select
        figures.*,
        coalesce(list_contains(getvariable('declared'), figures.stream_name), true) as is_declared,
        coalesce(counted.is_of_tonight and starts_with(counted.method, 'refused'), false) as is_refused,
        coalesce(counted.source_total = 0, false) as is_said_to_be_empty
    from figures
    left join counted on figures.stream_name = counted.stream_name

)

select
    stream_name,
    landed_rows,
    night_rows,
    is_declared,
    (is_empty and is_declared and not is_refused and not is_said_to_be_empty)::integer as is_empty,
    (is_silent and is_declared and not is_refused and not is_said_to_be_empty)::integer as is_silent,
    (is_declared and is_refused)::integer as is_refused,
    unfinished_rows,
    unusable_share,
    unusable_rows,
    future_rows,
    case when is_declared and not is_refused then share_of_usual_night else 1 end::double
        as share_of_usual_night,
    case when is_declared and not is_refused and not is_said_to_be_empty then silent_nights else 0 end::bigint
        as silent_nights,
    case when is_declared and not is_refused then overdue_days else 0 end::bigint as overdue_days
from expected
order by stream_name;
