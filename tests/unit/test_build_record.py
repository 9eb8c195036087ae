"""The record of a build: written as it goes, read while it grows."""

import json
from datetime import date

import pytest

from rapport.build.parts import Part
from rapport.build.record import Header, Outcome, RecordWriter, read_record, told

PARTS = [Part("marts.fct_orders", ("model.r.fct_orders", "test.r.unique"))]
HEADER = Header("night_1", date(2018, 1, 2), "code", (("shop", "1.1"),))
ORDERS = Outcome("model.r.fct_orders", "fct_orders", "model", "passed", 1.52, rows=155848)
UNIQUE = Outcome("test.r.unique", "unique", "test", "passed", 0.25)
BROKEN = Outcome(
    "test.r.sums", "sums", "test", "failed", 0.5, failures=1203, message="Got 1203 results"
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "warehouse" / "last_build.jsonl"


def test_before_the_first_build_there_is_no_record(path):
    assert read_record(path) is None


def test_what_ended_is_known_while_the_build_runs(path):
    with RecordWriter(path, HEADER, PARTS) as record:
        record.add(ORDERS)
        seen = read_record(path)
        assert (seen.header, seen.ended) == (HEADER, None)
        assert seen.outcomes == {ORDERS.node: ORDERS}
        assert seen.of_part("marts.fct_orders") == [ORDERS]
        assert not seen.has_ended("marts.fct_orders")
        record.add(UNIQUE)
        assert read_record(path).has_ended("marts.fct_orders")
    assert read_record(path).ended == "passed"


def test_a_build_that_broke_off_says_so_and_one_that_was_killed_says_nothing(path):
    with pytest.raises(KeyboardInterrupt), RecordWriter(path, HEADER, PARTS):
        raise KeyboardInterrupt
    assert read_record(path).ended == "failed"
    RecordWriter(path, HEADER, PARTS)
    assert read_record(path).ended is None


def test_a_part_that_the_project_does_not_have_never_ends(path):
    with RecordWriter(path, HEADER, PARTS):
        assert not read_record(path).has_ended("marts.gone")
        assert read_record(path).of_part("marts.gone") == []


def test_a_line_that_is_still_being_written_is_read_the_next_time(path):
    with RecordWriter(path, HEADER, PARTS) as record:
        record.add(ORDERS)
    whole = path.read_text()
    path.write_text(whole[: whole.rindex("fct_orders")])
    assert read_record(path).outcomes == {}
    path.write_text(whole)
    assert set(read_record(path).outcomes) == {ORDERS.node}


@pytest.mark.parametrize("text", ["", "\0\0\n", "[]\n", '{"run_id": "of a former version"}\n'])
def test_what_is_no_record_of_today_is_none(path, text):
    """Then everything is built, which is always right."""
    path.parent.mkdir()
    path.write_text(text)
    assert read_record(path) is None


def test_a_second_try_begins_with_what_stands(path):
    RecordWriter(path, HEADER, PARTS, earlier=[ORDERS])
    (stands,) = read_record(path).outcomes.values()
    assert stands.is_earlier
    assert (stands.name, stands.rows) == ("fct_orders", 155848)


def test_the_last_word_on_a_node_counts(path):
    failed = Outcome(ORDERS.node, "fct_orders", "model", "failed", 0.1, message="no")
    with RecordWriter(path, HEADER, PARTS, earlier=[failed]) as record:
        record.add(ORDERS)
    assert read_record(path).outcomes[ORDERS.node].status == "passed"


def test_names_in_every_script_stay_what_they_are(path):
    strange = Outcome("n", "n", "test", "failed", 0.1, message="«نه» \u2028 bỏ")
    with RecordWriter(path, HEADER, PARTS) as record:
        record.add(strange)
    assert read_record(path).outcomes["n"].message == "«نه» \u2028 bỏ"
    assert all(json.loads(line) for line in path.read_text().split("\n") if line)


def test_a_part_is_told_with_rows_seconds_and_failed_tests():
    view = Outcome("model.r.v", "order_flow", "model", "passed", 0.11)
    warns = Outcome("test.r.w", "few", "test", "warned", 0.1, failures=2, message="Got 2 results")
    assert told([ORDERS, view, UNIQUE, BROKEN, warns]) == [
        "fct_orders: 155,848 rows in 1.52 s",
        "order_flow: a view in 0.11 s",
        "test sums: FAILED on 1,203 rows after 0.50 s: Got 1203 results",
        "test few: warns on 2 rows after 0.10 s: Got 2 results",
        "1 test passed in 0.25 s",
    ]


def test_what_was_not_built_says_what_it_waited_for():
    skipped = Outcome("m", "dim_x", "model", "skipped", 0, message="test sums failed")
    untested = Outcome("t", "unique_x", "test", "skipped", 0)
    failed = Outcome("b", "dim_y", "model", "failed", 0.1, message="Binder Error: no column z")
    assert told([skipped, untested, failed]) == [
        "dim_x: not built; test sums failed",
        "test unique_x: not run; its model was not built",
        "dim_y: FAILED after 0.10 s: Binder Error: no column z",
    ]


def test_what_an_earlier_try_built_is_told_as_such():
    stands = Outcome("m", "dim_x", "model", "passed", 2, rows=3, is_earlier=True)
    assert told([stands]) == ["dim_x: 3 rows in 2.00 s (by an earlier try)"]
