"""Postgres follows the release that is current, and its readers see one whole night."""

import json
import subprocess
import sys
import threading
import time
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from typer.testing import CliRunner

from rapport import bi
from rapport.bi import Server, held_releases
from rapport.bi.compare import demand_equal
from rapport.bi.switch import switch
from rapport.errors import BiError, SourceDenied, SourceError
from rapport.killpoints import EXIT_CODE
from rapport.orchestration.cli import app
from rapport.release import current_release, find_release, list_releases, rollback
from rapport.report.night import opened as report_of
from rapport.report.tiles import tiles
from tests import postgresql
from tests.integration.test_release import NIGHT, PLUGINS, Nights

# One column of every type that a release has, and what is odd of each.
ODD = """
create table marts.fct_odd (
    id bigint, a_text varchar, a_double double, a_decimal decimal(18, 9), a_count integer,
    is_so boolean, a_date date, a_time timestamp, texts varchar[], numbers bigint[],
    shares double[], truths boolean[], counts integer[]
);
insert into marts.fct_odd values
    (1, 'it''s 100 % \\ "quoted"', 'nan', 0.000000001, -2147483648, true, '0001-01-01',
        '0001-01-01 00:00:00.000001', ['a,b', '"', 'null', null, '', '{}', '\\'], [1, null],
        ['nan'], [true, null], [-1]),
    (2, '', 'inf', -999999999.999999999, 2147483647, false, '9999-12-31',
        '9999-12-31 23:59:59.999999', [], [], [], [], []),
    (3, 'سلام 👍 Ω', '-inf', 12.5, 0, null, 'infinity', '-infinity', null, null, null, null, null),
    (4, null, 1e-308, null, null, null, null, null, [null], [9223372036854775807],
        [0.1, 1e308], [false], [null]);
comment on table marts.fct_odd is 'One row per oddity: 100 % of them, it''s said; :id too.';
comment on column marts.fct_odd.texts is 'Lists of texts';
create table ops.released_keys as select * from (values
    ('fct_odd', 1, 'id'), ('fct_odd', 2, 'a_text'), ('fct_orders', 1, 'order_id,order_date')
) as _(table_name, key_number, column_names);
"""


@pytest.fixture(scope="module")
def server():
    with postgresql.running() as found:
        yield found


@pytest.fixture
def nights(tmp_path):
    yield Nights(tmp_path)
    for folder in tmp_path.rglob("*/"):
        folder.chmod(0o755)


@pytest.fixture
def database(server):
    """Postgres as the loader and as its readers meet it."""
    return Database(server)


loading = sys.modules["rapport.bi.load"]  # the package has a function of that name


class Database:
    def __init__(self, server):
        self.server = server
        self.name = server.empty_database()
        self.connection = server.connection(self.name)

    def load(self, nights, release_id=None):
        return bi.load(self.connection, nights.releases, release_id)

    def rows(self, query, login="owner"):
        with self.server.session(self.name, login) as session:
            cursor = session.execute(query)
            return cursor.fetchall() if cursor.description else []

    def held(self):
        with Server(self.connection).engine.connect() as session:
            return {each.schema: each.release_id for each in held_releases(session)}


def schema(release_id):
    return "rapport_" + release_id.replace("-", "_")


