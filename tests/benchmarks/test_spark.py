"""The benchmark of both engines: what its chain is, what it copies and what it computes."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from benchmarks.spark import copies, metered, report
from benchmarks.spark.__main__ import CHAIN, of_chain
from rapport.settings import PROJECT_DIR, Settings


def test_the_chain_is_of_models():
    models = {path.stem for path in (PROJECT_DIR / "dbt_project" / "models").rglob("*.sql")}
    assert set(CHAIN) <= models


def test_views_that_follow_from_the_chain_belong_to_it_and_all_else_is_read():
    nodes = {
        "events": _node("table"),
        "typed": _node("view", "events", "landing"),
        "known": _node("view", "customers"),
        "customers": _node("table"),
        "touchpoints": _node("table", "typed", "known"),
        "other": _node("view", "typed"),
    }
    for name, node in nodes.items():
        node.name = name
    assert of_chain(nodes, ("events", "touchpoints")) == (
        ["events", "touchpoints", "typed"],
        ["known"],
    )


def test_a_copy_has_customers_and_events_of_its_own_and_the_same_campaigns(tmp_path: Path):
    small, large = tmp_path / "small", tmp_path / "large"
    for folder in (
        "landing/klaviyo/_dlt_loads",
        "landing/klaviyo/events/load_date=1",
        "read/a/b",
        "read/a/c",
    ):
        (small / folder).mkdir(parents=True)
    events = "select 'e' as id, 'p' as profile_id, 'm' as metric_id"
    tables = "select 'c' as customer_id, 'k' as campaign_id"
    with duckdb.connect() as db:
        db.execute(f"copy ({events}) to '{small}/landing/klaviyo/events/load_date=1/1.parquet'")
        db.execute(f"copy ({tables}) to '{small}/read/a/b/rows.parquet'")
        db.execute(f"copy (select 'k' as campaign_id) to '{small}/read/a/c/rows.parquet'")
        settings = replace(Settings.from_env(), home=small, threads=1)
        copies.copy(settings, replace(settings, home=large), 3, read="read")
        landed = f"from '{large}/landing/klaviyo/events/load_date=1/*.parquet' order by id"
        assert db.execute(landed).fetchall() == [
            ("e", "p", "m", 1),
            ("e~1", "p~1", "m", 1),
            ("e~2", "p~2", "m", 1),
        ]
        made = db.execute(f"from '{large}/read/a/b/*.parquet' order by all").fetchall()
        assert made == [("c", "k"), ("c~1", "k"), ("c~2", "k")]
        assert db.execute(f"from '{large}/read/a/c/*.parquet'").fetchall() == [("k",)]


def test_what_a_process_left_behind_is_counted_too(tmp_path: Path):
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    left = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {busy!r}])"
    run = metered.dbt([sys.executable, "-c", left], tmp_path, environment={}, spill=tmp_path)
    assert run.whole.cpu >= 0.5
    assert run.whole.peak > 0


def test_costs_on_a_line_are_found_again():
    fixed, each = report.fitted([1, 10, 100], [150, 240, 1140])
    assert (fixed, each) == (pytest.approx(140), pytest.approx(10))


def test_growth_is_of_the_models_and_of_the_whole_run():
    table = report.report([_measured(1, 10.0), _measured(10, 90.0)], hours=4)
    assert "| 1 M | 10 M | 10.00 | 9.00 | 5.00 | 9.00 | 5.00 |" in table
    assert "| *all* | 10 | 90 | 10 | 90 | **1.0** |" in table


def _measured(millions: int, cpu: float) -> dict[str, object]:
    taken = {"wall": 1.0, "cpu": cpu, "peak": 1.0, "spilled": 0.0}
    run = {"whole": taken | {"cpu": cpu + 10}, "models": {"fct_touchpoints": taken}}
    return {"touchpoints": millions * 10**6, "duckdb": run, "spark": run}


def _node(materialized: str, *parents: str) -> SimpleNamespace:
    return SimpleNamespace(
        name="",
        depends_on=SimpleNamespace(nodes=list(parents)),
        config=SimpleNamespace(materialized=materialized),
    )
