"""The gate: what stops a night, what only warns, and that a doubt is a no."""

import json
import re
from datetime import date
from html import unescape
from pathlib import Path

import duckdb
import pytest
import yaml

from rapport import pages
from rapport.errors import GateFailed
from rapport.gate import checkpoints, last_verdicts, run_checkpoint
from tests.disk import full_disk

CANARY = "hopper.canary@example.com"
NIGHT = date(2018, 1, 2)
REGEX = "expect_column_values_to_match_regex"


def expectation(type_=REGEX, severity="critical", **kwargs):
    meta = {"why": "Quiet hours follow the country."}
    if "nulls" in kwargs:
        meta["nulls"] = kwargs.pop("nulls")
    if type_ == REGEX:
        kwargs = {"column": "country", "regex": "^[A-Z]{2}$"} | kwargs
    return {"type": type_, "kwargs": kwargs, "severity": severity, "meta": meta}


class House:
    """A warehouse with one table, a checkpoint with one suite, and the gate over them."""

    def __init__(self, folder):
        self.folder = folder
        self.warehouse = folder / "warehouse.duckdb"
        self.docs = folder / "docs"
        self.expectations = folder / "expectations"
        self.suite(expectation())
        self.write(
            "checkpoints/publish.yml",
            {
                "name": "publish",
                "validations": [
                    {"table": "marts.people", "suite": "marts/people", "id": ["person_id"]}
                ],
            },
        )

    def write(self, path, content):
        target = self.expectations / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else yaml.safe_dump(content))

    def suite(self, *expectations):
        content = {"name": "marts.people", "expectations": list(expectations)}
        self.write("suites/marts/people.yml", content)

    def rows(self, *countries):
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute("create schema if not exists marts")
            connection.execute(
                "create or replace table marts.people (person_id varchar, country varchar)"
            )
            for number, country in enumerate(countries):
                connection.execute(
                    "insert into marts.people values (?, ?)", [f"p{number}", country]
                )

    def gate(self, **options):
        return run_checkpoint(
            "publish",
            expectations_dir=self.expectations,
            data_docs_dir=self.docs,
            as_of=NIGHT,
            warehouse_path=self.warehouse,
            **options,
        )

    def closed_because(self):
        with pytest.raises(GateFailed) as failed:
            self.gate()
        assert CANARY not in str(failed.value)
        return "\n".join(failed.value.failures)

    def pages(self):
        return {path: path.read_text() for path in self.docs.rglob("*.html")}

    def index(self):
        return (self.docs / "index.html").read_text()


def words_of(html):
    """What a page says, without its style and markup."""
    text = re.sub(r"(?s)<style>.*?</style>|<[^>]*>", " ", html)
    return " ".join(unescape(text).split())


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    house.rows("VN", "IR")
    return house


def test_good_rows_pass_and_the_summary_fits_into_json(house):
    summary = json.loads(json.dumps(house.gate().summary()))
    assert summary | {"stamp": ""} == {
        "checkpoint": "publish",
        "as_of": "2018-01-02",
        "tables": 1,
        "evaluated": 1,
        "critical": [],
        "warnings": [],
        "left_out": [],
        "stamp": "",
    }


def test_a_critical_failure_says_whom_it_concerns_then_table_expectation_column_and_rows(house):
    house.rows("VN", CANARY)
    assert house.closed_because() == (
        "Quiet hours follow the country. (marts.people: "
        "expect_column_values_to_match_regex(country): 1 of 2 rows (person_id p1))"
    )


def test_what_was_counted_of_a_failing_row_is_told_and_only_numbers_are(house):
    with duckdb.connect(str(house.warehouse)) as connection:
        connection.execute("alter table marts.people add column letters bigint default 0")
        connection.execute("alter table marts.people add column share double default 0")
        connection.execute("update marts.people set letters = 3, share = 0.12345")
    limit = {"type_": "expect_column_values_to_be_between", "max_value": 0}
    house.suite(expectation(column="letters", **limit), expectation(column="share", **limit))
    assert re.findall(r"rows \((.*?)\): (.*?)\)", house.closed_because()) == [
        ("person_id p0, p1", "3, 3"),
        ("person_id p0, p1", "0.1235, 0.1235"),
    ]
    assert "p0: 3, p1: 3" in words_of((house.docs / "publish" / "marts.people.html").read_text())


