"""A sum of doubles that no order of the rows changes (macros/statistics/sums.sql)."""

import math
import random

import duckdb
import jinja2
import pytest

from rapport.settings import PROJECT_DIR

MACRO = (PROJECT_DIR / "dbt_project/macros/statistics/sums.sql").read_text()
exact_sum = jinja2.Template(MACRO).module.exact_sum


def values(kind, count=20_000):
    drawn = random.Random(11)
    return {
        "shares": [drawn.random() for _ in range(count)],
        "of_both_signs": [drawn.gauss(0, 100) for _ in range(count)],
        "tiny_beside_large": [drawn.choice((1e-9, 0.1, 450.0)) for _ in range(count)],
        "that_cancel_out": [sign * drawn.random() for _ in range(count // 2) for sign in (1, -1)],
    }[kind]


@pytest.fixture
def summed():
    """Sums of a table `given` with a column `x`."""
    connection = duckdb.connect()

    def ask(rows, *expressions):
        connection.execute("create or replace table given (x double)")
        if rows:
            connection.execute("insert into given select unnest(?::double[])", [list(rows)])
        return connection.sql(f"select {', '.join(expressions)} from given").fetchone()

    yield ask
    connection.close()


KINDS = ("shares", "of_both_signs", "tiny_beside_large", "that_cancel_out")


@pytest.mark.parametrize("kind", KINDS)
def test_no_order_of_the_rows_changes_a_digit(summed, kind):
    rows = values(kind)
    found = set()
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        found.add(summed(rows, exact_sum("x"))[0])
    assert len(found) == 1


def test_else_an_order_does_change_one(summed):
    """Otherwise the test above would prove nothing."""
    rows = values("of_both_signs")
    found = set()
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        found.add(summed(rows, "sum(x)")[0])
    assert len(found) > 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("places", [6, 12])
def test_it_is_off_by_half_a_unit_a_row_at_the_most(summed, kind, places):
    rows = values(kind)
    (found,) = summed(rows, exact_sum("x", places))
    exact = math.fsum(rows)
    # and by what a double can say of the sum
    assert abs(found - exact) <= len(rows) * 0.5 / 10**places + 2 * math.ulp(exact)


def test_what_has_no_more_places_is_summed_as_it_is_written(summed):
    assert summed([0.1] * 10, exact_sum("x", 1), exact_sum("x")) == (1.0, 1.0)
    assert summed([0.1, 0.2, -0.3], exact_sum("x")) == (0.0,)


def test_of_no_row_and_of_nothing_there_is_no_sum(summed):
    assert summed([], exact_sum("x")) == (None,)
    assert summed([None, None], exact_sum("x")) == (None,)
    assert summed([None, 0.5], exact_sum("x")) == (0.5,)


def test_a_filter_leaves_rows_out(summed):
    assert summed([1.5, 2.5, 4.5], exact_sum("x", 12, "x > 2")) == (7.0,)


@pytest.mark.parametrize(("places", "most"), [(12, 9_223_372.0), (6, 9_223_372_036_854.0)])
def test_what_is_too_large_is_an_error_and_no_wrong_number(summed, places, most):
    (found,) = summed([most, most, -most], exact_sum("x", places))
    assert found == pytest.approx(most, rel=1e-15)
    with pytest.raises(duckdb.ConversionException):
        summed([most + 1], exact_sum("x", places))
