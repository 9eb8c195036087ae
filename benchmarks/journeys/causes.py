"""Why the counted transitions are not the true ones: the company with one cause less each time.

The simulator is run again and tells which touchpoint is which step of which journey. Everything is
put into a copy of the warehouse and counted there by the same models.
"""

import shutil
from pathlib import Path

import duckdb

from benchmarks.journeys import simulated
from benchmarks.journeys.simulated import Cell
from rapport.settings import WAREHOUSE_FILE
from sandbox.simulate.company import chunks, company
from sandbox.simulate.parameters import Parameters

_WALKED = """
    select
        customer_id::varchar as shop_customer_id, person || '-' || journey as walk, step,
        case stage when 'visit' then 'visited' when 'view' then 'viewed' when 'chat' then 'replied'
            else 'ordered' end as event_type,
        -- the order itself is at the end, whatever pause came before it
        make_timestamp(if(stage = 'ordered', ended_at, ms) * 1000) as occurred_at
    from steps
    inner join journeys using (person, journey)
    inner join people using (person)
    where stage <> 'left'
"""

# Two steps of one customer in one second are one walk's or the other's; which, says nothing here.
_KNOWN = """
    create table known as
    select touchpoints.touchpoint_id, walked.walk, walked.step
    from intermediate.int_journey__touchpoints as touchpoints
    inner join intermediate.int_identity__contact_map as map
        on touchpoints.customer_id = map.customer_id and map.source = 'shop'
    inner join walked
        on map.source_record_id = walked.shop_customer_id
        and touchpoints.event_type = walked.event_type
        and touchpoints.occurred_at = walked.occurred_at
    where touchpoints.channel in ('web', 'chat')
    qualify
        row_number() over (partition by touchpoints.touchpoint_id order by walk) = 1
        and row_number() over (
            partition by walked.walk, walked.step order by touchpoints.touchpoint_id
        ) = 1
"""

# What is no step of the chain goes: looks after a campaign that confused, chats about anything.
_ONLY_KNOWN = """
    create table kept as
    select touchpoints.* from intermediate.int_journey__touchpoints as touchpoints
    semi join known on touchpoints.touchpoint_id = known.touchpoint_id;
    drop view intermediate.int_journey__touchpoints;
    create table intermediate.int_journey__touchpoints as from kept
"""

# And journeys end where they ended, not where it was silent.
_TRULY_CUT = """
    create table cut as
    select
        steps.* replace (
            known.walk as journey_id,
            row_number() over in_walk as step_number,
            lag(steps.step_date) over in_walk as previous_step_date,
            lag(steps.stage) over in_walk as previous_stage,
            lag(steps.channel) over in_walk as previous_channel
        )
    from marts.fct_journey_steps as steps
    inner join known on steps.touchpoint_id = known.touchpoint_id
    window in_walk as (partition by known.walk order by known.step);
    delete from marts.fct_journey_steps;
    insert into marts.fct_journey_steps from cut;
    create table ended as
    select
        any_value(journeys) as one, cut.journey_id, bool_or(cut.is_conversion) as is_converted,
        max(cut.step_number) as step_count,
        min(cut.step_date) as started_date, max(cut.step_date) as ended_date,
        min_by(cut.stage, cut.step_number) as first_stage,
        min_by(cut.channel, cut.step_number) as first_channel,
        max_by(cut.stage, cut.step_number) as last_stage,
        max_by(cut.channel, cut.step_number) as last_channel
    from cut
    inner join marts.fct_journeys as journeys on cut.customer_id = journeys.customer_id
    group by cut.journey_id;
    delete from marts.fct_journeys;
    insert into marts.fct_journeys
    select unnest(struct_update(
        one, journey_id := journey_id, step_count := step_count, is_left_censored := false,
        started_date := started_date, ended_date := ended_date,
        first_stage := first_stage, first_channel := first_channel,
        last_stage := last_stage, last_channel := last_channel,
        status := if(is_converted, 'converted', 'abandoned')
    ))
    from ended
"""


def without(folder: Path, parameters: Parameters, memory: str = "2GB") -> dict[str, list[Cell]]:
    """Count once more without each cause, one after the other.

    Args:
        folder: a company that `simulated.make` has made of the same parameters.
        parameters: what it was simulated from.
        memory: DuckDB's limit.
    """
    aside = folder / "causes"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    warehouse, law = aside / WAREHOUSE_FILE, simulated.chain(folder)
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / WAREHOUSE_FILE, warehouse)
    (aside / "landing").symlink_to(folder / "landing")
    found = {}
    with company(parameters, memory=memory) as db:
        walked = [db.execute(_WALKED).to_arrow_table() for _ in chunks(db, parameters)]
    with duckdb.connect(str(warehouse)) as connection:
        for number, part in enumerate(walked):
            made = "insert into walked" if number else "create table walked as"
            connection.register("part", part)
            connection.execute(f"{made} from part")
        connection.execute(_KNOWN)
        connection.execute(_ONLY_KNOWN)
    simulated.build(aside, memory, *simulated.JOURNEYS)
    found["without what is no way through the shop"] = simulated.compare(aside, law)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(_TRULY_CUT)
    simulated.build(aside, memory, "rpt_journey_transitions")
    found["and with journeys that end where they ended"] = simulated.compare(aside, law)
    return found