def test_every_line_stands_in_the_log(house, caplog):
    house.suite(expectation(regex="^VN$"), expectation(severity="warning", regex="^IR$"))
    house.closed_because()
    ours = [record for record in caplog.records if record.name.startswith("rapport")]
    assert [record.levelname for record in ours] == ["ERROR", "WARNING", "ERROR"]
    assert f"{house.docs / 'index.html'}. What to do: docs/runbooks/publish_gate_failed.md" in (
        ours[-1].getMessage()
    )


def test_a_warning_is_reported_and_does_not_stop(house):
    house.suite(expectation(severity="warning"))
    house.rows("VN", "nowhere")
    (warning,) = house.gate().warnings
    assert "1 of 2 rows" in warning


def test_a_warning_beside_a_passed_critical_expectation_does_not_stop(house):
    house.suite(expectation(), expectation(severity="warning", regex="^VN$"))
    assert len(house.gate().warnings) == 1


def test_a_missing_value_is_not_a_good_one(house):
    house.rows("VN", None)
    assert "1 of 2 rows have no value" in house.closed_because()


def test_a_missing_value_passes_where_the_suite_says_so(house):
    house.suite(expectation(nulls="pass"))
    house.rows("VN", None)
    house.gate()


def test_only_the_first_rows_are_named(house):
    house.rows(*["x"] * 5)
    assert "5 of 5 rows (person_id p0, p1, p2, ...)" in house.closed_because()


class TestADoubtIsANo:
    """Everything that keeps an expectation from being evaluated closes the gate."""

    def test_an_empty_table(self, house):
        house.rows()
        assert house.closed_because() == "marts.people: is empty"

    def test_a_missing_table(self, house):
        with duckdb.connect(str(house.warehouse)) as connection:
            connection.execute("drop table marts.people")
        assert "people does not exist" in house.closed_because()

    def test_a_missing_warehouse(self, house):
        house.warehouse.unlink()
        assert "does not exist" in house.closed_because()

    def test_a_warehouse_that_is_no_warehouse(self, house):
        house.warehouse.write_bytes(b"\x00" * 8192)
        assert "does not open" in house.closed_because()

    def test_a_table_too_large_for_a_frame(self, house, monkeypatch):
        monkeypatch.setattr("rapport.gate.frames.MOST_ROWS", 1)
        assert "gate an audit of it instead" in house.closed_because()

    def test_a_missing_checkpoint(self, house):
        (house.expectations / "checkpoints/publish.yml").unlink()
        assert "No such file" in house.closed_because()

    def test_a_missing_suite(self, house):
        (house.expectations / "suites/marts/people.yml").unlink()
        assert "No such file" in house.closed_because()

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("name: marts.people\nexpectations: []\n", "expects nothing"),
            ("name: marts.people\nname: marts.people\nexpectations: []\n", "key written twice"),
            ("name: marts.people\nexpectation: []\n", "lacks expectations"),
            ("name: marts.people\nexpectations: [\n", "people.yml"),
            ("name: marts.others\nexpectations: [{}]\n", "not 'marts.people'"),
            ("[]", "not a mapping"),
            ("", "not a mapping"),
        ],
    )
    def test_a_suite_that_is_not_one(self, house, text, reason):
        house.write("suites/marts/people.yml", text)
        assert reason in house.closed_because()

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"type": "expect_nothing"}, "unknown"),
            ({"type": "expect_column_max_to_be_between"}, "would show values"),
            ({"severity": "fatal"}, "severity"),
            ({"severity": None}, "severity"),
            ({"meta": {}}, "lacks why"),
            ({"meta": {"why": ""}}, "who is hurt"),
            ({"meta": {"why": "x", "wyh": "y"}}, "unknown wyh"),
            ({"mostly": 0.1}, "unknown mostly"),
            ({"kwargs": {"column": "country", "regexx": "^VN$"}}, "raised"),
            ({"type": "expect_column_values_to_be_of_good_cheer"}, "1 expectations declared, 0"),
        ],
    )
    def test_an_expectation_that_says_less_than_it_seems_to(self, house, change, reason):
        house.suite(expectation() | change)
        assert reason in house.closed_because()

    def test_an_expectation_that_great_expectations_dropped_among_others(self, house):
        house.suite(expectation(), expectation("expect_column_values_to_be_of_good_cheer"))
        assert "2 expectations declared, 1 evaluated" in house.closed_because()

    def test_an_expectation_that_raised_even_if_it_only_warns(self, house):
        house.suite(expectation(severity="warning", column="no_such_column"))
        assert "could not be evaluated" in house.closed_because()

    def test_an_id_column_that_is_not_there(self, house):
        house.write(
            "checkpoints/publish.yml",
            "name: publish\nvalidations: [{table: marts.people, suite: marts/people, id: [nix]}]",
        )
        assert "marts.people" in house.closed_because()

    @pytest.mark.parametrize(
        "text",
        [
            "name: publish\nvalidations: []\n",
            "name: other\nvalidations: [{table: marts.people, suite: marts/people, id: [a]}]\n",
            "name: publish\nvalidations: [{table: marts.people, suite: marts/people}]\n",
            "name: publish\nvalidations: [marts.people]\n",
            "name: publish\nvalidations: [{table: people, suite: marts/people, id: [a]}]\n",
        ],
    )
    def test_a_checkpoint_that_is_not_one(self, house, text):
        house.write("checkpoints/publish.yml", text)
        assert house.closed_because()

    def test_a_table_validated_twice(self, house):
        entry = "{table: marts.people, suite: marts/people, id: [person_id]}"
        house.write("checkpoints/publish.yml", f"name: publish\nvalidations: [{entry}, {entry}]\n")
        assert "validated twice" in house.closed_because()

    def test_great_expectations_raising(self, house, monkeypatch):
        def boom(*_args, **_kwargs):
            raise RuntimeError(CANARY)

        monkeypatch.setattr(checkpoints._Runner, "__init__", boom)
        assert "raised RuntimeError" in house.closed_because()


