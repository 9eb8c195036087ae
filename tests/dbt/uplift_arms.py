"""Arms of campaigns as `fct_campaign_arms` has them, and what `rpt_campaign_uplift` says."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd

from rapport.settings import WAREHOUSE_FILE

NIGHT = "2018-01-02"
LEAST = 2


def arms(campaign: str, treated: list[dict], control: list[dict]) -> pd.DataFrame:
    """Return arms of a campaign, whose customers are alike but for what is said of them."""
    alike = {
        "relationship_type": "buddy",
        "value_tier": "low",
        "has_ordered_before": False,
        "p_response": 0.1,
        "has_ordered": False,
        "sales_amount": 0.0,
        "other_currency_order_count": 0,
        "is_compared": True,
    }
    rows = [alike | {"arm": "treatment"} | each for each in treated]
    rows += [alike | {"arm": "control"} | each for each in control]
    return pd.DataFrame(rows).assign(campaign_id=campaign)


def two_by_two(campaign: str, ordered: int, treated: int, without: int, control: int, **more):
    """Return arms of which so many ordered: `ordered` of `treated` and `without` of `control`."""
    return arms(
        campaign,
        [{"has_ordered": place < ordered} | more for place in range(treated)],
        [{"has_ordered": place < without} | more for place in range(control)],
    )


def uplift_of(folder: Path, warehouse: Callable, *campaigns: pd.DataFrame) -> pd.DataFrame:
    """Build the mart of these campaigns and return it, one row per campaign and group."""
    made = warehouse(folder, folder / "landing", uplift_least_customers=LEAST)
    rows = pd.concat(campaigns, ignore_index=True)  # noqa: F841
    with duckdb.connect(str(folder / WAREHOUSE_FILE)) as db:
        db.execute(
            """
            create schema marts;
            create schema intermediate;
            create table intermediate.int_orders__reporting_currency as
            select 'USD' as currency_code;
            create table marts.fct_campaign_arms as
            select * replace (cast(sales_amount as decimal(18, 3)) as sales_amount) from rows;
            create table marts.fct_control_draws as select distinct campaign_id from rows;
            create table marts.dim_campaigns as
            select distinct campaign_id, campaign_id as campaign_name, 'email' as channel,
                date '2017-12-01' as send_date, 500 as audience_count
            from rows
            """
        )
    build = made.build(NIGHT, "--select", "rpt_campaign_uplift", "--exclude-resource-type", "test",
                       "--exclude-resource-type", "unit_test")  # fmt: skip
    assert build.success, build.failures()
    with duckdb.connect(str(folder / WAREHOUSE_FILE), read_only=True) as db:
        return db.sql("from marts.rpt_campaign_uplift order by all").df()
