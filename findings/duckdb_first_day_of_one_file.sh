#!/bin/sh
# DuckDB 1.5.5: `min` or `max` of a hive column (the date in a folder's name) raises an internal error while
# there is one file; from the second file on it answers, and so it does with one if the date is cast to text.
#
# One would expect the number of files to make no difference. A pipeline that asks its landing for its first or
# last day fails on its first day and never again, or in each test with one file.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from pathlib import Path

import duckdb


def ask(column):
    with duckdb.connect() as connection:  # an internal error closes the database
        try:
            return connection.sql(
                f"select max({column})::varchar from read_parquet('load_date=*/*.parquet', "
                "hive_partitioning = true)"
            ).fetchone()
        except duckdb.InternalException as error:
            return str(error).splitlines()[0]


found = {}
for number, day in enumerate(("2020-01-01", "2020-01-02"), 1):
    Path(f"load_date={day}").mkdir()
    duckdb.sql("select 1 as id, 'x' as name").write_parquet(f"load_date={day}/one.parquet")
    for column in ("load_date", "load_date::varchar"):
        found[number, column] = ask(column)
print("duckdb", duckdb.__version__)
for (number, column), what in found.items():
    print(f"{number} file(s), max({column}): {what}")
assert str(found.pop((1, "load_date"))).startswith("INTERNAL Error"), found
assert found == {
    (1, "load_date::varchar"): ("2020-01-01",),
    (2, "load_date"): ("2020-01-02",),
    (2, "load_date::varchar"): ("2020-01-02",),
}, found
PYTHON
