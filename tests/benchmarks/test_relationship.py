"""The types of relationship that are inferred hold against a truth that no model has seen."""

import shutil

import duckdb
import numpy as np
import pytest

from benchmarks.relationship import simulated
from benchmarks.relationship.measures import Score, calibration_error, confusion, f1_scores
from rapport.settings import WAREHOUSE_FILE
from tests.dbt.landing_fixture import land


def test_calling_everybody_the_same_is_no_good_classification():
    truth = np.array(["a"] * 8 + ["b"] * 2)
    scores = f1_scores(confusion(truth, np.array(["a"] * 10), ("a", "b")))
    assert scores.round(3).tolist() == [0.889, 0.0]


def test_whoever_is_called_unknown_is_missed():
    matrix = confusion(
        np.array(["a", "a", "b", "b"]), np.array(["a", "unknown", "b", "b"]), ("a", "b", "unknown")
    )
    score = Score(("a", "b", "unknown"), matrix, 0, 0, 0, 0, 0)
    assert score.macro_f1 == pytest.approx((2 / 3 + 1) / 2)
    assert "| a | 0.667 | 1 | 0 | 1 |" in score.report("two")


def test_confidence_is_calibrated_when_it_is_the_share_of_hits():
    right = np.array([True, True, True, False])
    assert calibration_error(np.full(4, 0.75), right) == 0
    assert calibration_error(np.full(4, 1.0), right) == pytest.approx(0.25)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("relationship") / "small"
    simulated.make(folder, customers=600, seed=5, memory="1GB")
    return folder


def ask(folder, query):
    with duckdb.connect(str(folder / WAREHOUSE_FILE), read_only=True) as connection:
        return connection.sql(query).fetchall()


def test_a_few_hundred_customers_are_mostly_called_what_they_are(small):
    score = simulated.compare(small)
    assert score.macro_f1 >= 0.7
    assert score.no_recall >= 0.85
    assert score.unknown_of_new >= 0.9


def test_no_type_flips_without_evidence(small):
    silent = """
        from marts.fct_relationship_months as months
        inner join marts.fct_relationship_months as before
            on months.customer_id = before.customer_id
            and before.month_end_date = last_day(months.month_end_date - interval 1 month)
            and before.last_evidence_date = months.last_evidence_date
    """
    ((count, flipped),) = ask(
        small,
        "select count(*), count(*) filter (where months.relationship_type <> "
        f"before.relationship_type or months.type_confidence <> before.type_confidence) {silent}",
    )
    assert count > 100
    assert flipped == 0


def test_an_axis_is_the_mean_of_its_evidence(small):
    """What is kept as evidence is really what led there."""
    off = ask(
        small,
        """
        with axes as (
            select customer_id, sum(value * weight) / sum(weight) as closeness
            from marts.fct_relationship_evidence
            where axis = 'closeness'
            group by customer_id
        )
        select max(abs(axes.closeness - relationships.wanted_closeness)), count(*)
        from axes
        inner join marts.dim_customer_relationships as relationships using (customer_id)
        """,
    )
    assert off[0][0] < 0.001
    assert off[0][1] > 500


@pytest.fixture(scope="module")
def emptied(small, tmp_path_factory):
    """Return a function that builds the company without sources or streams, which land empty."""

    def build(*gone):
        folder = tmp_path_factory.mktemp("emptied")
        landing = folder / "landing"
        shutil.copytree(small / "landing", landing)
        for name in gone:
            for stream in (landing / name).glob("**/load_date=*"):
                shutil.rmtree(stream)
        for source in ("hubspot", "klaviyo", "shop"):
            land(landing, source, "2018-01-01", "empty", {})
        simulated.build(folder, simulated.LAST_NIGHT)
        return folder

    return build


def wishes(one, other):
    """Wish and type of each customer of the shop or the CRM in one build and in the other."""
    with duckdb.connect(str(one / WAREHOUSE_FILE), read_only=True) as connection:
        connection.execute(f"attach '{other / WAREHOUSE_FILE}' as other (read_only)")
        return connection.sql(
            """
            select distinct
                a.customer_id, a.wants_relationship, a.inferred_type, b.wants_relationship,
                b.wants_basis, b.inferred_type
            from intermediate.int_identity__contact_map as map
            inner join other.intermediate.int_identity__contact_map as other_map
                using (source, source_record_id)
            inner join marts.dim_customer_relationships as a on map.customer_id = a.customer_id
            inner join other.marts.dim_customer_relationships as b
                on other_map.customer_id = b.customer_id
            where source in ('shop', 'hubspot')
            """
        ).fetchall()


SEEKING = {"buddy", "best_friend", "business_partner", "full_service"}


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["hubspot", "klaviyo", "shop", "shop/products", "hubspot/emails"])
def test_who_loses_a_source_makes_people_unknown_and_nobody_unwilling(small, emptied, gone):
    found = wishes(small, emptied(gone))
    assert len(found) >= 500
    assert [row for row in found if row[1] != "no" and row[3:5] == ("no", "inferred")] == []
    towards_no = [
        row
        for row in found
        if row[2] != row[5]
        and (
            row[5] == "no_relationship"
            or (row[2] in SEEKING and row[5] not in (*SEEKING, "unknown", "strained"))
        )
    ]
    assert towards_no == []
    assert len({row[0] for row in found if row[2] != "unknown" and row[5] == "unknown"}) > 50


@pytest.mark.slow
def test_a_load_without_a_row_changes_nobody(small, emptied):
    found = wishes(small, emptied())
    assert len(found) >= 500
    assert [row for row in found if row[1:3] != (row[3], row[5])] == []


@pytest.mark.slow
def test_three_companies_of_twenty_thousand_hold_the_bars(tmp_path):
    for seed in (1, 2, 3):
        folder = tmp_path / str(seed)
        simulated.make(folder, customers=20_000, seed=seed)
        score = simulated.compare(folder)
        assert score.macro_f1 >= 0.75
        assert score.calibration <= 0.05
        assert score.no_recall >= 0.9


@pytest.mark.slow
def test_other_customers_change_nobodys_score(small, tmp_path):
    """The simulated people are the same in a larger company."""
    simulated.make(tmp_path / "large", customers=1_800, seed=5, memory="1GB")
    columns = """
        select shop_customer_id, relationships.* exclude (customer_id)
        from marts.dim_customer_relationships as relationships
        inner join intermediate.int_identity__contact_map as map
            on relationships.customer_id = map.customer_id and map.source = 'shop'
        inner join truth.truth_customers as people on people.shop_customer_id = map.source_record_id
        order by shop_customer_id limit 500
    """
    found = []
    for folder in (small, tmp_path / "large"):
        with duckdb.connect(str(folder / WAREHOUSE_FILE), read_only=True) as connection:
            connection.execute(
                f"attach '{folder / 'sandbox' / 'truth.duckdb'}' as truth (read_only)"
            )
            found.append(connection.sql(columns).fetchall())
    assert found[0] == found[1]
