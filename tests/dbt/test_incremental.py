"""Night after night gives what a build from scratch gives, and every row is accounted for."""

import shutil
from datetime import date
from decimal import Decimal

import pytest

from rapport.sources.streams import STREAMS
from tests.dbt.differences import differences
from tests.dbt.two_nights import FIRST, SECOND, land_first_night, land_second_night

WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
COMPARED = ("marts", "segments", "quarantine")
FACTS = {
    "fct_orders",
    "fct_order_lines",
    "fct_touchpoints",
    "fct_contact_days",
    "fct_contact_exposures",
    "fct_exposure_days",
}


@pytest.fixture(scope="module")
def nights(tmp_path_factory, warehouse):
    """Four warehouses: the first night; the second upon it; that once more; the second alone."""
    folder = tmp_path_factory.mktemp("nights")
    landing = folder / "landing"
    built = {}
    for name in ("first", "continued", "repeated", "scratch"):
        (folder / name).mkdir()
        built[name] = warehouse(folder / name, landing)

    land_first_night(landing)
    assert built["first"].build(FIRST, *WITHOUT_TESTS).success
    built["first"].close_build(FIRST)

    land_second_night(landing)
    # Once more: what is made anew every night is made of the same, so it need not be made again.
    once_more = ("--select", "config.materialized:incremental")
    for before, name, *chosen in (("first", "continued"), ("continued", "repeated", *once_more)):
        shutil.copy(built[before].path, built[name].path)
        built[name].last_build = built[name].build(SECOND, *chosen, *WITHOUT_TESTS)
        assert built[name].last_build.success
        built[name].close_build(SECOND)
    # From scratch with every data test and unit test.
    scratch = built["scratch"].build(SECOND)
    assert scratch.success, scratch.failures()
    return built


def test_the_second_night_upon_the_first_equals_the_second_from_scratch(nights):
    assert differences(nights["continued"], nights["scratch"], *COMPARED) == {}


def test_the_second_night_did_change_every_fact(nights):
    """Otherwise the comparison above would prove nothing."""
    changed = differences(nights["first"], nights["scratch"], "marts")
    assert {f"marts.{fact}" for fact in FACTS} <= set(changed)


def test_only_days_that_something_happened_to_are_rebuilt(nights):
    assert nights["continued"].last_build.rebuilt() == {
        # 01-15 late, 02-20 left, 02-25 entered, 02-28 corrected, 03-01 landed again, 03-02 has
        # come; 02-12 brought back, 02-13 refunded, 02-14 cancelled, 02-18 has another line of one
        # article; a bad version changes nothing
        "fct_orders": "10 days",
        "fct_order_lines": "10 days",
        # 01-15, 02-20, 02-25, 03-01 and 03-02 likewise, for orders; 02-10 knows its metric, 02-15
        # changed customer, 02-16 new, 02-24 tied to nobody now, 02-26 tied at last, and one of a
        # flow whose class is known now. 02-01 landed again as it was: no touchpoint differs. On
        # 02-14 an order is none any more
        "fct_touchpoints": "12 days",
        "fct_control_draws": "0 days",
        "fct_contact_days": "12 days of 6 customers",
        # all within reach: from a week before 01-15 on
        "fct_contact_exposures": "54 days of 6 customers",
        "fct_exposure_days": "54 days",
        # a category more on offer is everybody's
        "fct_customer_months": "3 months of all customers",
        "int_relationship__scores": "3 months of all customers",
        "fct_relationship_months": "2 month ends of all customers",
        # and that of the month that runs, once it ends
        "rpt_relationship_transitions": "3 month ends",
        # two who never did anything, one who came and one who went, are among all that follow
        "fct_relationship_evidence": "11 customers",
        "dim_customer_habits": "9 customers",
        "dim_customer_relationships": "11 customers",
        "dim_shared_values": "8 customers",
        "dim_customer_marketing": "9 customers",
        "rpt_channel_months": "3 months",
        "rpt_cohort_retention": "3 months",
        # the second is new, the first was under way on 02-10: since then its orders may be others,
        # and the late one of 01-15; the third is the CRM's own mail
        "fct_campaign_recipients": "3 campaigns",
        "fct_campaign_orders": "22 days",
    }


