"""Which rows are an erased person's, stream by stream, as pulls and loads have them."""

import json

import pyarrow as pa
import pytest

from rapport.errors import LandingError
from rapport.sources.erased import Erased
from rapport.sources.records import to_table
from rapport.sources.streams import (
    ASSOCIATIONS,
    CALLS,
    CONTACTS,
    CUSTOMERS,
    EMAIL_EVENTS,
    EVENTS,
    LIST_MEMBERS,
    ORDER_LINES,
    ORDERS,
    PROFILES,
    REFUSALS,
    REMOVALS,
    SUBSCRIPTION_STATUSES,
)
from sandbox import canary
from tests.unit.test_tombstones import buried

RECORDS = {
    "hubspot.contacts": ["11", "12"],
    "hubspot.calls": ["71"],
    "klaviyo.profiles": ["01ABC"],
    "shop.customers": ["1453"],
    "shop.orders": ["o1"],
}
BEFORE, AFTER = "2017-12-01T00:00:00Z", "2018-02-01T00:00:00Z"


class Asked:
    """What becomes of rows of a stream."""

    def __init__(self, folder):
        self.folder = folder
        buried(folder, records=RECORDS)

    def __call__(self, stream, *rows):
        filled = [dict.fromkeys(stream.columns) | row for row in rows]
        found = Erased.of(self.folder, stream.source)(stream.name, to_table(stream, filled))
        self.rows = found.rows.to_pylist()
        return found.erased, found.altered

    def kept(self, column):
        return [row[column] for row in self.rows]


@pytest.fixture
def asked(tmp_path):
    return Asked(tmp_path)


def contact(id_, made=BEFORE, **properties):
    return {"id": id_, "created_at": made, "properties": json.dumps(properties)}


def test_rows_are_as_they_were_where_nobody_was_erased(tmp_path):
    rows = pa.table({"id": ["11"], "created_at": [BEFORE], "properties": ["{}"]})
    found = Erased.of(tmp_path, "hubspot")("contacts", rows)
    assert found.rows is rows
    assert not found


def test_a_contact_goes_by_its_id_whatever_it_says_now(asked):
    assert asked(CONTACTS, contact("11", AFTER, email="new@example.test"), contact("13")) == (1, 0)
    assert asked.kept("id") == ["13"]


@pytest.mark.parametrize(
    "properties",
    [
        {"email": canary.EMAIL.upper()},
        {"hs_additional_emails": f"a@example.test;{canary.EMAIL}"},
        {"phone": canary.PHONE_AS_TYPED},
        {"hs_calculated_phone_number": canary.PHONE},
    ],
    ids=lambda properties: next(iter(properties)),
)
def test_a_contact_made_before_with_their_address_is_theirs_under_any_id(asked, properties):
    assert asked(CONTACTS, contact("99", **properties)) == (1, 0)


def test_a_contact_whose_making_nobody_knows_was_there_before(asked):
    assert asked(CONTACTS, contact("99", None, email=canary.EMAIL)) == (1, 0)
    assert asked(CONTACTS, contact("99", "soon", email=canary.EMAIL)) == (1, 0)


def test_whoever_registers_after_the_erasure_is_a_new_person(asked):
    assert asked(CONTACTS, contact("99", AFTER, email=canary.EMAIL)) == (0, 0)
    profile = {"id": "01NEW", "created": AFTER, "attributes": json.dumps({"email": canary.EMAIL})}
    assert asked(PROFILES, profile) == (0, 0)
    account = {"customer_id": "9", "email": canary.EMAIL, "created_at": "2018-02-01 00:00:00"}
    assert asked(CUSTOMERS, account) == (0, 0)


def test_a_record_that_ate_theirs_is_theirs(asked):
    assert asked(CONTACTS, contact("99", AFTER, hs_merged_object_ids="12;50")) == (1, 0)
    assert asked(CONTACTS, contact("99", AFTER, hs_calculated_merged_vids="11:1500000")) == (1, 0)


def test_profiles_and_accounts_go_by_id_and_by_address(asked):
    old = {"created": BEFORE, "attributes": json.dumps({"phone_number": canary.PHONE})}
    other = {"id": "01XYZ", "created": BEFORE, "attributes": "no JSON"}
    assert asked(PROFILES, {"id": "01ABC"}, {"id": "01OLD"} | old, other) == (2, 0)
    assert asked.kept("id") == ["01XYZ"]
    account = {"customer_id": "8", "email": canary.EMAIL, "created_at": "2017-01-01 00:00:00"}
    assert asked(CUSTOMERS, account, {"customer_id": "1453"}, {"customer_id": "7"}) == (2, 0)


