"""Releases: the same content is the same release, and readers see one whole night."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from typer.testing import CliRunner

from rapport.errors import BuildError, ReleaseError, SettingsError
from rapport.gate import stamp_of
from rapport.killpoints import EXIT_CODE
from rapport.orchestration import steps
from rapport.orchestration.cli import _of_gate
from rapport.release import (
    current_release,
    history,
    list_releases,
    publish_release,
    release_before,
    rollback,
    verify_release,
)
from rapport.release.signature import KEY_FILE
from rapport.release.store import fingerprint_of, locked, switch
from rapport.release_commands import releases_app
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared
from rapport.sources.streams import GROUPS
from rapport.warehouse import build_lock
from tests.dbt.landing_fixture import land

NIGHT = date(2018, 1, 2)
PLUGINS = Path(__file__).parents[2] / "plugins"
KILLPOINTS = (
    "release_described",
    "release_written",
    "release_renamed",
    "current_prepared",
    "current_switched",
)


def gate_of(warehouse, night=NIGHT, **changes):
    passed = {"checkpoint": "publish", "as_of": night.isoformat(), "evaluated": 9, "critical": []}
    return passed | {"warnings": ["a warning"], "stamp": stamp_of(warehouse)} | changes


class Nights:
    """A small warehouse that can be rebuilt for any night, and the releases made of it."""

    def __init__(self, folder):
        self.warehouse = folder / "warehouse" / "rapport_build.duckdb"
        self.releases = folder / "releases"
        self.warehouse.parent.mkdir()
        self.build()

    def build(self, night=NIGHT, *, orders=50, order_by="order_id", sql=""):
        self.warehouse.unlink(missing_ok=True)
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(
                f"""
                create schema marts; create schema segments; create schema ops;
                create schema intermediate;
                create table ops.build_state as
                    select date '{night}' as as_of_date, 'abc' as fingerprint;
                create table ops.built_loads as
                    select * from (values ('shop', '17.1'), ('shop', '18.2')) as _(source, load_id);
                create table intermediate.people as select 'hopper@example.com' as email;
                create table marts.fct_orders as
                    select
                        'o' || i as order_id,
                        date '{night}' as order_date,
                        (i / 100)::decimal(18, 2) as sales_amount,
                        i / 7.0::double as score,
                        nullif('it''s ' || i, 'it''s 3') as remark,
                        timestamp '2018-01-01' + to_seconds(i) as ordered_at
                    from range({orders}) as _(i) order by {order_by};
                create view marts.dim_days as
                    select date '{night}' as order_date, 'dow' as day_name;
                create table segments.segment_members as
                    select order_id as customer_id, order_date as as_of_date from marts.fct_orders;
                create table segments.seg_internal as select 1 as n;
                comment on table marts.fct_orders is 'One row per order, the shop''s own.';
                comment on column marts.fct_orders.remark is 'A remark';
                {sql}
                """
            )
        return self

    def publish(self, night=NIGHT, **options):
        return publish_release(
            **{
                "warehouse_path": self.warehouse,
                "releases_dir": self.releases,
                "as_of": night,
                "gate": gate_of(self.warehouse, night),
            }
            | options
        )

    @property
    def current(self):
        return current_release(self.releases)

    def visible(self):
        """Everything but the lock, the key, the history and the link."""
        return sorted(
            path.name
            for path in self.releases.iterdir()
            if path.name not in {".lock", ".signing_key", "history.jsonl", "current"}
        )

    def parquet(self, info):
        return {path.name: path.read_bytes() for path in info.path.glob("*.parquet")}


@pytest.fixture
def nights(tmp_path):
    yield Nights(tmp_path)
    for folder in tmp_path.rglob("*/"):
        folder.chmod(0o755)


class TestWhatAReleaseHolds:
    """Marts and segments, described and checksummed, and nothing else."""

    def test_marts_and_segments_but_no_inner_table(self, nights):
        info = nights.publish()
        assert info.rows == {
            "marts.dim_days": 1,
            "marts.fct_orders": 50,
            "segments.segment_members": 50,
        }
        assert sorted(path.name for path in info.path.iterdir()) == [
            "dim_days.parquet",
            "fct_orders.parquet",
            "manifest.json",
            "rapport.duckdb",
            "segment_members.parquet",
        ]

    def test_it_tells_the_firms_clock_and_its_last_complete_day(self, nights):
        """West of UTC the as-of date is not over when the night looks."""
        clock = "'America/New_York' as reporting_time_zone, date '2018-01-01' as last_complete_date"
        nights.build(sql=f"create table ops.reporting_clock as select {clock};")
        info = nights.publish()
        assert json.loads((info.path / "manifest.json").read_bytes())["clock"] == {
            "reporting_time_zone": "America/New_York",
            "last_complete_date": "2018-01-01",
        }
        with duckdb.connect(str(info.path / "rapport.duckdb"), read_only=True) as night:
            assert night.sql(
                "select reporting_time_zone, last_complete_date from release"
            ).fetchall() == [("America/New_York", date(2018, 1, 1))]

    def test_the_database_tells_its_night_and_keeps_types_and_descriptions(self, nights):
        info = nights.publish()
        with duckdb.connect(str(info.path / "rapport.duckdb"), read_only=True) as night:
            assert night.sql(
                "select release_id, as_of_date, gate_warnings from release"
            ).fetchall() == [(info.release_id, NIGHT, ["a warning"])]
            assert night.sql("select count(*), count(remark) from marts.fct_orders").fetchone() == (
                50,
                49,
            )
            columns = night.sql(
                "select column_name, data_type, comment from duckdb_columns() "
                "where table_name = 'fct_orders'"
            ).fetchall()
            assert ("sales_amount", "DECIMAL(18,2)", None) in columns
            assert ("remark", "VARCHAR", "A remark") in columns
            (comment,) = night.sql(
                "select comment from duckdb_tables() where table_name = 'fct_orders'"
            ).fetchone()
            assert comment == "One row per order, the shop's own."

    def test_the_parquet_files_hold_the_same_rows_and_name_their_release(self, nights):
        info = nights.publish()
        path = str(info.path / "fct_orders.parquet")
        with duckdb.connect(str(nights.warehouse), read_only=True) as connection:
            difference = f"from marts.fct_orders except all from '{path}'"
            assert connection.execute(difference).fetchall() == []
            pairs = dict(
                connection.execute(
                    f"select key::varchar, value::varchar from parquet_kv_metadata('{path}')"
                ).fetchall()
            )
        assert pairs["release_id"] == info.release_id

    def test_the_manifest_says_what_somebody_decided_and_another_policy_is_another_release(
        self, nights
    ):
        policies = """
            create table marts.policies as
            select * from (values
                ('owner_capacity', '{}', '150', 'policy.yml', true),
                ('reporting_currency', '"GBP"', 'null', 'orders', false),
                ('pulse_share', '0.25', '0.25', 'default', false)
            ) as _(policy, value, default_value, source, is_changed);
        """
        infos = [nights.build(sql=policies.format(n)).publish() for n in (99, 100)]
        first, second = (
            json.loads((info.path / "manifest.json").read_bytes())["policies"] for info in infos
        )
        assert first["decided"] == {
            "owner_capacity": {"value": 99, "source": "policy.yml"},
            "reporting_currency": {"value": "GBP", "source": "orders"},
        }
        assert first["digest"] != second["digest"]
        assert infos[0].release_id != infos[1].release_id

    def test_the_manifest_says_where_it_came_from(self, nights):
        manifest = json.loads((nights.publish().path / "manifest.json").read_text())
        assert manifest["provenance"]["landing"] == {"shop": {"loads": 2, "last_load_id": "18.2"}}
        assert manifest["provenance"]["code"] == "abc"
        assert manifest["gate"]["warnings"] == ["a warning"]
        assert manifest["files"]["fct_orders.parquet"].keys() == {"bytes", "sha256"}

    def test_it_tells_what_both_gates_warned_of(self, nights):
        came_in = {"evaluated": 3, "warnings": ["a pull failed"], "left_out": ["landing.x"]}
        info = nights.publish(came_in=came_in)
        gate = json.loads((info.path / "manifest.json").read_text())["gate"]
        assert (gate["evaluated"], gate["left_out"]) == (12, ["landing.x"])
        with duckdb.connect(str(info.path / "rapport.duckdb"), read_only=True) as night:
            told = night.sql("select gate_warnings, gate_expectation_count from release")
            assert told.fetchall() == [(["a pull failed", "a warning"], 12)]

    def test_nobody_can_write_into_it(self, nights):
        info = nights.publish()
        assert info.path.stat().st_mode & 0o222 == 0
        assert not [path for path in info.path.iterdir() if path.stat().st_mode & 0o222]


class TestTheNameIsTheContent:
    """Equal content gives an equal id and equal bytes; any difference another id."""

    def test_the_same_night_twice_is_one_release(self, nights):
        first = nights.publish()
        again = nights.publish()
        assert (first.built, again.built) == (True, False)
        assert again.release_id == first.release_id
        assert nights.visible() == [first.release_id]

    def test_rows_in_another_order_give_the_same_id_and_equal_bytes(self, nights, tmp_path):
        first = nights.publish()
        nights.build(order_by="hash(i)")
        other = nights.publish(releases_dir=tmp_path / "elsewhere", threads=1)
        assert other.release_id == first.release_id
        assert nights.parquet(other) == nights.parquet(first)
        assert len(nights.parquet(first)) == 3

    @pytest.mark.parametrize(
        "sql",
        [
            "update marts.fct_orders set sales_amount = 0.01 where order_id = 'o7'",
            "update marts.fct_orders set remark = null where order_id = 'o7'",
            "update marts.fct_orders set remark = '' where order_id = 'o3'",
            "delete from marts.fct_orders where order_id = 'o7'",
            "insert into marts.fct_orders from marts.fct_orders where order_id = 'o7'",
            "insert into marts.fct_orders from marts.fct_orders",
            "alter table marts.fct_orders rename column remark to remarks",
            "alter table marts.fct_orders alter score type float",
            "alter table marts.fct_orders alter order_date type timestamp",
            "alter table marts.fct_orders rename to fct_purchases",
            "create table marts.dim_more as select 1 as n",
            "comment on column marts.fct_orders.remark is 'Another remark'",
        ],
    )
    def test_any_change_gives_another_id(self, nights, sql):
        first = nights.publish()
        assert nights.build(sql=sql).publish().release_id != first.release_id

    def test_values_that_change_places_give_another_id(self, nights):
        swap = (
            "update marts.fct_orders set remark = order_id, order_id = remark where order_id = 'o1'"
        )
        first = nights.publish()
        assert nights.build(sql=swap).publish().release_id != first.release_id

    def test_inner_tables_do_not_count(self, nights):
        first = nights.publish()
        nights.build(sql="create table segments.seg_more as select 2 as n")
        assert nights.publish().release_id == first.release_id

    def test_another_process_gives_the_same_id(self, nights):
        expected = nights.publish().release_id
        shutil.move(nights.releases, nights.releases.with_name("before"))
        assert publish_in_subprocess(nights).returncode == 0
        assert nights.current == expected


class TestAnApiThatLosesItsSupport:
    """The calendar of the day the night runs tells it, and no table of the release does."""

    @pytest.fixture
    def run(self, nights, monkeypatch):
        """Return a function that runs the steps from the first gate to the release on a day."""
        returned = {f"extract.{group}": {} for group in GROUPS}
        context = {"ti": SimpleNamespace(xcom_pull=lambda task_ids: returned.get(task_ids))}
        settings = SimpleNamespace(
            warehouse_path=nights.warehouse,
            releases_dir=nights.releases,
            landing_dir=None,
            keep_releases=7,
            memory_limit=None,
            threads=None,
        )
        monkeypatch.setattr(steps, "get_current_context", lambda: context)
        monkeypatch.setattr(steps.Settings, "from_env", lambda: settings)
        monkeypatch.setattr(steps, "night", lambda: NIGHT)
        monkeypatch.setattr(steps, "declared_sources", Declared)
        monkeypatch.setattr(steps, "is_connected", lambda source: source == "klaviyo")
        chosen = Connection("rapport_klaviyo", "", options={"revision": "2026-07-15"})
        monkeypatch.setattr(steps, "source_connection", lambda source: chosen)
        monkeypatch.setattr(
            steps, "_check", lambda *_, **__: gate_of(nights.warehouse, warnings=[], left_out=[])
        )

        def run(today):
            clock = SimpleNamespace(now=lambda zone: datetime.combine(today, time(), zone))
            monkeypatch.setattr(steps, "datetime", clock)
            for step in ("check_sources", "check_release", "publish_release"):
                returned[step] = getattr(steps, step)()
            return returned

        return run

    def test_the_nights_summary_and_the_manifest_tell_it(self, nights, run):
        done = run(date(2028, 6, 1))
        told = done["check_sources"]["support_ends"]
        assert [re.search(r"version (\S+) .* on (\S+):", line).groups() for line in told] == [
            ("2026-09", "2028-03-08"),
            ("v1", "2027-09-01"),
            ("2026-07-15", "2028-07-15"),
        ]
        folder = nights.releases / done["publish_release"]["release_id"]
        assert json.loads((folder / "manifest.json").read_bytes())["gate"]["support_ends"] == told
        summary = list(_of_gate("What came in", done["check_sources"]))
        assert summary[1:] == [f"  to see to in time: {line}" for line in told]

    def test_the_same_night_on_another_day_is_the_same_release(self, nights, run):
        quiet = run(date(2026, 12, 1))["publish_release"]["release_id"]
        before = nights.parquet(SimpleNamespace(path=nights.releases / quiet))
        for folder in nights.releases.rglob("*/"):
            folder.chmod(0o755)
        shutil.rmtree(nights.releases)
        late = run(date(2028, 6, 1))["publish_release"]["release_id"]
        assert late == quiet
        assert nights.parquet(SimpleNamespace(path=nights.releases / late)) == before


class TestWhatANightIsComparedWith:
    """The release that readers had before it, whatever they have by now."""

    LATER = NIGHT + timedelta(days=1)
    LAST = NIGHT + timedelta(days=2)

    def test_the_first_night_is_compared_with_none(self, nights):
        assert release_before(nights.releases, NIGHT) is None

    def test_a_night_that_is_run_again_is_compared_with_what_it_was_at_first(self, nights):
        first = nights.publish()
        assert release_before(nights.releases, self.LATER).release_id == first.release_id
        nights.build(self.LATER).publish(self.LATER)
        assert release_before(nights.releases, self.LATER).release_id == first.release_id
        assert release_before(nights.releases, NIGHT) is None

    def test_what_a_backfill_made_readers_never_had(self, nights):
        nights.build(self.LATER).publish(self.LATER)
        assert not nights.build(NIGHT).publish(NIGHT).is_current
        assert release_before(nights.releases, self.LATER) is None

    def test_what_a_rollback_withdrew_counts_for_nothing(self, nights):
        first = nights.publish()
        nights.build(self.LATER).publish(self.LATER)
        rollback(nights.releases, first.release_id, why="wrong prices")
        assert release_before(nights.releases, self.LAST).release_id == first.release_id

    def test_without_a_history_it_is_what_readers_have(self, nights):
        first = nights.publish()
        (nights.releases / "history.jsonl").unlink()
        assert release_before(nights.releases, self.LATER).release_id == first.release_id


class TestNothingUngated:
    """Only the very file that the gate passed is released."""

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"critical": ["marts.fct_orders: x"]}, "did not pass"),
            ({"evaluated": 0}, "did not pass"),
            ({"as_of": "2018-01-01"}, "night of 2018-01-01"),
            ({"stamp": "1-2"}, "changed after the gate"),
            ({"stamp": None}, "changed after the gate"),
        ],
    )
    def test_a_gate_that_did_not_pass_leaves_current_untouched(self, nights, changes, reason):
        before = nights.publish().release_id
        nights.build(orders=3)
        with pytest.raises(ReleaseError, match=reason):
            nights.publish(gate=gate_of(nights.warehouse, **changes))
        assert nights.current == before
        assert nights.visible() == [before]

    def test_a_warehouse_that_an_erasure_took_away_is_missed_and_not_made_up_for(self, nights):
        nights.build()
        gate = gate_of(nights.warehouse)
        nights.warehouse.unlink()
        at = {"warehouse_path": nights.warehouse, "releases_dir": nights.releases, "as_of": NIGHT}
        with pytest.raises(ReleaseError, match="does not exist any more"):
            publish_release(**at, gate=gate)
        assert nights.visible() == []

    def test_nothing_is_released_while_somebody_is_being_erased(self, nights):
        nights.build()
        with build_lock(nights.warehouse), pytest.raises(BuildError, match="being built"):
            nights.publish()
        assert nights.visible() == []

    def test_a_warehouse_of_another_night_is_refused(self, nights):
        nights.build(NIGHT - timedelta(days=1))
        with pytest.raises(ReleaseError, match="shows the night of 2018-01-01"):
            nights.publish()

    def test_a_warehouse_without_segments_is_refused(self, nights):
        nights.build(sql="drop schema segments cascade")
        with pytest.raises(ReleaseError, match="no table in schema segments"):
            nights.publish()

    def test_two_tables_of_one_name_are_refused(self, nights):
        nights.build(sql="create table segments.fct_orders as select 1 as n")
        with pytest.raises(ReleaseError, match="rename one"):
            nights.publish()

    def test_a_warehouse_that_somebody_is_writing_is_not_released(self, nights):
        code = (
            "import duckdb, sys, time; held = duckdb.connect(sys.argv[1]); "
            "print('open', flush=True); time.sleep(60)"
        )
        writer = subprocess.Popen(
            [sys.executable, "-c", code, str(nights.warehouse)], stdout=subprocess.PIPE
        )
        try:
            assert writer.stdout.readline()
            with pytest.raises(ReleaseError, match="lock"):
                nights.publish()
        finally:
            writer.kill()
            writer.wait()
        assert nights.visible() == []


class TestWhichReleaseIsCurrent:
    """The newest night, unless a person says otherwise."""

    def test_a_later_night_takes_over(self, nights):
        nights.publish()
        later = NIGHT + timedelta(days=1)
        info = nights.build(later).publish(later)
        assert info.is_current
        assert nights.current == info.release_id

    def test_new_content_of_the_same_night_takes_over(self, nights):
        nights.publish()
        assert nights.build(orders=51).publish().is_current

    def test_an_older_night_is_built_and_does_not_take_over(self, nights):
        newest = nights.publish().release_id
        older = NIGHT - timedelta(days=30)
        info = nights.build(older).publish(older, keep=1)
        assert (info.is_current, info.path.is_dir()) == (False, True)
        assert "later night" in info.note
        assert nights.current == newest

    def test_an_older_night_takes_over_when_told(self, nights):
        nights.publish()
        older = NIGHT - timedelta(days=30)
        assert nights.build(older).publish(older, take_current=True).is_current

    def test_the_last_nights_are_kept(self, nights):
        ids = []
        for day in range(5):
            night = NIGHT + timedelta(days=day)
            ids.append(nights.build(night).publish(night, keep=3).release_id)
        assert nights.visible() == ids[2:]
        assert [event["release_id"] for event in history(nights.releases)][-1] == ids[1]

    def test_a_backfill_does_not_push_out_the_nights_one_would_roll_back_to(self, nights):
        recent = []
        for day in range(3):
            night = NIGHT + timedelta(days=day)
            recent.append(nights.build(night).publish(night, keep=3).release_id)
        for day in range(5):
            night = NIGHT - timedelta(days=100 - day)
            last = nights.build(night).publish(night, keep=3)
        assert nights.visible() == sorted([*recent, last.release_id])

    def test_the_current_release_is_never_removed(self, nights):
        first = nights.publish().release_id
        nights.build(NIGHT + timedelta(days=1)).publish(NIGHT + timedelta(days=1))
        rollback(nights.releases, first, why="test")
        older = NIGHT - timedelta(days=1)
        nights.build(older).publish(older, keep=1)
        assert nights.current == first
        assert first in nights.visible()


class TestRollback:
    """A person's word stands until a person or a newer content changes it."""

    @pytest.fixture
    def two(self, nights):
        good = nights.publish().release_id
        later = NIGHT + timedelta(days=1)
        return good, nights.build(later).publish(later).release_id, later

    def test_readers_get_the_other_release_and_the_history_says_who_and_why(self, nights, two):
        good, bad, _ = two
        rollback(nights.releases, good, why="wrong prices", by="ops")
        assert nights.current == good
        event = history(nights.releases)[-1]
        assert event.pop("at")
        assert event == {
            "event": "rolled back",
            "release_id": good,
            "before": bad,
            "by": "ops",
            "why": "wrong prices",
        }

    def test_publishing_the_withdrawn_content_again_does_not_bring_it_back(self, nights, two):
        good, _, later = two
        rollback(nights.releases, good, why="wrong prices")
        info = nights.publish(later)
        assert "withdrew" in info.note
        assert nights.current == good

    def test_a_corrected_build_of_that_night_takes_over(self, nights, two):
        good, _, later = two
        rollback(nights.releases, good, why="wrong prices")
        assert nights.build(later, orders=99).publish(later).is_current

    def test_a_rollback_forward_brings_it_back_for_good(self, nights, two):
        good, bad, later = two
        rollback(nights.releases, good, why="wrong prices")
        rollback(nights.releases, bad, why="they were right")
        assert nights.publish(later).is_current

    @pytest.mark.parametrize("release_id", ["2018-01-02-000000000000", "../../etc", "current"])
    def test_what_is_no_release_is_refused(self, nights, two, release_id):
        with pytest.raises(ReleaseError):
            rollback(nights.releases, release_id, why="test")
        assert nights.current == two[1]

    def test_a_damaged_release_is_refused(self, nights, two):
        damage(nights.releases / two[0] / "fct_orders.parquet")
        with pytest.raises(ReleaseError, match="differs from its checksum"):
            rollback(nights.releases, two[0], why="test")
        assert nights.current == two[1]


