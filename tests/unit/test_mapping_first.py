"""`rapport source new`: what a sample tells is written down, and what it does not is asked."""

import shutil
import sqlite3
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import yaml

from rapport.contract import read_contract
from rapport.errors import SettingsError
from rapport.mapping.first import first_mapping, table_name
from rapport.mapping.sampled import place_of
from rapport.orchestration.source import new_command
from rapport.settings import PROJECT_DIR as ROOT
from rapport.sources.mapped import read_source

DBT = ROOT / "dbt_project"
CONTRACT = {stream.name: stream for stream in read_contract(DBT)}
DIRT = ROOT / "tests" / "fixtures" / "dirt"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "exports").mkdir()
    return tmp_path


@pytest.fixture
def first(home):
    """Return a function that writes files and gives the first mapping of them all."""

    def write(**files):
        for name, text in files.items():
            (home / "exports" / f"{name}.csv").write_text(text)
        return first_mapping(place_of(str(home / "exports"), home, clock="Europe/Berlin"), CONTRACT)

    return write


def test_exports_with_every_kind_of_dirt_are_understood(home):
    shutil.copytree(DIRT / "exports", home / "exports", dirs_exist_ok=True)
    made = first_mapping(place_of(str(home / "exports"), home, clock="Europe/Berlin"), CONTRACT)
    rest = made.text.partition("\n")[2]  # the first line says of what it was made
    assert rest == (DIRT / "sources" / "exports.yml").read_text().partition("\n")[2]


def test_a_first_mapping_is_a_declaration(home):
    shutil.copytree(DIRT, home, dirs_exist_ok=True)
    source = read_source(home / "sources" / "exports.yml", home, DBT)
    assert {table.name for table in source.tables} == {"bestellungen", "kunden"}


def test_what_can_be_two_days_is_a_comment_with_the_choices(first):
    made = first(orders="Order ID,Order Date,Currency\n1,03/04/2017,EUR\n2,11/12/2017,EUR\n")
    assert "dates" not in yaml.safe_load(made.text)
    assert '# ? dates: ["%d/%m/%Y"] or ["%m/%d/%Y"]' in made.text
    assert made.questions == 2  # and which channel the orders came by


def test_another_column_settles_which_way_days_are_written(first):
    made = first(
        orders="Order ID,Order Date,Currency\n1,03/04/2017,EUR\n2,11/12/2017,EUR\n",
        customers="Customer ID,Email,Created\n1,a@example.com,31/12/2017\n",
    )
    assert yaml.safe_load(made.text)["dates"] == ["%d/%m/%Y"]


def test_times_without_an_offset_ask_for_the_zone(first):
    made = first(orders="Order ID,Order Date,Currency\n1,2017-03-04 10:00:00,EUR\n")
    assert "# ? time_zone: Europe/Berlin  # times in Order Date name no offset" in made.text


def test_an_order_without_a_currency_is_not_put_into_one(first):
    made = first(orders="Order ID,Order Date\n1,2017-03-04\n")
    assert "# ? currency_code: \"'EUR'\"" in made.text


@pytest.mark.parametrize(("named", "asks"), [("Note", True), ("Store ID", False)])
def test_where_orders_were_bought_is_asked_if_no_column_says_it(first, named, asks):
    made = first(orders=f"Order ID,Order Date,Currency,{named}\n1,2017-04-13T10:00:00Z,EUR,7\n")
    line = (
        "          # ? channel: \"'web'\"  # or 'store', ...: else they count as bought in a store"
    )
    assert (line in made.text.splitlines()) == asks
    assert made.questions == asks


def test_files_of_several_days_are_one_table(first):
    text = "Order ID,Order Date,Currency\n1,2017-03-04,EUR\n"
    made = first(
        **{
            "orders_2017-03": text,
            "orders_2017-04": text.replace(",Currency", ",Currency,Status").replace(
                "EUR", "EUR,paid"
            ),
        }
    )
    (table,) = yaml.safe_load(made.text)["tables"].values()
    assert (table["files"], table["optional"]) == ("orders_*.csv", ["Status"])