def test_a_second_build_of_the_same_night_rebuilds_nothing(nights):
    rebuilt = nights["repeated"].last_build.rebuilt()
    assert rebuilt.keys() == nights["continued"].last_build.rebuilt().keys()
    assert {what.split()[0] for what in rebuilt.values()} == {"0"}
    assert differences(nights["repeated"], nights["continued"], *COMPARED) == {}


def test_an_order_that_moved_leaves_no_ghost(nights):
    assert nights["continued"].rows(
        "select order_date from marts.fct_orders where order_id = 'o3'"
    ) == [(date(2017, 2, 25),)]
    assert nights["first"].rows(
        "select order_date from marts.fct_orders where order_id = 'o3'"
    ) == [(date(2017, 2, 20),)]


def test_a_correction_replaces_and_a_late_order_joins_its_waiting_line(nights):
    orders = "select order_id, line_count, sales_amount from marts.fct_orders where order_id in "
    assert sorted(nights["continued"].rows(orders + "('o2', 'o9')")) == [
        ("o2", 1, Decimal("3.98")),
        ("o9", 1, Decimal("7.96")),
    ]


def test_an_order_of_tomorrow_waits_until_tomorrow(nights):
    count = "select count(*) from marts.fct_orders where order_id = 'o8'"
    assert nights["first"].rows(count) == [(0,)]
    assert nights["continued"].rows(count) == [(1,)]


def test_an_event_follows_its_customer_and_its_campaign(nights):
    event = """
        select customer_id in (
            select customer_id from marts.fct_orders where order_id = 'o3'
        ), campaign_id
        from marts.fct_touchpoints where touchpoint_id = 'klaviyo:e3'
    """
    assert nights["first"].rows(event) == [(False, None)]
    assert nights["continued"].rows(event) == [(True, "c2")]


def test_an_event_joins_when_its_metric_arrives(nights):
    count = "select count(*) from marts.fct_touchpoints where event_type = 'opened'"
    assert nights["first"].rows(count) == [(0,)]
    assert nights["continued"].rows(count) == [(1,)]


def test_an_engagement_is_a_touchpoint_of_everybody_it_is_tied_to(nights):
    """Call 1 was with two customers; mail 2 was tied to the wrong one, mail 1 to nobody yet."""
    tied = """
        select split_part(touchpoint_id, ':', 2) || split_part(touchpoint_id, ':', 3), count(*)
        from marts.fct_touchpoints where event_type in ('called', 'replied', 'sent')
        group by 1 order by 1
    """
    assert nights["first"].rows(tied) == [("callcall1", 2), ("emailmail2", 1)]
    assert nights["continued"].rows(tied) == [("callcall1", 2), ("emailmail1", 1)]


def test_a_call_that_nobody_took_is_an_attempt(nights):
    assert nights["scratch"].rows(
        "select event_type from marts.fct_touchpoints where touchpoint_id like '%call2%'"
    ) == [("attempted",)]


def test_a_ticket_is_opened_by_the_customer_and_closed_by_a_named_person(nights):
    moments = """
        select event_type, channel, direction, actor, message_class, owner_id
        from marts.fct_touchpoints where touchpoint_id like 'hubspot:ticket:%' order by occurred_at
    """
    opened = ("ticket_opened", "phone", "inbound", "human", None, "71")
    assert nights["first"].rows(moments) == [opened]
    assert nights["continued"].rows(moments) == [
        opened,
        ("ticket_closed", "phone", "outbound", "human", "service", "71"),
    ]


def test_a_list_is_what_its_latest_load_says(nights):
    """The second list has become empty, which no row of it can say."""
    members = "from staging.stg_klaviyo__list_members select list_id, profile_id order by all"
    assert nights["first"].rows(members) == [("l1", "k1"), ("l1", "k2"), ("l2", "k1")]
    assert nights["continued"].rows(members) == [("l1", "k1"), ("l1", "k3")]


