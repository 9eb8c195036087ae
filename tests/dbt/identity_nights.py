"""Five people over three nights, to whom everything happens that changes who is who.

Second night: the CRM merges one of Bo's two contacts into the other; Eva takes a new address;
Zoe gives hers up and Kim gets it; a customer number that was typed wrong is corrected.
Third night: the merge of Bo's contacts is taken back.
"""

from pathlib import Path

from tests.dbt.landing_fixture import land

FIRST, SECOND, THIRD = "2017-03-01", "2017-03-02", "2017-03-03"


def land_first_night(landing: Path) -> None:
    customers = [_customer(1, "ann@example.com"), _customer(2, "bo@example.com")]
    customers += [_customer(6, "zoe@example.com"), _customer(9, "ida@example.com")]
    orders = [_order("o1", 1, "2017-02-01"), _order("o2", 2, "2017-02-02")]
    orders += [_order("o6", 6, "2017-02-03"), _order("o9", 9, "2017-02-04")]
    land(landing, "shop", FIRST, "S1", {"customers": customers, "orders": orders})
    contacts = [
        _contact("h1", "1", "ann@example.com", phone="(202) 555-0101"),
        _contact("h2", None, "bo@example.com"),
        _contact("h3", None, "robert@example.com", created_on="2017-01-02"),
        _contact("h5", None, "eva@old.example"),
        _contact("h6", "6", "zoe@example.com"),
        _contact("h8", "1", "ida@work.example"),  # her number is 9
    ]
    land(landing, "hubspot", FIRST, "H1", {"contacts": contacts})
    profiles = [
        _profile("k2", None, "bo@example.com"),
        _profile("k3", None, "robert@example.com"),
        _profile("k5", None, "eva@old.example"),
        _profile("k8", None, "ida@work.example"),
    ]
    events = [
        _received("e2", "k2", "2017-02-05"),
        _received("e3", "k3", "2017-02-06"),
        _received("e5", "k5", "2017-02-07"),
        _received("e8", "k8", "2017-02-08"),
    ]
    metric = {"id": "m", "created": _at("2016-01-01"), "updated": _at("2016-01-01")}
    metric |= {"attributes": {"name": "Received Email"}}
    rows = {"profiles": profiles, "events": events, "metrics": [metric]}
    land(landing, "klaviyo", FIRST, "K1", rows)


def land_second_night(landing: Path) -> None:
    customers = [_customer(6, "zoe@new.example", SECOND), _customer(7, "zoe@example.com", SECOND)]
    land(landing, "shop", SECOND, "S2", {"customers": customers})
    contacts = [
        # a merge does not move the modified date
        _contact("h2", None, "bo@example.com", hs_merged_object_ids="h3"),
        _contact("h5", None, "eva@new.example", SECOND, phone="۰۲۰ ۷۹۴۶ ۰۱۲۳", country="GB"),
        _contact("h6", "6", "zoe@new.example", SECOND),
        _contact("h7", "7", "zoe@example.com", SECOND, created_on=SECOND),
        _contact("h8", "9", "ida@work.example", SECOND),
    ]
    removal = {"object_type": "contacts", "id": "h3", "noticed_on": SECOND, "successor_id": "h2"}
    land(landing, "hubspot", SECOND, "H2", {"contacts": contacts, "removals": [removal]})
    land(landing, "klaviyo", SECOND, "K2", {})


def land_third_night(landing: Path) -> None:
    contacts = [
        _contact("h2", None, "bo@example.com", THIRD, hs_merged_object_ids=""),
        _contact("h3", None, "robert@example.com", THIRD, created_on="2017-01-02"),
    ]
    land(landing, "hubspot", THIRD, "H3", {"contacts": contacts})
    land(landing, "shop", THIRD, "S3", {})
    land(landing, "klaviyo", THIRD, "K3", {})


def _at(day: str) -> str:
    return f"{day}T01:00:00+00:00"


def _customer(number: int, email: str, updated_on: str = "2017-01-01") -> dict:
    return {
        "customer_id": number,
        "email": email,
        "created_at": updated_on if number == 7 else "2017-01-01",
        "updated_at": updated_on,
    }


def _order(order_id: str, customer: int, day: str) -> dict:
    order = {"order_id": order_id, "customer_id": customer, "store_id": "s"}
    return order | {"currency_code": "USD", "ordered_at": day, "updated_at": day}


def _contact(
    contact_id: str,
    number: str | None,
    email: str,
    updated_on: str = "2017-01-01",
    *,
    created_on: str = "2017-01-01",
    **properties: str,
) -> dict:
    return {
        "id": contact_id,
        "created_at": _at(created_on),
        "updated_at": _at(updated_on),
        "archived": "false",
        "properties": {"email": email, "shop_customer_number": number, **properties},
    }


def _profile(profile_id: str, number: str | None, email: str) -> dict:
    attributes = {"email": email, "external_id": number}
    stamps = {"created": _at("2017-01-03"), "updated": _at("2017-01-03")}
    return {"id": profile_id, "attributes": attributes, **stamps}


def _received(event_id: str, profile_id: str, day: str) -> dict:
    attributes = {"event_properties": {"$message": "M"}}
    event = {"id": event_id, "datetime": _at(day), "metric_id": "m", "attributes": attributes}
    return event | {"profile_id": profile_id}
