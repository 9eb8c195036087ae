"""Identity on the simulated company, whose duplicates and dirt are known."""

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

from benchmarks.identity.measures import HEADER, score
from benchmarks.identity.scale import build
from rapport.settings import PROJECT_DIR


def run(folder: Path, *, customers: int, seed: int) -> None:
    """Print the table."""
    shutil.rmtree(folder, ignore_errors=True)
    command = ["-m", "sandbox", "simulate", "--to", "landing", "--home", str(folder)]
    command += ["--customers", str(customers), "--seed", str(seed), "--days", "200"]
    command += ["--last-nights", "3", "--memory", "2GB"]
    subprocess.run([sys.executable, *command], cwd=PROJECT_DIR, check=True, capture_output=True)
    print(HEADER)
    for method, is_on in (("rules alone", False), ("rules and Splink", True)):
        build(folder, folder / "landing", memory="2GB", fuzzy_identity=is_on)
        with duckdb.connect(str(folder / "rapport.duckdb"), read_only=True) as connection:
            connection.execute(
                f"attach '{folder / 'sandbox' / 'truth.duckdb'}' as truth (read_only)"
            )
            found = connection.sql(
                """
                select map.customer_id, records.person_id, records.is_duplicate
                from intermediate.int_identity__contact_map as map
                inner join truth.truth_contact_records as records
                    on map.source = records.source and map.source_record_id = records.record_id
                """
            ).fetchnumpy()
            reviews = connection.sql(
                "select rule, reason, count(*) from intermediate.identity_reviews group by all "
                "order by all"
            ).fetchall()
        total = score(found["customer_id"], found["person_id"])
        print(total.row(f"simulated, seed {seed}", method))
        print(f"<!-- duplicates: {found['is_duplicate'].sum():,}; to be looked at: {reviews} -->")
