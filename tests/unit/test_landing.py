"""The landing: what counts as landed, and what a pull that ends badly leaves behind."""

import json
import os
import stat
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from rapport import landing
from rapport.errors import DamagedLanding, LandingError
from tests.landing_of_dlt import land_as_dlt_did

NIGHT = date(2018, 1, 2)
COLUMNS = ("id", "updated_at")


class Landing:
    """A landing of one source, `crm`, whose stream `contacts` is pulled by a group of that name."""

    def __init__(self, home: Path) -> None:
        self.dir = home / "landing"
        self.work = home / "work"

    def pull(self, as_of=NIGHT, group="crm_contacts", streams=("contacts",), seconds=60.0):
        return landing.Slices(self.dir, self.work, "crm", group, streams, as_of, seconds=seconds)

    def land(self, *rows: tuple[str, str | None], as_of=NIGHT, **pull) -> dict[str, int]:
        """Land (id, updated_at) pairs; one slice for each where it is said to take no time."""
        with self.pull(as_of, **pull) as slices:
            for row in rows:
                slices.add("contacts", table(row))
                slices.cut()
        return slices.rows

    def fails(self, *rows: tuple[str, str | None], **pull) -> None:
        """Land pairs and fail behind them."""
        with suppress(ZeroDivisionError), self.pull(**pull) as slices:
            for row in rows:
                slices.add("contacts", table(row))
                slices.cut()
            slices.add("contacts", table(("of the page that failed", None)))
            raise ZeroDivisionError

    def reached(self, as_of=NIGHT, **how) -> landing.Reached:
        return landing.reached(self.dir, "crm", "contacts", "updated_at", as_of, **how)

    def loads(self, as_of=NIGHT) -> list[str]:
        return sorted(landing.loads_of_night(self.dir, "crm", as_of))

    def ids(self, as_of=NIGHT) -> list[str]:
        landing.declare(self.dir, "crm", "contacts", COLUMNS)
        with landing.opened(self.dir, "crm", ["contacts"], as_of) as connection:
            return [
                id_
                for (id_,) in connection.execute("select id from contacts order by 1").fetchall()
            ]

    def files(self) -> list[Path]:
        """Of loads, the oldest first."""
        return sorted(self.dir.glob("crm/contacts/load_date=20*/*"))


