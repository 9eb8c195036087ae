#!/bin/sh
# Airflow 3.3.2: the deadline of a run that failed before it is called as missed. A run that succeeds in time has its
# deadline taken back; one that fails in time has not.
#
# One would expect a run that is over to be late no more: who is told of failures by `on_failure_callback` is told of
# each a second time, hours later, that it is late. A callback has to look at the run's state itself.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2
export AIRFLOW_HOME="$folder/home" AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False
export AIRFLOW__CORE__DAGS_FOLDER="$folder/dags" AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False PYTHONPATH="$folder/modules"
mkdir -p "$folder/dags" "$folder/modules"
echo 'async def told(): pass' > "$folder/modules/callbacks.py"
cat > "$folder/dags/nightly.py" <<'DAG'
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference

for name in ("ends_well", "fails"):
    deadline = DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(days=1),
        callback=AsyncCallback("callbacks.told"),
    )
    with DAG(name, schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC), deadline=deadline):
        EmptyOperator(task_id="work")
DAG
"$folder/venv/bin/airflow" db migrate > "$folder/log" 2>&1
"$folder/venv/bin/airflow" dags reserialize >> "$folder/log" 2>&1
for name in ends_well fails; do
    "$folder/venv/bin/airflow" dags trigger "$name" --run-id once >> "$folder/log" 2>&1
done
cat > "$folder/look.py" <<'PYTHON'
import sqlite3
import sys

airflow = sqlite3.connect(f"{sys.argv[1]}/airflow.db", timeout=60)
if sys.argv[2] == "fail":  # as a worker would have ended it
    airflow.execute(
        "update task_instance set state = 'failed', start_date = run.queued_at, end_date = run.queued_at, "
        "try_number = 1 from dag_run as run where task_instance.dag_id = run.dag_id and run.dag_id = 'fails'"
    )
    airflow.commit()
    sys.exit()
if sys.argv[2] == "next-day":  # what deadlines there are left are over
    airflow.execute("update deadline set deadline_time = datetime(deadline_time, '-25 hours')")
    airflow.commit()
    sys.exit()
runs = airflow.execute(
    "select run.dag_id, run.state, deadline.missed, callback.state from dag_run as run "
    "left join deadline on deadline.dagrun_id = run.id "
    "left join callback on callback.id = deadline.callback_id order by run.dag_id"
).fetchall()
if sys.argv[2] == "ended":
    sys.exit({state for _, state, *_ in runs} != {"success", "failed"})
if sys.argv[2] == "called":
    sys.exit(not any(missed for *_, missed, _ in runs))
for dag_id, state, missed, callback in runs:
    told = f"deadline missed a day later, its callback is {callback}" if missed else "no deadline left"
    print(f"{dag_id}: {state} at once: {told}")
assert runs == [("ends_well", "success", None, None), ("fails", "failed", 1, "queued")], runs
PYTHON
"$folder/venv/bin/python" "$folder/look.py" "$folder/home" fail
"$folder/venv/bin/airflow" scheduler --skip-serve-logs > "$folder/scheduler.log" 2>&1 &
scheduler=$!
trap 'kill "$scheduler" 2> /dev/null || true; wait "$scheduler" 2> /dev/null || true; rm -rf "$folder"' EXIT
until_it_is() {
    for _ in $(seq 150); do
        if "$folder/venv/bin/python" "$folder/look.py" "$folder/home" "$1"; then return; fi
        sleep 2
    done
}
until_it_is ended
"$folder/venv/bin/python" "$folder/look.py" "$folder/home" next-day
until_it_is called
"$folder/venv/bin/python" -c 'from importlib.metadata import version; print("apache-airflow", version("apache-airflow"))'
"$folder/venv/bin/python" "$folder/look.py" "$folder/home" look
