"""What a night costs on a large company: ``python -m benchmarks.night``.

Simulates and lands a company (1,000,000 customers, some 100 million touchpoints), builds the whole
warehouse for the last night but one, runs the bare queries its models rest on, and builds the last
night upon it. Prints seconds, processor seconds and peak memory of every model, the ratio of
the models' processor seconds to the bare queries', and what share of a full build a night costs.

A landing that is already in the folder is used again.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

from benchmarks.night import trade
from benchmarks.night.bare import BARE
from rapport import warehouse
from rapport.settings import PROJECT_DIR, Settings
from rapport.sources.pull import loads_of_night

# In the midst of a month, as most nights are.
NIGHTS = (date(2017, 12, 18), date(2017, 12, 19))

# The first is stored like a model, compressed and in a file.
BARE_QUERIES = """
import sys, duckdb
warehouse, kept, memory, temporary, threads, *queries = sys.argv[1:]
db = duckdb.connect(kept)
db.execute(f"set threads = {threads}; set memory_limit = '{memory}'; set TimeZone = 'UTC'")
db.execute("set preserve_insertion_order = false; set enable_progress_bar = false")
db.execute(f"set temp_directory = '{temporary}'")
db.execute(f"attach '{warehouse}' (read_only); use {warehouse.split('/')[-1].split('.')[0]}")
for number, query in enumerate(queries):
    place = f"temporary table counted_{number}" if number else "table kept.main.counted"
    db.execute(f"create {place} as {query}")
db.execute("checkpoint kept")
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.night",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=PROJECT_DIR / "var" / "benchmarks" / "night")
    parser.add_argument("--memory", default="9GB", help="DuckDB's limit (9GB)")
    parser.add_argument("--threads", type=int, default=2, help="DuckDB's (2)")
    options = parser.parse_args()
    folder = options.folder.resolve()
    if not (folder / "landing").exists():
        _land(folder, options.customers, options.threads, options.memory)
    settings = replace(
        Settings.from_env(), home=folder, memory_limit=options.memory, threads=options.threads
    )
    settings.warehouse_path.unlink(missing_ok=True)
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)

    print(f"whole, as of {NIGHTS[0]}", flush=True)
    whole = _build(settings, NIGHTS[0])
    print("bare queries", flush=True)
    bare = {model: _bare(settings, BARE[model]) for model in whole if model in BARE}
    print(f"one night more, as of {NIGHTS[1]}", flush=True)
    night = _build(settings, NIGHTS[1])
    (folder / "result.json").write_text(
        json.dumps({"whole": whole, "bare": bare, "night": night}, indent=2)
    )
    print(_report(whole, bare, night))


def _land(folder: Path, customers: int, threads: int, memory: str) -> None:
    command = [
        sys.executable,
        "-m",
        "sandbox",
        "simulate",
        "--to",
        "landing",
        "--home",
        str(folder),
    ]
    command += ["--customers", str(customers), "--last-nights", "16", "--memory", memory]
    command += ["--threads", str(threads)]
    subprocess.run(command, cwd=PROJECT_DIR, check=True)
    trade.land(folder / "landing", threads=threads, memory=memory, spill=folder / "spill")


def _build(settings: Settings, as_of: date) -> dict[str, dict[str, float]]:
    """Build a night as a night does, in a process of its own; return what each model took."""
    result = settings.warehouse_path.with_name(f"{as_of}.json")
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    loads = loads_of_night(settings.landing_dir, as_of)
    code = warehouse.fingerprint(settings.dbt_project_dir)
    with warehouse.building(settings.warehouse_path, loads=loads, as_of=as_of, code=code):
        subprocess.run(
            [sys.executable, "-m", "benchmarks.night.measured", str(as_of), str(result)],
            cwd=PROJECT_DIR,
            env=os.environ | settings.dbt_environment(),
            check=True,
        )
    return json.loads(result.read_text())


def _bare(settings: Settings, queries: tuple[str, ...]) -> float:
    """Return the processor seconds of a model's bare queries, in a process of its own."""
    kept = settings.temp_dir / "kept.duckdb"
    kept.unlink(missing_ok=True)
    start = _processor_seconds()
    places = [str(settings.warehouse_path), str(kept), settings.memory_limit]
    places += [str(settings.temp_dir), str(settings.threads)]
    subprocess.run([sys.executable, "-c", BARE_QUERIES, *places, *queries], check=True)
    return _processor_seconds() - start


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _report(
    whole: dict[str, dict[str, float]],
    bare: dict[str, float],
    night: dict[str, dict[str, float]],
) -> str:
    """Return a table in Markdown: models of more than a second, and the sums of all."""
    lines = [
        "| model | whole s | cpu s | peak GB | bare cpu s | ratio | night s | cpu s | peak GB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for model, taken in whole.items():
        later = night[model]
        if max(taken["cpu"], later["cpu"]) < 1:
            continue
        ratio = f"{bare[model]:.1f} | {taken['cpu'] / bare[model]:.1f}" if model in bare else "|"
        lines.append(
            f"| {model} | {taken['wall']:.1f} | {taken['cpu']:.1f} | {taken['peak']:.1f} | {ratio} "
            f"| {later['wall']:.1f} | {later['cpu']:.1f} | {later['peak']:.1f} |"
        )

    kept = {model for model in bare if whole[model]["is_kept"]}
    lines += [
        "",
        "| | whole | bare | ratio | one night | of the whole |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, models in (
        ("marts with bare queries", set(bare)),
        ("of these, kept by day, month, campaign or customer", kept),
        ("of these, made anew", set(bare) - kept),
    ):
        cost, later = _total(whole, "cpu", models), _total(night, "cpu", models)
        least = sum(bare[model] for model in models)
        lines.append(
            f"| {name} | {cost:.0f} cpu s | {least:.0f} cpu s | {cost / least:.1f} "
            f"| {later:.0f} cpu s | {later / cost:.0%} |"
        )
    cost, later = _total(whole, "cpu", set(whole)), _total(night, "cpu", set(whole))
    lines.append(
        f"| everything, tests apart | {_total(whole, 'wall', set(whole)) / 60:.1f} min, "
        f"{cost:.0f} cpu s | | | {_total(night, 'wall', set(whole)) / 60:.1f} min, "
        f"{later:.0f} cpu s | {later / cost:.0%} |"
    )
    return "\n".join(lines)


def _total(taken: dict[str, dict[str, float]], what: str, models: set[str]) -> float:
    return sum(taken[model][what] for model in models)


if __name__ == "__main__":
    main()
