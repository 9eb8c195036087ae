"""Whole nights over the small company: repeatable, resumable, closed when in doubt."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from rapport.build.parts import parsed_dir
from rapport.build.record import read_record
from rapport.errors import GateFailed
from rapport.release import Reduction, list_releases
from rapport.release_commands import releases_app
from rapport.settings import PROJECT_DIR
from rapport.sources.streams import STREAMS
from sandbox.testing import serve
from tests.dbt.landing_fixture import land
from tests.house import House

FIRST, SECOND = date(2017, 12, 30), date(2017, 12, 31)
# Where a build must come out byte by byte as one whose data tests have passed.
AS_TESTED = ("--exclude-resource-type", "test")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A small company of this module's own, because tests spoil it."""
    from sandbox import prepare

    with serve(prepare(tmp_path_factory.mktemp("company"), households=60)) as served:
        yield served


@pytest.fixture(scope="module")
def replayed(server, tmp_path_factory):
    """Two nights, the second killed as it built and begun again; and a copy of the house between.

    What the second one gives is compared with a build from scratch, so this is what the comparison
    tells of: the night before, the kill and the resumption.
    """
    house = House(tmp_path_factory.mktemp("replayed"), server)
    house.first = house.night(FIRST)
    house.between = tmp_path_factory.mktemp("between")
    shutil.copytree(house.home, house.between, symlinks=True, dirs_exist_ok=True)
    house.extract(SECOND)
    kill_in_the_middle(house, SECOND)
    house.second = house.night(SECOND, *AS_TESTED)
    return house


@pytest.fixture
def after_first(replayed, server, tmp_path):
    """A house of the test's own that has seen the first night."""
    shutil.copytree(replayed.between, tmp_path, symlinks=True, dirs_exist_ok=True)
    return House(tmp_path, server)


def parquet(house: House, release_id: str) -> dict[str, bytes]:
    folder = house.settings.releases_dir / release_id
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


def test_a_night_upon_a_night_killed_midway_equals_the_same_night_from_scratch(
    replayed, server, tmp_path_factory
):
    """The same landing, that is: since when something is known is part of what is known.

    And the same release before it, which its changes are told against.
    """
    scratch = House(tmp_path_factory.mktemp("scratch"), server)
    shutil.copytree(replayed.settings.landing_dir, scratch.settings.landing_dir)
    releases = replayed.between / "releases"
    shutil.copytree(releases, scratch.settings.releases_dir, symlinks=True)
    scratch.build(SECOND, *AS_TESTED)
    release = scratch.publish(SECOND)
    assert release.release_id == replayed.second.release_id
    assert parquet(scratch, release.release_id) == parquet(replayed, replayed.second.release_id)


def test_a_night_builds_every_model_and_runs_every_data_test(replayed):
    manifest = json.loads((parsed_dir(PROJECT_DIR / "dbt_project") / "manifest.json").read_text())
    wanted = {
        key
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in {"model", "seed", "test"}
    }
    record = read_record(replayed.between / "warehouse" / "last_build.jsonl")
    assert record.ended == "passed"
    assert set(record.outcomes) == wanted
    assert sum(outcome.kind == "test" for outcome in record.outcomes.values()) > 300
    assert all(outcome.is_good for outcome in record.outcomes.values())


@pytest.mark.slow  # without Airflow and dbt: tests/integration/test_release.py
def test_the_same_night_again_changes_nothing(replayed):
    before = parquet(replayed, replayed.second.release_id)
    again = replayed.night(SECOND, *AS_TESTED)
    assert again.release_id == replayed.second.release_id
    assert not again.built
    assert parquet(replayed, again.release_id) == before


def test_a_night_tells_who_joined_and_who_left_since_the_release_before(replayed):
    with duckdb.connect() as connection:
        was, members = (
            set(
                connection.read_parquet(str(release.path / "segment_members.parquet"))
                .project("customer_id, segment")
                .fetchall()
            )
            for release in (replayed.first, replayed.second)
        )
        first = connection.read_parquet(str(replayed.first.path / "segment_changes.parquet"))
        assert first.project("change, last_as_of_date").distinct().fetchall() == [("joined", None)]
        assert first.count("*").fetchone() == (len(was),)
        told = connection.read_parquet(str(replayed.second.path / "segment_changes.parquet"))
        changes = told.project("customer_id, segment, change, last_as_of_date").fetchall()
    assert {night for *_, night in changes} == {FIRST}
    found = {word: {each[:2] for each in changes if each[2] == word} for _, _, word, _ in changes}
    assert found["stayed"] == was & members
    assert found.get("joined", set()) == members - was
    assert found.get("left", set()) == was - members


def test_every_row_that_landed_is_staged_superseded_or_in_quarantine(replayed):
    assert replayed.ask_warehouse(
        "select count(*), sum(landed_count) > 0, sum(abs(difference)) from ops.row_conservation"
    ) == [(len(STREAMS), True, 0)]


@pytest.mark.slow  # without Airflow and dbt: tests/integration/test_release.py
def test_an_older_night_is_released_beside_the_newer_one(replayed):
    older = replayed.night(date(2017, 12, 1), *AS_TESTED)
    assert not older.is_current
    current = (replayed.settings.releases_dir / "current").resolve().name
    assert current == replayed.second.release_id


