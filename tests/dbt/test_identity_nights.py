"""Who is who, night after night: merges, new addresses, corrections and what is taken back."""

import shutil
from datetime import date
from hashlib import md5

import pytest

from tests.dbt.differences import differences
from tests.dbt.identity_nights import (
    FIRST,
    SECOND,
    THIRD,
    land_first_night,
    land_second_night,
    land_third_night,
)

SELECTED = (
    *("--select", "+fct_orders", "+fct_touchpoints", "+customer_aliases", "+int_identity__reviews"),
    "+int_identity__former_ids",
    *("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"),
)


@pytest.fixture(scope="module")
def nights(tmp_path_factory, warehouse):
    """Three nights, each upon the one before, and the last from scratch."""
    folder = tmp_path_factory.mktemp("identity")
    landing = folder / "landing"
    built, before = {}, None
    for night, landed in zip(
        (FIRST, SECOND, THIRD), (land_first_night, land_second_night, land_third_night), strict=True
    ):
        landed(landing)
        built[night] = upon = warehouse(folder / night, landing)
        upon.path.parent.mkdir()
        if before:
            shutil.copy(before.path, upon.path)
        upon.last_build = upon.build(night, *SELECTED)
        assert upon.last_build.success, upon.last_build.failures()
        upon.close_build(night)
        before = upon
    built["scratch"] = warehouse(folder / "scratch", landing)
    built["scratch"].path.parent.mkdir()
    assert built["scratch"].build(THIRD, *SELECTED).success
    return built


def customer(record: str) -> str:
    """The id of the customer whose first record is this."""
    return md5(record.encode()).hexdigest()


def of_record(night, record: str) -> tuple[str, str]:
    source, record_id = record.split(":")
    (row,) = night.rows(
        "select customer_id, matched_by from intermediate.int_identity__contact_map "
        f"where source = '{source}' and source_record_id = '{record_id}'"
    )
    return row


def test_night_upon_night_equals_the_last_night_from_scratch(nights):
    upon, scratch = nights[THIRD], nights["scratch"]
    assert differences(upon, scratch, "marts") == {}
    for table in (
        "from intermediate.int_identity__contact_map",
        "select source_record_id, phone_e164 from intermediate.int_identity__contacts",
        "select columns('(rule|source|record_id|valid|is_used|reason).*') "
        "from intermediate.identity_links",
    ):
        assert sorted(map(str, upon.rows(table))) == sorted(map(str, scratch.rows(table)))


def test_a_telephone_that_comes_a_night_later_is_read_too(nights):
    numbers = nights[THIRD].rows(
        "select source_record_id, phone_e164 from intermediate.int_identity__contacts "
        "where phone_e164 is not null order by all"
    )
    assert numbers == [("h1", "+12025550101"), ("h5", "+442079460123")]


def test_a_crm_merge_makes_two_customers_one_and_leaves_an_alias(nights):
    assert of_record(nights[FIRST], "hubspot:h3")[0] == customer("hubspot:h3")
    for record in ("shop:2", "hubspot:h2", "klaviyo:k2", "hubspot:h3", "klaviyo:k3"):
        assert of_record(nights[SECOND], record)[0] == customer("shop:2")
    assert nights[SECOND].rows("from marts.customer_aliases") == [
        (customer("hubspot:h3"), customer("shop:2"), date(2017, 3, 2), "crm_merge")
    ]


def test_an_unmerge_gives_the_old_id_back(nights):
    for record in ("hubspot:h3", "klaviyo:k3"):
        assert of_record(nights[THIRD], record) == (customer("hubspot:h3"), "email")
    assert of_record(nights[THIRD], "hubspot:h2")[0] == customer("shop:2")
    assert nights[THIRD].rows("from marts.customer_aliases") == []


def test_an_address_change_changes_nobody_and_the_old_address_still_leads_to_her(nights):
    before = of_record(nights[FIRST], "klaviyo:k5")
    assert before == (customer("hubspot:h5"), "email")
    assert of_record(nights[SECOND], "klaviyo:k5") == (customer("hubspot:h5"), "former_email")
    assert of_record(nights[SECOND], "hubspot:h5")[0] == before[0]


