"""Simulate and land a company, and print what it took: ``python -m benchmarks.simulate``.

Options: ``--customers`` (1,000,000), ``--days`` (540), ``--folder`` (a temporary one, deleted at
the end), ``--threads``, ``--memory``. The figures are of a process of its own: wall clock and CPU
time, the peak of its resident memory, the bytes of the landing and the most that was spilled.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[2]
# What else counts as a touchpoint, beside the mailing tool's events.
TOUCHPOINTS = (
    "shop.orders",
    "hubspot.calls",
    "hubspot.emails",
    "hubspot.meetings",
    "hubspot.communications",
    "hubspot.tickets",
    "hubspot.feedback_submissions",
)
NO_TOUCHPOINTS = "name like 'Assigned%' or name like 'Subscribed%' or name like 'Updated%'"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.simulate", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=540)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--memory", default="4GB")
    options = parser.parse_args()
    home = options.folder or Path(tempfile.mkdtemp(prefix="simulate-"))
    command = [sys.executable, "-m", "sandbox", "simulate", "--to", "landing"]
    command += ["--home", str(home), "--customers", str(options.customers)]
    command += ["--days", str(options.days), "--memory", options.memory]
    command += ["--threads", str(options.threads)] if options.threads else []
    try:
        print(json.dumps(_measured(command, home, options.customers), indent=2))
    finally:
        if options.folder is None:
            shutil.rmtree(home)


def _measured(command: list[str], home: Path, customers: int) -> dict[str, object]:
    spilled, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(1):
            spilled[0] = max(spilled[0], _size(home / "sandbox" / ".spill"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    load = os.getloadavg()[0]
    start = time.perf_counter()
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    wall = time.perf_counter() - start
    done.set()
    watcher.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = {
        name: int(count.replace(",", "")) for name, count in map(str.split, output.splitlines())
    }
    return {
        "customers": customers,
        "touchpoints": sum(rows[name] for name in TOUCHPOINTS) + _events(home / "landing"),
        "wall_seconds": round(wall),
        "cpu_seconds": round(used.ru_utime + used.ru_stime),
        "peak_memory_mb": used.ru_maxrss // 1024,
        "landing_mb": rows["bytes"] // 2**20,
        "most_spilled_mb": spilled[0] // 2**20,
        "load_before": round(load, 1),
        "load_after": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "rows": rows,
    }


def _events(landing: Path) -> int:
    with duckdb.connect() as reader:
        counted = reader.execute(
            f"""
            select count(*) from '{landing}/klaviyo/events/*/*.parquet'
            where metric_id not in (
                select id from (
                    select id, attributes ->> '$.name' as name
                    from '{landing}/klaviyo/metrics/*/*.parquet'
                )
                where {NO_TOUCHPOINTS}
            )
            """
        ).fetchone()
    return int(counted[0]) if counted else 0


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("**/*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # DuckDB has done with it
            continue
    return total


if __name__ == "__main__":
    main()
