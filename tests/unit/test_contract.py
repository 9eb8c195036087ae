"""The contract says everything that somebody who maps a source onto it has to know."""

import re

import duckdb
import pytest
import yaml

from rapport.contract import PLACE, STREAMS, contract_pages, read_contract
from rapport.errors import SettingsError
from rapport.settings import PROJECT_DIR

CONTRACT = read_contract(PROJECT_DIR / "dbt_project")
COLUMNS = [(stream, column) for stream in CONTRACT for column in stream.columns]
NUMBERS = re.compile(r"decimal|double|integer|bigint|ubigint")


def names(found: list) -> list[str]:
    return [f"{stream.name}.{column.name}" for stream, column in found]


def test_every_stream_has_a_contract():
    assert tuple(stream.name for stream in CONTRACT) == STREAMS


def test_the_committed_pages_are_those_of_the_contract():
    """After a change: `rapport contract --pages docs/contract`."""
    folder = PROJECT_DIR / "docs" / "contract"
    committed = {path.name: path.read_text() for path in folder.iterdir()}
    assert committed == contract_pages(CONTRACT)


def test_every_column_that_a_mapping_fills_says_what_it_does_when_it_is_absent():
    silent = [(s, c) for s, c in COLUMNS if not c.given and not c.absent]
    assert names(silent) == []


def test_every_number_that_a_mapping_fills_says_its_unit_and_its_sign_or_bits():
    silent = [
        (s, c)
        for s, c in COLUMNS
        if NUMBERS.match(c.type) and not c.given and not (c.unit and (c.sign or "bits" in c.unit))
    ]
    assert names(silent) == []


def test_every_time_that_a_mapping_fills_says_its_zone():
    silent = [(s, c) for s, c in COLUMNS if c.type == "timestamp" and not c.given and not c.zone]
    assert names(silent) == []


def test_no_key_may_be_null():
    nullable = [(s, c) for s, c in COLUMNS if c.name in s.key and not c.required]
    assert names(nullable) == []


def test_the_examples_are_of_their_types():
    with duckdb.connect() as connection:
        wrong = []
        for stream, column in COLUMNS:
            value = column.example if column.example is None else str(column.example)
            try:
                connection.execute(f"select cast(? as {column.type})", [value])
            except duckdb.Error as error:
                wrong.append(f"{stream.name}.{column.name}: {error}")
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("canonical_moods", "is no stream"), ("canonical_mentions", "or twice")],
)
def test_what_is_no_stream_or_stands_there_twice_is_refused(tmp_path, name, said):
    folder = tmp_path / PLACE
    folder.mkdir(parents=True)
    model = {"name": name, "description": "x", "config": {"meta": {"key": None}}, "columns": []}
    (folder / "_a__models.yml").write_text(yaml.safe_dump({"models": [model, model]}))
    with pytest.raises(SettingsError, match=said):
        read_contract(tmp_path)


def test_a_stream_without_contract_is_named(tmp_path):
    with pytest.raises(SettingsError, match="no contract of contacts, addresses"):
        read_contract(tmp_path)