def damage(path):
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rewrite(info, change):
    """Change the manifest of a release as somebody who may write into its folder."""
    path = info.path / "manifest.json"
    path.chmod(0o644)
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


class TestDamage:
    """Checksums tell, and the next publish mends."""

    def test_a_whole_release_has_no_problem(self, nights):
        assert verify_release(nights.publish().path) == []

    def test_one_flipped_bit_is_found_and_mended(self, nights):
        info = nights.publish()
        before = nights.parquet(info)
        damage(info.path / "fct_orders.parquet")
        assert verify_release(info.path) == ["fct_orders.parquet: differs from its checksum"]
        assert nights.publish().built
        assert verify_release(info.path) == []
        assert nights.parquet(info) == before
        assert nights.visible() == [info.release_id]

    def test_a_missing_a_strange_and_a_relabelled_file_are_found(self, nights):
        info = nights.publish()
        info.path.chmod(0o755)
        (info.path / "fct_orders.parquet").unlink()
        (info.path / "notes.txt").write_text("x")
        assert verify_release(info.path) == [
            "notes.txt: not in the manifest",
            "fct_orders.parquet: missing",
        ]
        moved = info.path.rename(info.path.with_name("2018-01-02-000000000000"))
        assert "does not belong" in verify_release(moved)[0]

    def test_a_file_that_is_swapped_together_with_its_checksum_is_found_and_mended(self, nights):
        info = nights.publish()
        before = nights.parquet(info)
        damage(info.path / "fct_orders.parquet")
        changed = fingerprint_of(info.path / "fct_orders.parquet")
        rewrite(info, lambda manifest: manifest["files"].update({"fct_orders.parquet": changed}))
        found = ["manifest.json: was changed after it had been signed"]
        assert verify_release(info.path) == found
        assert nights.publish().built
        assert verify_release(info.path) == []
        assert nights.parquet(info) == before

    @pytest.mark.parametrize(
        "change",
        [
            lambda manifest: manifest["gate"].update({"warnings": []}),
            lambda manifest: manifest["policies"].update({"digest": "0"}),
            lambda manifest: manifest["provenance"].update({"code": "another"}),
            lambda manifest: manifest["signature"].update({"value": "0" * 64}),
            lambda manifest: manifest["signature"].update({"value": "é"}),
        ],
    )
    def test_no_entry_of_a_manifest_can_be_changed(self, nights, change):
        info = nights.publish()
        rewrite(info, change)
        assert verify_release(info.path) == ["manifest.json: was changed after it had been signed"]
        later = NIGHT + timedelta(days=1)
        nights.build(later, orders=99).publish(later)
        with pytest.raises(ReleaseError, match="is damaged"):
            rollback(nights.releases, info.release_id, why="test")

    @pytest.mark.parametrize("signature", [None, {}, [], {"value": 1}])
    def test_a_manifest_without_a_signature_is_damage(self, nights, signature):
        info = nights.publish()
        rewrite(info, lambda manifest: manifest.update({"signature": signature}))
        assert verify_release(info.path) == ["manifest.json: is not signed"]

    def test_another_key_a_broken_key_and_none_are_said(self, nights):
        info = nights.publish()
        key = nights.releases / KEY_FILE
        assert key.stat().st_mode & 0o777 == 0o600
        kept = key.read_text()
        assert kept not in (info.path / "manifest.json").read_text()
        for text, problem in (
            ("0" * 64, "was signed with another key"),
            ("none", "no key of 32 bytes"),
        ):
            key.write_text(text)
            assert problem in verify_release(info.path)[0]
        later = NIGHT + timedelta(days=1)
        nights.build(later, orders=99)
        with pytest.raises(ReleaseError, match="no key of 32 bytes"):
            nights.publish(later)
        assert nights.current == info.release_id
        key.unlink()
        assert "cannot be checked" in verify_release(info.path)[0]
        key.write_text(kept)
        assert verify_release(info.path) == []

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {}, "tables": [{}]}', "\udcff"])
    def test_a_manifest_that_is_none_is_damage_not_a_crash(self, nights, text):
        info = nights.publish()
        manifest = info.path / "manifest.json"
        manifest.chmod(0o644)
        manifest.write_bytes(text.encode("utf-8", "surrogateescape"))
        assert "damaged" in verify_release(info.path)[0]
        assert list_releases(nights.releases)[0].note
        nights.publish()
        assert verify_release(info.path) == []


