"""Spark's part of a night or none: every row is the same, and the release."""

from pathlib import Path

import pytest

from tests.spark.clusters import a_cluster
from tests.spark.nights import FIRST, SECOND, built, differences, landed, released

pytestmark = [pytest.mark.spark, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the landing of a firm, and its first night on both engines."""
    folder = tmp_path_factory.mktemp("firm")
    landing = landed(folder)
    for engine in ("duckdb", "spark"):
        assert built(folder / engine, landing, FIRST, engine)["fresh"]
    return folder


def test_every_row_of_a_night_is_the_same(firm: Path) -> None:
    assert not differences(firm / "duckdb", firm / "spark")


def test_the_releases_are_the_same(firm: Path) -> None:
    ours, theirs = released(firm / "duckdb"), released(firm / "spark")
    assert len(ours) > 50
    assert theirs == ours


def test_the_night_after_is_a_whole_build_of_that_night(firm: Path) -> None:
    spark, whole = (
        built(home, firm / "landing", SECOND, engine)
        for home, engine in ((firm / "spark", "spark"), (firm / "whole", "duckdb"))
    )
    assert spark["fresh"]
    assert whole["fresh"]
    assert not differences(firm / "whole", firm / "spark")
    assert released(firm / "whole").keys() == released(firm / "spark").keys()


def test_a_cluster_makes_the_same_rows(firm: Path) -> None:
    with a_cluster(firm / "cluster") as server:
        built(firm / "by_cluster", firm / "landing", FIRST, "spark", server)
    assert not differences(firm / "duckdb", firm / "by_cluster")
    assert released(firm / "duckdb") == released(firm / "by_cluster")
