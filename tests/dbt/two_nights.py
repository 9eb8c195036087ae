"""A small company over two nights, with everything that makes an incremental build go wrong.

The second night brings: an order that is late, one that moves to another day and leaves its old
day empty, a corrected line, a line whose order was missing, an order that the first night had in
its landing but could not see yet, an address that makes a stranger an old customer, a campaign
and a metric that arrive after their events, rows landed twice, bad rows, a load that was
killed, an engagement that is tied to somebody only now, one whose tie is gone, one that changed, a
ticket that closes, a member who left a list, a bad record that was mended; a return that takes back
a line of an earlier day, a refund and a cancellation by word of the mailing tool, a guest, an
account that nobody has, a second line of one article and a repeated one; contacts who never did
anything, one new, two made one.
"""

from pathlib import Path

from tests.dbt.landing_fixture import land

FIRST, SECOND = "2017-03-01", "2017-03-02"


def land_first_night(landing: Path) -> None:
    land(
        landing,
        "shop",
        FIRST,
        "S1",
        {
            "customers": [
                _customer(1, "Ann.Lee@Example.com"),
                _customer(2, "bo@example.com"),
                _customer(3, "old@example.com"),
                {**_customer(4, "dee@example.com"), "created_at": "not a date"},
            ],
            "orders": [
                _order("o1", 1, "2017-02-27 10:00:00"),
                _order("o2", 2, "2017-02-28 11:00:00"),
                _order("o3", 3, "2017-02-20 12:00:00"),
                _order("o4", 1, "2017-03-01 23:59:59"),
                _order("o7", 4, "2017-02-28 09:00:00"),
                _order("o8", 2, "2017-03-02 08:00:00"),
                _order("o11", 2, "2017-02-12 08:00:00"),
                _order("o12", 2, "2017-02-13 08:00:00"),
                _order("o13", 2, "2017-02-14 08:00:00"),
                {**_order("g1", 0, "2017-02-18 08:00:00"), "customer_id": None},
                _order("g2", 99, "2017-02-18 09:00:00"),
                {**_order("o2", 2, "2017-02-28 11:00:00"), "currency_code": None},
            ],
            "order_lines": [
                _line("o1", "p1", 2, "3.98"),
                _line("o1", "p2", 1, "0.00"),
                _line("o2", "p1", 1, "1.99"),
                _line("o3", "p1", 1, "1.99"),
                _line("o4", "p2", 0, "2.50"),
                _line("o7", "gone", 1, "7.00"),
                _line("o8", "p1", 1, "1.99"),
                _line("o9", "p1", 4, "7.96"),
                _line("o4", "p1", "two", "1.99"),
                _line("o11", "p4", 2, "3.98"),
                _line("o12", "p2", 2, "3.98"),
                _line("o13", "p2", 1, "1.99"),
                _line("g1", "p1", 1, "1.99"),
                _line("g2", "p1", 1, "1.99"),
                _line("g2", "p1", 1, "1.50"),
                _line("g2", "p1", 1, "1.50"),
            ],
            "products": [_product("p1", "BREAD"), _product("p2", "MILK")],
            "coupons": [_coupon("u1", "p1", "c1"), _coupon("u1", "p2", "c1")],
        },
    )
    land(
        landing,
        "hubspot",
        FIRST,
        "H1",
        {
            "contacts": [
                _contact("h1", "1", "Ann.Lee@example.com", age="35-44"),
                _contact("h2", None, "bo@EXAMPLE.com"),
                _contact("h5", None, "nobody@example.com"),
                _contact("h6", None, "quiet@example.com"),
                _contact("h7", None, "silent@example.com"),
            ],
            "owners": [
                {
                    "id": "71",
                    "created_at": "2016-01-01T00:00:00Z",
                    "updated_at": "2016-01-01T00:00:00Z",
                    "archived": "false",
                    "email": "staff@example.com",
                    "teams": [
                        {"id": "1", "name": "skill:negotiation"},
                        {"id": "2", "name": "North"},
                    ],
                }
            ],
            "calls": [
                _object("call1", "2017-02-25T09:00:00Z", hs_call_direction="INBOUND"),
                _object("call2", "2017-02-26T09:00:00Z", hs_call_status="NO_ANSWER"),
            ],
            "emails": [
                _object("mail1", "2017-02-26T10:00:00Z", hs_email_direction="INCOMING_EMAIL"),
                _object("mail2", "2017-02-24T10:00:00Z", hs_email_direction="EMAIL"),
            ],
            "tickets": [_ticket("t1", "2017-02-24T12:00:00Z")],
            "tasks": [_object("task1", "yesterday")],
            "email_events": [
                _mailed("he1", "DELIVERED", "ann.lee@example.com", "2017-02-10T09:00:00+00:00"),
                _mailed("he2", "DROPPED", "bo@example.com", "2017-02-10T09:00:00+00:00"),
                _mailed("he3", "DELIVERED", "nobody@example.com", "2017-02-10T09:00:00+00:00"),
                _mailed("he4", "OPEN", "no address", "2017-02-10T09:00:00+00:00"),
            ],
            "associations": [
                _tied("calls", "call1", ["h1", "h5"]),
                _tied("calls", "call2", ["h1"]),
                _tied("emails", "mail1", []),
                _tied("emails", "mail2", ["h2"]),
                _tied("tickets", "t1", ["h1"]),
            ],
        },
    )
    land(
        landing,
        "klaviyo",
        FIRST,
        "K1",
        {
            "profiles": [
                _profile("k1", "1", "ann.lee@example.com", "SUBSCRIBED"),
                _profile("k2", None, "bo@example.COM", "SUBSCRIBED"),
                _profile("k3", None, "new@example.com", "SUBSCRIBED"),
            ],
            "metrics": [
                _metric("mr", "Received Email"),
                _metric("mc", "Coupon Redeemed"),
                _metric("mx", "Waved From Afar"),
            ],
            "campaigns": [_campaign("c1", "M1", "2017-02-01")],
            "flows": [{"id": "f1", "attributes": {"name": "Orders"}}],
            "flow_messages": [_flow_message("FM1", transactional=False)],
            "events": [
                _event(
                    "ef1",
                    "mr",
                    "k1",
                    "2017-02-20T10:00:00+00:00",
                    **{"$message": "FM1", "$flow": "f1", "$variation": "v1"},
                ),
                _received("e1", "k1", "M1", "2017-02-01T08:00:00+00:00"),
                _received("e2", "k2", "M1", "2017-02-01T08:00:00+00:00"),
                _received("e3", "k3", "M2", "2017-02-15T08:00:00+00:00"),
                _event("e4", "mc", "k1", "2017-02-27T10:00:00+00:00", campaign_id="c1"),
                _event("e5", "mx", "k1", "2017-02-27T10:00:00+00:00"),
                _event("e6", "mc", "k1", "yesterday"),
                _event("e9", "mo", "k1", "2017-02-10T10:00:00+00:00"),
            ],
            "lists": [_list("l1"), _list("l2")],
            "list_members": [_member("l1", "k1"), _member("l1", "k2"), _member("l2", "k1")],
        },
    )


