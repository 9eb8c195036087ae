"""A simulated company in a folder, and the models that a benchmark looks at, built there."""

import shutil
from pathlib import Path

from rapport.build.project import load_manifest, parse_if_changed
from rapport.build.run import invoke
from rapport.settings import PROJECT_DIR, WAREHOUSE_FILE
from sandbox.simulate import Parameters, to_landing


def land(folder: Path, parameters: Parameters, memory: str) -> None:
    """Simulate a company and land it in a folder; what was there is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    to_landing.land(folder, parameters, memory=memory)


def build(folder: Path, *selected: str, policies: str, memory: str) -> None:
    """Build the models of a folder that are selected, under policies in YAML."""
    project = PROJECT_DIR / "dbt_project"
    parse_if_changed(project)
    built, error = invoke(
        project,
        [
            *("--quiet", "build", "--select", *selected),
            *("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
            *("--vars", f"{{{policies}}}"),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "target")),
        ],
        environment={
            "RAPPORT_LANDING": str(folder / "landing"),
            "RAPPORT_WAREHOUSE": str(folder / WAREHOUSE_FILE),
            "RAPPORT_TEMP_DIR": str(folder / "spill"),
            "RAPPORT_MEMORY_LIMIT": memory,
            "DO_NOT_TRACK": "1",
        },
        manifest=load_manifest(project),
    )
    if not built:
        raise SystemExit(f"dbt could not build {folder}: {error}; see {folder / 'target'}")
