"""Pulling from look-alikes of the real systems: complete, resumable, never silently empty."""

import sqlite3
from contextlib import closing
from datetime import date

import pytest

from rapport import landing
from rapport.errors import SourceDenied, SourceError
from rapport.sources.connection import Connection
from rapport.sources.streams import GROUPS

NIGHT = date(2018, 1, 2)
CONTACT_SEARCH = "/contacts/search"


def all_contacts(server):
    """What the CRM lists, page by page."""
    found = []
    for archived in ("false", "true"):
        after = None
        while True:
            params = {"limit": 100, "archived": archived} | ({"after": after} if after else {})
            page = server.hubspot.get("/crm/objects/2026-09/contacts", params=params).json()
            found += [record["id"] for record in page["results"]]
            if "paging" not in page:
                break
            after = page["paging"]["next"]["after"]
    return sorted(found)


def test_every_contact_is_pulled_archived_ones_too(rapport):
    counts = rapport.pull("hubspot_contacts")
    assert rapport.ids("hubspot", "contacts") == all_contacts(rapport.server)
    assert counts["contacts"] == len(all_contacts(rapport.server))
    assert ("true",) in rapport.rows("hubspot", "contacts", "distinct archived")


def test_the_next_night_pulls_what_changed_since(rapport):
    rapport.server.set_clock("2017-07-01T00:00:00Z")
    first = rapport.pull("hubspot_contacts", date(2017, 6, 30))
    rapport.server.set_clock("2017-07-02T00:00:00Z")
    second = rapport.pull("hubspot_contacts", date(2017, 7, 1))
    assert first["contacts"] > 10 * second["contacts"]
    rapport.server.set_clock("2018-01-03T00:00:00Z")
    rapport.pull("hubspot_contacts")
    assert sorted(set(rapport.ids("hubspot", "contacts"))) == all_contacts(rapport.server)


def test_an_old_night_can_be_pulled_after_a_newer_one(rapport):
    newer = rapport.pull("klaviyo_events")["events"]
    older = rapport.pull("klaviyo_events", date(2017, 6, 30))["events"]
    assert 0 < older < newer
    old_loads = landing.loads_of_night(rapport.landing_dir, "klaviyo", date(2017, 6, 30))
    assert len(old_loads) == 1


def test_events_hold_what_their_time_says_and_nothing_of_a_later_night(rapport):
    rapport.pull("klaviyo_events", date(2017, 6, 30))
    assert rapport.rows("klaviyo", "events", "max(datetime)")[0][0] < "2017-07-01"


def test_a_record_that_is_modified_between_two_pages_hides_no_other(rapport, monkeypatch):
    monkeypatch.setattr("rapport.sources.hubspot.objects.SEARCH_PAGE_SIZE", 10)
    rapport.fail("mutate", CONTACT_SEARCH, after=1, times=3)
    rapport.pull("hubspot_contacts")
    assert set(rapport.ids("hubspot", "contacts")) == set(all_contacts(rapport.server))


@pytest.mark.parametrize(("group", "source"), [
    ("hubspot_contacts", "hubspot"),
    ("klaviyo_profiles", "klaviyo"),
])  # fmt: skip
def test_a_wrong_token_fails_at_once_and_is_not_shown(rapport, group, source):
    rapport.server.set_faults([{"match": {"path": "."}, "after": 9999, "do": {"kind": "empty"}}])
    with pytest.raises(SourceDenied) as denied:
        rapport.pull(group, secret="wrong-token-4711")
    assert rapport.server.faults()[0]["matched"] == 1
    message = str(denied.value)
    assert f"rapport_{source}" in message
    assert "password" in message
    assert "4711" not in message
    assert rapport.rows(source, GROUPS[group][0].name) == []


def test_no_token_is_said_before_anything_is_sent(rapport):
    with pytest.raises(SourceDenied, match="no password"):
        rapport.pull("klaviyo_profiles", secret="")


@pytest.mark.parametrize(
    "do",
    [
        {"kind": "status", "code": 429, "retry_after": 0},
        {"kind": "status", "code": 429},
        {"kind": "status", "code": 503},
        {"kind": "status", "code": 429, "retry_after": 0, "retry_after_as_date": True},
        {"kind": "status", "code": 408},
        {"kind": "status", "code": 423},
        {"kind": "status", "code": 425},
        {"kind": "status", "code": 477, "retry_after": 0},
        {"kind": "reset"},
        {"kind": "truncate"},
    ],
    ids=lambda do: f"{do['kind']}{do.get('code', '')}",
)
def test_a_passing_fault_is_waited_out(rapport, do):
    rapport.server.set_faults([{"match": {"path": "/profiles"}, "times": 1, "do": do}])
    rapport.pull("klaviyo_profiles")
    assert rapport.server.faults()[0]["fired"] == 1
    assert len(set(rapport.ids("klaviyo", "profiles"))) == 60


def test_a_lasting_fault_is_an_error_that_names_connection_and_status(rapport):
    rapport.fail("status", CONTACT_SEARCH, times=None, do={"code": 503})
    with pytest.raises(SourceError, match=r"rapport_hubspot.*search.*503"):
        rapport.pull("hubspot_contacts")
    assert rapport.server.faults()[0]["fired"] == 3
    assert rapport.rows("hubspot", "contacts") == []