PUBLISH = """
import json, sys
from datetime import date
from pathlib import Path
from rapport.release import publish_release
warehouse, releases, night, gate = sys.argv[1:]
publish_release(warehouse_path=Path(warehouse), releases_dir=Path(releases),
                as_of=date.fromisoformat(night), gate=json.loads(gate))
"""


def publish_in_subprocess(nights, night=NIGHT, preexec=None, **environment):
    arguments = [
        nights.warehouse,
        nights.releases,
        night,
        json.dumps(gate_of(nights.warehouse, night)),
    ]
    return subprocess.run(
        [sys.executable, "-c", PUBLISH, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(PLUGINS)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=preexec,
    )


class TestInterruptions:
    """A process that dies anywhere leaves readers a whole night; the next one finishes."""

    @pytest.mark.parametrize("place", KILLPOINTS)
    def test_killed(self, nights, place):
        before = nights.publish()
        later = NIGHT + timedelta(days=1)
        nights.build(later)
        killed = publish_in_subprocess(nights, later, RAPPORT_KILLPOINT=place)
        assert killed.returncode == EXIT_CODE, killed.stderr

        seen = (nights.releases / "current").resolve()
        assert verify_release(seen) == []
        assert (seen.name == before.release_id) == (place != "current_switched")
        assert all(verify_release(info.path) == [] for info in list_releases(nights.releases))

        info = nights.publish(later)
        assert info.is_current
        assert nights.visible() == [before.release_id, info.release_id]

    def test_killed_while_mending_the_current_release(self, nights):
        info = nights.publish()
        damage(info.path / "rapport.duckdb")
        killed = publish_in_subprocess(nights, RAPPORT_KILLPOINT="release_half_mended")
        assert killed.returncode == EXIT_CODE, killed.stderr
        assert nights.current == info.release_id
        nights.publish()
        assert verify_release(info.path) == []
        assert nights.visible() == [info.release_id]

    def test_a_full_disk_is_said_and_leaves_nothing(self, nights):
        before = nights.publish()
        later = NIGHT + timedelta(days=1)
        nights.build(later, orders=200_000)

        def limit():
            import resource
            import signal

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

        failed = publish_in_subprocess(nights, later, preexec=limit)
        assert failed.returncode == 1
        last = failed.stderr.strip().splitlines()[-1]
        assert "ReleaseError: publishing to" in last
        assert f"readers have {before.release_id}" in last
        assert nights.visible() == [before.release_id]
        assert nights.publish(later).is_current

    def test_a_folder_that_cannot_be_made_is_said(self, nights, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(ReleaseError, match="cannot be changed"):
            nights.publish(releases_dir=tmp_path / "file" / "releases")

    def test_a_torn_line_of_the_history_does_not_swallow_the_next(self, nights):
        nights.publish()
        with (nights.releases / "history.jsonl").open("a") as file:
            file.write('{"event": "rol')
        nights.publish()
        assert [event["event"] for event in history(nights.releases)] == ["built", "found"]

    def test_a_publisher_waits_while_another_holds_the_folder(self, nights):
        with ThreadPoolExecutor(1) as pool, locked(nights.releases):
            waiting = pool.submit(nights.publish)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=2)
            with (
                pytest.raises(ReleaseError, match="another process"),
                locked(nights.releases, wait_seconds=0.2),
            ):
                pytest.fail("two held the lock")
            assert nights.visible() == []
        assert nights.current == waiting.result(timeout=60).release_id

    def test_two_publishers_wait_for_each_other(self, nights):
        with ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda _: publish_in_subprocess(nights), range(2)))
        assert [run.returncode for run in runs] == [0, 0], runs
        assert sorted(event["event"] for event in history(nights.releases)) == ["built", "found"]


