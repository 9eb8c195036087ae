"""Orders of customers who order as the models think they do, and the models of value over them."""

from pathlib import Path

import duckdb
import numpy as np

from benchmarks.companies import build
from rapport.settings import WAREHOUSE_FILE

LAST = "2018-01-01"
# What the models of value read beside the orders, in a warehouse that holds nothing else.
AROUND = """
    create schema if not exists intermediate;
    create or replace table intermediate.int_orders__reporting_currency as
    select 'USD' as currency_code;
    create or replace table marts.dim_customers as
    select distinct customer_id from marts.fct_orders;
"""
MODELS = (
    "path:models/intermediate/value",
    "rpt_value_calibration",
    "rpt_value_model",
    "rpt_value_parameters",
    "dim_customer_value",
)


def orders(file: Path, customers: int, seed: int, days: int = 730) -> None:
    """Write orders to a parquet file: customer, day and amount. A day has one order at most.

    Customers came at any time of the days; half of them order twice in a year or more often.
    """
    random = np.random.default_rng(seed)
    rate = random.gamma(0.9, 1 / 140, customers)
    leaves = random.beta(0.8, 6.0, customers)
    first = random.integers(0, days, customers)
    scale = random.gamma(4.0, 1 / 15, customers)
    who, at, living = [np.arange(customers)], [first.astype(float)], np.arange(customers)
    now = first.astype(float)
    while len(living):
        now = now + random.exponential(1 / rate[living])
        inside = now < days
        living, now = living[inside], now[inside]
        who.append(living)
        at.append(now)
        stays = random.random(len(living)) >= leaves[living]
        living, now = living[stays], now[stays]
    customer = np.concatenate(who)
    day = np.concatenate(at).astype(np.int64)
    amount = np.maximum(random.gamma(6.0, 1.0, len(customer)) / scale[customer], 0.01)
    with duckdb.connect() as connection:
        connection.register("drawn", {"customer": customer, "day": day, "amount": amount})
        connection.execute(
            f"""
            copy (
                select
                    md5(cast(customer as varchar)) as customer_id,
                    date '{LAST}' - {days - 1} + cast(day as integer) as order_date,
                    round(sum(amount), 2) as amount
                from drawn group by all order by all
            ) to '{file}' (format parquet)
            """
        )


def warehouse(folder: Path, select_orders: str) -> None:
    """Make a warehouse in a folder that holds orders alone.

    Args:
        folder: what was there is gone.
        select_orders: SQL of `customer_id`, `order_date` and `amount`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WAREHOUSE_FILE).unlink(missing_ok=True)
    with duckdb.connect(str(folder / WAREHOUSE_FILE)) as connection:
        connection.execute(
            f"""
            create schema marts;
            create table marts.fct_orders as
            select
                customer_id,
                order_date,
                true as is_kept,
                cast(amount as decimal(18, 3)) as sales_amount,
                cast(amount as decimal(18, 3)) as reporting_sales_amount
            from ({select_orders});
            {AROUND}
            """
        )


def value(folder: Path, as_of: str, memory: str = "1GB", **policies: object) -> None:
    """Build the models of value in the warehouse of a folder, on a clock of UTC."""
    given = {"as_of_date": f"'{as_of}'", "reporting_time_zone": "UTC"} | policies
    said = ", ".join(f"{name}: {told}" for name, told in given.items())
    build(folder, *MODELS, policies=said, memory=memory)