def test_a_given_up_address_leads_to_whoever_has_it_now_if_that_is_another_customer(nights):
    assert of_record(nights[SECOND], "hubspot:h6")[0] == customer("shop:6")
    for record in ("shop:7", "hubspot:h7"):
        assert of_record(nights[SECOND], record)[0] == customer("shop:7")
    reviews = nights[SECOND].rows("select distinct rule, reason from intermediate.identity_reviews")
    assert reviews == [("former_email", "conflict")]


def test_a_corrected_customer_number_takes_the_records_along(nights):
    for record in ("hubspot:h8", "klaviyo:k8"):
        assert of_record(nights[FIRST], record)[0] == customer("shop:1")
        assert of_record(nights[SECOND], record)[0] == customer("shop:9")


def test_every_change_is_dated_and_says_which_rule_made_it(nights):
    changes = nights[THIRD].rows(
        """
        select change_date, change, customer_id, other_customer_id, rule, record_count
        from marts.identity_changes
        where change <> 'created' or change_date > '2017-03-01'
        order by change_date, change
        """
    )
    bo, robert = customer("shop:2"), customer("hubspot:h3")
    assert changes == [
        (date(2017, 3, 2), "created", customer("shop:7"), None, None, 1),
        (date(2017, 3, 2), "merged", bo, robert, "crm_merge", 2),
        (date(2017, 3, 2), "moved", customer("shop:9"), customer("shop:1"), "external_id", 2),
        (date(2017, 3, 3), "split", robert, bo, "crm_merge", 2),
    ]


def stood_for(night, as_of: str, former: str) -> set[str]:
    """Whose records an id stood for on an earlier night, as a later one knows people."""
    rows = night.rows(
        f"""
        select customer_id from intermediate.int_identity__former_ids
        where former_customer_id = '{customer(former)}'
            and coalesce(valid_from <= '{as_of}', true) and coalesce(valid_to > '{as_of}', true)
        """
    )
    return {row[0] for row in rows}


def test_an_id_of_an_earlier_night_leads_to_everybody_whom_it_stood_for(nights):
    """So that what they say by now reaches them in a release of that night."""
    bo, robert = "shop:2", "hubspot:h3"
    # merged, and parted again
    assert stood_for(nights[SECOND], FIRST, robert) == {customer(bo)}
    assert stood_for(nights[THIRD], SECOND, bo) == {customer(bo), customer(robert)}
    assert stood_for(nights[THIRD], FIRST, bo) == {customer(bo)}
    # records that went over to another
    assert stood_for(nights[SECOND], FIRST, "shop:1") == {customer("shop:1"), customer("shop:9")}
    assert stood_for(nights[SECOND], SECOND, "shop:1") == {customer("shop:1")}
    # a record's own id, which was a customer's on no night
    assert stood_for(nights[SECOND], FIRST, "klaviyo:k5") == {customer("hubspot:h5")}


def test_past_changes_are_never_rewritten(nights):
    for earlier, later in ((FIRST, SECOND), (SECOND, THIRD)):
        past = set(nights[earlier].rows("from marts.identity_changes"))
        assert past <= set(nights[later].rows("from marts.identity_changes"))


def test_links_say_what_tied_whom_from_when_to_when(nights):
    links = nights[THIRD].rows(
        """
        select rule, valid_from, valid_to, is_used, reason from intermediate.identity_links
        where record_id_a || record_id_b in ('h2h3', 'h3h2') or 'h1h8' = record_id_a || record_id_b
        order by rule
        """
    )
    second, third = date(2017, 3, 2), date(2017, 3, 3)
    assert links == [
        ("crm_merge", second, third, False, "ended"),
        ("external_id", date(2017, 3, 1), second, False, "ended"),
    ]


def test_no_fact_gains_or_loses_a_row_and_only_the_days_concerned_are_rebuilt(nights):
    facts = ("fct_orders", "fct_touchpoints")
    counts = [
        [nights[night].rows(f"select count(*) from marts.{fact}") for fact in facts]
        for night in (FIRST, SECOND, THIRD)
    ]
    assert counts == [[[(4,)], [(8,)]]] * 3
    # e3 to Bo and e8 to Ida; then e3 back
    assert nights[SECOND].last_build.rebuilt()["fct_touchpoints"] == "2 days"
    assert nights[THIRD].last_build.rebuilt()["fct_touchpoints"] == "1 days"
    assert nights[SECOND].last_build.rebuilt()["fct_orders"] == "0 days"
