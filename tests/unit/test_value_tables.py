"""From the warehouse's cells to its scores: what comes in and goes out, and what is refused."""

import duckdb
import numpy as np
import pytest

from rapport.value import bg_nbd
from rapport.value.tables import NO_MEAN, Policy, fits, order_scores, policy, spend_factors
from tests.unit.test_value_bg_nbd import company

SPANS = ("whole", "calibration")
TRUTH = bg_nbd.Parameters(0.9, 6.0, 0.8, 5.0)


@pytest.fixture(scope="module")
def warehouse():
    """Cells of a company, by both spans; spend that every second spender doubles."""
    with duckdb.connect() as connection:
        drawn = company(1, 1500, TRUTH)
        connection.register(
            "drawn",
            {"x": drawn.repeats, "recency": drawn.recency, "age": drawn.age},
        )
        connection.execute(
            """
            create table cells as
            select
                span, cast(90 as bigint) as ahead_days, x as repeat_count,
                recency as recency_days, age as age_days, count(*) as customer_count
            from drawn, (values ('whole'), ('calibration')) as spans (span)
            group by all;
            create table spend_cells as
            select
                span, repeat_count as spend_count,
                repeat_count * (10.0 + 5 * (age_days % 7))::double as spend_amount,
                sum(customer_count)::bigint as customer_count
            from cells where repeat_count > 0 group by all;
            create table samples (span varchar, model varchar, fault varchar);
            """
        )
        yield connection


@pytest.fixture
def fitted(warehouse):
    """Return a function that fits the spans and models that have no fault."""

    def fit(**faults: str):
        rows = [(span, model, faults.get(model)) for span in SPANS for model in ("orders", "spend")]
        warehouse.execute("delete from samples")
        warehouse.executemany("insert into samples values (?, ?, ?)", rows)
        found = fits(
            warehouse.table("samples"), warehouse.table("cells"), warehouse.table("spend_cells")
        )
        warehouse.register("fitted", found)
        return found.to_pylist()

    yield fit
    warehouse.unregister("fitted")


def scored(warehouse):
    return order_scores(warehouse.table("cells"), warehouse.view("fitted"), Policy()).to_pylist()


def test_parameters_come_with_their_errors_in_the_order_of_the_papers(fitted):
    rows = [row for row in fitted(spend="too_few") if row["span"] == "whole"]
    assert [row["parameter"] for row in rows] == ["r", "alpha", "a", "b"]
    assert all(0 < row["standard_error"] < row["estimate"] for row in rows)
    assert {row["fault"] for row in rows} == {None}
    for row, truth in zip(rows, TRUTH, strict=True):
        assert row["estimate"] == pytest.approx(truth, abs=4 * row["standard_error"])


def test_every_cell_is_scored_once(warehouse, fitted):
    fitted()
    rows = scored(warehouse)
    [(cells,)] = warehouse.sql("select count(*) from cells").fetchall()
    assert len(rows) == cells
    for row in rows:
        assert 0 <= row["p_alive"] <= 1
        assert 0 <= row["low_count"] <= row["high_count"]
        assert row["expected_count"] <= 90
        assert row["discounted_year_count"] > row["expected_count"]


def test_the_same_cells_in_another_order_give_the_same_digits(warehouse, fitted):
    first = fitted()
    mixed = warehouse.sql("select * from cells order by hash(age_days, recency_days, span)")
    again = fits(
        warehouse.table("samples"), mixed, warehouse.table("spend_cells").order("spend_amount desc")
    )
    assert again.to_pylist() == first


def test_nothing_is_scored_of_a_model_that_is_refused(warehouse, fitted):
    assert fitted(orders="nobody", spend="nobody") == []
    assert scored(warehouse) == []
    factors = spend_factors(warehouse.table("spend_cells"), warehouse.view("fitted"), Policy())
    assert factors.num_rows == 0
    assert "mean_factor" in factors.column_names


def test_of_who_has_spent_nothing_more_the_mean_is_told_without_an_interval(warehouse, fitted):
    fitted()
    rows = spend_factors(
        warehouse.table("spend_cells"), warehouse.view("fitted"), Policy()
    ).to_pylist()
    for row in rows:
        if row["spend_count"] == 0:
            assert row["mean_factor"] > 0
            assert (row["low_factor"], row["high_factor"]) == (None, None)
        else:
            assert row["low_factor"] < row["mean_factor"] < row["high_factor"]
    assert {row["span"] for row in rows if row["spend_count"] == 0} == set(SPANS)


def test_spend_without_a_mean_is_refused(warehouse, fitted):
    """Scales of a Gamma of shape 0.6: means of customers have none themselves."""
    random = np.random.default_rng(1)
    orders = random.geometric(0.2, 500)
    amount = random.gamma(6 * orders, 1 / random.gamma(0.6, 1 / 15, 500))
    warehouse.register("wide_drawn", {"x": orders, "amount": amount})
    warehouse.execute(
        "create table wide as select 'whole' as span, x as spend_count, amount as spend_amount, "
        "count(*) as customer_count from wide_drawn group by all"
    )
    fitted(orders="too_few")
    rows = fits(
        warehouse.table("samples").filter("span = 'whole'"),
        warehouse.table("cells"),
        warehouse.table("wide"),
    ).to_pylist()
    assert {(row["fault"], row["estimate"]) for row in rows} == {(NO_MEAN, None)}


def test_the_level_of_intervals_is_that_of_so_many_standard_errors():
    with duckdb.connect() as connection:
        decided = connection.sql("select 0.2e0 as discount_rate, 1.96e0 as confidence_z")
        assert policy(decided) == Policy(0.2, pytest.approx(0.95, abs=1e-4))