def test_a_corrupted_mart_closes_the_gate_and_leaves_the_release_alone(replayed, after_first):
    with duckdb.connect(str(after_first.settings.warehouse_path)) as connection:
        connection.execute("update marts.dim_contact_pressure set marketing_contact_count_7d = -1")
    with pytest.raises(GateFailed, match=r"no cap holds back.*contact_windows"):
        after_first.publish(FIRST)
    releases = after_first.settings.releases_dir
    assert (releases / "current").resolve().name == replayed.first.release_id
    assert len(list(releases.glob("2017-*"))) == 1


def test_who_said_no_on_a_night_that_failed_is_off_the_lists_and_the_build_is_left_as_it_was(
    replayed, after_first, monkeypatch
):
    house = after_first
    customer, segment = house.query(
        "select customer_id, segment from segments.segment_members where channel = 'email' "
        "order by all limit 1"
    )[0]
    ((address,),) = house.ask_warehouse(
        "select min(email) from intermediate.int_identity__contacts as contacts "
        "inner join intermediate.int_identity__contact_map as contact_map "
        "using (source, source_record_id) "
        f"where source = 'klaviyo' and contact_map.customer_id = '{customer}'"
    )
    said = {"subscriber": address, "channel": "EMAIL", "subscription_id": "*"}
    said |= {"status": "UNSUBSCRIBED", "set_at": f"{SECOND}T09:00:00Z", "read_on": str(SECOND)}
    # It came with one of the pulls, and another failed.
    statuses = {"subscription_statuses": [said]}
    land(house.settings.landing_dir, "hubspot", str(SECOND), "H9", statuses)
    files = (house.settings.warehouse_path, house.settings.build_record_path)
    before = [path.read_bytes() for path in files]

    monkeypatch.setenv("RAPPORT_HOME", str(house.home))
    told = CliRunner().invoke(releases_app, ["subtract", "--as-of", str(SECOND)]).output
    (info,) = [each for each in list_releases(house.settings.releases_dir) if each.is_current]
    assert info.reduction == Reduction(
        replayed.first.release_id, SECOND, 1, {segment: {"opted_out": 1}}
    )
    assert (
        f"current: {info.release_id}, reduced from {replayed.first.release_id}: 1 customer" in told
    )
    assert house.query(
        f"select segment, clause from segments.segment_suppressions "
        f"where customer_id = '{customer}' and segment = '{segment}'"
    ) == [(segment, "opted_out")]
    assert not house.query(
        f"from segments.segment_members where customer_id = '{customer}' and channel is not null"
    )
    assert [path.read_bytes() for path in files] == before
    assert not house.settings.aside_path.exists()


def test_a_bad_row_lands_in_quarantine_and_the_counts_still_add_up(server, tmp_path):
    house = House(tmp_path, server)
    with spoilt_line(server.shop_path):
        house.extract(FIRST)
        # Every model and data test upon bad rows: tests/dbt/test_incremental.py.
        models = ("--select", "+quarantined_rows", "+row_conservation")
        house.build(FIRST, *models, "--indirect-selection", "cautious")  # no test of other models
    (bad,) = house.ask_warehouse(
        "select source, entity, reason, payload from quarantine.quarantined_rows"
    )
    assert bad[:2] == ("shop", "order_lines")
    assert "cheap" in bad[3]
    assert house.ask_warehouse(
        "select quarantined_count, difference from ops.row_conservation "
        "where entity = 'order_lines'"
    ) == [(1, 0)]


@contextmanager
def spoilt_line(shop_path: Path):
    """Give one order line a price that is a word, for as long as the block lasts."""
    with closing(sqlite3.connect(shop_path)) as shop:
        (sql,) = shop.execute("select sql from sqlite_master where name = 'order_lines'").fetchone()
        table = sql.lower().split(" from ")[1].split()[0]
        line = shop.execute(
            f"select order_id, product_id, sales_amount from {table} order by updated_at limit 1"
        ).fetchone()
        change = f"update {table} set sales_amount = ? where order_id = ? and product_id = ?"
        shop.execute(change, ["cheap", *line[:2]])
        shop.commit()
        yield
        shop.execute(change, [line[2], *line[:2]])
        shop.commit()


def kill_in_the_middle(house: House, as_of: date) -> None:
    """Build in a process of its own and kill its group once dbt has finished its first table."""
    script = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from tests.house import House; from types import SimpleNamespace\n"
        "house = House(Path(sys.argv[1]), SimpleNamespace(hubspot_url='', hubspot_token='',"
        " klaviyo_url='', klaviyo_key='', shop_path=''))\n"
        "house.build(date.fromisoformat(sys.argv[2]), *sys.argv[3:])\n"
    )
    root = Path(__file__).parents[2]
    log = house.settings.dbt_log_path
    start = log.stat().st_size
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(house.home), str(as_of), *AS_TESTED],
        cwd=root,
        env={"PYTHONPATH": f"{root / 'plugins'}:{root}", "PATH": str(Path(sys.executable).parent)},
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while b"OK created sql table" not in log.read_bytes()[start:]:
        assert process.poll() is None, "the build ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