def land_second_night(landing: Path) -> None:
    land(
        landing,
        "shop",
        SECOND,
        "S2",
        {
            "customers": [{**_customer(3, "new@example.com"), "updated_at": "2017-03-02 06:00:00"}],
            "orders": [
                _order("o4", 1, "2017-03-01 23:59:59"),
                {**_order("o3", 3, "2017-02-25 12:00:00"), "updated_at": "2017-03-02 07:00:00"},
                _order("o9", 2, "2017-01-15 12:00:00"),
                _order("o10", 1, "2017-03-01 12:00:00"),
                _order("r11", 2, "2017-03-01 13:00:00"),
                {**_order("g3", 0, "2017-03-01 14:00:00"), "customer_id": None},
                {**_order("o1", 1, "2017-02-27 10:00:00"), "updated_at": "never"},
            ],
            "order_lines": [
                _line("o4", "p2", 0, "2.50"),
                {**_line("o2", "p1", 2, "3.98"), "updated_at": "2017-03-02 07:30:00"},
                _line("o10", "p3", 1, "5.00"),
                {**_line("r11", "p4", -1, "-1.99"), "retail_discount_amount": "0"},
                _line("g3", "POST", 1, "4.00"),
                _line("g3", "p2", 1, "1.99"),
                _line("g2", "p1", 1, "1.99"),
                {**_line("g2", "p1", 1, "1.75"), "updated_at": "2017-03-02 07:30:00"},
                _line("g2", "p1", 1, "1.50"),
                _line("o10", None, 1, "5.00"),
            ],
            "products": [_product("p3", "EGGS")],
        },
    )
    land(
        landing,
        "hubspot",
        SECOND,
        "H2",
        {
            "contacts": [
                {**_contact("h1", "1", "Ann.Lee@example.com"), "archived": "true"},
                _contact("h6", None, "quiet@example.com", hs_merged_object_ids="h7"),
                _contact("h8", None, "new.and.quiet@example.com"),
            ],
            # the e-mail of a sending becomes known after its events
            "marketing_emails": [
                {
                    "id": "7",
                    "created_at": "2017-02-09T09:00:00Z",
                    "updated_at": "2017-02-09T09:00:00Z",
                    "archived": "false",
                    "attributes": {"name": "News", "allEmailCampaignIds": ["70"]},
                }
            ],
            "email_events": [
                _mailed("he1", "DELIVERED", "ann.lee@example.com", "2017-02-10T09:00:00+00:00"),
                _mailed("he5", "CLICK", "ann.lee@example.com", "2017-02-10T10:00:00+00:00"),
            ],
            "calls": [
                {
                    **_object("call2", "2017-02-26T09:00:00Z", hs_call_status="NO_ANSWER"),
                    "updated_at": "2017-03-02T08:00:00Z",
                }
            ],
            "tickets": [
                {
                    **_ticket("t1", "2017-02-24T12:00:00Z", closed_date="2017-02-26T08:00:00Z"),
                    "updated_at": "2017-03-02T08:00:00Z",
                }
            ],
            "tasks": [
                {
                    **_object("task1", "2017-02-28T09:00:00Z"),
                    "updated_at": "2017-03-02T08:00:00Z",
                }
            ],
            "associations": [
                _tied("emails", "mail1", ["h2"], SECOND),
                _tied("emails", "mail2", [], SECOND),
                {"from_type": "emails", "from_id": "mail3", "to_type": "contacts"},
            ],
            "removals": [
                {"object_type": "contacts", "id": "h5", "noticed_on": SECOND},
                {
                    "object_type": "contacts",
                    "id": "h7",
                    "noticed_on": SECOND,
                    "successor_id": "h6",
                },
            ],
            "source_totals": [
                {
                    "stream": "contacts",
                    "source_total": 2,
                    "landed_total": 2,
                    "checked_on": SECOND,
                    "method": "search",
                }
            ],
        },
    )
    land(
        landing,
        "klaviyo",
        SECOND,
        "K2",
        {
            "profiles": [
                {
                    **_profile("k2", None, "bo@example.com", "UNSUBSCRIBED"),
                    "updated": "2017-03-02T05:00:00+00:00",
                }
            ],
            "metrics": [
                _metric("mo", "Opened Email"),
                _metric("mu", "Unsubscribed from Email Marketing"),
                _metric("mf", "Refunded Order"),
                _metric("mk", "Cancelled Order"),
            ],
            "campaigns": [_campaign("c2", "M2", "2017-02-15")],
            "flow_messages": [_flow_message("FM1", transactional=True)],
            "events": [
                _event("u1", "mu", "k1", "2017-02-18T10:00:00+00:00"),
                _received("e2", "k2", "M1", "2017-02-01T08:00:00+00:00"),
                _received("e7", "k1", "M2", "2017-02-16T09:00:00+00:00"),
                _received("e8", "k9", "M2", "2017-03-02T09:00:00+00:00"),
                _event("f1", "mf", "k2", "2017-03-02T09:30:00+00:00", **_of_order("o12", "1.00")),
                _event("f2", "mk", "k2", "2017-03-02T09:40:00+00:00", **_of_order("o13", "1.99")),
            ],
            "lists": [_list("l1"), _list("l2")],
            "list_members": [_member("l1", "k1"), _member("l1", "k3")],
        },
    )
    land(
        landing,
        "shop",
        SECOND,
        "S3",
        {"orders": [_order("killed", 1, "2017-03-02 13:00:00")]},
        complete=False,
    )


