#!/bin/sh
# Exit with 0 if the worker of this container answers over the broker. By Celery alone: with Airflow's
# own app, each look would load all of Airflow.
exec celery --quiet --broker "$AIRFLOW__CELERY__BROKER_URL" \
  inspect ping --timeout 5 --destination "celery@$(hostname)"
