"""Identity on the simulated company, whose duplicates and dirt are known.

The telephones are taken away, and a birth date and a city are written into the records, which the
simulation does not have: of nine people in ten, now and then mistyped, wrong or out of date. A
family of the simulation (the same family name) lives in one city, and every fifth are twins. The
second set is without the customer numbers too, so that names, birth date, city and e-mail are all.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow

from benchmarks.identity import plain
from benchmarks.identity.measures import HEADER, score
from benchmarks.identity.scale import build
from rapport.settings import PROJECT_DIR

# `u` is a number of 0 to 1 that a person, or a record of a person, always has.
FACTS = """
create macro u(purpose, who) as (hash(purpose, who) % 1000000) / 1e6;
create table facts as
with

people as (
    select
        person_id,
        source,
        record_id,
        cast(person_id[2:] as integer) as person,
        bool_or(dirt like '%shared phone%') over (partition by person_id) as is_of_family
    from truth.truth_contact_records
),

homes as (
    select
        *,
        -- the member before has the number before
        person - if(is_of_family, 1, 0) as home,
        person - if(is_of_family and u('twins', person) < 0.2, 1, 0) as birth
    from people
),

born as (
    select
        *,
        date '1935-01-01' + cast(u('born', birth) * 25500 as integer) as birth_date,
        -- few large towns, many small ones
        'town ' || chr(97 + cast(floor(25 * u('town', home) ^ 2) as integer))
            || chr(97 + cast(floor(25 * u('quarter', home) ^ 2) as integer)) || 'ville' as city
    from homes
)

select
    source,
    record_id,
    case
        when u('knows birth', record_id) > 0.9 then null
        when u('birth slip', record_id) < 0.02
            then date_trunc('month', birth_date) + to_days(day(birth_date)::integer % 28)
        when u('birth slip', record_id) < 0.03 then birth_date - interval 10 year
        when u('birth slip', record_id) < 0.035 then birth_date + 1234
        else birth_date
    end::date::varchar as birth_date,
    case
        when u('knows city', record_id) > 0.9 then null
        when u('city slip', record_id) < 0.03 then city[:6] || city[8:]
        when u('city slip', record_id) < 0.07 then 'town away'
        else city
    end as city
from born
"""
# Per stream: the column of JSON, what is written into it, and the number that the second set lacks.
STREAMS = {
    ("hubspot", "contacts"): (
        "properties",
        "{phone: null, date_of_birth: birth_date, city: city}",
        "shop_customer_number",
    ),
    ("klaviyo", "profiles"): (
        "attributes",
        "{phone_number: null, location: {city: city}, properties: {Birthday: birth_date}}",
        "external_id",
    ),
}
RECORDS = """
select
    row_number() over (order by contacts.record_number) - 1 as unique_id,
    cast(records.person_id[2:] as integer) as person,
    map.customer_id,
    contacts.first_name,
    contacts.last_name,
    contacts.birth_date::varchar as birth_date,
    contacts.city,
    contacts.email,
    contacts.external_id
from intermediate.int_identity__contacts as contacts
inner join intermediate.int_identity__contact_map as map using (source, source_record_id)
inner join truth.truth_contact_records as records
    on contacts.source = records.source and contacts.source_record_id = records.record_id
-- Accounts of the shop have no name, which would be unfair to a method that does without rules.
where contacts.source <> 'shop'
order by unique_id
"""
COLUMNS = ("first_name", "last_name", "birth_date", "city", "email")
BLOCKS = (("first_name", "last_name"), ("birth_date",), ("email",), ("last_name", "city"))


def run(folder: Path, *, customers: int, seed: int) -> None:
    """Print the table."""
    shutil.rmtree(folder, ignore_errors=True)
    command = ["-m", "sandbox", "simulate", "--to", "landing", "--home", str(folder)]
    command += ["--customers", str(customers), "--seed", str(seed), "--days", "200"]
    command += ["--last-nights", "3", "--memory", "2GB"]
    subprocess.run([sys.executable, *command], cwd=PROJECT_DIR, check=True, capture_output=True)
    truth = folder / "sandbox" / "truth.duckdb"
    print(HEADER)
    for has_number in (True, False):
        name = f"simulated, seed {seed}" + ("" if has_number else ", no number")
        rewrite(folder / "landing", truth, has_number=has_number)
        for method, is_on in (("rules alone", False), ("Rapport", True)):
            build(folder, folder / "landing", memory="2GB", fuzzy_identity=is_on)
            records = _records(folder / "rapport.duckdb", truth)
            found, people = records["customer_id"].to_numpy(), records["person"].to_numpy()
            print(score(found, people).row(name, method), flush=True)
        number = ("external_id",) if has_number else ()
        best = plain.best(records, (*COLUMNS, *number), (*BLOCKS, number) if has_number else BLOCKS)
        print(best.row(name, "plain Splink, all fields"), flush=True)


def rewrite(landing: Path, truth: Path, *, has_number: bool) -> None:
    """Take telephones (and numbers) out of the landing, and write birth dates and cities in."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{truth}' as truth (read_only)")
        connection.execute(FACTS)
        for (source, stream), (column, facts, number) in STREAMS.items():
            for file in sorted((landing / source / stream).rglob("*.parquet")):
                # A null takes the member out.
                changed = facts if has_number else facts.replace("{", f"{{{number}: null, ", 1)
                connection.execute(
                    f"""
                    create or replace table rewritten as
                    select landed.* replace (
                        json_merge_patch({column}::json, to_json({changed}))::varchar
                            as {column}
                    )
                    from read_parquet('{file}', hive_partitioning = false) as landed
                    left join facts on landed.id = facts.record_id and facts.source = '{source}'
                    """
                )
                connection.execute(f"copy rewritten to '{file}' (format parquet, compression zstd)")


def _records(warehouse: Path, truth: Path) -> pyarrow.Table:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute(f"attach '{truth}' as truth (read_only)")
        return connection.sql(RECORDS).to_arrow_table()
