#!/bin/sh
# dbt-core 1.11.16: a parsed project (`Manifest`) that is pickled and read back has its members mixed up.
#
# `dbtRunner(manifest=...)` takes the manifest that an earlier `parse` returned, and a Manifest pickles
# without complaint, so one would keep it in a file for the next process. `Manifest.__reduce_ex__` gives its
# members by position and leaves out `fixtures` and one lookup: what is read back holds the lookup of docs
# as its fixtures and one lookup in place of another, and the next run fails while it compiles:
# "RefableLookup.find() missing 1 required positional argument". Its members as a dictionary
# (`to_dict`, `from_dict`) come back whole.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    dbt-core==1.11.16 dbt-duckdb==1.11.1 duckdb==1.5.5
mkdir -p "$folder/project/models"
cd "$folder/project"
cat > dbt_project.yml <<'YAML'
name: small
version: 1.0.0
profile: small
on-run-start: create table if not exists main.numbers as select 1 as one
YAML
printf 'small: {target: t, outputs: {t: {type: duckdb, path: small.duckdb}}}\n' > profiles.yml
printf 'sources: [{name: raw, schema: main, tables: [{name: numbers}]}]\n' > models/_sources.yml
printf "select * from {{ source('raw', 'numbers') }}\n" > models/first.sql
DBT_SEND_ANONYMOUS_USAGE_STATS=false "$folder/venv/bin/python" - <<'PYTHON'
import pickle
from importlib.metadata import version

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

arguments = ["--quiet", "--profiles-dir", ".", "--project-dir", "."]


def runs_with(manifest) -> bool:
    return dbtRunner(manifest=manifest).invoke([*arguments[:1], "run", *arguments[1:]]).success


parsed = dbtRunner().invoke([*arguments[:1], "parse", *arguments[1:]]).result
by_members = Manifest.from_dict(pickle.loads(pickle.dumps(parsed.to_dict())))
pickled = pickle.loads(pickle.dumps(parsed))
assert runs_with(parsed), "the manifest as it was parsed"
print("dbt-core", version("dbt-core"))
print("fixtures:", type(parsed.fixtures).__name__, "->", type(pickled.fixtures).__name__)
assert type(pickled.fixtures) is not type(parsed.fixtures), "fixtures come back: mended?"
assert not runs_with(pickled), "the pickled manifest runs: mended?"
assert runs_with(by_members), "its members, pickled as a dictionary"
print("run with the manifest: passes; with it pickled: fails; with its members pickled: passes")
PYTHON
