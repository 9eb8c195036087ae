"""One dbt build in this process, and what each model of it took.

Models run one after the other, each on all the threads that DuckDB has, so that seconds, processor
seconds and memory are one model's own.
"""

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner

from rapport.settings import PROJECT_DIR


class Meter:
    """Notes wall clock, processor time and peak memory between the start and the end of a model.

    The kernel keeps a process's peak; it is set back at each start (`man 5 proc`, clear_refs).
    """

    def __init__(self, temp_dir: Path) -> None:
        self.temp_dir = temp_dir
        self.models: dict[str, dict[str, float]] = {}
        self.spilled = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def __call__(self, event: Any) -> None:
        if event.info.name not in ("NodeStart", "NodeFinished"):
            return
        name = event.data.node_info.unique_id
        if name.split(".")[0] not in ("model", "seed"):
            return
        if event.info.name == "NodeStart":
            Path("/proc/self/clear_refs").write_text("5")
            self.spilled = 0
            self.models[name] = {"wall": time.monotonic(), "cpu": _processor_seconds()}
            return
        model = self.models[name]
        model["wall"] = time.monotonic() - model["wall"]
        model["cpu"] = _processor_seconds() - model["cpu"]
        model["peak"] = _peak_gigabytes()
        model["spilled"] = self.spilled / 1e9
        model["is_kept"] = event.data.node_info.materialized == "incremental"
        print(
            f"  {name.split('.')[2]:44} {model['wall']:8.1f} s {model['cpu']:8.1f} cpu s "
            f"{model['peak']:6.1f} GB{model['spilled']:8.1f} GB spilled",
            file=sys.stderr,
            flush=True,
        )

    def _watch(self) -> None:
        while True:
            time.sleep(0.5)
            files = self.temp_dir.glob("**/*") if self.temp_dir.exists() else ()
            size = 0
            for path in files:
                try:
                    size += path.stat().st_size
                except FileNotFoundError:
                    continue
            self.spilled = max(self.spilled, size)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_gigabytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024**2
    raise RuntimeError("this system does not tell a process's peak memory")


def main(as_of: str, result: str, select: list[str]) -> None:
    """Build for a night and write what each model took to ``result`` as JSON."""
    meter = Meter(Path(os.environ["RAPPORT_TEMP_DIR"]))
    target = str(Path(result).with_suffix(".target"))
    os.chdir(PROJECT_DIR / "dbt_project")
    arguments = ["build", "--quiet", "--threads", "1", "--vars", f"{{as_of_date: {as_of}}}"]
    arguments += ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    arguments += ["--profiles-dir", ".", "--target-path", target, "--log-path", target]
    arguments += ["--select", *select] if select else []
    done = dbtRunner(callbacks=[meter]).invoke(arguments)
    if not done.success:
        raise SystemExit(f"the build of {as_of} failed: see {target}/dbt.log")
    models = {name.split(".")[2]: taken for name, taken in meter.models.items()}
    Path(result).write_text(json.dumps(models, indent=2))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
