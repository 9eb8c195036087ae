"""`rapport source check`: what becomes of exports with every kind of dirt, before they land."""

import shutil

import pytest
from typer.testing import CliRunner

from rapport.contract import read_contract
from rapport.errors import RapportError
from rapport.mapping.checked import checked
from rapport.orchestration.cli import app
from rapport.settings import PROJECT_DIR, Settings
from rapport.sources.connection import Connection
from rapport.sources.mapped import read_source

DIRT = PROJECT_DIR / "tests" / "fixtures" / "dirt"
CONTRACT = {stream.name: stream for stream in read_contract(PROJECT_DIR / "dbt_project")}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("firm")
    shutil.copytree(DIRT, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAPPORT_HOME", str(folder))
        patch.setenv("RAPPORT_COMPANY", "own")
        yield folder


@pytest.fixture(scope="module")
def tables(home):
    settings = Settings.from_env()
    source = read_source(home / "sources" / "exports.yml", home, settings.dbt_project_dir)
    before = sorted(home.rglob("*"))
    found = checked(settings, source, Connection("rapport_exports", ""), CONTRACT, rows=1000)
    assert sorted(home.rglob("*")) == before  # nothing landed
    return {table.table: table for table in found}


def onto(tables, table, stream):
    return next(each for each in tables[table].onto if each.stream == stream)


def places(faults):
    return {fault.reason: fault.places for fault in faults}


def test_every_row_of_a_file_is_used_superseded_in_quarantine_or_refused(tables):
    contacts = onto(tables, "kunden", "contacts")
    assert tables["kunden"].rows == 10  # 15 lines: two refused, two empty, one goes over two lines
    assert contacts.rows == 9  # without the row of sums
    lost = sum(fault.rows for fault in contacts.quarantine)
    assert contacts.used + contacts.superseded + lost == contacts.rows
    assert contacts.superseded == 1  # customer 1002, who comes twice


def test_what_does_not_fit_is_told_with_its_line(tables):
    assert places(tables["kunden"].refused) == {
        "has 12 cells where the header has 13": ("kunden.csv:8",),
        "has 14 cells where the header has 13": ("kunden.csv:9",),
    }
    assert places(onto(tables, "kunden", "contacts").quarantine)["contact_id is missing"] == (
        "kunden.csv:13",
    )
    assert places(onto(tables, "bestellungen", "order_lines").quarantine) == {
        "item_quantity is not a number": ("bestellungen.csv:7",)
    }
    assert places(onto(tables, "bestellungen", "orders").quarantine) == {
        "ordered_at is not a time": ("bestellungen.csv:6",)
    }


def test_a_column_is_shown_with_how_full_it_is_and_by_the_shape_of_its_values(tables):
    said = {each.column: each for each in onto(tables, "kunden", "contacts").columns}
    assert (said["email"].sql, said["email"].filled, said["email"].like) == (
        '"E-Mail"',
        9,
        "a.a@a.a",
    )
    assert said["phones"].sql == '["Telefon", "Telefon_2"]'


def test_what_is_not_mapped_is_told_with_what_is_lost(tables):
    assert (
        onto(tables, "bestellungen", "orders").absent["store_id"] == "It was bought in some store."
    )
    assert tables["kunden"].unmapped == ("Umsatz", "Newsletter", "Bemerkung")


def test_the_command_shows_no_value_of_a_customer(home, tables):
    done = CliRunner().invoke(app, ["source", "check", "exports"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "quarantine, 1 row: contact_id is missing (kunden.csv:13)" in done.output
    for value in ("Müller", "ann.lee", "0176", "1.234,50", "Köln", "10115"):
        assert value not in done.output


def test_a_mapping_that_cannot_be_is_one_line_with_file_column_and_remedy(home):
    path = home / "sources" / "wrong.yml"
    text = (home / "sources" / "exports.yml").read_text()
    path.write_text(text.replace('"Kundennummer"\'', 'trimm("Kundennummer")\'', 1))
    done = CliRunner().invoke(app, ["source", "check", "wrong"])
    assert done.exit_code == 1
    assert isinstance(done.exception, RapportError)
    (problem,) = str(done.exception).splitlines()[1:]
    assert problem.startswith(f"{path}, line ")
    assert "there is no function trimm(); the nearest is trim()" in problem


def test_a_column_that_the_file_lacks_is_told_with_the_nearest(home):
    path = home / "sources" / "lacking.yml"
    text = (home / "sources" / "exports.yml").read_text()
    path.write_text(text.replace('"Vorname"', '"Vornahme"'))
    done = CliRunner().invoke(app, ["source", "check", "lacking"])
    assert done.exit_code == 1
    assert "'Vornahme'" in str(done.exception)
    assert "the nearest is 'Vorname'" in str(done.exception)
