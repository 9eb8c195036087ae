"""The people on the firm's side: their skills, what they can carry, and whom they look after."""

import duckdb

from sandbox.simulate.engine import texts
from sandbox.simulate.parameters import SKILLS, Parameters

# Made-up names; the number beside each tells two of one name apart.
FIRST = (
    "Linh Maryam Grace Jonas Minh Lucía Reza Olivia Anna Omar Sophie Tuấn Leila Paul Carmen Noor"
)
LAST = "Đặng Hosseini Whitfield Brandt Phan Ferrer Karimi Marsh Keller Haddad Wolf Trần Amini Ward"


def owners(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``owners``: one for about 400 customers, eight at least."""
    count = max(8, p.customers // 400)
    db.execute(
        f"""
        create table owners as
        select
            range as owner, (71000001 + range * 131)::varchar as owner_id,
            picked({texts(FIRST.split())}, u('staff first', range)) as first_name,
            picked({texts(LAST.split())}, u('staff last', range)) as last_name,
            'staff' || (range + 1) || '@example.com' as email,
            4100001 + range as user_id,
            -- everybody has one skill, the first of the list goes round; some have more
            list_distinct(list_filter({texts(SKILLS)}, lambda skill, i:
                i - 1 = range % {len(SKILLS)} or u2('skill', range, i) < 0.12)) as skills,
            60 + (80 * u('capacity', range))::bigint as capacity
        from range({count})
        """
    )


def assign(db: duckdb.DuckDBPyConnection) -> None:
    """Make ``owners_of``: who looks after whom; without a named one, whoever is on duty."""
    db.execute(
        """
        create or replace temp table owners_of as
        select person, owner, owner_id,
            if(has_owner, owner_id, null) as named_owner_id
        from (
            select person, has_owner,
                chance('who', person) % (select count(*) from owners) as owner
            from people
        )
        inner join owners using (owner)
        """
    )
