"""The hold-out of needs counts what it says it counts."""

from datetime import date

import duckdb
import numpy as np
import pytest

from benchmarks.needs.hold_out import hide, ratio_with_interval, score

NIGHT = date(2017, 10, 1)


@pytest.fixture
def warehouse():
    """Customer `a` buys bread and later beer and wine; `b` buys bread and beer, and beer again."""
    connection = duckdb.connect()
    connection.execute("""
        create schema marts;
        create table marts.dim_products as
        select name as product_id, name as product_category, 'goods' as product_class
        from (values ('bread'), ('beer'), ('wine'), ('tea')) as products (name);
        create table marts.fct_order_lines as
        select *, false as is_return, 'kept' as status
        from (values
            ('a', 'bread', date '2017-09-01'), ('b', 'bread', date '2017-09-01'),
            ('b', 'beer', date '2017-09-02'), ('b', 'beer', date '2017-10-02'),
            ('a', 'wine', date '2017-11-30'), ('a', 'beer', date '2017-10-02'),
            ('b', 'tea', date '2017-12-01')
        ) as lines (customer_id, product_id, order_date);
        create table marts.fct_touchpoints as
        select date '2017-10-01' as touchpoint_date union all select date '2017-10-02';
        create table marts.fct_tickets as select date '2017-10-02' as opened_date;
    """)
    hide(connection, NIGHT)
    connection.execute("""
        create table marts.fct_customer_categories as
        select distinct customer_id, product_id as product_category from marts.fct_order_lines
        union all select 'other', 'tea' union all select 'other', 'wine'
        union all select 'another', 'tea'
    """)
    return connection


def needs(connection, *rows):
    connection.execute(
        "create table marts.dim_unexpressed_needs as select * from (values "
        + ", ".join(f"('{customer}', '{category}', {rank})" for customer, category, rank in rows)
        + ") as needs (customer_id, product_category, rank)"
    )


def test_what_came_after_the_night_is_hidden_from_it(warehouse):
    for table, column in (
        ("fct_order_lines", "order_date"),
        ("fct_touchpoints", "touchpoint_date"),
    ):
        assert warehouse.sql(
            f"select max({column}) <= date '{NIGHT}' from marts.{table}"
        ).fetchone() == (True,)
    assert warehouse.sql("select count(*) from marts.fct_tickets").fetchone() == (0,)


def test_the_last_hidden_day_counts_and_the_day_after_does_not(warehouse):
    bought = set(warehouse.sql("from main.then_bought").fetchall())
    assert bought == {("a", "beer"), ("a", "wine"), ("b", "beer")}


def test_popularity_guesses_as_often_for_the_same_customers(warehouse):
    needs(warehouse, ("a", "wine", 1), ("a", "beer", 2), ("b", "wine", 1), ("b", "tea", 4))
    found = score(warehouse, NIGHT)
    assert (found.needs.guesses, found.needs.hits, found.needs.reached) == (3, 2, 1)
    # tea has two buyers; beer goes before wine with one each, by the alphabet
    assert (found.popular.guesses, found.popular.hits, found.popular.customers) == (3, 1, 2)
    assert found.lift == 2
    # of three that `a` never bought two came true, of `b`'s two none
    assert found.chance == pytest.approx(1 / 3)


def test_a_ratio_without_anything_to_divide_by_is_none():
    assert np.isnan(ratio_with_interval(np.array([1, 0]), np.array([0, 0]))).all()


def test_the_interval_holds_the_ratio():
    hits = np.random.default_rng(2).integers(0, 3, size=(400, 2))
    ratio, low, high = ratio_with_interval(hits[:, 0], hits[:, 1])
    assert low < ratio < high
