"""The page's parts on partners and stores: what is said, of how many, and of whom nothing is."""

from datetime import date

import pytest

from rapport.report import partners
from rapport.report.night import opened
from tests.unit.test_report import made

MONTH = date(2017, 11, 1)


def partner(name: str, verdict: str, **columns) -> dict:
    return {
        "partner_id": name,
        "partner_kind": "supplier",
        "verdict": verdict,
        "verdict_reason": "A sentence.",
        "contact_count_365d": 100,
        "written_count_365d": 20,
        "asked_count_365d": 20,
        "median_first_response_hours": 4.0,
        "median_reply_hours": 6.0,
        "sentiment_trend": "steady",
    } | columns


def store(name: str, customers: int, back: int, low: float, high: float, **columns) -> dict:
    return {
        "store_id": name,
        "month_start_date": MONTH,
        "customer_count": customers,
        "is_few": False,
        "came_back_customer_count": back,
        "came_back_share": back / customers,
        "came_back_share_low": low,
        "came_back_share_high": high,
    } | columns


PARTNERS = [
    partner("good", "fine", contact_count_365d=300, open_issue_count=1),
    partner("late", "neglected", median_first_response_hours=40.0, open_issue_count=2),
    partner("sour", "souring", open_issue_count=1, severe_open_issue_count=1),
    partner("rare", "too_few", written_count_365d=1, contact_count_365d=3),
    partner("gone", "neglected", is_active=False),
]
STORES = [
    store("1", 100, 80, 0.7, 0.9),  # of 200 who came 100 came again
    store("2", 80, 16, 0.1, 0.3, strained_customer_count=8, reachable_customer_count=60),
    store("3", 20, 4, 0.05, 0.4, is_few=True),
    store("1", 100, 0, 0.0, 0.1, month_start_date=date(2017, 12, 1), came_back_share=None),
]


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    tables = {"rpt_partner_relationships": PARTNERS, "rpt_store_relationships": STORES}
    tables["policies"] = [{"policy": "store_follow_days", "value": "30"}]
    with opened(made(tmp_path_factory.mktemp("partners"), tables)) as night:
        return partners.partners(night), partners.stores(night)


def test_partners_are_counted_by_what_is_wrong_the_gravest_first(sections):
    section, _ = sections
    assert section.finding == (
        "Of 4 partners there is enough to tell of 3: 1 speaking less kindly to us than before and "
        "1 waiting too long for our answers; 1 fine. 4 issues are open, 1 of them high or critical."
    )
    judged, figures = section.tables
    assert [row["partner"] for row in judged.rows] == ["sour", "late", "good"]
    assert [row["partner"] for row in figures.rows] == ["good", "late", "sour", "rare"]


def test_the_hours_of_both_sides_stand_by_number_and_none_of_a_few_conversations(sections):
    section, _ = sections
    [hours] = section.pictures
    assert hours.text == (
        "1: ours 4.0, theirs 6.0; 2: ours 40.0, theirs 6.0; 3: ours 4.0, theirs 6.0"
    )
    assert hours.basis.startswith("n = 120 conversations of 365 days with 3 partners")


def test_stores_are_told_of_for_the_last_month_of_which_all_could_have_come_back(sections):
    _, section = sections
    assert section.finding == (
        "Of those who came to a store in Nov 2017, 50% came to it again within 30 days. Of "
        "2 stores with customers enough to tell, 1 is above that by more than chance and 1 below; "
        "of 2 about 0 would be by chance."
    )
    [back] = section.pictures
    assert back.text == "1: 80%; 2: 20%"
    [table] = section.tables
    assert [(row["store"], row["strained"], row["reached"]) for row in table.rows] == [
        ("1", "0%", "0%"),
        ("2", "10%", "75%"),
    ]


def test_where_all_are_few_nothing_is_said_of_one(tmp_path):
    tables = {
        "rpt_partner_relationships": [partner("rare", "too_few", contact_count_365d=1)],
        "rpt_store_relationships": [STORES[2]],
    }
    with opened(made(tmp_path, tables)) as night:
        whom, where = partners.partners(night), partners.stores(night)
    assert whom.finding == "With none of 1 partner there were conversations enough to tell."
    assert where.finding == (
        "In Nov 2017 no store had customers enough to tell anything of one; of all 20 who came, "
        "20% came again."
    )
    assert whom.pictures == where.pictures == where.tables == []


def test_a_firm_that_names_no_partner_has_no_such_part_and_one_without_stores_is_told_so(tmp_path):
    with opened(made(tmp_path, {})) as night:
        assert partners.partners(night) is None
        assert partners.stores(night).finding == "Of no month it is known yet who came back."


def test_a_release_of_before_they_were_has_no_such_parts(tmp_path):
    with opened(made(tmp_path, {})) as night:
        night.connection.execute("drop view rpt_partner_relationships")
        night.connection.execute("drop view rpt_store_relationships")
        assert partners.partners(night) is partners.stores(night) is None
