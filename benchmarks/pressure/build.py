"""Build the pressure models: from what they read, or with all that comes before, from a landing."""

import json
import os
import subprocess
import sys
from pathlib import Path

from rapport.settings import PROJECT_DIR

MODELS = (
    "int_clocks__offsets",
    "fct_contact_days",
    "fct_contact_exposures",
    "fct_exposure_days",
    "rpt_contact_response_curve",
    "rpt_campaign_overload",
    "dim_contact_pressure",
)


def build(
    warehouse: Path,
    as_of: str,
    *,
    memory: str,
    models: tuple[str, ...] = MODELS,
    policy: dict[str, object] | None = None,
    landing: Path | None = None,
) -> None:
    """Build; raise when a model failed.

    Args:
        warehouse: file to build in; without a landing it holds all that the models read.
        as_of: date of the night.
        memory: DuckDB's limit.
        models: what to build, as dbt selects it.
        policy: vars that differ from the project's.
        landing: where the sources are read from.
    """
    target = warehouse.with_suffix(".target")
    environment = {
        "RAPPORT_WAREHOUSE": str(warehouse),
        "RAPPORT_LANDING": str(landing or warehouse.parent),
        "RAPPORT_TEMP_DIR": str(warehouse.with_suffix(".tmp")),
        "RAPPORT_MEMORY_LIMIT": memory,
        "RAPPORT_THREADS": "2",
    }
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "build"),
            *("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
            *("--profiles-dir", ".", "--target-path", str(target), "--log-path", str(target)),
            *("--vars", json.dumps({"as_of_date": as_of} | (policy or {}))),
            *("--threads", "1"),  # one model after the other, each on all the cores
            *("--select", *models),
        ],
        cwd=PROJECT_DIR / "dbt_project",
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-4000:] + done.stderr[-2000:])