class TestAFullDisk:
    def test_closes_the_gate_and_does_not_hide_what_was_found(self, house):
        house.rows(CANARY)
        with full_disk(100):
            reason = house.closed_because()
        assert "marts.people: expect_column_values_to_match_regex" in reason
        assert f"Data Docs cannot be written to {house.docs}: File too large" in reason

    def test_leaves_no_verdict_of_a_night_that_passed(self, house):
        house.gate()
        with full_disk(100):
            house.closed_because()
        assert last_verdicts(house.docs) == []
        assert not [path for path in house.docs.rglob("*") if path.is_file()]

    def test_closes_it_where_all_else_is_good(self, house):
        with full_disk(100):
            assert "Data Docs cannot be written" in house.closed_because()
        assert house.gate().critical == []


class TestDataDocs:
    """Pages to read in the morning: no value, no network, the reason beside the failure."""

    def test_no_page_shows_a_value(self, house):
        house.suite(
            expectation(),
            expectation("expect_column_values_to_be_unique", column="country"),
            expectation("expect_column_values_to_be_in_set", column="country", value_set=["VN"]),
            expectation(
                "expect_column_pair_values_to_be_equal", column_A="country", column_B="person_id"
            ),
        )
        house.rows(CANARY, CANARY)
        house.closed_because()
        pages = house.pages()
        assert {path.name for path in pages} == {"index.html", "marts.people.html"}
        assert not [path for path, text in pages.items() if CANARY in text]

    def test_what_an_exception_said_is_on_no_page(self, house):
        text_as_number = {"column": "country", "max_value": 5}
        house.suite(
            expectation(), expectation("expect_column_values_to_be_between", **text_as_number)
        )
        house.rows(CANARY)
        assert "could not be evaluated" in house.closed_because()
        assert not [text for text in house.pages().values() if "Error" in text or CANARY in text]
        (page,) = [t for path, t in house.pages().items() if path.name == "marts.people.html"]
        assert "could not be evaluated" in page

    def test_every_page_is_one_file_that_loads_nothing(self, house):
        house.gate()
        for path, text in house.pages().items():
            assert "default-src 'none'" in text, path
            assert not re.findall(r"(?:src|srcset|data)=|<link|<script|@import|url[(]", text), path
            assert "http" not in text.replace("http-equiv", ""), path

    def test_pages_are_of_the_report_s_look_in_light_and_dark_on_paper_and_telephone(self, house):
        house.gate()
        look = Path(pages.__file__).with_name("page.css").read_text().rstrip()
        for path, text in house.pages().items():
            assert look in text, path
            assert "prefers-color-scheme: dark" in text, path
            assert "@media print" in text, path
            assert "max-width: 640px" in text, path

    def test_the_index_says_what_stopped_the_night_and_why(self, house):
        house.rows("nowhere")
        house.closed_because()
        index = words_of(house.index())
        assert "What goes out stopped" in index
        assert "1 of which stops it. Nothing of this night went on" in index
        assert "Quiet hours follow the country. marts.people: " in index
        assert "1 of 1 rows (person_id p0)" in index

    def test_a_table_s_page_says_in_words_what_is_expected_measured_how_severe_and_why(self, house):
        house.suite(
            expectation(),
            expectation("expect_table_row_count_to_be_between", severity="warning", min_value=3),
        )
        house.rows("VN", "IR")
        house.gate()
        page = (house.docs / "publish" / "marts.people.html").read_text()
        warned, passed = (words_of(part) for part in page.split("<li>")[1:])
        assert warned.startswith("warned the number of rows is at least 3 Measured found 2 ")
        assert "Severity warning: a failure is reported and goes out" in warned
        assert "Why Quiet hours follow the country." in warned
        assert "expect_table_row_count_to_be_between(table) min_value: 3" in warned
        assert passed.startswith("passed country is like ^[A-Z]{2}$ Measured 0 of 2 rows fail ")
        assert "Severity critical: a failure stops the night" in passed

    def test_a_table_s_page_counts_what_fails_and_names_its_rows(self, house):
        house.rows("VN", *["nowhere"] * 5, "IR", "US")
        house.closed_because()
        page = words_of((house.docs / "publish" / "marts.people.html").read_text())
        assert "5 of 8 rows fail (62.5%)" in page
        assert "5 rows, by person_id p1, p2, p3, p4, p5" in page

    def test_a_table_s_page_does_not_name_rows_without_end(self, house, monkeypatch):
        monkeypatch.setattr("rapport.gate.docs.MOST_ROWS", 4)
        house.rows(*["nowhere"] * 6)
        house.closed_because()
        page = words_of((house.docs / "publish" / "marts.people.html").read_text())
        assert "p0, p1, p2, p3, and 2 more" in page

    def test_an_id_is_text_and_never_markup(self, house):
        with duckdb.connect(str(house.warehouse)) as connection:
            connection.execute("insert into marts.people values ('<b>x\x01</b>', 'nowhere')")
        house.closed_because()
        for text in house.pages().values():
            assert "<b>x" not in text
            assert "\x01" not in text

    def test_a_lone_warning_is_no_failure(self, house):
        house.suite(expectation(severity="warning"))
        house.rows("nowhere")
        assert house.gate().warnings
        assert "1 warning. Nothing was held back." in words_of(house.index())
        for text in house.pages().values():
            words = words_of(text)
            assert "warned" in words
            assert "FAIL" not in words
            assert "What stopped it" not in words

    def test_every_link_leads_somewhere(self, house):
        house.gate()
        for path, text in house.pages().items():
            links = re.findall(r'href="([^"#]*)', text)
            assert len(links) == 1, path
            assert (path.parent / links[0]).is_file()

    def test_the_index_shows_both_gates_and_which_of_them_is_of_another_night(self, house):
        house.gate()
        for name in ("suites/landing/people.yml", "checkpoints/sources.yml"):
            old = name.replace("landing", "marts").replace("sources", "publish")
            text = (house.expectations / old).read_text()
            house.write(name, text.replace("marts", "landing").replace("publish", "sources"))
        with duckdb.connect(str(house.warehouse)) as connection:
            connection.execute(
                "create schema landing; create table landing.people as from marts.people"
            )
        run_checkpoint(
            "sources",
            expectations_dir=house.expectations,
            data_docs_dir=house.docs,
            as_of=date(2018, 1, 3),
            warehouse_path=house.warehouse,
        )
        came, goes = (words_of(part) for part in house.index().split("<section")[1:])
        assert "What came in passed Night of 3 January 2018" in came
        assert "What goes out passed Night of 2 January 2018" in goes
        assert "It has not looked at the night of 3 January 2018" in goes
        assert "has not looked" not in came
        assert [said["gate"] for said in last_verdicts(house.docs)] == ["sources", "publish"]

    def test_a_gate_that_fails_early_leaves_no_page_of_a_night_that_passed(self, house):
        house.gate()
        house.warehouse.unlink()
        house.closed_because()
        assert [path.name for path in house.pages()] == ["index.html"]
        assert "the warehouse file does not exist" in house.index()

    def test_a_checkpoint_that_cannot_be_read_is_on_the_index(self, house):
        house.gate()
        (house.expectations / "checkpoints/publish.yml").unlink()
        house.closed_because()
        assert "checkpoints/publish.yml: No such file" in house.index()

    def test_a_gate_that_was_killed_leaves_no_verdict_of_a_night_that_passed(
        self, house, monkeypatch
    ):
        def killed(*_args, **_kwargs):
            raise KeyboardInterrupt

        house.gate()
        monkeypatch.setattr(checkpoints, "open_reader", killed)
        with pytest.raises(KeyboardInterrupt):
            house.gate()
        assert [said["verdict"] for said in last_verdicts(house.docs)] == ["unfinished"]
        assert "was ended before it had looked at everything" in house.index()

    def test_what_machines_read_says_the_same(self, house):
        house.suite(expectation(severity="warning"))
        house.rows("nowhere", "VN")
        warnings = house.gate().warnings
        (said,) = last_verdicts(house.docs)
        assert said == {
            "gate": "publish",
            "as_of": "2018-01-02",
            "verdict": "warned",
            "tables": [
                {
                    "table": "marts.people",
                    "page": "marts.people.html",
                    "verdict": "warned",
                    "rows": 2,
                    "checks": 1,
                    "stopped": 0,
                    "warned": 1,
                    "stopped_by": [],
                }
            ],
            "critical": [],
            "warnings": warnings,
            "left_out": [],
        }

    def test_before_the_first_night_no_gate_has_a_verdict(self, house):
        assert last_verdicts(house.docs) == []


