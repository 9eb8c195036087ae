"""Optima, curves and verdicts, beside what is true of the simulated company."""

import shutil
from pathlib import Path

import duckdb

from benchmarks.pressure.build import MODELS, build
from benchmarks.pressure.company import LAST_NIGHT, simulate
from sandbox.simulate import Parameters, to_landing

TRUTHS = ("response_curves", "optimum", "campaigns")

OPTIMA = """
select
    optimum.relationship_type as type,
    optimum.optimum_contacts_28d as truth,
    max(curve.optimum_contacts_28d) filter (where evidence = 'randomised') as randomised,
    sum(exposure_count) filter (where evidence = 'randomised')::bigint as exposures,
    max(curve.optimum_contacts_28d) filter (where evidence = 'observational') as observational,
    sum(exposure_count) filter (where evidence = 'observational')::bigint as observed
from truth.optimum as optimum
left join marts.rpt_contact_response_curve as curve using (relationship_type)
group by all
order by all
"""

# Points with enough exposures to be told from their neighbours; 95 of 100 intervals should hold
# the true value.
CURVES = """
select
    evidence,
    count(*) as points,
    round(avg((
        truth.net_value between curve.net_value_per_contact_low
        and curve.net_value_per_contact_high
    )::integer), 2) as interval_holds_truth,
    round(avg(abs(curve.net_value_per_contact - truth.net_value)), 3) as mean_error,
    round(avg(curve.net_value_per_contact - truth.net_value), 3) as mean_bias
from marts.rpt_contact_response_curve as curve
inner join truth.response_curves as truth
    on
        curve.relationship_type = truth.relationship_type
        and curve.contact_count_28d = truth.contacts_28d
where curve.exposure_count >= 500 and curve.net_value_per_contact is not null
group by evidence
order by evidence desc
"""

# By answers that name the message: these need no control arm, so that both kinds of evidence and
# the truth stand on one scale.
SLOPES = """
with points as (
    select
        curve.relationship_type as type, evidence, contact_count_28d as n, exposure_count,
        named_response_rate as named, truth.response_rate as truth
    from marts.rpt_contact_response_curve as curve
    inner join truth.response_curves as truth
        on
            curve.relationship_type = truth.relationship_type
            and curve.contact_count_28d = truth.contacts_28d
)
select
    few.type,
    round(many.truth / few.truth, 2) as truth,
    round(max(many.named / few.named) filter (where few.evidence = 'randomised'), 2) as randomised,
    round(max(many.named / few.named) filter (where few.evidence = 'observational'), 2)
        as observational
from points as few
inner join points as many using (type, evidence)
where few.n = 1 and many.n = 5 and few.named > 0
group by all
order by all
"""

VERDICTS = """
select
    case
        when made_overloading then 'overloading' when made_confusing then 'confusing' else 'plain'
    end as made,
    verdict,
    count(*) as campaigns,
    sum(recipient_count)::bigint as recipients
from truth.campaigns
inner join marts.rpt_campaign_overload using (campaign_id)
group by all
order by all
"""


def run(
    folder: Path,
    *,
    customers: int,
    seeds: list[int],
    changes: dict[str, float],
    memory: str,
    through: str = "marts",
) -> None:
    """Simulate, build and print; one company per seed."""
    make = {"marts": from_marts, "landing": from_landing}[through]
    for seed in seeds:
        parameters = Parameters(customers=customers, seed=seed, **changes)
        warehouse = make(folder, parameters, memory)
        said = "".join(f", {name} {value}" for name, value in changes.items())
        print(f"\n{customers:,} customers, seed {seed}, through {through}{said}")
        report(warehouse)


def policy(parameters: Parameters) -> dict[str, object]:
    """Return what the simulated firm earns and risks: it is told, not guessed."""
    return {
        "response_margin_amount": parameters.margin_per_response,
        "opt_out_value_at_risk_amount": parameters.value_at_risk,
    }


def from_marts(folder: Path, parameters: Parameters, memory: str) -> Path:
    """Build on the company written as marts, with the true types; return the warehouse."""
    warehouse = folder / f"company-{parameters.seed}.duckdb"
    warehouse.unlink(missing_ok=True)
    simulate(warehouse, parameters, memory=memory)
    build(warehouse, LAST_NIGHT, memory=memory, policy=policy(parameters))
    return warehouse


def from_landing(folder: Path, parameters: Parameters, memory: str) -> Path:
    """Build on the company's landing as a night does, with inferred types; return the warehouse."""
    home = folder / f"landed-{parameters.seed}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    to_landing.land(home, parameters, threads=2, memory=memory)
    warehouse = home / "rapport.duckdb"
    build(
        warehouse,
        LAST_NIGHT,
        memory=memory,
        models=tuple(f"+{model}" for model in MODELS),
        policy=policy(parameters),
        landing=home / "landing",
    )
    with duckdb.connect(str(warehouse)) as db:
        db.execute(f"attach '{home / 'sandbox' / 'truth.duckdb'}' as told (read_only)")
        db.execute("create schema truth")
        for table in TRUTHS:
            db.execute(f"create table truth.{table} as from told.truth_{table}")
    return warehouse


def report(warehouse: Path) -> None:
    """Print what was concluded beside what is true."""
    with duckdb.connect(str(warehouse), read_only=True) as db:
        print("\noptimum of contacts in 28 days, by kind of evidence")
        print(db.sql(OPTIMA).df().to_string(index=False, na_rep="-"))
        print("\nnet value of a further contact, points with 500 exposures or more")
        print(db.sql(CURVES).df().to_string(index=False))
        print("\nshare of the response that is left at 5 contacts of that at 1")
        print(db.sql(SLOPES).df().to_string(index=False))
        print("\nverdicts on campaigns")
        print(db.sql(VERDICTS).df().to_string(index=False))
        for kind in ("overload", "confus"):
            print(precision_and_recall(db, kind))


def precision_and_recall(db: duckdb.DuckDBPyConnection, kind: str) -> str:
    """Return a line for the verdicts that contain ``overload`` or ``confus``."""
    verdict, made = {
        "overload": ("overloaded", "made_overloading"),
        "confus": ("confusing", "made_confusing"),
    }[kind]
    hits, said, true, told = db.sql(
        f"""
        select
            count(*) filter (where is_said and {made}), count(*) filter (where is_said),
            count(*) filter (where {made}),
            count(*) filter (where {made} and verdict <> 'too_few_data')
        from (
            select *, verdict in ('{verdict}', 'both') as is_said
            from truth.campaigns inner join marts.rpt_campaign_overload using (campaign_id)
        )
        """
    ).fetchone()
    return (
        f"{verdict}: precision {hits}/{said} = {hits / max(said, 1):.2f}, "
        f"recall {hits}/{true} = {hits / max(true, 1):.2f} "
        f"({hits}/{told} of those with a verdict)"
    )
