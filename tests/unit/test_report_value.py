"""The page's part on value: who has likely left, what a year brings, and whether to believe it."""

import pytest

from rapport.report import value
from rapport.report.night import opened
from tests.unit.test_report import made

USABLE = "Held against the last 90 days it was off by 15 in 100 by tenths of the customers."
MODELS = [
    {"model": "orders", "verdict": "usable", "reason": USABLE},
    {"model": "spend", "verdict": "weak", "reason": "Who orders more often spends more an order."},
]


def customer(number: int, p_alive: float | None, worth: float | None, orders: float = 0.5) -> dict:
    return {
        "customer_id": f"{number:032x}",
        "p_alive": p_alive,
        "expected_orders_90d": None if p_alive is None else orders,
        "clv_365d": worth,
        "currency_code": "EUR",
    }


def decile(place: int, foretold: float, came: float, error: float | None = 0.1) -> dict:
    return {
        "model": "orders",
        "decile": place,
        "held_out_days": 90,
        "customer_count": 20,
        "predicted_mean": foretold,
        "actual_mean": came,
        "actual_mean_error": error,
        "within_interval_count": 19,
    }


def section_of(folder, tables, **more):
    with opened(made(folder, tables, **more)) as night:
        return value.value(night)


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    people = [customer(place, place / 20, 10.0) for place in range(19)]
    best = customer(19, 0.95, 320.0)
    others = [customer(20, None, None)]
    tables = {
        "dim_customer_value": [*people, best, *others],
        "rpt_value_model": MODELS,
        "rpt_value_calibration": [decile(place, place / 10, place / 10) for place in range(1, 11)],
    }
    return section_of(tmp_path_factory.mktemp("value"), tables)


def test_it_says_who_has_likely_left_what_a_year_brings_and_whether_to_believe_it(section):
    # ten of twenty are below one half; 19 x 10 and 320 are 510, of which the best two have 330
    assert section.finding == (
        "Of 20 customers who bought, 10 (50%) have likely left for good; of all together 10 "
        "purchases are expected in the next 90 days. In a year they are expected to bring 510 EUR, "
        "of which the best tenth 65%. The model of how often they order is usable: held against "
        "the last 90 days it was off by 15 in 100 by tenths of the customers. The model of for how "
        "much is weak: who orders more often spends more an order."
    )


def test_the_distribution_of_value_and_the_calibration_are_pictures_with_their_figures(section):
    by_tenth, held = section.pictures
    assert by_tenth.text.startswith("tenth 1: 65%; tenth 2: 4%")
    assert by_tenth.basis.startswith("n = 20 customers")
    assert held.text.startswith("tenth 1: 0.10 foretold, 0.10 came")
    assert held.basis == "n = 200 customers who had bought before them"
    tenths, calibration = section.tables
    assert [row["share"] for row in tenths.rows][:2] == ["64.7%", "3.9%"]
    assert calibration.rows[9]["within"] == "95%"


def test_refused_models_are_told_in_words_alone(tmp_path):
    reason = "Nobody has bought a second time: one order each says nothing of a rhythm."
    tables = {
        "dim_customer_value": [customer(1, None, None)],
        "rpt_value_model": [{"model": "orders", "verdict": "refused", "reason": reason}],
    }
    section = section_of(tmp_path, tables)
    assert section.finding == (
        "The model of how often they order is refused: nobody has bought a second time: one order "
        "each says nothing of a rhythm."
    )
    assert (section.pictures, section.tables, section.note) == ([], [], "")


def test_one_customer_is_told_of_in_the_singular(tmp_path):
    tables = {
        "dim_customer_value": [customer(1, 0.2, 3.5, orders=1.0)],
        "rpt_value_model": MODELS[:1],
        "rpt_value_calibration": [decile(1, 0.1, 0.0, None)],
    }
    section = section_of(tmp_path, tables)
    assert section.finding.startswith(
        "Of 1 customer who bought, 1 (100%) has likely left for good; of all together 1 purchase "
        "is expected in the next 90 days. In a year they are expected to bring 4 EUR."
    )
    assert section.pictures == []
    assert [row["error"] for row in section.tables[0].rows] == ["\N{EN DASH}"]


def test_a_release_that_knows_no_models_has_no_such_part(tmp_path):
    folder = made(tmp_path, {})
    with opened(folder) as night:
        night.connection.execute("drop view rpt_value_model")
        assert value.value(night) is None


def test_a_firm_without_orders_is_told_so(tmp_path):
    streams = [{"stream_name": "shop.orders", "state": "undeclared", "record_count": 0}]
    read = frozenset(
        {
            "dim_customer_value",
            "rpt_value_model",
            "rpt_value_calibration",
            "source_streams",
        }
    )
    section = section_of(tmp_path, {"source_streams": streams}, read=read)
    assert section.finding == (
        "Nobody knows: it takes shop.orders, and the firm has none of it to read."
    )
