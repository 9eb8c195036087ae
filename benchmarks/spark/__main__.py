"""What the models that grow with events cost on each engine: ``python -m benchmarks.spark``.

Simulates and lands a company, and has DuckDB build all that touchpoints, customer months and
contact pressure rest on. It is copied ten and a hundred times over; of each size DuckDB and then
Spark, on this machine, make the same models from the same landed events and tables. Prints
processor seconds and memory of both, what ten times the touchpoints cost, and where Spark starts to
pay.

What is already in the folder is used again: a company, and what was measured of it
(``result.json``).
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.night.__main__ import NIGHTS, _land
from benchmarks.spark import copies, on_duckdb
from benchmarks.spark.metered import Run, dbt
from benchmarks.spark.report import report
from rapport import warehouse
from rapport.build import turns
from rapport.build.project import load_manifest, parse_if_changed
from rapport.settings import PROJECT_DIR, Settings
from rapport.sources.pull import loads_of_night

# From typed events to pressure: tables whose rows are events or are counted from all of them.
CHAIN = (
    "base_klaviyo__events",
    "int_touchpoints__unnamed_reactions",
    "fct_touchpoints",
    "fct_contact_days",
    "fct_customer_months",
    "fct_contact_exposures",
    "fct_exposure_days",
    "dim_contact_pressure",
)
RESULT = "result.json"
READ = "read"  # folder of what the chain reads, as parquet: <schema>/<table>
_LEDGER = ("ops", "built_loads")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.spark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--customers", type=int, default=10_000, help="that are simulated (10000)")
    parser.add_argument(
        "--copies",
        type=int,
        nargs="+",
        default=[1, 10, 100],
        help="of them in each company; 10,000 customers have some 1.05 million touchpoints",
    )
    parser.add_argument("--folder", type=Path, default=PROJECT_DIR / "var" / "benchmarks" / "spark")
    parser.add_argument("--memory", default="5GB", help="DuckDB's limit (5GB)")
    parser.add_argument("--spark-memory", default="5g", help="of Spark's driver (5g)")
    parser.add_argument("--threads", type=int, default=2, help="of each engine (2)")
    parser.add_argument("--partitions", type=int, default=64, help="of Spark's shuffles (64)")
    parser.add_argument("--hours", type=float, default=4, help="that a night has for it (4)")
    options = parser.parse_args()
    folder = options.folder.resolve()
    limits: dict[str, Any] = {"memory_limit": options.memory, "threads": options.threads}
    spark = {
        "RAPPORT_SPARK_MEMORY": options.spark_memory,
        "RAPPORT_SPARK_MASTER": f"local[{options.threads}]",
        "RAPPORT_SPARK_PARTITIONS": str(options.partitions),
    }
    first = replace(Settings.from_env(), home=folder / "1", **limits)
    parse_if_changed(first.dbt_project_dir)
    if not first.landing_dir.exists():
        _land(first.home, options.customers, options.threads, options.memory)
    if not (first.home / READ).exists():
        prepare(first)
    results = []
    for times in options.copies:
        settings = replace(first, home=folder / str(times))
        result = settings.home / RESULT
        if not (settings.home / READ).exists():
            copies.copy(first, settings, times, read=READ)
        if not result.exists():
            # One path for all, as dbt parses the project again for another.
            (folder / "night").unlink(missing_ok=True)
            (folder / "night").symlink_to(settings.home)
            measured = measure(replace(settings, home=folder / "night"), spark)
            result.write_text(json.dumps(measured, indent=2))
            shutil.rmtree(settings.warehouse_path.parent)
        results.append(json.loads(result.read_text()))
    print(report(results, hours=options.hours))


def prepare(settings: Settings) -> None:
    """Have DuckDB build what the chain reads and copy it to parquet, once for both engines."""
    nodes = load_manifest(settings.dbt_project_dir).nodes
    _, read = of_chain(nodes, CHAIN)
    shutil.rmtree(settings.warehouse_path.parent, ignore_errors=True)
    settings.temp_dir.mkdir(parents=True)
    upstream = [f"+{nodes[key].name}" for key in read]
    loads = loads_of_night(settings.landing_dir, NIGHTS[0])
    code = warehouse.fingerprint(settings.dbt_project_dir)
    with warehouse.building(settings.warehouse_path, loads=loads, as_of=NIGHTS[0], code=code):
        _on_duckdb(settings, upstream)
    with _connected(settings) as db:
        db.execute(f"set file_search_path = '{settings.landing_dir}'")
        db.execute(f"delete from {'.'.join(_LEDGER)}")  # as the night's own builds find it
        for schema, name in {*(_place(nodes[key]) for key in read), _LEDGER}:
            folder = settings.home / READ / schema / name
            folder.mkdir(parents=True)
            db.execute(f'copy "{schema}"."{name}" to \'{folder}/rows.parquet\' (format parquet)')
    shutil.rmtree(settings.warehouse_path.parent)


def measure(settings: Settings, spark: dict[str, str]) -> dict[str, Any]:
    """Make the chain on one engine and then on the other; return what each took."""
    nodes = load_manifest(settings.dbt_project_dir).nodes
    keys, _ = of_chain(nodes, CHAIN)
    models = [nodes[key].name for key in keys]
    places = {nodes[key].name: _place(nodes[key]) for key in keys if nodes[key].name in CHAIN}
    shutil.rmtree(settings.warehouse_path.parent, ignore_errors=True)
    settings.temp_dir.mkdir(parents=True)
    with _connected(settings) as db:
        for folder in sorted((settings.home / READ).glob("*/*")):
            schema, name = folder.parts[-2:]
            db.execute(f'create schema if not exists "{schema}"')
            db.execute(f'create table "{schema}"."{name}" as from \'{folder}/*.parquet\'')
    duckdb_run = _on_duckdb(settings, models)
    shutil.copytree(settings.home / READ, settings.spark_tables_dir, copy_function=os.link)
    spark_run = _on_spark(settings, models, spark)
    return {
        "touchpoints": _count(settings, "marts", "fct_touchpoints"),
        "duckdb": asdict(duckdb_run),
        "spark": asdict(spark_run),
        "differing": _differing(settings, places),
    }


def of_chain(nodes: Mapping[str, Any], chain: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return ids of the chain's tables and of the views between them, and of all else they read."""
    parents = {
        key: {each for each in getattr(node.depends_on, "nodes", ()) if each in nodes}
        for key, node in nodes.items()
    }
    names = set(chain)
    tables = {key for key, node in nodes.items() if node.name in names}
    mine, read = set(tables), set()
    after = _descendants(parents, tables)
    waiting = list(tables)
    while waiting:
        for parent in parents[waiting.pop()] - mine:
            if parent in after and nodes[parent].config.materialized == "view":
                mine.add(parent)
                waiting.append(parent)
            else:
                read.add(parent)
    return sorted(mine), sorted(read)


