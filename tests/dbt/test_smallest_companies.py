"""Companies of one customer, or of nobody whom anybody knows: all marts, and the report."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from html import unescape

import pytest

from rapport.gate import stamp_of
from rapport.release.publish import publish_release
from rapport.report.night import opened
from rapport.report.page import page_of
from tests.dbt.landing_fixture import land

NIGHT = "2017-08-31"


def order(number: str, customer: str | None, at: str) -> tuple[dict, dict]:
    head = {
        "order_id": number,
        "customer_id": customer,
        "store_id": "s1",
        "currency_code": "USD",
        "ordered_at": at,
        "updated_at": at,
    }
    line = {
        "order_id": number,
        "product_id": "bread",
        "quantity": 1,
        "sales_amount": 20,
        "retail_discount_amount": 0,
        "coupon_discount_amount": 0,
        "coupon_match_discount_amount": 0,
        "updated_at": at,
    }
    return head, line


def shop(customers: list[str], *orders: tuple[dict, dict]) -> dict[str, list[dict]]:
    since = "2017-01-01 00:00:00"
    return {
        "customers": [
            {
                "customer_id": number,
                "email": f"p{number}@example.com",
                "created_at": since,
                "updated_at": since,
            }
            for number in customers
        ],
        "orders": [head for head, _ in orders],
        "order_lines": [line for _, line in orders],
        "products": [{"product_id": "bread", "product_category": "BREAD", "updated_at": since}],
    }


def mailing(number: str, *visits: str) -> dict[str, list[dict]]:
    since = "2017-01-01T00:00:00+00:00"
    return {
        "metrics": [
            {
                "id": "looked",
                "created": since,
                "updated": since,
                "attributes": {"name": "Active on Site"},
            }
        ],
        "profiles": [
            {
                "id": f"k{number}",
                "created": since,
                "updated": since,
                "attributes": {"email": f"p{number}@example.com", "external_id": number},
            }
        ],
        "events": [
            {
                "id": f"e{place}",
                "datetime": at,
                "metric_id": "looked",
                "profile_id": f"k{number}",
                "attributes": {"event_properties": {}},
            }
            for place, at in enumerate(visits)
        ],
    }


COMPANIES = {
    "one_customer": (
        shop(
            ["1"], order("o1", "1", "2017-02-10 10:00:00"), order("o2", "1", "2017-06-10 10:00:00")
        ),
        mailing("1", "2017-02-09T10:00:00+00:00", "2017-06-09T10:00:00+00:00"),
    ),
    "one_customer_without_an_order": (shop(["1"]), mailing("1", "2017-02-09T10:00:00+00:00")),
    "guests_alone": (
        shop(
            [], order("o1", None, "2017-02-10 10:00:00"), order("o2", None, "2017-06-10 10:00:00")
        ),
        {},
    ),
}


JOURNEYS = (
    "fct_journeys",
    "fct_journey_steps",
    "fct_service_journeys",
    "fct_customer_categories",
    "rpt_journey_transitions",
    "rpt_journey_friction",
    "rpt_channel_attribution",
    "rpt_campaign_attribution",
    "rpt_emotion_coverage",
    "rpt_emotion_journey",
    "rpt_service_journeys",
    "dim_unexpressed_needs",
)


@dataclass
class Seen:
    """A company as it was built: its warehouse, and what its report says."""

    rows: Callable[[str], list[tuple]]
    page: str

    def count(self, table: str) -> int:
        return self.rows(f"select count(*) from marts.{table}")[0][0]

    @property
    def said(self) -> str:
        text = re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(style|svg).*?</\1>", " ", self.page))
        return re.sub(r"\s+", " ", unescape(text))


@pytest.fixture(scope="module", params=sorted(COMPANIES))
def company(request):
    return request.param


@pytest.fixture(scope="module")
def seen(company, tmp_path_factory, warehouse) -> Seen:
    folder = tmp_path_factory.mktemp(company)
    built = warehouse(folder, folder / "landing")
    of_shop, of_mailing = COMPANIES[company]
    land(built.landing, "hubspot", NIGHT, "h", {})
    land(built.landing, "klaviyo", NIGHT, "k", of_mailing)
    land(built.landing, "shop", NIGHT, "s", of_shop)
    result = built.build(NIGHT, "--exclude-resource-type", "unit_test")
    assert result.success, result.failures()
    passed = {"evaluated": 1, "warnings": [], "as_of": NIGHT, "stamp": stamp_of(built.path)}
    release = publish_release(
        warehouse_path=built.path,
        releases_dir=folder / "releases",
        as_of=date.fromisoformat(NIGHT),
        gate=passed,
    )
    with opened(release.path) as night:
        return Seen(built.rows, page_of(night))


EXPECTED = {
    "one_customer": {
        "fct_journeys": 2,
        "fct_journey_steps": 4,
        "fct_customer_categories": 1,
        "rpt_journey_transitions": 7,
    },
    "one_customer_without_an_order": {
        "fct_journeys": 1,
        "fct_journey_steps": 1,
        "rpt_journey_transitions": 3,
    },
    "guests_alone": {},
}


@pytest.mark.slow
def test_every_mart_of_journeys_has_the_rows_there_can_be(seen, company):
    counts = {table: seen.count(table) for table in JOURNEYS}
    known = EXPECTED[company]
    assert {table: counts[table] for table in known} == known
    if company == "guests_alone":
        # what was asked stands there, with nobody in it
        assert not {table for table, count in counts.items() if count} - {"rpt_emotion_coverage"}
    # nobody misses what others alike have, where there are no others
    assert counts["dim_unexpressed_needs"] == counts["fct_service_journeys"] == 0


@pytest.mark.slow
def test_figures_are_null_where_there_is_nothing_to_divide_and_no_number_is_out_of_range(seen):
    assert seen.rows(
        "select count(*) from marts.rpt_journey_transitions where probability is null "
        "or not (probability_low between 0 and probability and probability_high between "
        "probability and 1)"
    ) == [(0,)]
    assert seen.rows(
        "select count(*) from marts.rpt_channel_attribution "
        "where not isfinite(credit_count) or credit_count < credit_count_low"
    ) == [(0,)]


@pytest.mark.slow
def test_the_report_says_what_there_is_in_the_singular(seen, company):
    said = seen.said
    assert not re.search(r"\b(nan|NaN|None|inf|XXX)\b", said)
    assert not re.search(
        r"(?<![\d.,:])\b1 (customers|journeys|conversions|orders|have|are)\b", said
    )
    wanted = {
        "one_customer": [
            "1 customer ",
            "Of 2 journeys 2 converted, 0 were given up and 0 are still open.",
            "In June 2017 there was 1 conversion. Before it there was something that anybody "
            "recorded, an act of the customer's, if messages that merely came do not count: it is "
            "shared out below.",
            "In June 2017 1 customer ordered for 20 USD net.",
        ],
        "one_customer_without_an_order": [
            "Of 1 journey 0 converted, 1 was given up and 0 are still open.",
            "Nothing has been ordered yet.",
            "0 net sales in 28 days",
        ],
        "guests_alone": [
            "Nobody has been on a journey yet.",
            "In June 2017 guests alone ordered for 20 USD net.",
        ],
    }
    for sentence in wanted[company]:
        assert sentence in said
