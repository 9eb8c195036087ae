#!/bin/sh
# Airflow 3.3.2: a run whose logical date lies before the DAG's start date is accepted and ends as a success
# without a single task instance.
#
# One would expect it to be refused, or its tasks to run: somebody asked for that day by hand. A backfill of
# a year before the start date looks done and has done nothing.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2
export AIRFLOW_HOME="$folder/home" AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__DAGS_FOLDER="$folder/dags" AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
mkdir -p "$folder/dags"
cat > "$folder/dags/early.py" <<'DAG'
from datetime import UTC, datetime

from airflow.sdk import dag, task


@dag(schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC))
def early():
    @task
    def work():
        return 1

    work()


made = early()
DAG
"$folder/venv/bin/airflow" db migrate > "$folder/migrate.log" 2>&1
cd "$folder/dags"
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import UTC, datetime

from airflow import __version__
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from early import made

found = {}
for year in (2019, 2021):
    run = made.test(logical_date=datetime(year, 6, 1, tzinfo=UTC))
    with create_session() as session:
        tasks = session.query(TaskInstance).filter(TaskInstance.run_id == run.run_id).count()
    found[year] = (str(run.state), tasks)
print("apache-airflow", __version__)
for year, (state, tasks) in found.items():
    print(f"logical date in {year}, start date in 2020: {state}, {tasks} task instances")
assert found == {2019: ("success", 0), 2021: ("success", 1)}, found
PYTHON