@pytest.mark.parametrize(
    "model",
    [
        "base_hubspot__associations",
        "base_hubspot__engagements",
        "base_klaviyo__events",
        "base_shop__order_lines",
        "base_shop__orders",
    ],
)
def test_what_is_typed_once_is_what_it_is_typed_from_scratch(nights, model):
    every_row = f"select * exclude (is_new_load) from staging.{model} order by all"
    continued = nights["continued"].rows(every_row)
    assert continued == nights["scratch"].rows(every_row)
    assert continued != nights["first"].rows(every_row)
    assert any(row[-1] > 1 for row in continued), "of no record there is a second version"


def test_an_event_that_landed_twice_is_typed_once_and_ranked_anew(nights):
    ranks = """
        select load_id, version_rank, is_new_load from staging.base_klaviyo__events
        where event_id = 'e2' order by load_id
    """
    expected = [("K1", 2, False), ("K2", 1, True)]
    assert nights["continued"].rows(ranks) == expected
    assert nights["repeated"].rows(ranks) == [("K1", 2, False), ("K2", 1, False)]


def test_skills_are_teams_of_a_certain_name(nights):
    assert nights["first"].rows("select team, skills from staging.stg_hubspot__owners") == [
        ("North", ["negotiation"])
    ]


def test_a_killed_load_is_not_read(nights):
    assert nights["scratch"].rows(
        "select count(*) from marts.fct_orders where order_id = 'killed'"
    ) == [(0,)]


@pytest.mark.parametrize("name", ["first", "continued", "scratch"])
def test_every_landed_row_is_accounted_for(nights, name):
    conserved = nights[name].rows("select * exclude (as_of_date) from ops.row_conservation")
    assert {row[:2] for row in conserved} == {(each.source, each.name) for each in STREAMS}
    assert [row for row in conserved if row[-1] != 0] == []


def test_rows_are_where_they_belong(nights):
    counts = nights["first"].rows(
        """
        select
            entity, landed_count, staged_count, superseded_count, not_yet_seen_count,
            quarantined_count
        from ops.row_conservation
        where source = 'shop' and entity in ('customers', 'orders', 'order_lines')
        order by entity
        """
    )
    assert counts == [
        ("customers", 4, 4, 0, 0, 0),
        # one of them a repeat
        ("order_lines", 16, 14, 0, 0, 1),
        ("orders", 12, 10, 0, 1, 1),
    ]


def test_bad_rows_are_kept_whole_with_the_reason(nights):
    quarantined = nights["scratch"].rows(
        "select entity, record_key, load_id, reason, payload from quarantine.quarantined_rows "
        "where is_current order by all"
    )
    assert [row[:4] for row in quarantined] == [
        ("associations", "emails:mail3:contacts", "H2", "targets is not a JSON list"),
        ("email_events", "he4", "H1", "recipient is not an address"),
        ("events", "e6", "K1", "datetime is missing or not a time"),
        ("order_lines", "o10:", "S2", "product_id is missing"),
        ("order_lines", "o4:p1", "S1", "quantity is missing or not a number"),
        ("orders", "o1", "S2", "updated_at is missing or not a time"),
        ("orders", "o2", "S1", "currency_code is not an ISO 4217 code"),
    ]
    assert '"metric_id"' in quarantined[2][4]


def test_a_bad_version_whose_record_came_again_is_kept_and_waits_for_nobody(nights):
    bad = "select entity, record_key, load_id from quarantine.quarantined_rows where not is_current"
    waiting = (
        "select quarantined_count, waiting_count from ops.row_conservation where entity = 'tasks'"
    )
    assert (nights["first"].rows(bad), nights["first"].rows(waiting)) == ([], [(1, 1)])
    for name in ("continued", "scratch"):
        assert nights[name].rows(bad) == [("tasks", "task1", "H1")]
        assert nights[name].rows(waiting) == [(1, 0)]


def test_of_a_person_only_the_field_that_is_bad_is_kept_apart(nights):
    quarantined = nights["scratch"].rows(
        "select entity, record_key, field, payload from quarantine.quarantined_fields"
    )
    assert [row[:3] for row in quarantined] == [("customers", "4", "created_at")]
    assert '"created_at":"not a date"' in quarantined[0][3]
    assert nights["scratch"].rows(
        "select count(*) from intermediate.int_identity__contact_map "
        "where source = 'shop' and source_record_id = '4'"
    ) == [(1,)]