def test_a_table_that_nothing_is_known_of_says_so(first):
    made = first(weather="station,temperature\na,1\nb,2\n")
    assert made.streams == {"weather": []}
    assert "# ? streams: none is known by these columns: station, temperature" in made.text


@pytest.mark.parametrize(
    ("shape", "tables"),
    [
        ("ga4", {"events"}),
        ("hubspot_csv", {"contacts", "companies", "deals", "tickets"}),
        (
            "mailchimp",
            {"subscribed", "unsubscribed", "cleaned", "campaigns", "opens", "clicks"},
        ),
        ("mentions", {"brandwatch", "meltwater"}),
        ("shopify", {"orders", "customers"}),
    ],
)
def test_exports_of_a_shape_that_ships_use_its_mapping(home, shape, tables):
    shipped = ROOT / "tests" / "fixtures" / "exports" / shape
    shutil.copytree(shipped, home / "exports", dirs_exist_ok=True)
    made = first_mapping(place_of(str(home / "exports"), home), CONTRACT)
    assert made.uses == shape
    assert made.streams.keys() == tables
    assert yaml.safe_load(made.text) == {"kind": "files", "uses": shape, "path": "exports"}


def test_what_a_mapping_that_ships_has_and_the_firm_has_not_is_taken_away(home):
    shipped = ROOT / "tests" / "fixtures" / "exports" / "shopify"
    shutil.copy(shipped / "orders_export_1.csv", home / "exports" / "sold.csv")
    made = first_mapping(place_of(str(home / "exports"), home), CONTRACT)
    tables = yaml.safe_load(made.text)["tables"]
    assert tables == {"orders": {"files": "sold.csv"}, "customers": None}


def test_a_shape_that_is_named_and_is_not_there_is_told(home):
    (home / "exports" / "weather.csv").write_text("station,temperature\na,1\n")
    with pytest.raises(SettingsError, match="--uses shopify: nothing at"):
        first_mapping(place_of(str(home / "exports"), home), CONTRACT, "shopify")


def test_what_is_packed_together_are_tables_of_their_own(home):
    with zipfile.ZipFile(home / "exports" / "all.zip", "w") as archive:
        archive.writestr("orders_1.csv", "Order ID,Order Date,Currency\n1,2017-03-04,EUR\n")
        archive.writestr("customers.csv", "Customer ID,Email\n1,a@example.com\n")
    made = first_mapping(place_of(str(home / "exports"), home), CONTRACT)
    tables = yaml.safe_load(made.text)["tables"]
    assert {name: table["files"] for name, table in tables.items()} == {
        "orders": "all.zip/orders_*.csv",
        "customers": "all.zip/customers.csv",
    }


def test_what_is_empty_or_not_there_is_told(home):
    path = home / "exports" / "orders.csv"
    with pytest.raises(SettingsError, match="there is no such file or folder"):
        place_of(str(path), home)
    path.touch()
    with pytest.raises(SettingsError, match="is empty: it has no header"):
        place_of(str(path), home)


@pytest.mark.parametrize("content", [
    b"PK\x03\x04\x14\x00\x06\x00\x08\x00!\x00\rxl/workbook.xml\r,\xff\xfe\x00",
    bytes(range(256)) * 8,
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
])  # fmt: skip
def test_what_is_no_text_and_is_called_so_is_told_in_a_sentence(home, content):
    path = home / "exports" / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"orders\.csv: is no text, whatever it is called"):
        place_of(str(path), home)


def test_lines_may_end_as_on_an_old_macintosh(home):
    path = home / "exports" / "orders.csv"
    path.write_bytes(b"Order ID;Order Date\r1;2017-04-03\r")
    (table,) = place_of(str(path), home).tables
    assert [each.name for each in table.looks] == ["Order ID", "Order Date"]