class TestWhatPostgresHolds:
    def test_every_value_of_every_type_both_ways(self, nights, database):
        info = nights.build(sql=ODD).publish()
        assert database.load(nights) == info.release_id
        with duckdb_of(info, database) as duck:
            for table in ("fct_odd", "fct_orders", "dim_days"):
                pair = f"release.marts.{table}", f"bi.rapport.{table}"
                for one, other in (pair, pair[::-1]):
                    assert duck.sql(f"from {one} except all from {other}").fetchall() == []
        [row] = database.rows("select * from rapport.fct_odd where id = 1")
        assert row[8] == ["a,b", '"', "null", None, "", "{}", "\\"]
        assert row[3] == Decimal("0.000000001")
        asked = "select id from rapport.fct_odd where 'a,b' = any(texts)"
        assert database.rows(asked) == [(1,)]

    def test_which_release_it_is(self, nights, database):
        info = nights.publish()
        database.load(nights)
        asked = "select release_id, as_of_date, gate_warnings from rapport.release"
        assert database.rows(asked) == [(info.release_id, NIGHT, ["a warning"])]
        assert database.held() == {"rapport": info.release_id}

    def test_what_things_are_is_said_in_comments(self, nights, database):
        nights.build(sql=ODD).publish()
        database.load(nights)
        [[table, column, of_schema]] = database.rows(
            "select obj_description('rapport.fct_odd'::regclass), "
            "col_description('rapport.fct_odd'::regclass, 9), "
            "obj_description('rapport'::regnamespace)"
        )
        assert table == "One row per oddity: 100 % of them, it's said; :id too."
        assert column == "Lists of texts"
        assert str(NIGHT) in of_schema

    def test_the_grain_is_the_primary_key_unless_it_can_be_null(self, nights, database):
        nights.build(sql=ODD).publish()
        database.load(nights)
        found = database.rows(
            "select tablename, indexdef, indisprimary from pg_indexes "
            "inner join pg_index on indexrelid = format('%I.%I', schemaname, indexname)::regclass "
            "where schemaname = 'rapport' order by indexname"
        )
        keys = {(table, text.split("(")[1].rstrip(")"), primary) for table, text, primary in found}
        assert keys == {
            ("release", "release_id", True),
            ("fct_odd", "id", True),
            ("fct_odd", "a_text", False),
            ("fct_orders", "order_id, order_date", True),
        }

    def test_a_text_that_postgresql_cannot_hold_is_shown_as_such(self, nights, database):
        sql = "create table marts.fct_nul as select 'a' || chr(0) || 'b' as t, ['x' || chr(0)] as l"
        nights.build(sql=sql).publish()
        database.load(nights)
        assert database.rows("select * from rapport.fct_nul") == [("a\ufffdb", ["x\ufffd"])]

    def test_readers_may_read_and_nothing_else(self, nights, database):
        nights.publish()
        database.load(nights)
        database.rows("create role analyst login in role rapport_reader")
        assert database.rows("select count(*) from rapport.fct_orders", "analyst") == [(50,)]
        for refused in (
            "delete from rapport.fct_orders",
            "create table rapport.mine (a integer)",
            "drop schema rapport cascade",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                database.rows(refused, "analyst")


def duckdb_of(info, database):
    duck = loading.opened(info.path, {})
    Server(database.connection).attach(duck, "bi")
    return duck


FIGURES = """
create schema metrics;
create table metrics.key_figures as
select *, date '2018-01-02' as as_of_date from (values
    ('customers', 'count', 2538::double, 2538, null, null),
    ('segment_members', 'count', 337, 337, null, null),
    ('net_sales_28d', 'amount', 348847.18, null, null, 'USD'),
    ('over_contacted', 'share', 0.018913, 48, 2538, null),
    ('unhappy', 'share', null, 0, 0, null)
) as _(figure, unit, figure_value, counted, counted_of, currency_code);
create table metrics.monthly_figures as
select month_date::date as month_date, true as is_month_over, 'USD' as currency_code,
    5 as customer_count,
    7.25::decimal(18, 3) as net_amount, 0.5::double as unhappy_share, 0.1 as unknown_type_share
from range(date '2017-01-01', date '2018-01-01', interval 1 month) as _(month_date);
"""


def test_the_report_and_postgres_show_the_same_figures(nights, database):
    info = nights.build(sql=FIGURES).publish()
    database.load(nights)
    with report_of(info.path) as night:
        shown = {tile.what: tile.figure for tile in tiles(night)}
    assert len(shown) == 4
    [[currency]] = database.rows("select max(currency_code) from rapport.key_figures")
    assert shown[f"{currency} net sales in 28 days"] == "348,847"
    asked = "select figure, unit, figure_value from rapport.key_figures"
    for figure, unit, value in database.rows(asked):
        if value is not None:
            written = f"{value:,.0f}" if unit != "share" else f"{100 * value:.0f}%"
            assert written in shown.values(), figure


class TestItFollows:
    def test_a_later_night_and_the_earlier_one_stays_beside_it(self, nights, database):
        first = nights.publish().release_id
        database.load(nights)
        night = NIGHT + timedelta(days=1)
        second = nights.build(night).publish(night).release_id
        assert database.load(nights) == second
        assert database.held() == {"rapport": second, schema(first): first}
        asked = f"select release_id from {schema(first)}.release"
        assert database.rows(asked) == [(first,)]
        given = bi.given_to_postgres(nights.releases)
        assert given["release_id"] == second
        assert given["place"] == f"127.0.0.1:{database.server.port}/{database.name}"

    def test_a_rollback_without_loading_again(self, nights, database):
        first = nights.publish().release_id
        database.load(nights)
        night = NIGHT + timedelta(days=1)
        second = nights.build(night).publish(night).release_id
        database.load(nights)
        before = database.rows("select 'rapport.fct_orders'::regclass::oid")
        rollback(nights.releases, first, why="a test")
        assert database.load(nights) == first
        assert database.held() == {"rapport": first, schema(second): second}
        rollback(nights.releases, second, why="a test")
        database.load(nights)
        assert database.rows("select 'rapport.fct_orders'::regclass::oid") == before

    def test_commands_that_switch_or_load_reach_it(self, nights, database, monkeypatch):
        first = nights.publish().release_id
        night = NIGHT + timedelta(days=1)
        second = nights.build(night).publish(night).release_id
        written = {"conn_type": "postgres", "host": "127.0.0.1", "port": database.server.port}
        written |= {"login": "owner", "schema": database.name, "extra": {"sslmode": "prefer"}}
        monkeypatch.setenv("AIRFLOW_CONN_RAPPORT_BI", json.dumps(written))
        monkeypatch.setenv("RAPPORT_HOME", str(nights.releases.parent))
        done = CliRunner().invoke(app, ["bi", "load"])
        assert done.output == f"BI tools have {second}\n"
        done = CliRunner().invoke(app, ["releases", "rollback", first, "--why", "a test"])
        assert f"BI tools have {first} too" in done.output
        assert database.held() == {"rapport": first, schema(second): second}

    def test_the_same_release_again_changes_nothing(self, nights, database):
        nights.publish()
        database.load(nights)
        asked = "select oid, xmin from pg_class where relname in ('fct_orders', 'release')"
        before = database.rows(asked)
        database.load(nights)
        assert database.rows(asked) == before

    def test_what_the_folder_of_releases_dropped_is_dropped(self, nights, database):
        for day in range(4):
            night = NIGHT + timedelta(days=day)
            nights.build(night).publish(night, keep=2)
            database.load(nights)
        kept = {info.release_id for info in list_releases(nights.releases)}
        assert len(kept) == 2
        assert set(database.held().values()) == kept

    def test_what_somebody_reads_or_made_a_view_upon_is_left(self, nights, database, caplog):
        nights.publish()
        database.load(nights)
        database.rows("create view mine as select * from rapport.fct_orders")
        night = NIGHT + timedelta(days=1)
        nights.build(night).publish(night, keep=1)
        database.load(nights)
        assert "somebody made a view or the like upon it" in caplog.text
        assert len(database.held()) == 2
        database.rows("drop view mine")
        database.load(nights)
        assert len(database.held()) == 1

    def test_an_older_release_is_loaded_beside_the_current_one(self, nights, database):
        first = nights.publish().release_id
        night = NIGHT + timedelta(days=1)
        second = nights.build(night).publish(night).release_id
        assert database.load(nights, first) == second
        assert database.held() == {"rapport": second, schema(first): first}

    def test_without_a_release_there_is_nothing_to_do(self, nights, database):
        assert database.load(nights) is None
        assert database.held() == {}


class TestFailures:
    def test_a_server_that_does_not_answer_is_named_with_what_to_do(self, nights):
        info = nights.publish()
        port = postgresql._free_port()
        nobody = postgresql.PostgreSQL(port).connection("bi")
        with pytest.raises(SourceError) as failed:
            bi.load(nobody, nights.releases)
        said = str(failed.value)
        assert f"connection 'rapport_bi': release {info.release_id}" in said
        assert f"127.0.0.1:{port}/bi: nothing listens on port {port}" in said
        assert "hush" not in said
        assert current_release(nights.releases) == info.release_id

    def test_a_database_that_is_not_there(self, nights, server):
        nights.publish()
        with pytest.raises(SourceDenied, match="no database 'nowhere'"):
            bi.load(server.connection("nowhere"), nights.releases)

    def test_a_login_that_may_not_make_schemas(self, nights, database):
        nights.publish()
        database.rows("create role poor login")
        with pytest.raises(BiError, match="grant it create on database"):
            bi.load(database.server.connection(database.name, "poor"), nights.releases)

    def test_who_was_refused_keeps_nobody_waiting(self, nights, database):
        info = nights.publish()
        database.rows("create role powerless login")
        refused = Server(database.server.connection(database.name, "powerless"))
        with pytest.raises(BiError, match="grant it create"), refused.alone():
            pass
        held = "select count(*) from pg_locks where locktype = 'advisory'"
        assert database.rows(held) == [(0,)]
        assert database.load(nights) == info.release_id

    def test_a_schema_of_that_name_that_is_no_release_is_left_alone(self, nights, database):
        nights.publish()
        database.rows("create schema rapport; create table rapport.mine (a int)")
        with pytest.raises(BiError, match="that Rapport did not make"):
            database.load(nights)
        assert database.rows("select count(*) from rapport.mine") == [(0,)]

    def test_a_server_that_dies_while_it_is_loaded_leaves_readers_what_they_had(
        self,
        nights,
        database,
        monkeypatch,
    ):
        first = nights.publish().release_id
        database.load(nights)
        night = NIGHT + timedelta(days=1)
        nights.build(night).publish(night)

        def end_sessions(*_):
            database.rows(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )

        monkeypatch.setattr(loading, "_has_null", end_sessions)
        with pytest.raises(SourceError, match=r"in Postgres at .*connection was lost"):
            database.load(nights)
        assert database.rows("select release_id from rapport.release") == [(first,)]

    def test_other_values_are_found_and_readers_never_get_them(self, nights, database, monkeypatch):
        nights.publish()

        def spoil(duck, table):
            if table["name"] == "fct_orders":
                database.rows(
                    "update rapport_loading.fct_orders set score = score + 1e-9 "
                    "where order_id = 'o7'"
                )
            demand_equal(duck, table)

        monkeypatch.setattr(loading, "demand_equal", spoil)
        with pytest.raises(BiError, match="fct_orders: Postgres has other values"):
            database.load(nights)
        assert database.held() == {}

    @pytest.mark.parametrize("place", ["bi_copied", "bi_loaded", "bi_half_switched", "bi_switched"])
    def test_killed_anywhere_the_next_load_finishes(self, nights, database, place):
        first = nights.publish().release_id
        database.load(nights)
        night = NIGHT + timedelta(days=1)
        second = nights.build(night).publish(night).release_id
        script = (
            "import sys; from pathlib import Path; from rapport import bi; "
            "from rapport.sources.connection import Connection; "
            "bi.load(Connection('rapport_bi', sys.argv[1]), Path(sys.argv[2]))"
        )
        killed = subprocess.run(
            [sys.executable, "-c", script, database.connection.url, str(nights.releases)],
            env=environment(RAPPORT_KILLPOINT=place),
            capture_output=True,
            text=True,
        )
        assert killed.returncode == EXIT_CODE, killed.stderr
        seen = database.rows("select release_id from rapport.release")
        assert seen == [(second if place == "bi_switched" else first,)]
        assert database.load(nights) == second
        assert database.held() == {"rapport": second, schema(first): first}


def environment(**more):
    import os

    paths = [str(PLUGINS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | more


JOINED = """
select distinct release.release_id, orders.release_id, members.release_id
from {0}release
full join (select max(release_id) as release_id from {0}fct_orders) as orders on true
full join (select min(release_id) as release_id from {0}segment_members) as members on true
"""
ONE = "select min(release_id) from rapport.fct_orders"
OTHER = "select max(release_id) from rapport.segment_members"


def joined(session, kind):
    query = JOINED.format("" if kind == "path" else "rapport.")
    return session.execute(query, prepare=kind == "prepared").fetchall()


def in_a_transaction(session, kind):
    with session.transaction():
        if kind == "repeatable":
            session.execute("select 1")  # its snapshot is of now
            time.sleep(0.005)
        first = session.execute(ONE).fetchall()
        time.sleep(0.002)
        return [*first, *session.execute(OTHER).fetchall()]


class Reader(threading.Thread):
    """Reads as long as it is let, and keeps what it saw."""

    def __init__(self, database, kind):
        super().__init__(daemon=True)
        self.kind, self.stop = kind, threading.Event()
        self.loops, self.nights, self.wrong = 0, set(), None
        path = {"options": "-c search_path=rapport"} if kind == "path" else {}
        self.session = database.server.session(database.name, **path)
        if kind == "repeatable":
            self.session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    def run(self):
        read = joined if self.kind in ("statement", "path", "prepared") else in_a_transaction
        try:
            with self.session as session:
                while not self.stop.is_set():
                    seen = {each for row in read(session, self.kind) for each in row}
                    assert len(seen) == 1, seen
                    assert None not in seen, "an empty table"
                    self.loops, self.nights = self.loops + 1, self.nights | seen
                    time.sleep(0.003)
        except Exception as error:
            self.wrong = error


@pytest.mark.parametrize("switches", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_readers_during_switches_see_no_error_and_no_mixed_night(nights, database, switches):
    ids = []
    for day in range(2):
        night = NIGHT + timedelta(days=day)
        ids.append(nights.build(night, orders=500).publish(night).release_id)
        database.load(nights)
    for release_id, where in zip(ids, (schema(ids[0]), "rapport"), strict=True):
        for table in ("fct_orders", "segment_members"):  # what tells their night
            database.rows(f"alter table {where}.{table} add release_id text default '{release_id}'")
    kinds = ("statement", "prepared", "path", "committed", "repeatable")
    readers = [Reader(database, kind) for kind in kinds]
    for reader in readers:
        reader.start()
    postgres = Server(database.connection)
    for number in range(switches):
        old, new = ids[(number + 1) % 2], ids[number % 2]
        switch(postgres, new=schema(new), old_release=old)
    for reader in readers:
        reader.stop.set()
    for reader in readers:
        reader.join(60)
        assert reader.wrong is None, (reader.kind, reader.wrong)
        assert reader.loops >= switches // 10, reader.kind
        assert reader.nights == set(ids), reader.kind


def test_a_switch_waits_for_whoever_reads_and_says_who_it_was(nights, database):
    first = nights.publish().release_id
    database.load(nights)
    with database.server.session(database.name) as reader:
        reader.execute("begin; select count(*) from rapport.fct_orders")
        pid = reader.info.backend_pid
        database.rows(f"create schema {schema('2018-01-03-0123456789ab')}")
        with pytest.raises(BiError, match=f"process ids {pid}"):
            switch(
                Server(database.connection),
                new=schema("2018-01-03-0123456789ab"),
                old_release=first,
                wait_seconds=0.5,
            )
        assert find_release(nights.releases).release_id == first
        assert reader.execute("select release_id from rapport.release").fetchone() == (first,)
