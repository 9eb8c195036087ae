"""A database of a firm: tables, views and queries, as text, from where the last night stopped."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from rapport.errors import SourceDenied, UnusableTable
from rapport.sources.probe import probe
from tests.declaring import NIGHT, ORDERS, Firm, declaration

NEXT = NIGHT + timedelta(days=1)


@pytest.fixture
def database(tmp_path):
    """Return what runs SQL in a database as a web shop has one."""
    path = tmp_path / "shop.db"

    def run(sql):
        with closing(sqlite3.connect(path)) as there, there:
            there.executescript(sql)

    run("""
        create table wc_orders (
            id integer primary key, placed text, total decimal(10, 2), changed datetime, logo blob
        );
        insert into wc_orders values
            (1, 'x', 12.5, '2026-11-01 10:00:00', x'00'),
            (2, '', null, '2026-11-28 10:00:00', null),
            (3, 'z', 3, null, null);
    """)
    return run


@pytest.fixture
def firm(tmp_path, database):
    return Firm(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}")


def test_a_table_lands_as_text_without_bytes(firm):
    firm.declare(declaration("sql", table="wc_orders", key=["id"]))
    firm.pull()
    assert sorted(firm.rows(select="id, placed, total, changed, _file, _line")) == [
        ("1", "x", "12.5", "2026-11-01 10:00:00", None, None),
        ("2", None, None, "2026-11-28 10:00:00", None, None),
        ("3", "z", "3", None, None, None),
    ]
    with pytest.raises(duckdb.BinderException):
        firm.rows(select="logo")


def test_without_a_cursor_all_is_read_and_what_changed_lands(firm, database):
    firm.declare(declaration("sql", table="wc_orders", key=["id"], whole=True))
    assert firm.pull()["orders"] == 3
    assert firm.pull(NEXT)["orders"] == 0
    database("update wc_orders set placed = 'y' where id = 2; delete from wc_orders where id = 3")
    assert firm.pull(NEXT) | {"source_totals": 0} == {
        "orders": 1, "removals": 1, "source_totals": 0, "refusals": 0,
    }  # fmt: skip


def test_with_a_cursor_only_what_changed_since_comes(firm, database):
    firm.declare(declaration("sql", table="wc_orders", key=["id"], cursor="changed"))
    assert firm.pull()["orders"] == 3
    database("update wc_orders set changed = '2026-11-29 09:00:00' where id = 1")
    assert firm.pull(NEXT)["orders"] == 3, "1, the day before it (2), and 3, which has no time"


def test_a_cursor_that_is_a_number_goes_on_from_the_last_one(firm, database):
    firm.declare(declaration("sql", table="wc_orders", key=["id"], cursor="id"))
    firm.pull()
    database("insert into wc_orders values (4, 'w', 1, null, null)")
    assert firm.pull(NEXT)["orders"] == 2, "3 once more, and 4"


def test_rows_that_belong_together_come_together(firm, database):
    database("""
        create table lines (order_id integer, sku text, placed text, changed datetime);
        insert into lines values
            (1, 'a', 'x', '2026-11-01'), (1, 'b', 'x', '2026-11-20'), (2, 'a', 'x', '2026-11-02');
    """)
    streams = {"orders": {"columns": {**ORDERS["orders"]["columns"], "order_id": "order_id"}}}
    firm.declare(
        declaration("sql", table="lines", whole_by=["order_id"], cursor="changed", streams=streams)
    )
    firm.pull()
    database("update lines set changed = '2026-11-29' where sku = 'b'")
    firm.pull(NEXT)
    assert firm.rows(select="order_id, sku")[3:] == [("1", "a"), ("1", "b")]


def test_a_query_is_a_table_too(firm, database):
    query = "select id, placed,\n total * 2 as twice, changed from wc_orders where total > 1"
    firm.declare(declaration("sql", query=query, key=["id"], cursor="changed"))
    assert firm.pull()["orders"] == 2
    assert sorted(firm.rows(select="id, twice")) == [("1", "25.0"), ("3", "6")]


@pytest.mark.parametrize(("table", "said"), [
    ({"table": "wc_order"}, "there is no table or view wc_order; the nearest is wc_orders; there"),
    ({"table": "wc_orders", "cursor": "chnged"}, "has no column 'chnged', which table orders"),
])  # fmt: skip
def test_what_is_not_there_is_named_with_the_nearest(firm, table, said):
    firm.declare(declaration("sql", key=["id"], **table))
    with pytest.raises(UnusableTable, match=said):
        firm.pull()


def test_one_table_that_cannot_be_read_leaves_the_others(firm):
    said = declaration("sql", table="wc_orders", key=["id"])
    said["tables"] = {"none": {"streams": ORDERS}, **said["tables"]}
    firm.declare(said)
    with pytest.raises(UnusableTable, match="there is no table or view none"):
        firm.pull()
    assert len(firm.rows()) == 3


def test_a_database_that_is_not_there_names_the_connection(tmp_path):
    firm = Firm(tmp_path, "sqlite:////nowhere/shop.db")
    firm.declare(declaration("sql"))
    with pytest.raises(SourceDenied, match="'rapport_web_shop': there is no file '/nowhere/shop"):
        firm.pull()


def test_the_probe_looks_for_tables_and_columns_and_reads_none(firm):
    firm.declare(declaration("sql", table="wc_orders", key=["id"]))
    assert probe("web_shop", firm.connection, firm.source) == "answers, and has orders"
    firm.declare(declaration("sql", query="select id from wc_orders"))
    with pytest.raises(UnusableTable, match="has no column 'placed'"):
        probe("web_shop", firm.connection, firm.source)


def test_days_are_pulled_again_by_the_cursor(firm):
    firm.declare(declaration("sql", table="wc_orders", key=["id"], cursor="changed"))
    firm.pull()
    window = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    assert firm.pull(window=window)["orders"] == 1, "what has no time is of no day"
