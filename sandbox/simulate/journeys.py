"""The way to an order on the web: visits, looks and chats, as a Markov chain with known steps.

Each order on the web is the end of a row of journeys: those before it led nowhere, the last one
led to it. For a chain that must end in an order, or must not, the steps have probabilities of
their own (Doob's transform: P(i, j) h(j) / h(i), where h is the chance to end in an order), and the
number of fruitless journeys before a fruitful one is geometric. So all journeys together are drawn
from `JOURNEY`, and yet end in exactly the orders that BG/NBD made.
"""

from collections.abc import Mapping

import duckdb
import numpy as np

from sandbox.simulate.engine import choose
from sandbox.simulate.parameters import DAY, JOURNEY, Parameters

STAGES = ("start", "visit", "view", "chat")
LONGEST = 14  # steps; one journey in 10,000 would go on
MANY = 13  # tries before an order; one order in 2,000 takes more


def chances_to_order() -> dict[str, float]:
    """Return for each stage the probability that a journey there ends in an order."""
    between = np.array([[JOURNEY[a].get(b, 0.0) for b in STAGES] for a in STAGES])
    at_once = np.array([JOURNEY[stage].get("ordered", 0.0) for stage in STAGES])
    solved = np.linalg.solve(np.eye(len(STAGES)) - between, at_once)
    return dict(zip(STAGES, solved.tolist(), strict=True))


def conditioned(end: str) -> dict[str, dict[str, float]]:
    """Return the steps of the journeys that end ``ordered``, or ``left``."""
    chance = chances_to_order()
    if end == "left":
        chance = {stage: 1 - value for stage, value in chance.items()}
    chance[end] = 1.0
    return {
        stage: {
            to: step * chance[to] / chance[stage]
            for to, step in JOURNEY[stage].items()
            if to in chance and step
        }
        for stage in STAGES
    }


def steps(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``steps``: one row per stage of each journey, up to its end."""
    success = chances_to_order()["start"]
    # The tries of a run lie anywhere; or so far apart that a silence tells them apart. Room for
    # many is asked of all runs alike: else those of few tries would be left over.
    rest = round(p.days_between_tries * DAY)
    ended_at = (
        f"""since + ((try + 1) * slot - u2('try at', person, k * 64 + try)
            * greatest(slot - {rest}, 0))::bigint"""
        if rest
        else """since + 3600000 + u2('try at', person, k * 64 + try)
            * greatest(ms - since - 7200000, 0)"""
    )
    db.execute(
        f"""
        create or replace temp table journeys as
        with runs as (
            -- campaigns lead straight to their orders: those have no journey
            select person, k, ms,
                least(40, floor(ln(u2('tries', person, k)) / ln({1 - success!r})))::bigint as tries,
                lag(ms, 1, known_since) over (partition by person order by ms) as since
            from orders inner join people using (person, customer_id)
            where is_web and campaign is null
        ),
        tried as (
            select *, (ms - since) / (tries + 1) as slot, unnest(range(tries + 1)) as try
            from runs
            where {rest} = 0 or ms - since >= {MANY + 1} * {rest}
        )
        select
            person, k * 64 + try as journey, try = tries as is_fruitful,
            -- fruitless ones lie anywhere since the order before
            case when is_fruitful then ms
                else whole_second({ended_at})
            end as ended_at
        from tried
        """
    )

    def next_stage(end: str) -> str:
        cases = " ".join(
            f"when '{stage}' then {choose(chances, 'number')}"
            for stage, chances in conditioned(end).items()
        )
        return f"case stage {cases} end"

    db.execute(
        """
        create or replace temp table steps as
        select person, journey, is_fruitful, ended_at, 0 as step, 'start' as stage from journeys
        """
    )
    for step in range(1, LONGEST + 1):
        db.execute(
            f"""
            insert into steps
            select
                person, journey, is_fruitful, ended_at, {step},
                if(is_fruitful, {next_stage("ordered")}, {next_stage("left")})
            from (
                select *, u2('step {step}', person, journey) as number
                from steps where step = {step - 1} and stage not in ('ordered', 'left')
            )
            """
        )
    # Times run backward from the end, a few minutes to hours apart.
    db.execute(
        """
        create or replace temp table steps as
        select person, journey, is_fruitful, step, stage,
            whole_second(ended_at - sum(if(step = 0, 0,
                60000 + 5400000 * u2('pause', person * 64 + step, journey) ** 4
            )) over (partition by person, journey order by step desc)) as ms
        from steps
        where step > 0
        """
    )


def matrix() -> Mapping[tuple[str, str], float]:
    """Return the known transition probabilities, as the truth tells them."""
    return {(a, b): step for a, row in JOURNEY.items() for b, step in row.items() if step}
