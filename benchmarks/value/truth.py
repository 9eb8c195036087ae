"""The models of value against the truth of people: ``python -m benchmarks.value.truth``.

The sandbox's people have a rate of orders and a likelihood to leave of their own, and some do what
no model of value knows: campaigns cause orders, and who is strained stays away. Their orders go
through the warehouse's own models; what these say is held against the truth of each.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow

from benchmarks.value import firm
from rapport.settings import WAREHOUSE_FILE
from sandbox.simulate import Parameters
from sandbox.simulate.company import chunks, company
from sandbox.simulate.parameters import END
from sandbox.simulate.truth import of_people

AHEAD = 90
NIGHT = "2018-01-02"  # the last that the sandbox has


@dataclass(frozen=True)
class Score:
    """How near the models came.

    Attributes:
        customers: with a score.
        error: mean absolute error of the orders expected in 90 days, against those expected of
            somebody whose rate, likelihood to leave and life are known.
        blind_error: the same of who takes the orders of the last 365 days, or as long as somebody
            has been a customer, for what will go on.
        mean: of those expected of who is known.
        calibration_error: of `p_alive`, see ``calibration_error``.
        alive: share of them who live.
    """

    customers: int
    error: float
    blind_error: float
    mean: float
    calibration_error: float
    alive: float


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.value.truth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=540)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    print("| seed | customers | mean truth | MAE | MAE of the last year's rate | alive | ECE |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            found = score(Path(folder), Parameters(options.customers, options.days, seed))
        print(
            f"| {seed} | {found.customers:,} | {found.mean:.3f} | {found.error:.3f} "
            f"| {found.blind_error:.3f} | {found.alive:.3f} | {found.calibration_error:.4f} |",
            flush=True,
        )


def score(folder: Path, parameters: Parameters) -> Score:
    """Simulate people, build the models over their orders in a folder, and compare."""
    _people(folder, parameters)
    firm.warehouse(folder, f"select * from '{folder / 'orders.parquet'}'")
    firm.value(folder, NIGHT)
    with duckdb.connect(str(folder / WAREHOUSE_FILE)) as connection:
        found = connection.sql(
            f"""
            select
                told.p_alive,
                told.expected_orders_90d as expected,
                told.order_count_365d * {AHEAD}
                    / least(365, date_diff('day', told.first_order_date, told.as_of_date) + 1)
                    as blind,
                truth.is_alive_at_end as is_alive,
                if(
                    truth.is_alive_at_end,
                    (1 - exp(-truth.bg_lambda / 28 * truth.bg_p * {AHEAD})) / truth.bg_p,
                    0
                ) as truly
            from marts.dim_customer_value as told
            inner join read_parquet('{folder / "truth.parquet"}') as truth
                on told.customer_id = truth.person_id
            where told.p_alive is not null
            order by told.customer_id
            """
        ).fetchnumpy()
    if not len(found["p_alive"]):
        raise SystemExit("nobody has a p_alive: the model of orders is refused")
    return Score(
        len(found["p_alive"]),
        float(np.abs(found["expected"] - found["truly"]).mean()),
        float(np.abs(found["blind"] - found["truly"]).mean()),
        float(found["truly"].mean()),
        calibration_error(found["p_alive"], found["is_alive"]),
        float(found["is_alive"].mean()),
    )


def calibration_error(said: np.ndarray, was: np.ndarray, bins: int = 10) -> float:
    """Return the expected calibration error: by how much bins of equal width are off, on average.

    Args:
        said: likelihoods, shape ``(customers,)``.
        was: whether it was so, same shape.
        bins: from 0 to 1.

    Example:
        >>> calibration_error(np.array([0.2, 0.2, 0.9, 0.9]), np.array([0, 0, 1, 1]))
        0.15
    """
    place = np.minimum((said * bins).astype(np.int64), bins - 1)
    off = np.bincount(place, said, minlength=bins) - np.bincount(place, was, minlength=bins)
    return round(float(np.abs(off).sum() / len(said)), 10)


def _people(folder: Path, parameters: Parameters) -> None:
    """Write the simulator's own orders and what is true of its people; no landing in between."""
    orders, people = [], []
    with company(parameters) as db:
        for _ in chunks(db, parameters):
            orders.append(
                db.sql(
                    "select 'P' || lpad(person::varchar, 8, '0') as customer_id, "
                    "moment(ms)::date as order_date, cents / 100.0 as amount "
                    f"from orders where ms < {END}"
                ).to_arrow_table()
            )
            people.append(
                db.sql(
                    "select person_id, bg_lambda, bg_p, is_alive_at_end "
                    f"from ({of_people(parameters)['truth_customers']})"
                ).to_arrow_table()
            )
    with duckdb.connect() as connection:
        for name, parts in (("orders", orders), ("truth", people)):
            connection.register(name, pyarrow.concat_tables(parts))
            connection.execute(f"copy {name} to '{folder / name}.parquet' (format parquet)")


if __name__ == "__main__":
    main()
