-- One row per property of a CRM contact in which people answer how they want to be treated, or that ties
-- their records. A deleted or renamed property does not fail a pull: it is only not in the answer any
-- more. To take leave of a property, delete its line here.

create or replace temp macro completed_loads(source) as table
    select distinct load_id
    from read_json(
        getvariable('landing') || '/' || source || '/_dlt_loads/*.jsonl',
        format = 'newline_delimited', columns = {load_id: 'varchar', status: 'integer'}
    )
    where status = 0;

create or replace temp macro contacts() as table
    select
        load_date,
        case when json_valid(properties) then properties end as properties
    from read_parquet(
        getvariable('landing') || '/hubspot/contacts/*/*.parquet',
        hive_partitioning = true, hive_types = {load_date: date}, union_by_name = true
    )
    where
        load_date <= getvariable('as_of')
        and _dlt_load_id in (select load_id from completed_loads('hubspot'));

with

members as (

    select unnest([
        'allowed_channels',
        'allowed_hours',
        'allowed_weekdays',
        'declared_relationship',
        'hs_additional_emails',
        'hs_email_optout',
        'hs_merged_object_ids',
        'marketing_pause_until',
        'max_marketing_messages_30d',
        'preferences_updated_at',
        'shop_customer_number',
        'unwanted_topics',
        'wanted_topics',
        'wants_relationship'
    ]) as member

),

tonight as (

    select
        count(*) as night_rows,
        list_distinct(flatten(list(json_keys(properties)))) as night_members
    from contacts()
    where load_date = getvariable('as_of')

),

absent as (

    select members.member
    from members
    cross join tonight
    where tonight.night_rows > 0 and not list_contains(tonight.night_members, members.member)

),

-- Read only for what is absent, which is nothing on a usual night.
earlier as (

    select
        absent.member,
        contacts.load_date,
        count(*) as earlier_rows,
        count(*) filter (where json_exists(contacts.properties, '/' || absent.member)) as filled_rows
    from absent
    cross join contacts() as contacts
    where contacts.load_date < getvariable('as_of')
    group by absent.member, contacts.load_date

),

shares as (

    select
        member,
        sum(filled_rows) / sum(earlier_rows) as filled_share
    from (
        select
            *,
            min(load_date) filter (where filled_rows > 0) over (partition by member) as first_date
        from earlier
    ) as known
    where load_date >= first_date
    group by member

)

select
    'hubspot.contacts.properties/' || members.member as member_name,
    tonight.night_rows,
    shares.filled_share,
    -- A source that leaves out what is empty may bring none by chance: one night in a million.
    coalesce(pow(1 - shares.filled_share, tonight.night_rows) < 1e-6, false)::integer as is_vanished
from members
cross join tonight
left join shares on members.member = shares.member
order by members.member;
