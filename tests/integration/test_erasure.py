"""A person is erased: nothing of them is in any file of the home, and nobody else is touched."""

import gzip
import io
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from rapport.erasure import erase, open_requests, places_of
from rapport.erasure.metadata import Metadata
from rapport.errors import ErasureError
from rapport.explain import customer_of_record
from rapport.release import list_releases, verify_release
from rapport.report import write_report
from sandbox import canary
from sandbox.testing import serve
from tests.house import House

FIRST, SECOND = date(2017, 12, 30), date(2017, 12, 31)
# Ranks are of all customers, and what people alike bought, and lists follow both: one place less.
OF_ALL = ("recency_quintile", "frequency_quintile", "monetary_quintile", "rfm_cell")
FOLLOW = ("marts.dim_unexpressed_needs", "segments.")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """The small company after a night, and whatever else may lie in a home."""
    from sandbox import prepare

    with serve(prepare(tmp_path_factory.mktemp("company"), households=60)) as server:
        house = House(tmp_path_factory.mktemp("erased"), server)
        house.first = house.night(FIRST)
        write_report(house.first.path)
        house.who = customer_of_record(
            house.settings.warehouse_path, "shop", str(canary.CUSTOMER_NUMBER)
        )
        house.spared = House(tmp_path_factory.mktemp("spared"), server)
        shutil.copytree(house.home, house.spared.home, symlinks=True, dirs_exist_ok=True)
        house.records = [
            record
            for (record,) in house.ask_warehouse(
                "select source_record_id from intermediate.int_identity__contact_map "
                f"where customer_id = '{house.who}' and source <> 'shop'"
            )
        ]
        _lay_about(house)
        yield house


def _lay_about(house):
    """Leave their id where people and programs leave such things."""
    home = house.home
    (home / "alerts.jsonl").write_text(json.dumps({"said": f"ask {house.who}"}) + "\n")
    (home / "notes.txt.gz").write_bytes(gzip.compress(f"call {canary.PHONE_AS_TYPED}".encode()))
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select '{house.who}' as customer_id) to '{home / 'export.parquet'}'"
        )
    damaged = home / "landing" / "hubspot" / "_damaged"
    damaged.mkdir()
    (damaged / "contacts.1.parquet").write_bytes(canary.EMAIL.encode())
    (home / "airflow").mkdir(exist_ok=True)
    with closing(sqlite3.connect(home / "airflow" / "airflow.db")) as database:
        database.execute("create table dag_run (id integer primary key, conf JSON)")
        database.execute(
            "insert into dag_run values (1, ?)", [json.dumps({"customer_ids": [house.who]})]
        )
        database.commit()


