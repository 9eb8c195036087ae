"""Rapport's Airflow plugin.

Airflow loads plugins before the local executor forks its workers, and a worker's task
inherits what is loaded: importing Cosmos here saves every model's task that import.
"""

from airflow.plugins_manager import AirflowPlugin
from cosmos import DbtTaskGroup  # noqa: F401, TID253


class RapportPlugin(AirflowPlugin):
    """Holds the name; pages come with it."""

    name = "rapport"