def test_a_bad_version_does_not_push_out_the_good_one_before_it(nights):
    assert nights["scratch"].rows(
        "select sales_amount from marts.fct_orders where order_id = 'o1'"
    ) == [(Decimal("3.98"),)]


def test_the_customer_behind_a_bad_record_keeps_account_and_orders(nights):
    """When customer 4's account was made cannot be read; order o7 is theirs all the same."""
    assert nights["scratch"].rows(
        """
        select has_shop_account, order_count
        from marts.dim_customers
        where customer_id = (select customer_id from marts.fct_orders where order_id = 'o7')
        """
    ) == [(True, 1)]


def test_nothing_personal_leaves_identity(nights):
    """Every value of every released table, against every identifier that landed."""
    released = nights["scratch"]
    for table in released.tables("marts", "segments"):
        text = " ".join(str(row) for row in released.rows(f"from {table}")).lower()
        for personal in ("@", "ann.lee", "example.com"):
            assert personal not in text, table


def test_without_a_night_nothing_is_built(warehouse, tmp_path):
    land_first_night(tmp_path / "landing")
    build = warehouse(tmp_path, tmp_path / "landing").build("")
    assert not build.success
    assert any("The night is missing" in message for message in build.messages)


def test_what_comes_back_later_rebuilds_the_day_of_the_sale(nights):
    """By a line of the shop, by word of the mailing tool, and cancelled by it."""
    orders = """
        select order_id, status, gross_amount, returned_amount from marts.fct_orders
        where order_id in ('o11', 'o12', 'o13') order by 1
    """
    gross = [Decimal("3.980"), Decimal("3.980"), Decimal("1.990")]
    assert nights["first"].rows(orders) == [
        (order_id, "kept", amount, Decimal("0.000"))
        for order_id, amount in zip(("o11", "o12", "o13"), gross, strict=True)
    ]
    assert nights["continued"].rows(orders) == [
        ("o11", "partly_returned", gross[0], Decimal("1.990")),
        ("o12", "partly_returned", gross[1], Decimal("1.000")),
        ("o13", "cancelled", gross[2], gross[2]),
    ]
    assert nights["continued"].rows(
        "select event_type, count(*) from marts.fct_touchpoints "
        "where order_id in ('o11', 'o13', 'r11') group by 1 order by 1"
    ) == [("ordered", 1), ("returned", 1)]


def test_lines_of_one_article_are_replaced_together_and_repeats_are_counted_once(nights):
    lines = (
        "select line_number, gross_amount from marts.fct_order_lines "
        "where order_id = 'g2' order by 1"
    )
    assert nights["first"].rows(lines) == [(1, Decimal("1.990")), (2, Decimal("1.500"))]
    assert nights["continued"].rows(lines) == [
        (1, Decimal("1.990")),
        (2, Decimal("1.750")),
        (3, Decimal("1.500")),
    ]
    assert nights["continued"].rows(
        "select repeated_count, difference from ops.row_conservation where entity = 'order_lines'"
    ) == [(1, 0)]


def test_orders_of_nobody_known_are_sales(nights):
    assert nights["continued"].rows(
        "select order_id, customer_id is null, buyer_kind, sales_amount from marts.fct_orders "
        "where order_id like 'g%' order by 1"
    ) == [
        ("g1", True, "guest", Decimal("1.990")),
        ("g2", False, "customer", Decimal("5.240")),
        ("g3", True, "guest", Decimal("5.990")),
    ]


def test_every_amount_that_was_staged_is_in_a_mart_or_waits(nights):
    audit = "from audit.revenue_conservation"
    for night in ("first", "continued", "scratch"):
        assert nights[night].rows(
            "select sum(abs(line_difference) + abs(order_difference) + abs(staged_difference) "
            "+ abs(returned_difference) + abs(net_difference) + abs(channel_difference) "
            f"+ abs(cohort_difference)) {audit}"
        ) == [(0,)]
    waiting = f"select revenue_of, waiting_line_count {audit} where waiting_line_count > 0"
    assert sorted(nights["first"].rows(waiting)) == [
        ("order has not come, none", 1),
        ("order lies after the night, none", 1),
    ]
    assert nights["continued"].rows(waiting) == []
