#!/bin/sh
# Before any part of Airflow starts: schema, pools, first user. Safe to run again.
set -eu
airflow db migrate
airflow pools import plugins/rapport/orchestration/pools.json
# Asked for twice, on standard input: an argument would stand in the process list.
printf '%s\n' "$RAPPORT_ADMIN_PASSWORD" "$RAPPORT_ADMIN_PASSWORD" |
  airflow users create --role Admin --username "$RAPPORT_ADMIN_USER" \
    --firstname Rapport --lastname Admin --email "$RAPPORT_ADMIN_USER@localhost"
