"""Nights of a simulated firm, built by each engine through the project's own door."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from rapport.settings import PROJECT_DIR

FIRST, SECOND = date(2017, 12, 18), date(2017, 12, 19)
# Doubles that are added up and not rounded yet, as all that is shown is: the order of adding is
# seen in the last of 16 digits, so seven are compared.
LAST_DIGITS = {"int_relationship__scores"}
_NOT_ROWS = {"build_state", "built_loads", "touched_days"}
_NIGHT = """
import json, sys
from datetime import date
from rapport import release
from rapport.build.run import LastRelease, build
from rapport.gate import run_checkpoint
from rapport.settings import Settings

settings, night = Settings.from_env(), date.fromisoformat(sys.argv[1])
before = release.release_before(settings.releases_dir, night)
last = LastRelease(before.release_id, before.as_of, before.path) if before else None
built = build(settings, night, last_release=last)
passed = run_checkpoint(
    "publish", expectations_dir=settings.expectations_dir, data_docs_dir=settings.data_docs_dir,
    as_of=night, warehouse_path=settings.warehouse_path,
)
release.publish_release(
    warehouse_path=settings.warehouse_path, releases_dir=settings.releases_dir, as_of=night,
    gate=passed.summary(), memory_limit=settings.memory_limit, threads=settings.threads,
)
print(json.dumps({"fresh": built.fresh, "nodes": built.nodes}))
"""


def landed(folder: Path, customers: int = 120) -> Path:
    """Simulate a firm whose last nights are loads of their own; return its landing."""
    command = [sys.executable, "-m", "sandbox", "simulate", "--to", "landing"]
    command += ["--home", str(folder), "--customers", str(customers), "--last-nights", "16"]
    subprocess.run(command, check=True, capture_output=True, cwd=PROJECT_DIR, env=_environment({}))
    return folder / "landing"


def built(
    home: Path, landing: Path, night: date, engine: str, more: dict[str, str] | None = None
) -> dict[str, Any]:
    """Build, look at and release a night; return what came of it."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "landing").exists():
        (home / "landing").symlink_to(landing)
    said = {"RAPPORT_HOME": str(home), "RAPPORT_COMPANY": "simulated", "RAPPORT_ENGINE": engine}
    done = subprocess.run(
        [sys.executable, "-c", _NIGHT, night.isoformat()],
        capture_output=True,
        text=True,
        cwd=PROJECT_DIR,
        env=_environment({**said, "RAPPORT_SPARK_PARTITIONS": "2", **(more or {})}),
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def released(home: Path) -> dict[str, tuple[int, str]]:
    """Return rows and the hash of names, types and rows of each table of the current release."""
    manifest = json.loads((home / "releases" / "current" / "manifest.json").read_text())
    return {table["name"]: (table["rows"], table["content_hash"]) for table in manifest["tables"]}


def differences(ours: Path, theirs: Path) -> list[str]:
    """Say of every table of the first warehouse how it differs in the second.

    Args:
        ours: the home of a night that DuckDB built.
        theirs: that of one that Spark built its part of.
    """
    found = []
    with duckdb.connect() as both:
        for name, home in (("ours", ours), ("theirs", theirs)):
            both.execute(f"attach '{home}/warehouse/rapport_build.duckdb' as {name} (read_only)")
        tables = both.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'ours'"
            " and schema_name not like 'dbt_%' order by all"
        ).fetchall()
        for schema, table in tables:
            if table in _NOT_ROWS:
                continue
            place = f'"{schema}"."{table}"'
            columns, others = (
                both.execute(f"describe select * from {name}.{place}").fetchall()
                for name in ("ours", "theirs")
            )
            told, other_told = ({row[0]: row[1] for row in rows} for rows in (columns, others))
            if told != other_told:
                found.append(f"{place}: {set(told.items()) ^ set(other_told.items())}")
                continue
            shown = ", ".join(
                f'cast("{column}" as float) as "{column}"'
                if table in LAST_DIGITS and kind == "DOUBLE"
                else f'"{column}"'
                for column, kind in told.items()
            )
            for one, other in (("ours", "theirs"), ("theirs", "ours")):
                row = both.execute(
                    f"select {shown} from {one}.{place} except all"
                    f" select {shown} from {other}.{place} limit 1"
                ).fetchone()
                if row:
                    found.append(f"{place}: {one} alone has {dict(zip(told, row, strict=True))}")
    return found


def _environment(more: dict[str, str]) -> dict[str, str]:
    path = os.pathsep.join([str(PROJECT_DIR / "plugins"), str(PROJECT_DIR)])
    return {**os.environ, "PYTHONPATH": path, **more}
