"""Do real households deserve what they are called? Nobody knows their types, but a marketer would
expect each to differ from the rest in what the word says."""

import pytest

BY_TYPE = """
with lived as (
    select
        customer_id,
        sum(order_count) as orders,
        count(*) filter (where order_count > 0) as months,
        sum(letter_count) as letters,
        sum(call_count) as calls,
        sum(unhappy_ticket_count + mishandled_ticket_count + unhappy_survey_count) as grievances,
        sum(discounted_order_count) / nullif(sum(order_count), 0) as bargains
    from marts.fct_customer_months
    group by customer_id
)
select
    inferred_type, count(*), median(orders), median(months), median(letters), median(calls),
    median(grievances), median(bargains)
from marts.dim_customer_relationships inner join lived using (customer_id)
group by inferred_type
"""
MEASURES = ("customers", "orders", "months", "letters", "calls", "grievances", "bargains")


@pytest.fixture(scope="module")
def median(house):
    return {
        kind: dict(zip(MEASURES, figures, strict=True)) for kind, *figures in house.query(BY_TYPE)
    }


def test_no_type_changes_from_one_month_end_to_the_next_without_evidence(house):
    ((silent, changed),) = house.query(
        """
        select
            count(*),
            count(*) filter (
                where
                months.relationship_type <> before.relationship_type
                or months.type_confidence <> before.type_confidence
            )
        from marts.fct_relationship_months as months
        inner join marts.fct_relationship_months as before
            on months.customer_id = before.customer_id
            and before.month_end_date = last_day(months.month_end_date - interval 1 month)
            and before.last_evidence_date = months.last_evidence_date
        """
    )
    assert silent > 2_500
    assert changed == 0


def test_who_merely_buys_comes_all_year_and_says_nothing(median):
    plain = median["basic_exchange"]
    assert plain["months"] >= 10
    assert plain["letters"] == plain["calls"] == plain["grievances"] == 0


def test_who_has_no_relationship_came_a_few_times_without_a_word(median):
    stranger = median["no_relationship"]
    assert stranger["customers"] > 50
    assert stranger["orders"] <= 6
    assert stranger["letters"] == stranger["calls"] == 0


def test_a_fling_is_short_and_about_price(median):
    assert median["fling"]["months"] <= 6 < median["basic_exchange"]["months"]
    assert median["fling"]["bargains"] > median["basic_exchange"]["bargains"]
    assert median["fling"]["bargains"] > median["acquaintance"]["bargains"]


def test_buddies_write_partners_call_and_the_strained_have_reason(median):
    assert median["buddy"]["letters"] >= 3 > median["acquaintance"]["letters"]
    assert median["business_partner"]["calls"] >= 3 > median["buddy"]["calls"]
    assert median["strained"]["grievances"] >= 3
    many = {kind: of for kind, of in median.items() if of["customers"] >= 10}
    assert {kind for kind, of in many.items() if of["grievances"] >= 3} == {"strained"}


def test_buying_often_is_not_taken_for_a_wish_for_messages(house):
    reasons = dict(
        house.query(
            "select mismatch_reason, count(*) from marts.dim_customer_relationships group by all"
        )
    )
    assert reasons.get("less frequent than wanted", 0) < 25
    assert max(reasons, key=reasons.get) is None