def table(*rows: tuple[str, str | None]) -> pa.Table:
    return pa.table(
        [pa.array(column, pa.string()) for column in zip(*rows, strict=True)], names=list(COLUMNS)
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def crm(tmp_path):
    return Landing(tmp_path)


def test_a_load_arrives_with_every_row_in_the_folder_of_its_night(crm):
    assert crm.land(("1", "2018-01-01"), ("2", "2018-01-02")) == {"contacts": 2}
    (file,) = crm.files()
    assert file.parent.name == "load_date=2018-01-02"
    assert landing.completed_loads(crm.dir, "crm") == {file.name.removesuffix(".0.parquet")}


def test_nothing_new_is_no_load_and_no_error(crm):
    assert crm.land() == {}
    assert not list(crm.dir.rglob("*.jsonl"))


def test_a_second_load_adds_and_changes_nothing_that_was_there(crm):
    crm.land(("1", "2018-01-01"))
    before = {p: p.read_bytes() for p in crm.dir.rglob("*.parquet")}
    crm.land(("2", "2018-01-01"))
    after = {p: p.read_bytes() for p in crm.dir.rglob("*.parquet")}
    assert before.items() < after.items()


def test_loads_are_in_the_order_of_their_ids_though_the_clock_is_set_back(crm, monkeypatch):
    crm.land(("1", None))
    monkeypatch.setattr("time.time_ns", lambda: 1_500_000_000 * 10**9)
    crm.land(("2", None), ("3", None), seconds=0)
    found = {path: duckdb.sql(f"select id from '{path}'").fetchall() for path in crm.files()}
    assert list(found.values()) == [[("1",)], [("2",)], [("3",)]]


def test_what_dlt_landed_counts_as_before(crm):
    land_as_dlt_did(crm.dir, "crm", "contacts", NIGHT, table(("1", "2018-01-01")))
    crm.land(("2", "2018-01-02"))
    assert crm.ids() == ["1", "2"]
    assert crm.reached().newest == at("2018-01-02")


def test_the_watermark_is_the_newest_cursor_of_the_nights_so_far(crm):
    assert crm.reached() == landing.Reached()
    crm.land(("1", "2017-12-30T08:00:00Z"), as_of=date(2017, 12, 30))
    crm.land(("1", "2018-01-02T09:00:00Z"))
    assert crm.reached().newest == datetime(2018, 1, 2, 9, tzinfo=UTC)
    assert crm.reached(date(2017, 12, 30)).newest == datetime(2017, 12, 30, 8, tzinfo=UTC)
    assert crm.reached(date(2017, 12, 29)).newest is None


def test_a_record_dated_in_the_far_future_or_not_at_all_does_not_move_the_watermark(crm):
    crm.land(("1", "2018-01-01"), ("2", "2099-01-01"), ("3", "soon"), ("4", None))
    assert crm.reached().newest == at("2018-01-01")


def test_a_record_that_a_reconciliation_found_does_not_move_the_watermark(crm):
    crm.land(("1", "2018-01-01"))
    crm.land(("2", "2018-01-02"), group="crm_reconciliation", streams=("removals",))
    assert crm.ids() == ["1", "2"]
    assert crm.reached().newest == at("2018-01-01")


def test_a_stream_can_be_read_before_its_first_load(crm):
    assert crm.ids() == []


def test_a_stream_that_gets_a_column_can_be_read_with_it_before_the_next_load(crm):
    landing.declare(crm.dir, "crm", "contacts", ["id", "updated_at"])
    landing.declare(crm.dir, "crm", "contacts", ["id", "updated_at", "history"])
    files = str(crm.dir / "crm" / "contacts" / "*" / "*.parquet")
    assert "history" in duckdb.sql(f"from read_parquet('{files}')").columns
    assert not list(crm.dir.rglob("*.part"))


def test_a_damaged_declaration_is_written_anew(crm):
    landing.declare(crm.dir, "crm", "contacts", COLUMNS)
    file = crm.dir / "crm/contacts/load_date=1970-01-01" / landing.DECLARED_FILE
    whole = file.read_bytes()
    file.write_bytes(whole[:20] + b"?" + whole[21:])
    assert crm.ids() == []
    assert file.read_bytes() == whole


def test_what_is_listed_is_on_the_disk_with_its_folders(crm, monkeypatch):
    synced: list[str] = []
    monkeypatch.setattr("rapport.landing.loads._sync", lambda path: synced.append(path.name))
    crm.land(("1", "2018-01-01"))
    assert synced[0] == "contacts.parquet"
    assert set(synced[1:3]) == {"contacts", "load_date=2018-01-02"}
    assert synced[3].endswith(".part")
    assert synced[4:] == ["_dlt_loads"]


def test_a_night_opened_has_its_completed_loads_and_no_later_one(crm):
    crm.land(("1", "2018-01-01"))
    crm.land(("2", "2018-01-03"), as_of=date(2018, 1, 3))
    assert crm.ids() == ["1"]


class TestSlices:
    def test_each_is_a_load_of_its_own(self, crm):
        crm.land(("1", "2018-01-01"), ("2", "2018-01-02"), seconds=0)
        assert len(crm.loads()) == 2

    def test_one_is_landed_when_it_is_large_enough(self, crm, monkeypatch):
        monkeypatch.setattr("rapport.landing.slices.SLICE_BYTES", 50)
        crm.land(*((str(number), "2018-01-01") for number in range(20)))
        assert 2 < len(crm.loads()) < 20

    def test_a_pull_that_fails_has_landed_what_may_stand_on_its_own(self, crm):
        crm.fails(("1", "2018-01-01"), ("2", "2018-01-02"))
        assert crm.ids() == ["1", "2"]

    def test_rows_that_belong_together_are_in_one_load(self, crm):
        members = [("a", "1"), ("a", "2"), ("b", "3"), ("b", "4"), ("b", "5"), ("c", "6")]
        with suppress(ZeroDivisionError), crm.pull(seconds=0) as slices:
            for begin in range(0, 6, 2):
                slices.add("contacts", table(*members[begin : begin + 2]), ["id"])
            raise ZeroDivisionError
        found = [duckdb.sql(f"select id, updated_at from '{p}'").fetchall() for p in crm.files()]
        assert found == [members[:2], members[2:5]]

    def test_a_try_of_the_same_night_knows_where_the_failed_one_stopped(self, crm):
        crm.land(("1", "2018-01-01"), as_of=date(2018, 1, 1))
        crm.fails(("2", "2018-01-02T08:00:00"), ("3", "2018-01-02T09:00:00"), seconds=0)
        reached = crm.reached()
        assert reached.newest == reached.newest_resumed == at("2018-01-02T09:00:00")
        assert reached.oldest_resumed == at("2018-01-02T08:00:00")
        crm.land(("4", "2018-01-02T10:00:00"))
        assert crm.reached() == landing.Reached(at("2018-01-02T10:00:00"))

    def test_a_try_that_finds_nothing_more_ends_the_failed_one(self, crm):
        crm.fails(("1", "2018-01-01"))
        crm.land()
        assert crm.reached() == landing.Reached(at("2018-01-01"))

    def test_another_night_or_a_much_later_try_starts_by_the_overlap(self, crm, monkeypatch):
        crm.fails(("1", "2018-01-01"))
        assert crm.reached(NIGHT + timedelta(days=1)).newest_resumed is None
        monkeypatch.setattr("rapport.landing.loads.RESUMED_SECONDS", 0)
        assert crm.reached() == landing.Reached(at("2018-01-01"))

    def test_of_what_comes_newest_first_a_part_does_not_count(self, crm):
        crm.land(("1", "2018-01-01"), as_of=date(2018, 1, 1))
        crm.fails(("9", "2018-01-02T09:00:00"), ("8", "2018-01-02T08:00:00"))
        part = crm.reached(newest_first=True)
        assert part.newest == at("2018-01-01")
        assert part.oldest_resumed == at("2018-01-02T08:00:00")
        assert crm.reached(NIGHT + timedelta(days=1), newest_first=True).newest == at("2018-01-01")
        crm.land(("7", "2018-01-02T07:00:00"))
        assert crm.reached(newest_first=True).newest == at("2018-01-02T09:00:00")

    def test_two_pulls_of_one_group_never_run_at_once(self, crm):
        with crm.pull(), pytest.raises(LandingError, match=rf"crm_contacts .*{os.getpid()}"):
            crm.land(("1", None))

    def test_other_groups_of_the_source_go_on(self, crm):
        with crm.pull() as slices:
            slices.add("contacts", table(("1", None)))
            crm.land(("2", None), group="crm_deals")
        assert crm.ids() == ["1", "2"]

    def test_a_landing_on_another_disk_is_written_as_safely(self, crm, monkeypatch):
        replace = Path.replace

        def only_within_a_folder(path, target):
            if path.parent != Path(target).parent:
                raise OSError(18, "Invalid cross-device link")
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", only_within_a_folder)
        monkeypatch.setattr("rapport.landing.slices.same_disk", lambda *_: False)
        crm.land(("1", None))
        assert crm.ids() == ["1"]
        assert not list(crm.dir.rglob("*.part"))


KILLED = """
import sys
from pathlib import Path
from tests.unit.test_landing import Landing

Landing(Path(sys.argv[1])).land(("1", "2018-01-01"), ("2", "2018-01-02"), seconds=0)
"""
POINTS = {"slice written": 0, "slice half in place": 0, "slice in place": 0, "slice listed": 1}


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_pull_keeps_the_slices_that_landed_and_jams_nothing(tmp_path, crm, point):
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env=os.environ | {"RAPPORT_KILLPOINT": point, "PYTHONPATH": f"{root / 'plugins'}:{root}"},
        check=False,
    )
    assert killed.returncode == 137
    assert len(crm.loads()) == POINTS[point]
    crm.land(("1", "2018-01-01"), ("2", "2018-01-02"))
    assert sorted(set(crm.ids())) == ["1", "2"]
    assert len(crm.ids()) == 2 + POINTS[point]
    assert {path.name.rsplit(".", 2)[0] for path in crm.files()} == set(crm.loads())
    assert not [path for path in crm.work.rglob("*") if path.suffix != ".lock"]