SPIN = """
import os, sys
link, stop = sys.argv[1:]
while not os.path.exists(stop):
    for _ in range(1000):
        os.readlink(link)
"""


def test_current_points_somewhere_at_every_instant(nights, tmp_path):
    ids = [nights.publish().release_id, nights.build(orders=9).publish().release_id]
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", SPIN, str(nights.releases / "current"), str(stop)]
    watcher = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for number in range(3_000):
            switch(nights.releases, ids[number % 2])
            if watcher.poll() is not None:
                break
    finally:
        stop.touch()
    _, errors = watcher.communicate(timeout=60)
    assert watcher.returncode == 0, errors


READ = """
import sys, time
from pathlib import Path
import duckdb
current, stop = Path(sys.argv[1]) / "current", Path(sys.argv[2])
loops, nights = 0, set()
while not stop.exists():
    folder = current.resolve(strict=True)
    parquet = f"select max(order_date) from '{folder}/fct_orders.parquet'"
    with duckdb.connect(str(folder / "rapport.duckdb"), read_only=True) as night:
        seen = {night.sql("select max(order_date) from marts.fct_orders").fetchone()[0],
                night.sql("select max(as_of_date) from segments.segment_members").fetchone()[0],
                night.sql("select as_of_date from release").fetchone()[0],
                duckdb.sql(parquet).fetchone()[0]}
    assert len(seen) == 1, seen
    assert folder.name.startswith(str(*seen)), (folder, seen)
    loops, nights = loops + 1, nights | seen
print(loops, len(nights))
"""


