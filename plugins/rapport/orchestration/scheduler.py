"""Airflow's scheduler with the libraries of a night's tasks already loaded.

The local executor forks its workers from the scheduler and tasks from the workers, so that
they inherit what is loaded here. A pull, the build
or a gate then starts seconds earlier. Libraries only: Rapport's own code is read by
each task anew, so that a change counts from the next task on. Takes the arguments of
``airflow scheduler``.
"""

import sys

import dbt.adapters.duckdb
import dbt.cli.main
import dlt.destinations.impl.filesystem.filesystem
import dlt.sources.helpers.rest_client
import dlt.sources.sql_database
import great_expectations
import pyarrow.parquet
from airflow.__main__ import main

if __name__ == "__main__":
    sys.argv = ["airflow", "scheduler", *sys.argv[1:]]
    main()
