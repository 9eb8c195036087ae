"""What scripts that Airflow reads load, asked of a fresh interpreter."""

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).parents[1]


def loaded_by(modules: Collection[str], *scripts: str) -> list[str]:
    """Return which of some modules are loaded once some scripts of the project were run."""
    asked = (
        f"import sys, runpy\nfor script in {scripts!r}: runpy.run_path(script)\n"
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
