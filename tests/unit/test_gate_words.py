"""Expectations in words: as a person would say them, from what the suite says and nothing else."""

import pytest
import yaml

from rapport.gate.words import in_words
from tests.unit.test_gate_expectations import EXPECTATIONS


@pytest.mark.parametrize(
    ("type_", "kwargs", "words"),
    [
        ("column_values_to_be_between", {"column": "a", "max_value": 0}, "a is at most 0"),
        ("column_values_to_be_between", {"column": "a", "min_value": 1}, "a is at least 1"),
        (
            "column_values_to_be_between",
            {"column": "a", "min_value": 0.3, "max_value": 3},
            "a is at least 0.3 and at most 3",
        ),
        (
            "column_values_to_be_between",
            {"column": "a", "min_value": 0, "strict_min": True},
            "a is more than 0",
        ),
        ("column_values_to_be_between", {"column": "a", "min_value": 2, "max_value": 2}, "a is 2"),
        ("column_values_to_be_in_set", {"column": "a", "value_set": [True]}, "a is true"),
        ("column_values_to_be_in_set", {"column": "a", "value_set": ["x", 1]}, "a is one of x, 1"),
        ("column_values_to_not_match_regex", {"column": "a", "regex": "^x"}, "a is not like ^x"),
        ("column_values_to_be_unique", {"column": "a"}, "a is different in every row"),
        ("column_pair_values_to_be_equal", {"column_A": "a", "column_B": "b"}, "a equals b"),
        ("table_row_count_to_equal", {"value": 3}, "the table has 3 rows"),
        ("column_values_to_be_increasing", {"column": "a"}, "a: column values to be increasing"),
    ],
)
def test_an_expectation_is_a_sentence(type_, kwargs, words):
    assert in_words(f"expect_{type_}", kwargs) == words


def test_every_expectation_of_the_suites_has_a_sentence_of_its_own():
    for path in (EXPECTATIONS / "suites").rglob("*.yml"):
        for each in yaml.safe_load(path.read_text())["expectations"]:
            assert ": " not in in_words(each["type"], each["kwargs"]), path
