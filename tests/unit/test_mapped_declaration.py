"""What a firm's `sources/<name>.yml` may say, and what is told to dbt of it."""

import pytest
import yaml

from rapport.errors import SourcesError
from rapport.settings import PROJECT_DIR
from rapport.sources.declared import Declared
from rapport.sources.mapped import read_all, read_source
from rapport.sources.streams import GROUPS, KEPT_BOOKS, REMOVALS
from tests.declaring import ORDERS, Firm, declaration

DBT = PROJECT_DIR / "dbt_project"


def with_store(sql):
    columns = ORDERS["orders"]["columns"] | {"store_id": sql}
    return declaration(streams={"orders": {"columns": columns}})


@pytest.fixture
def firm(tmp_path):
    return Firm(tmp_path)


@pytest.fixture
def problems(firm):
    """Return a function that gives what is wrong with a declaration, a line each, without path."""

    def of(said, **more):
        with pytest.raises(SourcesError) as error:
            firm.declare(said, **more)
        return [line.partition("web_shop.yml, ")[2] for line in error.value.problems]

    return of


def test_a_table_lands_what_its_mapping_reads_and_its_pull_keeps_books(firm):
    source = firm.declare(declaration(key=["id"], whole_by=["id"], optional=["placed"]))
    orders = source.tables[0].stream
    assert (orders.columns, orders.optional) == (("id",), ("placed", "_file", "_line"))
    assert [each.name for each in source.streams] == [
        *("orders", "files_read", "removals", "source_totals", "refusals")
    ]
    there = Declared(()).with_mapped(source)
    assert there.groups == {"web_shop": source.streams}
    assert there.sources == ("web_shop",)
    assert "web_shop.orders" in there.known(firm.landing_dir)


def test_dbt_is_told_of_each_table_and_canonical_stream(firm):
    said = declaration(key=["id"]) | {"decimal": ",", "shared": ["product_id"]}
    told = firm.declare(said).variables()
    assert len(told) == 1
    assert (
        told[0]
        | {
            "source": "web_shop",
            "table": "orders",
            "stream": "orders",
            "columns": ORDERS["orders"]["columns"],
            "key": ["id"],
            "decimal": ",",
            "shared": ["product_id"],
            "time_zone": "UTC",
            "file": "sources/web_shop.yml",
        }
        == told[0]
    )


def test_sql_on_several_lines_is_told_on_one(firm):
    streams = {"orders": {**ORDERS["orders"], "where": "id <> ''\n  and placed <> ''\n"}}
    assert firm.declare(declaration(streams=streams)).variables()[0]["where"] == (
        "id <> '' and placed <> ''"
    )


def test_what_ships_lies_below_what_the_firm_says(firm, tmp_path):
    shipped = tmp_path / "mappings"
    shipped.mkdir()
    below = declaration(key=["id"], delimiter=";")
    del below["path"]
    (shipped / "woo.yml").write_text(yaml.safe_dump(below))
    firm.declare(
        {
            "uses": "woo",
            "path": "here",
            "tables": {"orders": {"files": "o.csv", "delimiter": None}},
        },
        shipped,
    )
    table = firm.source.tables[0]
    assert (table.how, table.stream.key) == ({"files": "o.csv"}, ("id",))
    assert firm.source.path == str(tmp_path / "here")


def test_a_fault_in_what_ships_is_told_where_it_stands(firm, tmp_path):
    shipped = tmp_path / "mappings"
    shipped.mkdir()
    (shipped / "woo.yml").write_text(yaml.safe_dump(declaration(delimitr=";")))
    with pytest.raises(SourcesError, match=r"woo\.yml, line \d+: tables.orders.delimitr is no key"):
        firm.declare({"uses": "woo", "tables": {"orders": {"files": "o.csv"}}}, shipped)
    with pytest.raises(SourcesError, match='line 1: uses "wo" is no mapping that ships; the near'):
        firm.declare({"uses": "wo"}, shipped)


def test_every_fault_is_told_at_once_with_line_key_and_remedy(problems):
    told = problems("""\
kind: files
path: exports
time_zone: Europe/Berln
decimal: ";"
dates: [dd.mm.yyyy]
shared: [produt_id]
tables:
  Orders:
    files: "*.csv"
    encoding: utf-9
    whole: true
    every: 0
    streams:
      orders:
        columns: {order_id: a, ordered_a: b}
      ordrs:
        columns: {a: b}
""")
    assert [line.partition("; there are")[0] for line in told] == [
        'line 3: time_zone "Europe/Berln" is no time zone; the nearest is Europe/Berlin',
        'line 4: decimal ";" is no decimal mark',
        "line 5: dates.0 is no format of times: it has no % in it",
        'line 6: shared.0 "produt_id" is no id of a canonical stream; the nearest is product_id',
        "line 8: tables.Orders Orders must be lower-case letters, digits and _, and none of "
        "removals, source_totals, refusals, files_read",
        'line 10: tables.Orders.encoding "utf-9" is no encoding; such are utf-8, cp1252, latin-1, '
        "utf-16",
        "line 11: tables.Orders.whole needs key to be decided too",
        "line 12: tables.Orders.every must be at least 1, not 0",
        "line 15: tables.Orders.streams.orders.columns.ordered_a is no column of orders; the "
        "nearest is ordered_at",
        "line 16: tables.Orders.streams.ordrs is no canonical stream; the nearest is orders",
    ]


