"""The build warehouse: when it is built upon, and when it is made anew."""

import os
import stat
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import duckdb
import pytest

from rapport import warehouse
from rapport.errors import BuildError

NIGHT = date(2018, 1, 2)


@pytest.fixture
def build(tmp_path):
    """Return a function that runs a build in which a model leaves a table behind."""
    path = tmp_path / "warehouse" / "w.duckdb"

    def run(
        as_of: date = NIGHT, code: str = "a", *, loads: tuple[str, ...] = (), fails: bool = False
    ) -> bool:
        taken = [("crm", load) for load in loads]
        with warehouse.building(path, loads=taken, as_of=as_of, code=code) as fresh:
            with duckdb.connect(str(path)) as connection:
                connection.execute("create table if not exists model as select 1 as built")
            if fails:
                raise RuntimeError("dbt failed")
        return fresh

    run.path = path
    return run


def built_loads(path: Path) -> list[str]:
    with duckdb.connect(str(path)) as connection:
        return [row[0] for row in connection.sql("select load_id from ops.built_loads").fetchall()]


def test_the_first_build_starts_from_nothing_and_the_next_builds_upon_it(build):
    assert build() is True
    assert build() is False
    assert build(date(2018, 1, 3)) is False


def test_an_earlier_night_starts_from_nothing(build):
    build()
    assert build(date(2018, 1, 1)) is True


def test_changed_models_start_from_nothing(build):
    build()
    assert build(code="b") is True


def test_a_damaged_file_starts_from_nothing(build):
    build()
    build.path.write_bytes(b"not a database" * 1000)
    assert build() is True


def test_a_file_whose_blocks_are_damaged_starts_from_nothing(build):
    build()
    data = bytearray(build.path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)  # the headers are sound; DuckDB speaks of a block
    build.path.write_bytes(data)
    assert build() is True


def test_a_load_that_was_built_and_is_lost_since_starts_from_nothing(build):
    build(loads=("1.1", "2.2"))
    assert build(loads=("1.1", "2.2", "3.3")) is False
    assert build(loads=("2.2", "3.3")) is True


def test_nobody_else_may_enter_the_folder(build):
    build()
    assert stat.S_IMODE(build.path.parent.stat().st_mode) == 0o700


def test_a_build_notes_the_loads_it_took_in(build):
    build(loads=("1.1",))
    build(loads=("1.1", "2.2"))
    assert built_loads(build.path) == ["1.1", "2.2"]


def test_a_failed_build_notes_nothing(build):
    build(loads=("1.1",))
    with pytest.raises(RuntimeError):
        build(loads=("1.1", "2.2"), fails=True)
    assert built_loads(build.path) == ["1.1"]


def test_two_builds_cannot_run_at_once(build):
    with (
        warehouse.build_lock(build.path),
        pytest.raises(BuildError, match="being built by process"),
    ):
        build()


def test_whoever_only_asks_waits_for_another_who_asks(build):
    """Destinations are brought their lists side by side, and an erasure begins among them."""
    held, free = threading.Event(), threading.Event()

    def ask():
        with warehouse.build_lock(build.path):
            held.set()
            free.wait(10)

    first = threading.Thread(target=ask)
    first.start()
    held.wait(10)
    threading.Timer(0.1, free.set).start()
    with warehouse.build_lock(build.path, wait_seconds=10):
        assert free.is_set()
    first.join()


def test_a_killed_build_frees_the_lock(build):
    script = (
        "import os; from pathlib import Path; from rapport.warehouse import build_lock\n"
        f"with build_lock(Path({str(build.path)!r})): os._exit(9)"
    )
    plugins = Path(warehouse.__file__).parents[1]
    killed = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(plugins)}, check=False
    )
    assert killed.returncode == 9
    assert build() is True


def test_the_fingerprint_follows_every_file_that_decides_the_result(tmp_path):
    (tmp_path / "dbt_project.yml").write_text("vars: {a: 1}")
    (tmp_path / "profiles.yml").write_text("")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.sql").write_text("select 1")
    before = warehouse.fingerprint(tmp_path)
    assert warehouse.fingerprint(tmp_path) == before
    (tmp_path / "models" / "m.sql").write_text("select 2")
    assert warehouse.fingerprint(tmp_path) != before
