#!/bin/sh
# apache-airflow-providers-celery 3.26.0 with celery 5.7.0, which it allows (celery[redis]>=5.5,<6): no worker
# starts. The provider imports `retry` of celery.backends.database, which 5.7.0 does not have any more.
#
# What one is told is something else: "Failed to import providers_configuration_loaded. This feature is only
# available in Airflow versions >= 2.8.0". With celery 5.6.3 the worker starts.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  apache-airflow==3.3.2 apache-airflow-providers-celery==3.26.0 celery==5.7.0
export AIRFLOW_HOME="$folder/home" AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
asked() {
  "$folder/venv/bin/python" -c \
    "import airflow.providers.celery.executors.celery_executor_utils" 2>&1 | tail -n 1
}
echo "celery 5.7.0: $(asked)"
asked | grep -q "cannot import name 'retry'"
"$folder/venv/bin/airflow" celery worker > "$folder/said" 2>&1 || true
echo "what the worker says: $(tail -n 1 "$folder/said")"
grep -q "only available in Airflow versions >= 2.8.0" "$folder/said"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check celery==5.6.3
"$folder/venv/bin/python" -c "import airflow.providers.celery.executors.celery_executor_utils" 2> /dev/null
echo "celery 5.6.3: imported"
