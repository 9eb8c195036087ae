"""Days on a clock ahead of UTC and on one behind it, night after night and from scratch."""

import shutil
from datetime import date

import pytest

from tests.dbt.differences import differences
from tests.dbt.followed_nights import FIRST, land_first_night
from tests.dbt.landing_fixture import land
from tests.dbt.two_nights import _event, _line, _object, _order, _received, _ticket, _tied

WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
WEST, EAST = "America/New_York", "Asia/Ho_Chi_Minh"
# The end of a month, the first of the next, and a night after one that was left out.
NIGHTS = ("2017-03-31", "2017-04-01", "2017-04-03")


def land_edges(landing, night: str, number: int) -> None:
    """Something in the first hours of the night's day (UTC) and something in the last."""
    early, late = f"{night}T02:30:00", f"{night}T20:00:00"
    orders = [
        _order(f"early{number}", 1, early.replace("T", " ")),
        _order(f"late{number}", 2, late.replace("T", " ")),
    ]
    events = [
        _received(f"em{number}", "k1", "M1", f"{early}+00:00"),
        _received(f"lm{number}", "k2", "M1", f"{late}+00:00"),
        _event(f"ld{number}", "md", "k3", f"{late}+00:00", campaign_id="c1"),
    ]
    mails = [
        _object(f"letter{number}", f"{late}Z", hs_email_direction="INCOMING_EMAIL"),
        _object(f"answer{number}", f"{night}T22:00:00Z", hs_email_direction="EMAIL"),
    ]
    crm = {
        "emails": mails,
        "tickets": [_ticket(f"case{number}", f"{early}Z")],
        "associations": [
            *(_tied("emails", mail["id"], ["h1"], night) for mail in mails),
            _tied("tickets", f"case{number}", ["h1"], night),
        ],
    }
    if night == "2017-03-31":  # late, and out of order; one answers in the week of the short day
        orders.append(_order("long ago", 2, "2017-02-28 20:00:00"))
        orders.append({**_order("o4", 1, "2017-03-02 03:00:00"), "updated_at": late})
        events.append(_received("short1", "k1", "M1", "2017-03-06T04:45:00+00:00"))
        events.append(_event("short2", "mc", "k1", "2017-03-13T04:15:00+00:00", campaign_id="c1"))
    lines = [_line(order["order_id"], "p1", 1, "1.99") for order in orders]
    land(landing, "shop", night, f"S{night}", {"orders": orders, "order_lines": lines})
    land(landing, "hubspot", night, f"H{night}", crm)
    land(landing, "klaviyo", night, f"K{night}", {"events": events})


@pytest.fixture(scope="module", params=[WEST, EAST])
def nights(request, tmp_path_factory, warehouse):
    """Each night upon the one before, and from scratch."""
    folder = tmp_path_factory.mktemp("days")
    landing = folder / "landing"
    built = {}

    def build(name: str, night: str, upon: str | None = None) -> None:
        made = built[name] = warehouse(folder / name, landing, reporting_time_zone=request.param)
        made.path.parent.mkdir()
        if upon:
            shutil.copy(built[upon].path, made.path)
        result = made.build(night, *WITHOUT_TESTS)
        assert result.success, result.failures()

    land_first_night(landing)
    build(FIRST, FIRST)
    built[FIRST].close_build(FIRST)
    before = FIRST
    for number, night in enumerate(NIGHTS):
        land_edges(landing, night, number)
        build(night, night, upon=before)
        build(f"{night} from scratch", night)
        built[night].close_build(night)
        before = night
    built["zone"] = request.param
    return built


@pytest.mark.slow
@pytest.mark.parametrize("night", NIGHTS)
def test_a_night_upon_the_one_before_equals_one_from_scratch(nights, night):
    upon, scratch = nights[night], nights[f"{night} from scratch"]
    assert differences(upon, scratch, "marts", "segments") == {}


@pytest.mark.slow
def test_nothing_is_younger_than_the_latest_day_and_every_contact_is_in_its_window(nights):
    for night in NIGHTS:
        assert nights[night].rows(
            "select count(*) from marts.dim_customer_value where recency_days < 0"
        ) == [(0,)]
        lost = nights[night].rows("select sum(abs(difference)) from audit.contact_windows")
        assert lost == [(0,)]
        age = nights[night].rows("select newest_order_age_days from audit.order_flow")
        assert age == [(0,)]


@pytest.mark.slow
def test_an_order_of_the_edge_has_the_day_of_the_reporting_clock(nights):
    dates = dict(nights["2017-04-01"].rows("select order_id, order_date from marts.fct_orders"))
    found = [dates[name] for name in ("early1", "late0", "long ago")]
    if nights["zone"] == WEST:
        assert found == [date(2017, 3, 31), date(2017, 3, 31), date(2017, 2, 28)]
    else:
        assert found == [date(2017, 4, 1), date(2017, 4, 1), date(2017, 3, 1)]


@pytest.mark.slow
def test_a_month_is_over_when_its_last_day_is(nights):
    ended = "select max(month_end_date) from marts.fct_relationship_months"
    march = """
        select bool_and(is_month_over) from marts.rpt_cohort_retention
        where month_date = '2017-03-01'
    """
    latest = "select max(month_date) from marts.rpt_cohort_retention"
    figures = [nights["2017-03-31"].rows(query)[0][0] for query in (ended, march, latest)]
    if nights["zone"] == WEST:
        assert figures == [date(2017, 2, 28), False, date(2017, 3, 1)]
    else:
        assert figures == [date(2017, 3, 31), True, date(2017, 4, 1)]
    assert nights["2017-04-01"].rows(ended) == [(date(2017, 3, 31),)]
    assert nights["2017-04-01"].rows(march) == [(True,)]


def test_a_time_zone_that_nobody_knows_ends_the_build_before_it_begins(warehouse, tmp_path):
    made = warehouse(tmp_path, tmp_path / "landing", reporting_time_zone="Europe/Berlln")
    build = made.build("2017-03-01")
    assert not build.success
    assert any("'Europe/Berlln', which is no time zone" in text for text in build.messages)
    assert not any("OK created" in text for text in build.messages)
