"""SQL of the project's macros, asked of both engines."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rapport.settings import PROJECT_DIR

PROGRAMS = {
    "build": [sys.executable, "-m", "dbt.cli.main"],
    "spark": [
        str(PROJECT_DIR / ".spark" / "bin" / "python"),
        *("-P", str(PROJECT_DIR / "plugins" / "rapport" / "build" / "spark_dbt.py")),
    ],
}


def asked(target: str, query: str, folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a query with macros, in its own order.

    Args:
        target: ``build`` (DuckDB) or ``spark``.
        query: as a model would have it.
        folder: where dbt and Spark may leave files.
    """
    place = folder / target
    place.mkdir(parents=True, exist_ok=True)
    project = str(PROJECT_DIR / "dbt_project")
    command = [*PROGRAMS[target], "--quiet", "--log-path", str(place), "show", "--inline", query]
    command += ["--limit", "-1", "--output", "json", "--target", target]
    command += ["--project-dir", project, "--profiles-dir", project, "--target-path", str(place)]
    command += ["--vars", "{as_of_date: 2017-03-02}"]
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=place,
        env=os.environ | {"RAPPORT_WAREHOUSE": ":memory:", "RAPPORT_SPARK_TABLES": str(place)},
        timeout=300,
        check=False,
    )
    if answer.returncode:
        raise AssertionError(f"{target}: {answer.stdout[-3000:]} {answer.stderr[-500:]}")
    text = answer.stdout
    rows: list[dict[str, Any]] = json.loads(text[text.index("{") :])["show"]
    return rows
