"""Firms that buy, and the deals with them."""

import duckdb

from sandbox.simulate.parameters import DEAL_STAGES, END, Parameters
from sandbox.simulate.service import occurrences


def companies(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``companies``: of every sixty people those with business share one."""
    db.execute(
        """
        create or replace temp table companies as
        select
            company, 40000000000 + company * 7 as serial,
            min(known_since) - 3600000 as created_at, min_by(owner_id, person) as owner_id,
            picked(['Harbour', 'Miller', 'Orchid', 'Sepehr', 'Cedar', 'Lantern', 'Bridge'],
                u('firm', company)) || ' '
                || picked(['Catering', 'Hotels', 'Bakery', 'Schools', 'Offices', 'Clinics'],
                u('trade', company)) || ' ' || company as name,
            'firm' || company || '.example' as domain,
            picked(['FOOD_BEVERAGES', 'HOSPITALITY', 'HIGHER_EDUCATION', 'HOSPITAL_HEALTH_CARE'],
                u('industry', company)) as industry,
            (5 + 400 * u('size', company) ** 3)::bigint as employees
        from people inner join owners_of using (person)
        where is_business
        group by company
        """
    )


def deals(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``deals`` and their ``deal_stages``: stage by stage, on or lost, with known chances."""
    db.execute(
        f"""
        create or replace temp table deals as
        select
            person, number, person * 1000 + number as serial, company, is_business,
            hour_of_day((born + u2('deal at', person, number) * ({END} - born))::bigint, 8, 17,
                u2('deal hour', person, number)) as created_at,
            round(400 * exp(1.1 * normal('deal', person * 1000 + number)))::bigint as amount
        from (
            select *,
                unnest({occurrences("if(is_business, 0.16, 0.02 * has_owner::int)", "deal")})
                    as number
            from people
        )
        """
    )
    stages = list(DEAL_STAGES)
    queries = []
    for i, _stage in enumerate(stages):
        # reached when every chance before was taken; the stay in each is exponential, nine days
        taken = " and ".join(
            f"u2('{before}', serial, 0) < {DEAL_STAGES[before]}" for before in stages[:i]
        )
        queries.append((stages[i], i, taken or "true", i))
        lost = f"u2('{stages[i]}', serial, 0) >= {DEAL_STAGES[stages[i]]}"
        queries.append(("closedlost", i + 1, f"{taken or 'true'} and {lost}", i + 1))
    every = " and ".join(
        f"u2('{name}', serial, 0) < {share}" for name, share in DEAL_STAGES.items()
    )
    queries.append(("closedwon", len(stages), every, len(stages)))

    def at(steps: int) -> str:
        waits = "".join(
            f" + (0.2 - ln(u2('{stages[i]} lasts', serial, 0)) * 9) * a_day()" for i in range(steps)
        )
        return f"whole_second(created_at{waits})"

    selects = " union all ".join(
        f"select deals.*, '{stage}' as stage, {place} as place, {at(steps)} as ms from deals "
        f"where {reached}"
        for stage, place, reached, steps in queries
    )
    db.execute(
        f"create or replace temp table deal_stages as select * from ({selects}) where ms < {END}"
    )