def _flow_message(message_id: str, *, transactional: bool) -> dict:
    definition = {"name": "Confirmed", "transactional": transactional}
    return {
        "id": message_id,
        "flow_id": "f1",
        "action_id": "a1",
        "attributes": {"channel": "email", "definition": definition},
    }


def _mailed(event_id: str, kind: str, recipient: str, at: str) -> dict:
    return {
        "id": event_id,
        "type": kind,
        "recipient": recipient,
        "created_at": at,
        "email_campaign_id": "70",
        "attributes": {},
    }


def _customer(number: int, email: str) -> dict:
    seen = "2017-01-01 00:00:00"
    return {"customer_id": number, "email": email, "created_at": seen, "updated_at": seen}


def _order(order_id: str, customer: int, ordered_at: str) -> dict:
    return {
        "order_id": order_id,
        "customer_id": customer,
        "store_id": "s1",
        "currency_code": "USD",
        "ordered_at": ordered_at,
        "updated_at": ordered_at,
    }


def _line(order_id: str, product_id: str | None, quantity: int | str, sales: str) -> dict:
    return {
        "order_id": order_id,
        "product_id": product_id,
        "quantity": quantity,
        "sales_amount": sales,
        "retail_discount_amount": "0.10",
        "coupon_discount_amount": "0",
        "coupon_match_discount_amount": "0.0",
        "updated_at": "2017-02-28 12:00:00",
    }


