#!/bin/sh
# DuckDB 1.5.5: `n = 1 and j ->> 'a' = 'x'` is `((n = 1 and j) ->> 'a') = 'x'`: the left side of `->>` is all that stands
# before it, up to the beginning. The same two conditions the other way round are what they look like.
#
# One would expect a condition to mean the same wherever it stands, and `->>` to bind closer than `=`, as it does in
# PostgreSQL. Whoever adds a condition before another gets an error of a cast, or null where it is in `try(...)`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

row = """(select json '{"a": "x"}' as j, 1 as n)"""
found = {}
for condition in (
    "j ->> 'a' = 'x' and n = 1",
    "n = 1 and j ->> 'a' = 'x'",
    "n = 1 and (j ->> 'a') = 'x'",
    "try(n = 1 and j ->> 'a' = 'x')",
    "not j ->> 'a' is null",
    "not (j ->> 'a') is null",
):
    try:
        found[condition] = duckdb.sql(f"select {condition} from {row}").fetchone()[0]
    except duckdb.ConversionException as error:
        found[condition] = f"Conversion Error: {str(error).split(': ')[1]}"
print("duckdb", duckdb.__version__, "with j = {\"a\": \"x\"} and n = 1")
for condition, what in found.items():
    print(f"{condition}: {what}")
errors = [condition for condition, what in found.items() if isinstance(what, str)]
assert errors == ["n = 1 and j ->> 'a' = 'x'", "not j ->> 'a' is null"], found
assert [what for what in found.values() if not isinstance(what, str)] == [True, True, None, True]
PYTHON
