"""The notebook over a release: the report's own parts, of those who are chosen."""

import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from rapport.report.night import Choice, opened
from tests.unit.test_report import RELEASE_ID, customer, made, under_pressure

NOTEBOOK = Path(__file__).parents[2] / "notebooks/release.py"
MONTHS = (date(2017, 11, 30), date(2017, 12, 31))


def held(month: date, kind: str, tier: str, count: int) -> dict:
    named = {"month_end_date": month, "relationship_type": kind, "value_tier": tier}
    return named | {"customer_count": count, "polarity": "neutral", "currency_code": "EUR"}


@pytest.fixture(scope="module")
def releases(tmp_path_factory) -> Path:
    """A firm of forty buddies, of whom ten are of the top tier, and three who are strained."""
    people = [customer(n, "buddy", value_tier="top" if n <= 10 else "low") for n in range(1, 41)]
    people += [customer(n, "strained", value_tier="low") for n in range(41, 44)]
    home = tmp_path_factory.mktemp("home")
    folder = made(
        home / "releases",
        {
            "dim_customer_relationships": people,
            "dim_contact_pressure": [
                under_pressure(n, n % 3, 1, "oversaturated" if n % 3 == 2 else "saturated")
                for n in range(1, 44)
            ],
            "rpt_relationship_portfolio": [
                held(month, kind, tier, count)
                for month, more in zip(MONTHS, (0, 1), strict=True)
                for kind, tier, count in (
                    ("buddy", "top", 9 + more),
                    ("buddy", "low", 30),
                    ("strained", "low", 3),
                )
            ],
            "segments": [{"segment": "quiet_ones", "size": 2}, {"segment": "others", "size": 1}],
            "segment_members": [
                {"segment": "quiet_ones", "customer_id": f"{1:032x}"},
                {"segment": "quiet_ones", "customer_id": f"{42:032x}"},
                {"segment": "others", "customer_id": f"{2:032x}"},
            ],
        },
    )
    with duckdb.connect(str(folder / "rapport.duckdb")) as database:
        database.execute("create schema marts; create schema segments")
        for file in folder.glob("*.parquet"):
            schema = "segments" if file.stem.startswith("segment") else "marts"
            database.execute(f"create table {schema}.{file.stem} as from '{file}'")
    (home / "releases" / "current").symlink_to(folder.name)
    return home / "releases"


def counted(releases: Path, table: str, **chosen) -> int:
    with opened(releases / RELEASE_ID, Choice(**chosen)) as night:
        [row] = night.rows(f"select count(*) as n from {table}")
    return row["n"]


def test_a_choice_leaves_the_rows_of_those_who_are_chosen(releases):
    assert counted(releases, "dim_contact_pressure") == 43
    assert counted(releases, "dim_contact_pressure", types=("strained",)) == 3
    assert counted(releases, "dim_contact_pressure", types=("buddy",), tiers=("top",)) == 10
    assert counted(releases, "dim_contact_pressure", segments=("quiet_ones",)) == 2
    chosen = {"segments": ("quiet_ones",), "types": ("strained",)}
    assert counted(releases, "dim_contact_pressure", **chosen) == 1


def test_what_is_added_up_is_chosen_by_its_own_words(releases):
    assert counted(releases, "rpt_relationship_portfolio") == 6
    assert counted(releases, "rpt_relationship_portfolio", tiers=("top",)) == 2
    assert counted(releases, "rpt_relationship_portfolio", month=MONTHS[0]) == 3
    assert counted(releases, "segments", segments=("others",)) == 1
    assert counted(releases, "segment_members", segments=("others", "quiet_ones")) == 3


def test_a_word_with_an_apostrophe_is_a_word(releases):
    assert counted(releases, "dim_contact_pressure", types=("somebody's",)) == 0


@pytest.fixture(scope="module")
def shown(releases):
    """Return what the notebook shows, as text; with some choice in place of that of its filters."""
    sys.dont_write_bytecode = True

    def run(choice: Choice | None = None) -> str:
        from marimo import App
        from marimo._ast.load import load_app

        app = load_app(NOTEBOOK)
        assert isinstance(app, App)
        outputs, _ = app.run(defs={"choice": choice} if choice else {})
        return "\n".join(getattr(output, "text", "") for output in outputs if output is not None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAPPORT_HOME", str(releases.parent))
        yield run


def test_the_notebook_shows_the_report_s_own_parts_and_pictures(shown):
    told = shown()
    assert RELEASE_ID in told
    assert "14 of 43 customers" in told  # over their cap
    assert "What each type brings (EUR)" in told
    assert told.count("data:image/svg+xml") >= 2
    for label in ("Relationship type", "Value tier", "Segment", "Month end"):
        assert label in told


def test_a_part_says_which_of_the_chosen_filters_it_does_not_know(shown):
    told = shown(Choice(segments=("quiet_ones",), month=MONTHS[0]))
    assert "of 2 customers" in told
    assert "month end 30 November 2017" in told
    assert "Not filtered by segment.</p>" in told
    assert "Not filtered by month end.</p>" in told