def test_a_reader_during_twenty_publishes_sees_no_error_and_no_mixed_night(nights, tmp_path):
    nights.publish()
    stop = tmp_path / "stop"
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READ, str(nights.releases), str(stop)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    guard = threading.Timer(120, stop.touch)
    guard.start()
    try:
        for day in range(1, 21):
            night = NIGHT + timedelta(days=day)
            assert nights.build(night, orders=5_000).publish(night, keep=3).is_current
    finally:
        stop.touch()
        guard.cancel()
    for reader in readers:
        output, errors = reader.communicate(timeout=60)
        assert reader.returncode == 0, errors
        loops, seen = map(int, output.split())
        assert loops >= 20
        assert seen >= 5


class TestCommands:
    """``rapport releases`` as an operator meets it."""

    def run(self, nights, *arguments):
        return CliRunner().invoke(releases_app, [*arguments, "--dir", str(nights.releases)])

    def test_list_shows_nights_and_marks_the_current_one(self, nights):
        nights.releases.mkdir(exist_ok=True)
        assert "no release" in self.run(nights, "list").output
        info = nights.publish()
        output = self.run(nights, "list").output
        assert "current" in output
        assert info.release_id in output

    def test_verify_fails_on_damage(self, nights):
        info = nights.publish()
        assert self.run(nights, "verify").exit_code == 0
        damage(info.path / "rapport.duckdb")
        result = self.run(nights, "verify", info.release_id)
        assert result.exit_code == 1
        assert "rapport.duckdb: differs" in result.output
        assert self.run(nights, "verify", "nothing").exit_code == 1

    def test_rollback_wants_a_reason_and_says_what_it_did(self, nights):
        first = nights.publish().release_id
        second = nights.build(orders=9).publish().release_id
        assert self.run(nights, "rollback", first).exit_code == 2
        result = self.run(nights, "rollback", first, "--why", "wrong prices")
        assert f"{second} -> {first}" in result.output
        assert "`rapport releases subtract`" in result.output
        assert self.run(nights, "rollback", first, "--why", "again").exit_code == 1

    def test_a_folder_of_no_day_is_no_release(self, nights):
        info = nights.publish()
        (nights.releases / "2017-02-30-0123456789ab").mkdir()
        assert [each.release_id for each in list_releases(nights.releases)] == [info.release_id]
        assert self.run(nights, "verify").exit_code == 0

    def test_nobody_is_subtracted_by_the_news_of_a_night_that_has_not_been(
        self, nights, monkeypatch
    ):
        """Else consents run out by it, and until then no night is given to readers any more."""
        monkeypatch.setenv("RAPPORT_HOME", str(nights.releases.parent))
        info = nights.publish()
        landing = nights.releases.parent / "landing"
        land(landing, "shop", str(NIGHT), "H1", {"customers": [{"customer_id": "1"}]})
        far = CliRunner().invoke(releases_app, ["subtract", "--as-of", "2071-12-31"])
        assert isinstance(far.exception, SettingsError)
        assert f"nothing has landed since the night of {NIGHT}" in str(far.exception)
        assert current_release(nights.releases) == info.release_id