def test_a_header_of_one_column_with_a_line_break_in_it_spoils_no_comment(first):
    made = first(customers='Customer ID,Email,"a remark\nof two lines"\n1,a@example.com,x\n')
    assert "# Nobody maps: a remark of two lines" in made.text
    assert yaml.safe_load(made.text)["tables"]["customers"]["key"] == ["Customer ID"]


@pytest.fixture
def own(home, monkeypatch):
    monkeypatch.setenv("RAPPORT_HOME", str(home))
    monkeypatch.setenv("RAPPORT_COMPANY", "own")


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", ["shop", "hubspot", "shop_orders"])
def test_a_name_that_rapport_has_itself_is_refused_before_a_file_of_it_is_there(home, name):
    (home / name).mkdir()
    (home / name / "orders.csv").write_text("Order ID,Order Date\n1,2017-04-03\n")
    for said in ("", name):
        with pytest.raises(SettingsError, match=f"--name {name}: {name} is a .* another name"):
            new_command(str(home / name), said)
    assert not (home / "sources").exists()


@pytest.mark.usefixtures("own")
def test_how_much_could_not_be_told_is_said(home, capsys):
    (home / "exports" / "o.csv").write_text("Order ID,Order Date,Currency\n1,2017-04-13,EUR\n")
    new_command(str(home / "exports"), "firm")
    assert "1 thing could not be told: see `# ?` in it" in capsys.readouterr().out


@pytest.mark.usefixtures("own")
def test_nothing_is_overwritten(home):
    (home / "exports" / "kunden.csv").write_text("Kundennummer,E-Mail\n1,a@example.com\n")
    new_command(str(home / "exports"), "firm")
    written = (home / "sources" / "firm.yml").read_text()
    with pytest.raises(SettingsError, match=r"firm.yml is there already"):
        new_command(str(home / "exports"), "firm")
    assert (home / "sources" / "firm.yml").read_text() == written


def test_a_database_is_sampled_with_its_keys_and_without_its_password(home):
    path = home / "shop.db"
    with sqlite3.connect(path) as database:
        database.execute(
            "create table customers (customer_id integer primary key, email text, updated_at text)"
        )
        database.execute("insert into customers values (1, 'a@example.com', '2017-03-01 10:00:00')")
    made = first_mapping(place_of(f"sqlite:///{path}", home), CONTRACT)
    (table,) = yaml.safe_load(made.text)["tables"].values()
    assert (table["table"], table["key"]) == ("customers", ["customer_id"])
    assert table["cursor"] == "updated_at"


def test_the_list_in_an_answer_of_an_api_is_found(home, served):
    made = first_mapping(place_of(f"{served}/api/people/", home, token="secret"), CONTRACT)
    said = yaml.safe_load(made.text)
    assert said["kind"] == "rest"
    assert said["tables"]["people"]["data"] == "result.people"
    assert said["tables"]["people"]["streams"]["contacts"]["columns"]["email"] == '"email"'
    assert "# ? paginator: {type: offset" in made.text  # an answer does not tell
    assert "secret" not in made.text


def test_an_api_that_refuses_is_said_without_its_token(home, served):
    with pytest.raises(SettingsError, match="gives no JSON: 401") as error:
        place_of(f"{served}/api/people/?key=hidden", home, token="wrong")
    assert "hidden" not in str(error.value)
    assert "wrong" not in str(error.value)


@pytest.fixture
def served():
    class Api(BaseHTTPRequestHandler):
        def do_GET(self):
            is_open = self.headers["Authorization"] == "Bearer secret"
            self.send_response(200 if is_open else 401)
            self.end_headers()
            if is_open:
                self.wfile.write(
                    b'{"result": {"people": [{"id": "1", "email": "a@example.com", "name": "A"}]}}'
                )

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bestellungen 2017-03", "bestellungen"),
        ("Kunden (neu)", "kunden_neu"),
        ("2017", "t_2017"),
        ("Zürich", "zurich"),
    ],
)
def test_tables_are_called_by_their_files(text, name):
    assert table_name(text) == name
