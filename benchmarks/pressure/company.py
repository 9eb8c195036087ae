"""The simulated company, written as the marts that the pressure models read.

The whole way through landing, staging and identity would add hours at these sizes and nothing to
the question whether the pressure models conclude rightly; that way has its tests elsewhere.
"""

import csv
from pathlib import Path

import duckdb

from sandbox.metrics import metric_id
from sandbox.simulate import Parameters, company, events, truth

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "dbt_project" / "seeds"
LAST_NIGHT = "2018-01-02"

TABLES = """
create schema built.marts;
create schema built.intermediate;
create table built.marts.fct_touchpoints (
    touchpoint_id varchar, customer_id varchar, occurred_at timestamp, touchpoint_date date,
    channel varchar, direction varchar, actor varchar, message_class varchar, event_type varchar,
    is_marketing_contact boolean, source varchar, campaign_id varchar, message_id varchar,
    question varchar, answer varchar
);
create table built.marts.fct_control_draws (
    draw_id varchar, customer_id varchar, occurred_at timestamp, draw_date date,
    campaign_id varchar, channel varchar
);
create table built.marts.dim_customers (customer_id varchar, first_seen_date date);
create table built.marts.dim_campaigns (
    campaign_id varchar, campaign_name varchar, channel varchar
);
create table built.marts.dim_preferences (
    customer_id varchar, time_zone varchar, max_marketing_messages_30d bigint,
    allowed_hours integer[], allowed_weekdays varchar[], pause_until_date date,
    preferences_updated_at timestamp
);
create table built.marts.fct_relationship_months (
    customer_id varchar, month_end_date date, relationship_type varchar
);
create table built.marts.dim_customer_relationships (
    customer_id varchar, relationship_type varchar, wants_relationship varchar,
    treatment_contact_count_30d bigint
);
create table built.intermediate.int_relationship__types as
select relationship_type, treatment_contact_count_30d::bigint as treatment_contact_count_30d
from read_csv('{types}');
create schema built.truth;
"""

EVENTS = """
create or replace temp table told as
with meanings as (select * from meanings_of_metrics)
select
    'klaviyo:' || id as touchpoint_id, people.person, moment(ms) as occurred_at,
    meanings.*, json_extract_string(body, '$.campaign_id') as campaign_id,
    json_extract_string(body, '$."$message"') as message_id,
    json_extract_string(body, '$.question') as question,
    json_extract_string(body, '$.answer') as answer
from ({query}) as every
inner join meanings on every.metric_id = meanings.metric_id
inner join people using (profile_id)
where meanings.is_touchpoint or metric_name = 'Assigned to Control'
"""

TOUCHPOINTS = """
insert into built.marts.fct_touchpoints
select
    touchpoint_id, customer(person), occurred_at, occurred_at::date, channel, direction, actor,
    message_class, event_type, is_marketing_contact, source,
    coalesce(campaign_id, of_message.id), message_id, question, answer
from (
    select touchpoint_id, person, occurred_at, channel, direction, actor, message_class,
        event_type, is_marketing_contact, 'klaviyo' as source, campaign_id, message_id,
        question, answer
    from told where is_touchpoint
    union all
    select 'shop:' || order_id, person, moment(ms), if(is_web, 'web', 'store'), 'inbound',
        'human', null, 'ordered', false, 'shop', null, null, null, null
    from orders
    union all
    select 'hubspot:' || serial, person, moment(ms),
        case type when 'emails' then 'email' when 'calls' then 'phone'
            when 'meetings' then 'meeting' else 'chat' end,
        lower(direction), 'human', if(direction = 'OUTBOUND', 'service', null),
        case type when 'calls' then 'called' when 'meetings' then 'met'
            else if(direction = 'INBOUND', 'replied', 'sent') end,
        false, 'hubspot', null, null, null, null
    from engagements where type in ('emails', 'calls', 'meetings', 'communications')
    union all
    select 'hubspot:t' || person || '-' || number, person, moment(opened_at),
        case source_type when 'PHONE' then 'phone' when 'CHAT' then 'chat'
            when 'EMAIL' then 'email' else 'web' end,
        'inbound', 'human', null, 'ticket_opened', false, 'hubspot', null, null, null, null
    from tickets
) as every
left join (select campaign_id as id, message_id as message from campaigns) as of_message
    on every.message_id = of_message.message
where occurred_at < timestamp '2018-01-03'
"""