@pytest.mark.parametrize("kind", ["html", "empty", "wrong_envelope", "truncate"])
@pytest.mark.parametrize(("group", "path"), [
    ("hubspot_contacts", CONTACT_SEARCH),
    ("klaviyo_events", "/events"),
])  # fmt: skip
def test_an_answer_that_is_no_page_fails_the_load_and_never_counts_as_empty(
    rapport, group, path, kind
):
    rapport.fail(kind, path, times=None)
    with pytest.raises(SourceError, match=r"(not strict JSON|has no list|answered 204)"):
        rapport.pull(group)
    assert rapport.rows(GROUPS[group][0].source, GROUPS[group][0].name) == []


def test_a_next_link_to_another_host_is_refused(rapport, monkeypatch):
    monkeypatch.setattr("rapport.sources.klaviyo.api.PROFILES_PAGE_SIZE", 10)
    rapport.fail("next_link", "/profiles", do={"host": "evil.example"})
    with pytest.raises(SourceError, match=r"refused to follow a link to .*evil\.example"):
        rapport.pull("klaviyo_profiles")


def test_a_cursor_that_repeats_ends_in_an_error_not_in_a_loop(rapport, monkeypatch):
    monkeypatch.setattr("rapport.sources.klaviyo.api.PROFILES_PAGE_SIZE", 10)
    rapport.fail("repeat_cursor", "/profiles", times=None)
    with pytest.raises(SourceError, match="would never end"):
        rapport.pull("klaviyo_profiles")


def test_a_pull_that_takes_too_long_is_ended(rapport):
    rapport.fail("delay", "/profiles", times=None, do={"seconds": 0.4})
    with pytest.raises(SourceError, match=r"did not end within|no usable answer"):
        rapport.pull("klaviyo_profiles", deadline_seconds=0.2)


def test_a_failed_pull_is_made_good_by_the_next_one(rapport):
    rapport.fail("html", "/events", times=1)
    with pytest.raises(SourceError):
        rapport.pull("klaviyo_events")
    rapport.server.set_faults([])
    assert rapport.pull("klaviyo_events")["events"] == len(set(rapport.ids("klaviyo", "events")))


def test_a_field_that_nobody_declared_is_kept(rapport):
    rapport.pull("klaviyo_profiles")
    attributes = rapport.rows("klaviyo", "profiles", "attributes")[0][0]
    assert "subscriptions" in attributes


def test_the_shop_is_pulled_whole_and_then_by_what_changed(rapport):
    whole = rapport.pull("shop_orders")
    again = rapport.pull("shop_orders")
    with closing(sqlite3.connect(rapport.server.shop_path)) as shop:
        assert whole == {
            table: shop.execute(f"select count(*) from {table}").fetchone()[0]
            for table in ("orders", "order_lines")
        }
    assert 0 < again["orders"] < whole["orders"]


@pytest.fixture
def own_shop(tmp_path):
    """A database of the caller's own making, behind the shop's connection."""

    def make(*statements):
        path = tmp_path / "own.sqlite"
        with closing(sqlite3.connect(path)) as shop:
            for statement in statements:
                shop.execute(statement)
            shop.commit()
        return Connection("rapport_shop", f"sqlite:///{path}")

    return make


ORDERS = "create table orders (order_id, customer_id, store_id, currency_code, ordered_at, {last})"
LINES = (
    "create table order_lines (order_id, product_id, quantity, sales_amount real, "
    "retail_discount_amount, coupon_discount_amount, coupon_match_discount_amount, updated_at text)"
)


def test_a_renamed_column_stops_the_pull_and_is_named(rapport, own_shop):
    rapport.connections["shop"] = own_shop(ORDERS.format(last="changed_at text"), LINES)
    with pytest.raises(SourceError, match=r"'orders' lacks the columns \['updated_at'\]"):
        rapport.pull("shop_orders")


def test_a_new_column_and_a_retyped_value_land_as_they_are(rapport, own_shop):
    rapport.connections["shop"] = own_shop(
        ORDERS.format(last="updated_at text, gift_note text"),
        LINES,
        "insert into orders values "
        "('1', 'c', 's', 'USD', '2018-01-01 00:00:00', '2018-01-01 00:00:00', 'with ribbon')",
        "insert into order_lines values ('1', 'p', 'two', 'cheap', 0, 0, 0, '2018-01-01 00:00:00')",
    )
    rapport.pull("shop_orders")
    assert rapport.rows("shop", "orders", "gift_note") == [("with ribbon",)]
    assert rapport.rows("shop", "order_lines", "quantity, sales_amount") == [("two", "cheap")]


def test_a_missing_table_is_named(rapport, own_shop):
    rapport.connections["shop"] = own_shop(LINES)
    with pytest.raises(SourceError, match="no table or view orders"):
        rapport.pull("shop_orders")


def test_a_database_that_is_not_there_is_named_and_not_made(rapport, tmp_path):
    missing = tmp_path / "shop.sqlite"
    rapport.connections["shop"] = Connection("rapport_shop", f"sqlite:///{missing}")
    with pytest.raises(SourceDenied, match=r"rapport_shop.*no file .*shop\.sqlite.*host"):
        rapport.pull("shop_orders")
    assert not missing.exists()
