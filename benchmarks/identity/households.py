"""Who lives together is not one: a made-up census, each person once, so that every tie is wrong.

The sample that the package pseudopeople ships: thousands of people of the United States with the
names, birth dates and households that its simulation gives them, twins, couples, fathers and sons
among them. Each household gets a town and a postcode, and the people land as contacts without any
address or telephone, which would only help to tell them apart. How often two people agree by chance
is counted too: the weights in `rapport.identity.fuzzy` were rounded from there.
"""

from pathlib import Path

import duckdb

from benchmarks.identity.febrl import CONTACTS, site
from benchmarks.identity.scale import build, land

CENSUS = "pseudopeople/data/sample_datasets/decennial_census/decennial_census.parquet"
RECORDS = """
create table records as
select
    row_number() over (order by simulant_id) - 1 as unique_id,
    household_id,
    first_name,
    last_name,
    -- as old as they are there on the night on which they land here
    (date_of_birth::date - interval 23 year)::date::varchar as birth_date,
    'town ' || hash(household_id) % 40 as city,
    (10000 + hash(household_id) % 400)::varchar as postcode
from '{file}'
where year = 2040
"""
CHANCES = """
select '{what}' as what, sum(n * (n - 1)) / sum(n) / (sum(n) - 1) as share
from (select count(*) as n from records group by {what})
"""


def run(folder: Path) -> None:
    """Print how often two people agree by chance, and who is tied or shown to a person."""
    with duckdb.connect() as connection:
        connection.execute(RECORDS.format(file=site(folder) / CENSUS))
        for what in ("first_name", "last_name", "first_name, last_name", "birth_date"):
            ((_, share),) = connection.sql(CHANCES.format(what=what)).fetchall()
            print(f"two people have the same {what}: {share:.1e}")
        for query, what in (
            ("last_name, birth_date", "family name and birth date (twins)"),
            ("first_name, last_name", "name"),
        ):
            ((count,),) = connection.sql(
                f"select sum(n * (n - 1) // 2) from (select count(*) as n from records "
                f"group by household_id, {query})"
            ).fetchall()
            print(f"pairs of one household with one {what}: {count}")
        people = land(folder / "landing", connection, {("hubspot", "contacts"): CONTACTS})
    build(folder, folder / "landing", memory="2GB", fuzzy_identity=True)
    with duckdb.connect(str(folder / "rapport.duckdb"), read_only=True) as connection:
        ((tied, shown),) = connection.sql(
            "select count(*) filter (is_tied), count(*) filter (not is_tied) "
            "from intermediate.int_identity__fuzzy_pairs"
        ).fetchall()
    print(f"{people:,} people: {tied} tied, {shown} shown")