REST = """
insert into built.marts.fct_control_draws
select touchpoint_id, customer(person), occurred_at, occurred_at::date, campaign_id,
    campaign.channel
from told left join built.marts.dim_campaigns as campaign using (campaign_id)
where metric_name = 'Assigned to Control';

insert into built.marts.dim_customers
select customer(person), moment(known_since)::date from people;

insert into built.marts.dim_preferences
select customer(person), time_zone, try_cast(most_messages as bigint),
    range(left(allowed_hours, 2)::integer, right(allowed_hours, 2)::integer),
    string_split(allowed_weekdays, ';'), try_cast(pause_until as date),
    moment(coalesce(changed_at, said_at))
from people left join answers using (person);

insert into built.marts.fct_relationship_months
select customer(person), month_end, relationship_type
from (
    select ltrim(person_id, 'P')::bigint as person, month_end, relationship_type
    from ({type_months})
);

insert into built.marts.dim_customer_relationships
select customer(person), kind, 'unknown', treatment_contact_count_30d
from (
    select person,
        if(strained_from is not null and strained_until is null, 'strained', kind) as kind
    from people
)
inner join built.intermediate.int_relationship__types on kind = relationship_type;
"""


def tables(catalogue: str = "built.") -> str:
    """Return SQL that makes the empty tables, in a database of this name."""
    return TABLES.replace("built.", catalogue).replace(
        "{types}", str(SEEDS / "relationship_types.csv")
    )


def simulate(path: Path, parameters: Parameters, *, memory: str = "4GB") -> None:
    """Write a company and its truth into a warehouse file."""
    with company.company(
        parameters, threads=2, memory=memory, spill=str(path.with_suffix(".tmp"))
    ) as db:
        db.execute("create macro customer(person) as md5('P' || person)")
        db.execute(f"attach '{path}' as built")
        db.execute(tables())
        meanings(db)
        db.execute(
            "insert into built.marts.dim_campaigns "
            "select campaign_id, name, if(is_sms, 'sms', 'email') from campaigns"
        )
        queries = truth.of_people(parameters)
        for _ in company.chunks(db, parameters):
            db.execute(EVENTS.format(query=events.query()))
            db.execute(TOUCHPOINTS)
            db.execute(REST.format(type_months=queries["truth_type_months"]))
        for table in ("response_curves", "optimum", "campaigns"):
            db.execute(f"create table built.truth.{table} as from truth_{table}")


def meanings(db: duckdb.DuckDBPyConnection) -> None:
    """Make ``meanings_of_metrics`` from the seed: what an event is as a touchpoint."""
    db.execute(
        f"create table seed as from read_csv('{SEEDS / 'klaviyo_metrics.csv'}', all_varchar = true)"
    )
    with (SEEDS / "klaviyo_metrics.csv").open() as file:
        ids = [(row["metric_name"], metric_id(row["metric_name"])) for row in csv.DictReader(file)]
    db.execute("create table ids_of_metrics (metric_name varchar, metric_id varchar)")
    db.executemany("insert into ids_of_metrics values (?, ?)", ids)
    db.execute(
        """
        create table meanings_of_metrics as
        select metric_id, metric_name, is_touchpoint::boolean as is_touchpoint, channel, direction,
            actor, message_class, event_type, is_marketing_contact::boolean as is_marketing_contact
        from seed inner join ids_of_metrics using (metric_name)
        """
    )
