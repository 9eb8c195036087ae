"""Who lives together is not one: a made-up census, each person once, so that every tie is wrong.

Then a third of them twice, with errors, so that there is something to find among the households.

The sample that the package pseudopeople ships: thousands of people of the United States with the
names, birth dates and households that its simulation gives them, twins, couples, fathers and sons
among them. Each household gets a town and a postcode, and the people land as contacts without any
address or telephone, which would only help to tell them apart. How often two people agree by chance
is counted too: the weights in `rapport.identity.fuzzy` were rounded from there.
"""

from pathlib import Path

import duckdb

from benchmarks.identity import plain
from benchmarks.identity.febrl import BLOCKS, CONTACTS, CRM, customers, site
from benchmarks.identity.measures import HEADER, score
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
# Of ten second records one lacks two letters of a name, one the postcode; of twenty one lacks the
# birth date and one has another.
TWICE = """
create table twice as
select row_number() over (order by unique_id, is_second) - 1 as unique_id, * exclude (unique_id)
from (
    select *, unique_id as person, false as is_second from records
    union all
    select
        * replace (
            if(hash(unique_id, 1) % 10 = 0, last_name[:2] || last_name[5:], last_name)
                as last_name,
            case hash(unique_id, 2) % 20
                when 0 then null
                when 1 then (birth_date::date + 4321)::varchar
                else birth_date
            end as birth_date,
            if(hash(unique_id, 3) % 10 = 0, null, postcode) as postcode
        ),
        unique_id as person,
        true as is_second
    from records
    where hash(unique_id) % 3 = 0
)
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

    with duckdb.connect() as connection:
        connection.execute(RECORDS.format(file=site(folder) / CENSUS))
        connection.execute(TWICE)
        connection.execute("drop table records")
        connection.execute("alter table twice rename to records")
        records = connection.table("records").order("unique_id").to_arrow_table()
        land(folder / "landing", connection, {("hubspot", "contacts"): CONTACTS})
    print(HEADER)
    truth = records["person"].to_numpy()
    for method, policy in (
        ("Rapport", {}),
        ("Rapport, no household assumed", {"fuzzy_identity_most_relatives": 1e9}),
    ):
        build(folder, folder / "landing", memory="2GB", fuzzy_identity=True, **policy)
        print(score(customers(folder), truth).row("census, a third twice", method), flush=True)
    best = plain.best(records, CRM, BLOCKS)
    print(best.row("census, a third twice", "plain Splink, same fields"))