def test_what_a_profile_did_goes_with_it(asked):
    rows = [{"id": "e1", "profile_id": "01ABC"}, {"id": "e2", "profile_id": "01XYZ"}]
    assert asked(EVENTS, *rows) == (1, 0)
    assert asked.kept("id") == ["e2"]
    rows = [{"list_id": "l", "profile_id": "01ABC"}, {"list_id": "l", "profile_id": None}]
    assert asked(LIST_MEMBERS, *rows) == (1, 0)


def test_a_call_with_them_alone_goes_and_another_stays(asked):
    assert asked(CALLS, {"id": "71"}, {"id": "72"}) == (1, 0)


def test_of_a_shared_record_the_tie_to_them_goes(asked):
    ties = json.dumps([{"toObjectId": 11}, {"toObjectId": "50"}])
    rows = [
        {"from_type": "contacts", "from_id": "11", "to_type": "calls", "targets": "[]"},
        {"from_type": "calls", "from_id": "72", "to_type": "contacts", "targets": ties},
        {
            "from_type": "contacts",
            "from_id": "50",
            "to_type": "calls",
            "targets": '[{"toObjectId": "71"}]',
        },
        {"from_type": "deals", "from_id": "5", "to_type": "contacts", "targets": "not JSON"},
    ]
    assert asked(ASSOCIATIONS, *rows) == (1, 2)
    assert asked.kept("targets") == ['[{"toObjectId":"50"}]', "[]", "not JSON"]
    assert asked(ASSOCIATIONS, *asked.rows) == (0, 0)


def test_statuses_and_mails_go_by_the_address_in_any_spelling(asked):
    said = [
        {"subscriber": canary.EMAIL.upper(), "read_on": "2018-01-02"},
        {"subscriber": "a@example.test", "read_on": "2018-01-02"},
    ]
    assert asked(SUBSCRIPTION_STATUSES, *said) == (1, 0)
    assert asked(EMAIL_EVENTS, {"id": "1", "recipient": canary.EMAIL, "created_at": BEFORE}) == (
        1,
        0,
    )


def test_a_mail_after_the_erasure_is_of_whoever_registered_since_if_anybody_did(asked, tmp_path):
    from tests.dbt.landing_fixture import land

    mail = {"id": "1", "recipient": canary.EMAIL, "created_at": AFTER}
    assert asked(EMAIL_EVENTS, mail) == (1, 0)
    land(
        tmp_path,
        "hubspot",
        "2018-02-01",
        "1517500000.0",
        {"contacts": [contact("99", AFTER, email=canary.EMAIL)]},
    )
    assert asked(EMAIL_EVENTS, mail) == (0, 0)
    assert asked(EMAIL_EVENTS, mail | {"created_at": BEFORE}) == (1, 0)


def test_removals_and_refusals_that_name_them_go(asked):
    rows = [
        {"object_type": "contacts", "id": "11"},
        {"object_type": "contacts", "id": "50", "successor_id": "12"},
        {"object_type": "companies", "id": "11"},
    ]
    assert asked(REMOVALS["hubspot"], *rows) == (2, 0)
    event = {"id": "e", "relationships": {"profile": {"data": {"type": "profile", "id": "01ABC"}}}}
    rows = [
        {"stream": "events", "id": "e", "record": json.dumps(event)},
        {"stream": "events", "part": "of profile 01ABC"},
        {"stream": "profiles", "id": "x", "record": f'{{"email": "{canary.EMAIL}"'},
        {"stream": "profiles", "id": "y", "record": '{"email": "b@example.test"'},
    ]
    assert asked(REFUSALS["klaviyo"], *rows) == (3, 0)
    assert asked(REFUSALS["hubspot"], {"stream": "subscription_statuses", "id": canary.EMAIL}) == (
        1,
        0,
    )


def test_an_order_stays_as_a_guests_and_nothing_that_the_shop_adds(asked):
    rows = [
        {"order_id": "o1", "customer_id": "1453", "store_id": "3", "delivered_to": "Zyxanthe"},
        {"order_id": "o2", "customer_id": "7", "store_id": "3", "delivered_to": "somebody"},
    ]
    assert asked(ORDERS, *rows) == (0, 1)
    assert asked.kept("customer_id") == [None, "7"]
    assert asked.kept("delivered_to") == [None, "somebody"]
    assert asked.kept("store_id") == ["3", "3"]
    assert asked(ORDERS, *asked.rows) == (0, 0)
    rows = [{"order_id": "o1", "product_id": "p", "engraving": "Zyxanthe"}]
    assert asked(ORDER_LINES, *rows) == (0, 1)
    assert asked.kept("engraving") == [None]
    assert asked(ORDER_LINES, *asked.rows) == (0, 0)


def test_what_was_pulled_before_an_erasure_does_not_land_after_it(tmp_path):
    begun = Erased.of(tmp_path, "hubspot")
    begun.demand_still_all()
    buried(tmp_path)
    with pytest.raises(LandingError, match="somebody was erased while this was pulled"):
        begun.demand_still_all()
    Erased.of(tmp_path, "hubspot").demand_still_all()
