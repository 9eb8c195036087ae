"""A night is the same whichever nights before it were built."""

import shutil

import pytest

from tests.dbt.differences import differences
from tests.dbt.manifest_views import models
from tests.dbt.skipped_nights import (
    FIRST,
    SEVENTH,
    SIXTH,
    land_first_night,
    land_seventh_night,
    land_skipped_nights,
)

pytestmark = pytest.mark.slow  # five builds of everything
WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
RELEASED = ("marts", "segments", "quarantine")


@pytest.fixture(scope="module")
def nights(tmp_path_factory, warehouse):
    """The first night; the sixth and a first of a month, upon the first and from nothing."""
    folder = tmp_path_factory.mktemp("skipped")
    landing = folder / "landing"
    built = {}

    def build(name: str, night: str, upon: str | None = None) -> None:
        made = built[name] = warehouse(folder / name, landing)
        made.path.parent.mkdir()
        if upon:
            shutil.copy(built[upon].path, made.path)
        done = made.build(night, *WITHOUT_TESTS)
        assert done.success, done.failures()

    land_first_night(landing)
    build("first", FIRST)
    built["first"].close_build(FIRST)
    land_skipped_nights(landing)
    build("sixth", SIXTH, upon="first")
    build("sixth from nothing", SIXTH)
    land_seventh_night(landing)
    build("seventh", SEVENTH, upon="first")
    build("seventh from nothing", SEVENTH)
    return built


@pytest.mark.parametrize("night", ["sixth", "seventh"])
def test_a_night_after_nights_that_were_not_built_equals_one_from_nothing(nights, night):
    assert differences(nights[night], nights[f"{night} from nothing"], *RELEASED) == {}


def test_every_model_that_is_kept_had_something_to_learn(nights, manifest):
    """Otherwise the comparison above would prove nothing of it."""
    kept = {
        f"marts.{node['name']}"
        for node in models(manifest)
        if node["config"].get("incremental_strategy") == "replace_days"
    }
    changed = differences(nights["first"], nights["seventh from nothing"], "marts")
    assert kept - changed.keys() == set()


def test_who_is_who_did_change_on_the_nights_that_were_not_built(nights):
    known = "select customer_id from marts.dim_customers"
    changes = (
        "select distinct change from marts.identity_changes "
        f"where change_date > '{FIRST}' and change_date < '{SIXTH}'"
    )
    before, after = (set(nights[name].rows(known)) for name in ("first", "sixth"))
    assert before - after
    assert after - before
    assert {("merged",), ("split",)} <= set(nights["sixth"].rows(changes))