def _product(product_id: str, category: str) -> dict:
    return {
        "product_id": product_id,
        "product_category": category,
        "updated_at": "2016-11-01 00:00:00",
    }


def _coupon(upc: str, product_id: str, campaign_id: str) -> dict:
    return {
        "coupon_upc": upc,
        "product_id": product_id,
        "campaign_id": campaign_id,
        "offer_type": "Type A",
        "valid_from": "2017-02-01 00:00:00",
        "valid_until": "2017-04-01 00:00:00",
        "updated_at": "2017-01-20 00:00:00",
    }


def _contact(contact_id: str, number: str | None, email: str, **properties: str) -> dict:
    return {
        "id": contact_id,
        "created_at": "2017-01-01T01:00:00Z",
        "updated_at": "2017-01-01T01:00:00Z",
        "archived": "false",
        "properties": {"email": email, "shop_customer_number": number, **properties},
    }


def _object(record_id: str, at: str, **properties: str) -> dict:
    return {
        "id": record_id,
        "created_at": "2017-02-20T00:00:00Z",
        "updated_at": "2017-02-27T00:00:00Z",
        "archived": "false",
        "properties": {"hs_timestamp": at, "hubspot_owner_id": "71", **properties},
    }


def _ticket(record_id: str, opened_at: str, **properties: str) -> dict:
    return _object(record_id, opened_at, createdate=opened_at, source_type="PHONE", **properties)


def _tied(from_type: str, from_id: str, contacts: list[str], read_on: str = FIRST) -> dict:
    return {
        "from_type": from_type,
        "from_id": from_id,
        "to_type": "contacts",
        "targets": [{"toObjectId": contact, "associationTypes": []} for contact in contacts],
        "read_on": read_on,
    }


def _list(list_id: str) -> dict:
    since = "2016-01-01T00:00:00+00:00"
    return {"id": list_id, "created": since, "updated": since, "attributes": {"name": list_id}}


def _member(list_id: str, profile_id: str) -> dict:
    return {"list_id": list_id, "profile_id": profile_id}


def _profile(profile_id: str, number: str | None, email: str, consent: str) -> dict:
    marketing = {
        "consent": consent,
        "can_receive_email_marketing": consent == "SUBSCRIBED",
    }
    return {
        "id": profile_id,
        "created": "2017-01-01T02:00:00+00:00",
        "updated": "2017-01-01T02:00:00+00:00",
        "attributes": {
            "email": email,
            "external_id": number,
            "subscriptions": {"email": {"marketing": marketing}},
        },
    }


def _metric(metric_id: str, name: str) -> dict:
    since = "2016-01-01T00:00:00+00:00"
    return {"id": metric_id, "created": since, "updated": since, "attributes": {"name": name}}


def _campaign(campaign_id: str, message_id: str, sent_on: str) -> dict:
    return {
        "id": campaign_id,
        "created_at": "2017-01-20T00:00:00+00:00",
        "updated_at": f"{sent_on}T08:00:00+00:00",
        "channel": "email",
        "attributes": {
            "name": f"Campaign {campaign_id}",
            "status": "Sent",
            "archived": False,
            "send_time": f"{sent_on}T08:00:00+00:00",
        },
        "relationships": {"campaign-messages": {"data": [{"id": message_id}]}},
    }


def _received(event_id: str, profile_id: str, message_id: str, at: str) -> dict:
    return _event(event_id, "mr", profile_id, at, **{"$message": message_id})


def _of_order(order_id: str, amount: str) -> dict[str, str]:
    return {"OrderId": order_id, "$value": amount}


def _event(event_id: str, metric_id: str, profile_id: str, at: str, **properties: str) -> dict:
    return {
        "id": event_id,
        "datetime": at,
        "metric_id": metric_id,
        "profile_id": profile_id,
        "attributes": {"event_properties": properties},
    }
