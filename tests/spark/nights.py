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
# How many of a billion a double may differ by; whatever is not listed in LAST_DIGITS is the same.
MOST = 1e-9
# Table and column -> why another order of adding up is seen there.
LAST_DIGITS: dict[tuple[str, str], str] = {}
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
    """Say of every relation of two warehouses how their rows, columns or types differ."""
    found: list[str] = []
    first, second = _relations(ours), _relations(theirs)
    found += [f"{name} is in one of them only" for name in sorted(first ^ second)]
    return found + _of_rows(ours, theirs, sorted(first & second))


def _relations(home: Path) -> set[str]:
    with _opened(home) as connection:
        return {
            f'"{schema}"."{name}"'
            for schema, name in connection.execute(
                "select table_schema, table_name from information_schema.tables"
                " where table_schema not like 'dbt_%' and table_schema <> 'audit'"
            ).fetchall()
            if name not in _NOT_ROWS
        }


def _of_rows(ours: Path, theirs: Path, names: list[str]) -> list[str]:
    found = []
    with _opened(ours) as one, _opened(theirs) as other, duckdb.connect() as between:
        for name in names:
            rows = one.execute(f"from {name}").to_arrow_table()
            others = other.execute(f"from {name}").to_arrow_table()
            if rows.schema != others.schema:
                found.append(f"{name}: {rows.schema} is not {others.schema}")
                continue
            between.register("rows", rows)
            between.register("others", others)
            inexact = {c for t, c in LAST_DIGITS if f'"{t}"' == name.split(".")[1]}
            shown = ", ".join(
                f'printf(\'%.6e\', "{c}") as "{c}"' if c in inexact else f'"{c}"'
                for c in rows.column_names
            )
            for a, b in (("rows", "others"), ("others", "rows")):
                first = between.execute(
                    f"select {shown} from {a} except all select {shown} from {b} limit 1"
                ).fetchone()
                if first:
                    found.append(
                        f"{name}: {a} alone has {dict(zip(rows.column_names, first, strict=True))}"
                    )
    return found


def _opened(home: Path) -> duckdb.DuckDBPyConnection:
    path = home / "warehouse" / "rapport_build.duckdb"
    search = {"file_search_path": str(home / "landing")}
    return duckdb.connect(str(path), read_only=True, config=search)


def _environment(more: dict[str, str]) -> dict[str, str]:
    path = os.pathsep.join([str(PROJECT_DIR / "plugins"), str(PROJECT_DIR)])
    return {**os.environ, "PYTHONPATH": path, **more}
