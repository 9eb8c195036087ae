"""A window of a source, pulled again: more loads, the same records, the same starts."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from rapport import landing
from rapport.errors import SettingsError
from rapport.orchestration.backfill import backfill
from rapport.settings import Settings
from rapport.sources.declared import Declared
from rapport.sources.known import Known
from rapport.sources.streams import GROUPS, SHOP, STREAMS
from tests.integration.conftest import NIGHT

FIRST, LAST = date(2017, 12, 20), date(2017, 12, 24)


@pytest.fixture
def shop(rapport):
    """The shop's streams, landed."""
    for group in ("shop_catalog", "shop_orders"):
        rapport.pull(group)
    rapport.settings = replace(Settings.from_env(), home=rapport.landing_dir.parent)
    return rapport


def again(rapport, since=FIRST, until=LAST):
    connection = rapport.connections["shop"]
    return backfill(rapport.settings, connection, "shop", since, until, declared=Declared())


def records(rapport):
    """Every distinct row of the shop, without what a load adds."""
    return {
        stream.name: sorted(
            set(rapport.rows("shop", stream.name, ", ".join(f'"{c}"' for c in stream.columns))),
            key=str,
        )
        for stream in STREAMS
        if stream.source == SHOP and stream.cursor
    }


def test_the_rows_of_the_days_land_again_and_no_other_is_made(shop):
    before, loads = records(shop), landing.listed_loads(shop.landing_dir, "shop")
    landed = again(shop)
    assert landed["shop_orders"]["orders"] > 0
    assert records(shop) == before
    added = {load.load_id for load in landing.listed_loads(shop.landing_dir, "shop")} - {
        load.load_id for load in loads
    }
    times = [
        datetime.fromisoformat(updated_at).date()
        for updated_at, load in shop.rows("shop", "orders", "updated_at, _dlt_load_id")
        if load in added
    ]
    assert len(times) == landed["shop_orders"]["orders"]
    assert min(times) >= FIRST
    assert max(times) <= LAST


def test_an_order_that_lands_again_has_all_its_lines(shop):
    before = landing.completed_loads(shop.landing_dir, "shop")
    again(shop)
    added = landing.completed_loads(shop.landing_dir, "shop") - before
    lines = shop.rows("shop", "order_lines", "order_id, product_id, _dlt_load_id")
    now = {(order, product) for order, product, load in lines if load in added}
    ever = {(o, p) for o, p, load in lines if load not in added and o in {o for o, _ in now}}
    assert now == ever


def test_where_the_next_pull_starts_is_not_moved(shop):
    streams = [stream for stream in GROUPS["shop_orders"] if stream.cursor]
    starts = [Known(shop.landing_dir, NIGHT).start(stream) for stream in streams]
    again(shop)
    assert [Known(shop.landing_dir, NIGHT).start(stream) for stream in streams] == starts


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [(LAST, FIRST, "there is no day"), (FIRST, date(2018, 6, 1), "has landed up to the night of")],
)
def test_days_that_are_none_or_have_not_landed_are_refused(shop, since, until, said):
    with pytest.raises(SettingsError, match=said):
        again(shop, since, until)


def test_a_source_of_which_nothing_landed_has_nothing_to_bring_again(rapport):
    rapport.settings = replace(Settings.from_env(), home=rapport.landing_dir.parent)
    with pytest.raises(SettingsError, match="nothing of shop has landed yet"):
        again(rapport)