class TestWhatAFirmHasNot:
    @pytest.fixture
    def needy(self, house):
        """A suite that would fail, beside one that needs nothing."""
        people = {"name": "marts.people", "expectations": [expectation(regex="^XX$")]}
        self.needs(house, people, ["shop.orders or hubspot.deals"])
        with duckdb.connect(str(house.warehouse)) as connection:
            connection.execute("create table marts.always as from marts.people")
        house.write(
            "suites/marts/always.yml", {"name": "marts.always", "expectations": [expectation()]}
        )
        house.write(
            "checkpoints/publish.yml",
            "name: publish\nvalidations:\n"
            "  - {table: marts.people, suite: marts/people, id: [person_id]}\n"
            "  - {table: marts.always, suite: marts/always, id: [person_id]}\n",
        )
        return house

    def needs(self, house, suite, needs):
        house.write("suites/marts/people.yml", suite | {"needs": needs})

    def test_a_suite_is_left_out_where_none_of_its_streams_is_there_and_said_to_be(self, needy):
        result = needy.gate(declared=["hubspot.contacts"])
        assert result.left_out == ["marts.people: needs shop.orders or hubspot.deals"]
        assert (result.tables, result.evaluated) == (1, 1)
        (index,) = [text for path, text in needy.pages().items() if path.name == "index.html"]
        assert "needs shop.orders or hubspot.deals" in index

    @pytest.mark.parametrize("declared", [None, ["shop.orders"], ["hubspot.deals"]])
    def test_it_is_looked_at_where_one_of_them_is(self, needy, declared):
        with pytest.raises(GateFailed):
            needy.gate(declared=declared)

    def test_a_firm_of_which_nothing_can_be_looked_at_is_not_let_out(self, needy):
        needy.write(
            "checkpoints/publish.yml",
            "name: publish\nvalidations:\n"
            "  - {table: marts.people, suite: marts/people, id: [person_id]}\n",
        )
        with pytest.raises(GateFailed, match="no expectation was evaluated"):
            needy.gate(declared=["klaviyo.events"])

    @pytest.mark.parametrize("needs", ["shop.orders", ["orders"], ["shop.orders and x.y"], [1]])
    def test_needs_that_are_no_streams_close_the_gate(self, house, needs):
        self.needs(house, {"name": "marts.people", "expectations": [expectation()]}, needs)
        assert "needs must list streams" in house.closed_because()


def test_an_audit_query_knows_the_night_and_the_landing(house):
    house.write(
        "audits/nights.sql",
        "create temp macro tonight() as getvariable('as_of');\n"
        "select getvariable('landing') as person_id, tonight()::varchar as country",
    )
    house.suite(expectation(regex="^2018-01-02$"))
    house.write(
        "checkpoints/publish.yml",
        "name: publish\nvalidations:\n"
        "  - {table: marts.people, suite: marts/people, id: [person_id], query: nights}\n",
    )
    result = run_checkpoint(
        "publish",
        expectations_dir=house.expectations,
        data_docs_dir=house.docs,
        as_of=NIGHT,
        landing_dir=house.folder,
    )
    assert result.stamp is None
