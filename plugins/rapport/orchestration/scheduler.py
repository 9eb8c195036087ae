"""Airflow's scheduler with what a night's tasks import already loaded.

The local executor forks its workers from the scheduler and tasks from the workers, so that
they inherit what is loaded here. A model's task then reads its DAG in a third of the time,
and a pull or a gate starts seconds earlier. Takes the arguments of ``airflow scheduler``.
"""

import sys

import cosmos  # noqa: F401, TID253
import dbt.adapters.duckdb
import dbt.cli.main  # noqa: F401
import great_expectations  # noqa: F401, TID253
from airflow.__main__ import main

import rapport.orchestration.transform
import rapport.sources.pull  # noqa: F401

if __name__ == "__main__":
    sys.argv = ["airflow", "scheduler", *sys.argv[1:]]
    main()