def said_in(home: Path):
    """Yield every file of a home with all that it says, unpacked."""
    for path in sorted(home.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        yield path, content.decode("latin-1").lower()
        if path.suffix == ".gz":
            yield path, gzip.decompress(content).decode().lower()
        elif path.suffix == ".parquet" and content.startswith(b"PAR1"):
            rows = pq.read_table(io.BytesIO(content), partitioning=None)
            yield path, json.dumps(rows.to_pylist(), default=str, ensure_ascii=False).lower()
        elif path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                for schema, table in connection.execute(
                    "select schema_name, table_name from duckdb_tables()"
                ).fetchall():
                    rows = connection.execute(
                        f'select to_json(t)::varchar from "{schema}"."{table}" as t'
                    ).fetchall()
                    yield path, "\n".join(row for (row,) in rows).lower()
        elif path.suffix == ".db":
            with closing(sqlite3.connect(path)) as database:
                yield path, "\n".join(database.iterdump()).lower()


def traces_of(house, pending=True):
    traces = [*canary.TRACES, canary.EMAIL, house.who, *house.records]
    return {
        (path.relative_to(house.home).as_posix(), trace)
        for path, text in said_in(house.home)
        for trace in traces
        if trace.lower() in text and not (path.suffix == ".pending" and not pending)
    }


class Vendor:
    """A destination that forgets at once."""

    def __init__(self, name):
        self.name, self.erased = name, []

    def erase(self, record_ids):
        self.erased += record_ids

    def remaining(self, record_ids):
        return [id_ for id_ in record_ids if id_ not in self.erased]


def run(house, *customers, destinations=None, dry_run=False):
    settings = house.settings
    database = Metadata(f"sqlite:///{settings.airflow_home / 'airflow.db'}")
    from rapport.erasure import Place

    places = [
        *places_of(settings),
        Place("Airflow's database", "fields", database.count, database.erase),
    ]
    return erase(
        settings,
        customers,
        places=places,
        destinations=destinations or {},
        declared=house.declared,
        dry_run=dry_run,
    )


@pytest.fixture(scope="module")
def erased(house):
    """What was there before, and the reports."""
    house.before = traces_of(house)
    house.files_before = {p: p.read_bytes() for p in house.home.rglob("*.parquet")}
    (house.counted,) = run(house, house.who, dry_run=True)
    house.untouched = all(p.read_bytes() == c for p, c in house.files_before.items())
    (house.open,) = run(house, house.who)
    house.still_open = open_requests(house.settings)
    house.vendors = {name: Vendor(name) for name in ("hubspot", "klaviyo")}
    (house.report,) = run(house, destinations=house.vendors)
    return house


def test_they_were_in_the_home_before_or_nothing_would_be_shown(erased):
    places = {path.partition("/")[0] for path, _ in erased.before}
    assert {"landing", "warehouse", "releases", "alerts.jsonl", "notes.txt.gz"} <= places
    assert {"airflow", "export.parquet"} <= places


def test_no_file_of_the_home_says_anything_of_them_any_more(erased):
    assert traces_of(erased) == set()


def test_a_dry_run_counts_what_is_found_and_changes_nothing(erased):
    assert erased.untouched
    counted = {looked.place: looked.before for looked in erased.counted.places}
    found = {looked.place: looked.before for looked in erased.open.places}
    assert counted["landing of hubspot"] == found["landing of hubspot"] > 0
    assert counted["releases"] == found["releases"] > 0


def test_the_report_has_every_place_with_something_before_and_nothing_after(erased):
    looked = {each.place: (each.before > 0, each.after) for each in erased.report.places}
    for place in (
        *(f"landing of {source}" for source in ("hubspot", "klaviyo", "shop")),
        "damaged files of hubspot",
        "warehouse",
        "releases",
        "alerts.jsonl",
        "export.parquet",
        "notes.txt.gz",
        "Airflow's database",
        "hubspot",
        "klaviyo",
    ):
        assert looked[place] == (True, 0), place
    assert all(after == 0 for _, after in looked.values())
    assert erased.report.finished_at


def test_a_request_is_open_until_the_destinations_have_forgotten(erased):
    assert {each.place for each in erased.open.open} == {"hubspot", "klaviyo"}
    assert erased.still_open == [erased.report.request]
    assert sorted(id_ for v in erased.vendors.values() for id_ in v.erased) == sorted(
        erased.records
    )
    assert not list(erased.settings.erasures_dir.glob("*.pending"))


def test_the_same_request_again_changes_nothing_and_is_the_same_proof(erased):
    before = {p: p.read_bytes() for p in erased.home.rglob("*") if p.is_file()}
    (again,) = run(erased, erased.who, destinations=erased.vendors)
    assert again.as_json() == erased.report.as_json()
    assert {p: p.read_bytes() for p in erased.home.rglob("*") if p.is_file()} == before


def test_whom_nobody_knows_is_not_called_erased(erased):
    with pytest.raises(ErasureError, match="nobody has the id 0123"):
        run(erased, "0123")


def test_the_release_is_whole_and_signed_and_readers_have_it(erased):
    (release,) = list_releases(erased.settings.releases_dir)
    assert release.is_current
    assert verify_release(release.path) == []
    assert release.release_id != erased.first.release_id
    sizes = erased.query("select sum(size), sum(suppressed_count) from segments.segments")
    members = erased.query("select count(*) from segments.segment_members")[0]
    held_back = erased.query("select count(*) from segments.segment_suppressions")[0]
    assert sizes == [members + held_back]


def test_what_was_sold_was_sold(erased):
    asked = "select count(*), sum(sales_amount) from marts.fct_orders"
    assert erased.query(asked) == erased.spared.query(asked)
    guests = "select count(*) from marts.fct_orders where buyer_kind = 'guest'"
    theirs = f"select count(*) from marts.fct_orders where customer_id = '{erased.who}'"
    (more,), (were,) = erased.query(guests)[0], erased.spared.query(guests)[0]
    assert more - were == erased.spared.query(theirs)[0][0] > 0


@pytest.fixture(scope="module")
def next_night(erased):
    """The next night of the house, and of one in which nobody was erased."""
    erased.second = erased.night(SECOND)
    erased.spared.second = erased.spared.night(SECOND)
    return erased


def test_the_next_night_passes_its_gates_and_nobody_has_come_back(next_night):
    """The sources still have them, and send them again."""
    assert next_night.second.is_current
    assert traces_of(next_night) == set()
    kept_out = next_night.ask_warehouse(
        "select sum(erased_count), sum(abs(difference)) from ops.row_conservation"
    )
    assert kept_out[0][0] > 0
    assert kept_out[0][1] == 0


def test_everybody_elses_rows_are_as_if_nobody_had_been_erased(next_night):
    compared = 0
    for table in next_night.second.rows:
        columns = [
            name
            for (name,) in next_night.query(f"select column_name from (describe {table})")
            if name not in OF_ALL
        ]
        is_sold = table.endswith(("fct_orders", "fct_order_lines"))  # compared above
        if "customer_id" not in columns or is_sold or table.startswith(FOLLOW):
            continue
        named = ", ".join(f'"{column}"' for column in columns)
        who = f"select {named} from {table} where customer_id <> '{next_night.who}' order by all"
        ours, others = next_night.query(who), next_night.spared.query(who)
        assert len(ours) == len(others), table
        differing = sum(a != b for a, b in zip(ours, others, strict=True))
        assert differing == 0, (table, differing, len(ours))
        compared += len(ours)
    assert compared > 1000
