#!/bin/sh
# dbt-core 1.11.16 with dbt-duckdb 1.11.1: a unit test of an incremental model, in its incremental state, must be given `this`. Given
# as rows, also as none, it fails where the model was never built, and `dbt build` runs it before the model and then
# skips the model: so the first build of a warehouse never succeeds. Given as SQL the same test passes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dbt-core==1.11.16 dbt-duckdb==1.11.1
mkdir -p "$folder/project/models"
cd "$folder/project"
printf 'name: asked\nprofile: asked\n' > dbt_project.yml
printf 'asked:\n  target: t\n  outputs:\n    t: {type: duckdb, path: t.duckdb}\n' > profiles.yml
echo "select 1 as day" > models/days.sql
cat > models/counted.sql <<'SQL'
{{ config(materialized='incremental') }}
select day from {{ ref('days') }}
{% if is_incremental() %} where day > 1 {% endif %}
SQL
export DBT_SEND_ANONYMOUS_USAGE_STATS=False
built() {
  rm -f t.duckdb
  cat > models/counted.yml <<YAML
unit_tests:
  - name: what_is_there_stays
    model: counted
    overrides: {macros: {is_incremental: true}}
    given:
      - {input: ref('days'), rows: [{day: 1}, {day: 2}]}
      - $1
    expect: {rows: [{day: 2}]}
YAML
  "$folder/venv/bin/dbt" build --no-use-colors --profiles-dir .
}
if built "{input: this, rows: []}" > said; then
  echo "a first build succeeded"
  exit 1
fi
grep -m1 "Not able to get columns" said
grep -m1 "SKIP relation main.counted" said
built "{input: this, format: sql, rows: select 1 as day}" > said
grep "PASS=" said