class TestLeftovers:
    def test_files_of_a_load_that_never_was_listed_are_swept(self, crm):
        crm.land(("1", None))
        (folder,) = {path.parent for path in crm.files()}
        (folder / "1500000000.5.0.parquet").write_bytes(b"PAR1 half of i")
        crm.land(("2", None))
        assert len(crm.files()) == 2
        assert crm.ids() == ["1", "2"]

    def test_packages_of_dlt_are_swept(self, crm):
        left = crm.work / "2018-01-01" / "crm_contacts" / "load" / "normalized"
        left.mkdir(parents=True)
        (crm.work / "2018-01-01" / "crm_deals").mkdir()
        crm.land(("1", None))
        assert not left.exists()
        assert (crm.work / "2018-01-01" / "crm_deals").exists()


class TestDamage:
    @pytest.fixture
    def three(self, crm):
        """Three nights of one record each."""
        for day in (1, 2, 3):
            crm.land((str(day), f"2018-01-0{day}"), as_of=date(2018, 1, day))
        return crm

    def last_night(self, crm):
        return crm.reached(date(2018, 1, 3))

    @pytest.mark.parametrize("damage", ["cut", "gone"])
    def test_a_file_of_another_size_is_named_before_the_next_pull(self, three, damage):
        file = three.files()[1]
        file.write_bytes(file.read_bytes()[:100]) if damage == "cut" else file.unlink()
        with pytest.raises(DamagedLanding) as told:
            three.land(("4", None), as_of=date(2018, 1, 3))
        assert f"contacts/load_date=2018-01-02/{file.name}" in str(told.value)
        assert "crm.contacts" in str(told.value)
        assert "run the night again" in str(told.value)

    def test_a_damaged_page_is_named_when_it_is_read(self, three):
        damage_a_page(three.files()[1])
        with pytest.raises(DamagedLanding, match="load_date=2018-01-02"):
            three.ids(date(2018, 1, 3))
        assert three.ids(date(2018, 1, 3)) == ["1", "3"]
        assert [path.name[:8] for path in (three.dir / "crm/_damaged").iterdir()] == ["contacts"]

    def test_what_was_lost_is_pulled_again_and_then_forgotten(self, three):
        damage_a_page(three.files()[1])
        with pytest.raises(DamagedLanding):
            three.ids(date(2018, 1, 3))
        assert self.last_night(three).newest == at("2018-01-01")
        three.fails(("2", "2018-01-02"), as_of=date(2018, 1, 3))
        assert self.last_night(three).newest == at("2018-01-02")
        three.land(("3", "2018-01-03"), as_of=date(2018, 1, 3))
        assert self.last_night(three).newest == at("2018-01-03")

    def test_a_load_of_dlt_is_no_less_found_out(self, crm):
        land_as_dlt_did(crm.dir, "crm", "contacts", NIGHT, table(("1", "2018-01-01")))
        damage_a_page(crm.files()[0])
        with pytest.raises(DamagedLanding, match="no readable parquet"):
            crm.ids()
        assert crm.reached().newest is None

    def test_a_damaged_line_of_the_list_costs_its_load(self, three):
        line = sorted(three.dir.glob("crm/_dlt_loads/*"))[1]
        line.write_text(line.read_text()[:30])
        assert three.ids(date(2018, 1, 3)) == ["1", "3"]
        three.land(("2", "2018-01-02"), as_of=date(2018, 1, 3))
        assert three.ids(date(2018, 1, 3)) == ["1", "2", "3"]
        lists = [path.read_text() for path in three.dir.glob("crm/_dlt_loads/*")]
        assert all(json.loads(text) for text in lists if text)

    def test_a_file_that_may_not_be_read_is_not_taken_for_damaged(self, three, monkeypatch):
        def refused(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pyarrow.parquet.ParquetFile", refused)
        with pytest.raises(PermissionError):
            landing.set_aside_damaged(three.dir, "crm", NIGHT, thorough=True)
        assert len(three.loads()) == 2


def damage_a_page(file: Path) -> None:
    """Change bytes of a file's first page, and not its length."""
    data = bytearray(file.read_bytes())
    data[30:60] = bytes(30)
    file.write_bytes(data)


def test_nobody_else_may_read_the_landing(crm):
    crm.land(("1", None))
    assert stat.S_IMODE(crm.dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(crm.work.stat().st_mode) == 0o700
