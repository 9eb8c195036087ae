"""The borders between DAGs."""

from airflow.sdk import Asset

RELEASE = Asset(name="rapport_release", uri="rapport://release/current")