def _descendants(parents: Mapping[str, set[str]], of: set[str]) -> set[str]:
    found = set(of)
    while more := {key for key, its in parents.items() if its & found} - found:
        found |= more
    return found


def _on_duckdb(settings: Settings, models: list[str]) -> Run:
    return dbt(
        [sys.executable, "-m", on_duckdb.__name__, *_build(settings, "build"), "--select", *models],
        settings.home.parent / "logs" / "duckdb",
        environment=settings.dbt_environment(),
        spill=settings.temp_dir,
    )


def _on_spark(settings: Settings, models: list[str], spark: dict[str, str]) -> Run:
    spill = settings.home / "warehouse" / "spill"
    spill.mkdir()
    project = str(settings.dbt_project_dir)
    program = [str(settings.spark_python), "-P", turns.__file__.replace("turns", "spark_dbt")]
    folders = ["--project-dir", project, "--profiles-dir", project, "--full-refresh"]
    return dbt(
        [*program, *_build(settings, "spark"), *folders, "--select", *models],
        settings.home.parent / "logs" / "spark",
        environment=settings.spark_environment() | spark | {"SPARK_LOCAL_DIRS": str(spill)},
        spill=spill,
    )


def _build(settings: Settings, target: str) -> list[str]:
    place = str(settings.home.parent / "logs" / target)
    command = ["build", "--target", target, "--vars", f"{{as_of_date: {NIGHTS[0]}}}"]
    command += ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    return [*command, "--target-path", place]


def _differing(settings: Settings, places: Mapping[str, tuple[str, str]]) -> dict[str, int]:
    """Return how many rows of each model only one of the engines has."""
    differing = {}
    with _connected(settings) as db:
        for name, (schema, table) in places.items():
            columns = [
                f'"{column}"' if type_ != "DOUBLE" else f'round("{column}", 9)'
                for column, type_, *_ in db.execute(f'describe "{schema}"."{table}"').fetchall()
            ]
            digests = [
                f"select hash({', '.join(columns)}) as digest, count(*) as n from {rows} group by 1"
                for rows in (
                    f'"{schema}"."{table}"',
                    f"read_parquet('{settings.spark_tables_dir}/{schema}/{table}/*.parquet')",
                )
            ]
            (differing[name],) = db.execute(
                f"select coalesce(sum(abs(coalesce(a.n, 0) - coalesce(b.n, 0))), 0)::bigint "
                f"from ({digests[0]}) a full join ({digests[1]}) b using (digest) "
                "where a.n is distinct from b.n"
            ).fetchone() or (0,)
    return differing


def _place(node: Any) -> tuple[str, str]:
    return node.schema, node.alias


def _count(settings: Settings, schema: str, table: str) -> int:
    with _connected(settings) as db:
        (count,) = db.execute(f'select count(*) from "{schema}"."{table}"').fetchone() or (0,)
    return int(count)


def _connected(settings: Settings) -> duckdb.DuckDBPyConnection:
    limits: dict[str, Any] = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    limits |= {"temp_directory": str(settings.temp_dir), "preserve_insertion_order": False}
    return duckdb.connect(str(settings.warehouse_path), config=limits)


if __name__ == "__main__":
    main()
