"""The landing: what counts as landed, and what a killed pull leaves behind."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import dlt
import duckdb
import pytest

from rapport import landing

NIGHT = date(2018, 1, 2)
TEXT = {"data_type": "text", "nullable": True}
COLUMNS = {"id": TEXT, "updated_at": TEXT}


@pytest.fixture
def land(tmp_path):
    """Return a function that lands (id, updated_at) pairs in the night given."""

    def run(*rows: tuple[str, str | None], as_of: date = NIGHT) -> landing.Landed:
        @dlt.resource(name="contacts", columns=COLUMNS)
        def contacts():
            yield [{"id": key, "updated_at": moment} for key, moment in rows]

        @dlt.source(name="crm", max_table_nesting=0)
        def crm():
            return contacts

        return landing.land(
            crm(),
            name="crm_contacts",
            source="crm",
            landing_dir=tmp_path / "landing",
            work_dir=tmp_path / "work",
            as_of=as_of,
        )

    run.landing_dir = tmp_path / "landing"
    run.work_dir = tmp_path / "work"
    return run


def watermark(land, as_of: date = NIGHT) -> datetime | None:
    return landing.watermark(land.landing_dir, "crm", "contacts", "updated_at", as_of)


def test_a_load_arrives_with_every_row_in_the_folder_of_its_night(land):
    landed = land(("1", "2018-01-01T00:00:00Z"), ("2", "2018-01-02T00:00:00Z"))
    assert landed.rows == {"contacts": 2}
    files = list((land.landing_dir / "crm" / "contacts" / "load_date=2018-01-02").iterdir())
    assert [path.name.rsplit(".", 2)[0] for path in files] == [landed.load_id]
    assert landing.completed_loads(land.landing_dir, "crm") == {landed.load_id}


def test_nothing_new_is_no_load_and_no_error(land):
    assert land() == landing.Landed(None, {})


def test_a_second_load_adds_and_changes_nothing_that_was_there(land):
    land(("1", "2018-01-01T00:00:00Z"))
    before = {p: p.read_bytes() for p in land.landing_dir.rglob("*.parquet")}
    land(("2", "2018-01-01T00:00:00Z"))
    after = {p: p.read_bytes() for p in land.landing_dir.rglob("*.parquet")}
    assert before.items() < after.items()


def test_the_watermark_is_the_newest_cursor_of_the_nights_so_far(land):
    assert watermark(land) is None
    land(("1", "2017-12-30T08:00:00Z"), as_of=date(2017, 12, 30))
    land(("1", "2018-01-02T09:00:00Z"))
    assert watermark(land) == datetime(2018, 1, 2, 9, tzinfo=UTC)
    assert watermark(land, date(2017, 12, 30)) == datetime(2017, 12, 30, 8, tzinfo=UTC)
    assert watermark(land, date(2017, 12, 29)) is None


def test_a_record_dated_in_the_far_future_or_not_at_all_does_not_move_the_watermark(land):
    land(("1", "2018-01-01T00:00:00Z"), ("2", "2099-01-01T00:00:00Z"), ("3", "soon"), ("4", None))
    assert watermark(land) == datetime(2018, 1, 1, tzinfo=UTC)


def test_a_stream_can_be_read_before_its_first_load(land):
    landing.declare(land.landing_dir, "crm", "contacts", COLUMNS)
    files = str(land.landing_dir / "crm" / "contacts" / "*" / "*.parquet")
    relation = duckdb.sql(f"select * exclude (load_date) from read_parquet('{files}')")
    assert relation.columns == ["id", "updated_at", "_dlt_load_id"]
    assert relation.fetchall() == []


def test_a_stream_that_gets_a_column_can_be_read_with_it_before_the_next_load(land):
    landing.declare(land.landing_dir, "crm", "contacts", ["id", "updated_at"])
    landing.declare(land.landing_dir, "crm", "contacts", ["id", "updated_at", "history"])
    files = str(land.landing_dir / "crm" / "contacts" / "*" / "*.parquet")
    assert "history" in duckdb.sql(f"from read_parquet('{files}')").columns
    assert not list(land.landing_dir.rglob("*.part"))


def test_a_night_opened_has_its_completed_loads_and_no_later_one(land):
    land(("1", "2018-01-01T00:00:00Z"))
    land(("2", "2018-01-03T00:00:00Z"), as_of=date(2018, 1, 3))
    with landing.opened(land.landing_dir, "crm", ["contacts"], NIGHT) as connection:
        assert connection.execute("select id from contacts").fetchall() == [("1",)]


KILLED = """
import sys
from datetime import date
from pathlib import Path
import dlt
from rapport import landing

home, night = Path(sys.argv[1]), date.fromisoformat(sys.argv[2])

@dlt.resource(name="contacts", columns={"id": {"data_type": "text"}})
def contacts():
    yield [{"id": str(number)} for number in range(1000)]

@dlt.source(name="crm", max_table_nesting=0)
def crm():
    return contacts

landing.land(crm(), name="crm_contacts", source="crm", landing_dir=home / "landing",
             work_dir=home / "work", as_of=night)
"""


@pytest.mark.parametrize("point", ["extracted", "normalized"])
def test_a_killed_load_is_finished_in_its_own_night_by_the_next_one(tmp_path, land, point):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), "2018-01-01"],
        env=os.environ | {"RAPPORT_KILLPOINT": point, "PYTHONPATH": str(plugins())},
        check=False,
    )
    assert killed.returncode != 0
    assert landing.loads_of_night(land.landing_dir, "crm", NIGHT) == set()

    landed = land(("1", "2018-01-02T00:00:00Z"))

    loads = landing.loads_of_night(land.landing_dir, "crm", NIGHT)
    assert len(loads) == 2
    (finished,) = landing.loads_of_night(land.landing_dir, "crm", date(2018, 1, 1))
    assert finished != landed.load_id
    files = str(land.landing_dir / "crm" / "contacts" / "load_date=2018-01-01" / "*.parquet")
    assert duckdb.sql(f"select count(*) from read_parquet('{files}')").fetchall() == [(1000,)]
    assert not any(land.work_dir.glob("*/*"))


def plugins() -> Path:
    return Path(landing.__file__).parents[1]
