"""Needs as of an earlier night, held against what the customers then bought."""

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.pressure.build import build
from rapport.settings import WAREHOUSE_FILE

HIDDEN_DAYS = 60
GUESSES = 3
# Views too: they hold the night that they were made for.
MODELS = (
    "fct_customer_categories",
    "rpt_category_affinities",
    "int_journey__need_catalogue",
    "int_journey__refused_topics",
    "int_journey__category_terms",
    "int_journey__category_subjects",
    "int_journey__category_acts",
    "int_journey__alike_categories",
    "dim_unexpressed_needs",
)
DRAWS = 2000


@dataclass(frozen=True)
class Score:
    """How often guesses came true.

    Attributes:
        customers: customers of whom anything was guessed.
        guesses: categories guessed, at most three of a customer.
        hits: guesses that the customer bought in the hidden days.
        reached: customers with at least one hit.
    """

    customers: int
    guesses: int
    hits: int
    reached: int

    @property
    def hit_share(self) -> float:
        """Share of the guesses that came true; 0 without a guess."""
        return self.hits / self.guesses if self.guesses else 0.0

    @property
    def reached_share(self) -> float:
        """Share of the customers of whom a guess came true; 0 without a customer."""
        return self.reached / self.customers if self.customers else 0.0


@dataclass(frozen=True)
class HoldOut:
    """The needs of one night beside those who guess without knowing the customer.

    Attributes:
        as_of: the night; what was bought in the days after it was hidden from it.
        needs: the three strongest needs of each customer.
        popular: as many guesses for the same customers: the categories with the most buyers that
            they never bought.
        chance: hit share of categories drawn by lot among those that they never bought.
        lift: hits of the needs to hits of the popular, with its 95 % interval over customers.
    """

    as_of: date
    needs: Score
    popular: Score
    chance: float
    lift: float
    lift_low: float
    lift_high: float


def hold_out(
    warehouse: Path, folder: Path, as_of: date, policy: dict[str, object] | None = None
) -> HoldOut:
    """Make the needs of a night anew in a copy of a warehouse and score them.

    Orders, touchpoints and tickets after the night are deleted from the copy. What is not dated
    (catalogue, preferences) is that of the warehouse's own night: wishes that came later leave
    a few needs out.

    Args:
        warehouse: a finished build, of a night at least ``HIDDEN_DAYS`` after ``as_of``.
        folder: where the copy is made; emptied first.
        as_of: the night.
        policy: vars that differ from the project's.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy = folder / WAREHOUSE_FILE
    shutil.copyfile(warehouse, copy)
    with duckdb.connect(str(copy)) as connection:
        hide(connection, as_of)
    build(copy, as_of.isoformat(), memory="4GB", models=MODELS, policy=policy)
    with duckdb.connect(str(copy)) as connection:
        return score(connection, as_of)


def hide(connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Put the purchases of the hidden days aside, and delete all that came after the night."""
    until = as_of + timedelta(days=HIDDEN_DAYS)
    connection.execute(f"""
        create table main.then_bought as
        select distinct lines.customer_id, products.product_category
        from marts.fct_order_lines as lines
        inner join marts.dim_products as products on lines.product_id = products.product_id
        where
            lines.customer_id is not null and not lines.is_return and lines.status <> 'cancelled'
            and products.product_class = 'goods'
            and lines.order_date > date '{as_of}' and lines.order_date <= date '{until}'
    """)
    for table, column in (
        ("fct_order_lines", "order_date"),
        ("fct_touchpoints", "touchpoint_date"),
        ("fct_tickets", "opened_date"),
    ):
        connection.execute(f"delete from marts.{table} where {column} > date '{as_of}'")


def score(connection: duckdb.DuckDBPyConnection, as_of: date) -> HoldOut:
    """Score the needs in ``marts`` against ``main.then_bought``."""
    connection.execute(f"""
        create temporary table guessed as
        select customer_id, product_category
        from marts.dim_unexpressed_needs
        where rank <= {GUESSES};

        create temporary table open as  -- what a customer never bought, popular first
        select
            customers.customer_id,
            categories.product_category,
            customers.guess_count,
            row_number() over (
                partition by customers.customer_id
                order by categories.buyer_count desc, categories.product_category
            ) as place
        from (
            select customer_id, count(*) as guess_count from guessed group by customer_id
        ) as customers
        cross join (
            select product_category, count(*) as buyer_count
            from marts.fct_customer_categories
            group by product_category
        ) as categories
        where (customers.customer_id, categories.product_category) not in (
            select (customer_id, product_category) from marts.fct_customer_categories
        );

        create temporary table popular as
        select customer_id, product_category from open where place <= guess_count;
    """)
    by_customer = {name: _hits(connection, name) for name in ("guessed", "popular")}
    (chance,) = connection.sql("""
        select avg(share) from (
            select avg((then_bought.customer_id is not null)::int) as share
            from open left join main.then_bought using (customer_id, product_category)
            group by customer_id
        )
    """).fetchone() or (0.0,)
    lift, low, high = ratio_with_interval(
        by_customer["guessed"][:, 1], by_customer["popular"][:, 1]
    )
    needs, popular = (
        Score(len(rows), int(rows[:, 0].sum()), int(rows[:, 1].sum()), int((rows[:, 1] > 0).sum()))
        for rows in (by_customer["guessed"], by_customer["popular"])
    )
    return HoldOut(as_of, needs, popular, float(chance), lift, low, high)


def _hits(connection: duckdb.DuckDBPyConnection, table: str) -> np.ndarray:
    """Guesses and hits of each customer, (n, 2), ordered by customer."""
    rows = connection.sql(f"""
        select count(*), count(then_bought.customer_id)
        from {table} left join main.then_bought using (customer_id, product_category)
        group by customer_id
        order by customer_id
    """).fetchall()
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def ratio_with_interval(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float, float]:
    """Return the ratio of two sums over the same customers and its 95 % interval.

    The interval is by bootstrap over customers; nan where nothing of theirs came true.

    Example:
        >>> ratio_with_interval(np.array([2, 2]), np.array([1, 1]))
        (2.0, 2.0, 2.0)
    """
    if not theirs.sum():
        return float("nan"), float("nan"), float("nan")
    drawn = np.random.default_rng(1).integers(0, len(ours), size=(DRAWS, len(ours)))
    ratios = ours[drawn].sum(axis=1) / np.maximum(theirs[drawn].sum(axis=1), 1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(ours.sum() / theirs.sum()), float(low), float(high)