@pytest.mark.parametrize(("said", "told"), [
    ({"kind": "file"}, 'line 1: kind "file" is no kind; the nearest is files; there are'),
    ({"kind": "rest", "path": "x"}, "line 2: path is no key"),
    ({"kind": "rest", "tables": {"orders": {"streams": ORDERS}}}, "orders has no paginator"),
    *(
        ({"kind": "rest", "tables": {"orders": {"streams": ORDERS, "paginator": pages}}}, said)
        for pages, said in (
            ("auto", '"auto" has to say its type; there are json_link'),
            ({"base_page": 1}, '{"base_page": 1} has to say its type; there are json_link'),
            ("page_number", "page_number has to say its base_page: 1 where the first page is 1"),
            ({"type": "page_number"}, "page_number has to say its base_page"),
        )
    ),
    (declaration(key=["placed"], optional=["placed"]), "placed tells records apart, and may not"),
    (declaration(key=["id"], optional=["ID"]), "ID tells records apart, and may not"),
    (declaration(files=["*.csv", "/srv/*.csv"]), 'files "/srv/*.csv" leaves the folder; path says'),
    (declaration(files="../*.csv"), 'files "../*.csv" leaves the folder; path says'),
    (declaration(encoding="rot13"), '"rot13" is no encoding'),
    (declaration(encoding="hex"), '"hex" is no encoding'),
    (declaration(delimiter='"'), "delimiter \"\\\"\" ends a cell or a line itself"),
    (declaration() | {"time_zone": "localtime"}, '"localtime" is no time zone'),
    (declaration(streams={"orders": {"columns": {"order_id": "a"}}}),
     "has no currency_code, ordered_at: without it no row of orders can be used"),
    (declaration(streams={"orders": {**ORDERS["orders"], "where": "1 < (select 1)"}}),
     "streams.orders.where a subquery has no place here"),
    (with_store("a * 2"),
     "columns.store_id cannot be worked out: No function matches"),
    (with_store("{{ a }}"),
     "must not have {{ in it"),
    (declaration(whole=True, key=["id"], shrinks_on="tonight"), '"tonight" is no night'),
])  # fmt: skip
def test_a_declaration_that_is_otherwise_than_it_should_be_is_refused(problems, said, told):
    assert any(told in line for line in problems(said)), problems(said)


@pytest.mark.parametrize("name", ["hubspot", "shop_orders", "Web Shop", "9lives"])
def test_a_source_may_not_be_called_as_another_or_as_no_folder_is(tmp_path, name):
    path = tmp_path / f"{name}.yml"
    path.write_text(yaml.safe_dump(declaration()))
    with pytest.raises(SourcesError, match=r"give this one another name|lower-case letters"):
        read_source(path, tmp_path, DBT)


def test_of_two_declarations_of_one_name_the_firms_own_holds(firm, tmp_path):
    firm.declare(declaration())
    others = tmp_path / "shipped"
    others.mkdir()
    (others / "web_shop.yml").write_text("kind: nothing")
    found = read_all([tmp_path / "sources", others], tmp_path, DBT)
    assert [each.said_in.parent.name for each in found] == ["sources"]


def test_the_dags_need_no_database_to_know_what_is_pulled(firm, tmp_path):
    firm.declare(declaration(key=["id"]))
    (there,) = read_all([tmp_path / "sources"], tmp_path, DBT, parses=False)
    assert [s.name for s in there.streams] == [s.name for s in firm.source.streams]
    assert there.digest == firm.source.digest


def test_a_source_with_consents_is_one_in_which_somebody_may_have_said_no(firm):
    assert Declared(()).with_mapped(firm.declare(declaration())).consenting == ()
    columns = {"contact_id": "a", "channel": "b", "action": "c", "occurred_at": "d"}
    of = firm.declare(declaration(streams={"consents": {"columns": columns}}))
    assert Declared(()).with_mapped(of).consenting == ("web_shop",)


def test_a_mapping_that_changes_changes_the_digest_and_leave_to_shrink_does_not(firm):
    whole = declaration(whole=True, key=["id"])
    before = firm.declare(whole).digest
    assert (
        firm.declare(declaration(whole=True, key=["id"], shrinks_on="2026-11-29")).digest == before
    )
    assert firm.declare(declaration(key=["id"])).digest != before


def test_the_books_of_a_declared_source_are_those_of_any_other():
    assert REMOVALS["web_shop"].full_name == "web_shop.removals"
    assert REMOVALS["web_shop"].is_book
    assert REMOVALS["web_shop"] not in KEPT_BOOKS
    assert all(stream.is_book == (stream in KEPT_BOOKS) for of in GROUPS.values() for stream in of)
