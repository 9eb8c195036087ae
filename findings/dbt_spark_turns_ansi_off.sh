#!/bin/sh
# dbt-spark 1.11.0 with dbt-core 1.11.16 and pyspark 4.3.0, method `session`: `server_side_parameters` of a profile say
# `spark.sql.ansi.enabled: "true"`, which is Spark 4's own default too, and the session has it off.
#
# So the same query that Spark refuses (a text that is no number is cast) is null where dbt asks it, and nothing says so.
# Other parameters of the same profile are as they were set.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  dbt-core==1.11.16 "dbt-spark[session]==1.11.0" pyspark==4.3.0
mkdir "$folder/project"
cd "$folder/project"
printf 'name: asked\nprofile: asked\n' > dbt_project.yml
cat > profiles.yml <<'PROFILE'
asked:
  target: spark
  outputs:
    spark:
      type: spark
      method: session
      host: none
      schema: default
      server_side_parameters:
        spark.sql.ansi.enabled: "true"
        spark.sql.session.timeZone: Asia/Kathmandu
PROFILE
export DBT_SEND_ANONYMOUS_USAGE_STATS=False
asked() {
  "$folder/venv/bin/dbt" --quiet show --profiles-dir . --output json --inline "$1" 2> /dev/null | tr -d ' \n'
}
zone=$(asked "select current_timezone() as answer")
echo "time zone as the profile has it: $zone"
echo "$zone" | grep -q Asia/Kathmandu
number=$(asked "select cast('ten' as int) as answer")
echo "by dbt, cast('ten' as int): $number"
echo "$number" | grep -q '"answer":null'
"$folder/venv/bin/python" - <<'PYTHON' 2> /dev/null
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

spark = SparkSession.builder.config("spark.sql.ansi.enabled", "true").getOrCreate()
try:
    spark.sql("select cast('ten' as int)").collect()
except PySparkException as error:
    print("by Spark with the same setting:", error.getCondition())
else:
    raise SystemExit("Spark took it")
PYTHON
