"""What a script that Airflow reads loads, asked of a fresh interpreter."""

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).parents[1]


def loaded_by(script: str, modules: Collection[str]) -> list[str]:
    """Return which of some modules are loaded once a script of the project was run."""
    asked = (
        f"import sys, runpy; runpy.run_path({script!r})\n"
        f"print(*[module for module in {sorted(modules)!r} if module in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1].split()
