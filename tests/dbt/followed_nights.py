"""What makes a summary of a fact wrong that was right last night.

The second night brings: a message and a draw of two months ago, an event that moves to another
day, a letter that was never theirs, an address that makes a stranger an old customer, a campaign
that comes after its messages and draws, one that turns into an offer, another window of coupons,
an order of long ago, a product of another category. The third night brings one message, the fourth
the first order on the web, late: since then a way to the store was a choice. The fifth brings what
nobody did: what customers say of themselves, who looks after one, a loyalty programme, what a
campaign is about. On the sixth they sign a contract, and whoever looks after them has learned
something. The seventh is the first of a month.
"""

from pathlib import Path

from tests.dbt.landing_fixture import land
from tests.dbt.two_nights import (
    FIRST,
    SECOND,
    _campaign,
    _contact,
    _coupon,
    _customer,
    _event,
    _line,
    _metric,
    _object,
    _order,
    _product,
    _received,
    _tied,
)
from tests.dbt.two_nights import land_first_night as _land_two_nights_first

THIRD, FOURTH = "2017-03-03", "2017-03-04"
FIFTH, SIXTH, SEVENTH = "2017-03-05", "2017-03-06", "2017-04-01"
__all__ = [
    "FIFTH",
    "FIRST",
    "FOURTH",
    "SECOND",
    "SEVENTH",
    "SIXTH",
    "THIRD",
    "land_fifth_night",
    "land_first_night",
    "land_fourth_night",
    "land_second_night",
    "land_seventh_night",
    "land_sixth_night",
    "land_third_night",
]


def land_first_night(landing: Path) -> None:
    _land_two_nights_first(landing)
    rows = {
        "metrics": [
            _metric("md", "Assigned to Control"),
            _metric("mu", "Unsubscribed from Email Marketing"),
        ],
        "campaigns": [_campaign("c4", "M4", "2016-12-27")],
        "events": [
            _received("e11", "k1", "M4", "2016-12-27T08:00:00+00:00"),
            _received("e12", "k2", "M4", "2016-12-30T08:00:00+00:00"),
            _received("e13", "k3", "M1", "2017-01-10T08:00:00+00:00"),
            _received("e14", "k2", "M3", "2017-01-20T08:00:00+00:00"),
            _event("e15", "mu", "k1", "2017-02-06T08:00:00+00:00"),
            _drawn("e16", "k2", "c3", "2017-01-05T08:00:00+00:00"),
            _drawn("e17", "k1", "c1", "2017-01-28T08:00:00+00:00"),
        ],
    }
    land(landing, "klaviyo", FIRST, "K1b", rows)


def land_second_night(landing: Path) -> None:
    changed_at = "2017-03-02 00:00:00"
    shorter = {"valid_until": "2017-02-27 00:00:00", "updated_at": changed_at}
    shop = {
        "customers": [{**_customer(3, "new@example.com"), "updated_at": changed_at}],
        "orders": [_order("late", 2, "2017-01-15 12:00:00")],
        "order_lines": [_line("late", "p2", 1, "2.00")],
        "products": [{**_product("p2", "DAIRY"), "updated_at": changed_at}],
        "coupons": [
            *({**_coupon("u1", product, "c1"), **shorter} for product in ("p1", "p2")),
            {**_coupon("u4", "p1", "c4"), "updated_at": changed_at},
        ],
    }
    land(landing, "shop", SECOND, "S2", shop)
    land(landing, "hubspot", SECOND, "H2", {"associations": [_tied("emails", "mail2", [], SECOND)]})
    klaviyo = {
        "campaigns": [{**_campaign("c3", "M3", "2017-02-26"), "tags": ["value:organic"]}],
        "events": [
            _received("e1", "k1", "M1", "2017-02-02T08:00:00+00:00"),
            _received("e30", "k2", "M3", "2017-02-26T08:00:00+00:00"),
            _received("e31", "k1", "M1", "2017-01-01T08:00:00+00:00"),
            _drawn("e32", "k1", "c1", "2016-12-20T08:00:00+00:00"),
        ],
    }
    land(landing, "klaviyo", SECOND, "K2", klaviyo)


def land_third_night(landing: Path) -> None:
    rows = {"events": [_received("e40", "k2", "M3", "2017-03-03T08:00:00+00:00")]}
    land(landing, "klaviyo", THIRD, "K3", rows)


def land_fourth_night(landing: Path) -> None:
    order = {**_order("web", 2, "2017-02-20 12:00:00"), "store_id": "900"}
    lines = [_line("web", "p1", 1, "1.99")]
    land(landing, "shop", FOURTH, "S4", {"orders": [order], "order_lines": lines})


def land_fifth_night(landing: Path) -> None:
    said = {
        "declared_relationship": "buddy",
        "interests": "recipes",
        "declared_values": "local",
        "hs_timezone": "America_slash_New_York",
        "loyalty_status": "gold",
    }
    ann = {**_contact("h1", "1", "Ann.Lee@example.com", **said), "updated_at": f"{FIFTH}T05:00:00Z"}
    bo = _contact("h2", None, "bo@EXAMPLE.com", hubspot_owner_id="71", interests="gardening")
    contacts = [ann, {**bo, "updated_at": f"{FIFTH}T05:00:00Z"}]
    land(landing, "hubspot", FIFTH, "H5", {"contacts": contacts})
    tagged = {
        **_campaign("c1", "M1", "2017-02-01"),
        "updated_at": f"{FIFTH}T08:00:00+00:00",
        "tags": ["topic:recipes", "value:organic"],
    }
    land(landing, "klaviyo", FIFTH, "K5", {"campaigns": [tagged]})


def land_sixth_night(landing: Path) -> None:
    learned = {
        "id": "71",
        "created_at": "2016-01-01T00:00:00Z",
        "updated_at": f"{SIXTH}T00:00:00Z",
        "archived": "false",
        "email": "staff@example.com",
        "teams": [{"id": "1", "name": "skill:gardening"}],
    }
    won = _object(
        "d1",
        "2017-03-05T09:00:00Z",
        createdate="2017-03-05T09:00:00Z",
        pipeline="sales",
        dealstage="closedwon",
        hs_is_closed="true",
        hs_is_closed_won="true",
    )
    rows = {
        "owners": [learned],
        "deals": [won],
        "associations": [_tied("deals", "d1", ["h2"], SIXTH)],
    }
    land(landing, "hubspot", SIXTH, "H6", rows)


def land_seventh_night(landing: Path) -> None:
    rows = {"events": [_received("e70", "k2", "M3", "2017-04-01T08:00:00+00:00")]}
    land(landing, "klaviyo", SEVENTH, "K7", rows)


def _drawn(event_id: str, profile_id: str, campaign_id: str, at: str) -> dict:
    return _event(event_id, "md", profile_id, at, campaign_id=campaign_id)
