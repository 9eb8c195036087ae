"""The HubSpot look-alike answers, pages and refuses as HubSpot does."""

import sqlite3
import time
from contextlib import closing

import httpx
import pytest

from sandbox.clock import parse_instant

CONTACTS = "/crm/objects/2026-09/contacts"
SEARCH = f"{CONTACTS}/search"


def search(**changed):
    return {
        "filterGroups": [],
        "sorts": [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}],
        "properties": ["email"],
        "limit": 200,
        "after": "0",
        **changed,
    }


def only(name, operator, **values):
    return [{"filters": [{"propertyName": name, "operator": operator, **values}]}]


def listed(server, **query):
    found, query = [], {"limit": 7, **query}
    while True:
        page = server.hubspot.get(CONTACTS, params=query).json()
        found += page["results"]
        if "paging" not in page:
            return found
        query["after"] = page["paging"]["next"]["after"]


def searched(server, **changed):
    found, body = [], search(limit=9, **changed)
    while True:
        page = server.hubspot.post(SEARCH, json=body).json()
        found += page["results"]
        if "paging" not in page:
            return page["total"], found
        body["after"] = page["paging"]["next"]["after"]


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer no"}, {"Authorization": "Basic x"}]
)
def test_a_wrong_token_gets_401_in_hubspots_words(sandbox_server, header):
    answer = httpx.get(sandbox_server.hubspot_url + CONTACTS, headers=header)
    assert answer.status_code == 401
    body = answer.json()
    assert set(body) == {"status", "message", "correlationId", "category"}
    assert (body["status"], body["category"]) == ("error", "INVALID_AUTHENTICATION")


def test_a_token_without_scopes_gets_403(sandbox_server):
    header = {"Authorization": f"Bearer {sandbox_server.hubspot_token}-without-scopes"}
    answer = httpx.get(sandbox_server.hubspot_url + CONTACTS, headers=header)
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")


def test_pages_hold_every_live_contact_once(sandbox_server):
    found = [contact["id"] for contact in listed(sandbox_server)]
    assert len(found) == len(set(found)) >= 60
    assert found == sorted(found)


def test_the_link_to_the_next_page_can_be_followed(sandbox_server):
    page = sandbox_server.hubspot.get(CONTACTS, params={"limit": 7, "properties": "age"}).json()
    following = sandbox_server.hubspot.get(page["paging"]["next"]["link"]).json()
    assert following["results"][0]["id"] > page["results"][-1]["id"]
    assert "age" in following["results"][0]["properties"]


@pytest.mark.parametrize(
    "path",
    [
        "/crm/v3/objects/contacts",
        "/crm/objects/2025-09/contacts",
        "/crm/v3/owners",
        "/communication-preferences/v4/definitions",
        "/marketing/v3/emails",
    ],
)
def test_a_path_of_another_version_is_not_there(sandbox_server, path):
    assert sandbox_server.hubspot.get(path).status_code == 404


def test_a_contact_has_hubspots_shape_and_only_text_or_null(sandbox_server):
    (contact,) = sandbox_server.hubspot.get(
        CONTACTS, params={"limit": 1, "properties": "age,hs_language,made_up"}
    ).json()["results"]
    assert set(contact) == {"id", "properties", "createdAt", "updatedAt", "archived"}
    assert set(contact["properties"]) == {
        "age",
        "hs_language",
        "createdate",
        "lastmodifieddate",
        "hs_object_id",
    }
    assert all(value is None or isinstance(value, str) for value in contact["properties"].values())
    assert contact["properties"]["lastmodifieddate"] == contact["updatedAt"]
    assert contact["updatedAt"].endswith("Z")


def test_properties_may_be_repeated_instead_of_joined(sandbox_server):
    query = [("properties", "age"), ("properties", "email"), ("limit", "1")]
    (contact,) = sandbox_server.hubspot.get(CONTACTS, params=query).json()["results"]
    assert {"age", "email"} < set(contact["properties"])


@pytest.mark.parametrize(
    "query", [{"limit": 101}, {"limit": 0}, {"limit": "x"}, {"after": "abc"}, {"after": "-1"}]
)
def test_a_list_refuses_what_hubspot_refuses(sandbox_server, query):
    answer = sandbox_server.hubspot.get(CONTACTS, params=query)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_an_unknown_object_type_is_refused(sandbox_server):
    assert sandbox_server.hubspot.get("/crm/objects/2026-09/spaceships").status_code == 400
    assert sandbox_server.hubspot.get("/crm/v9/anything").status_code == 404


def test_one_contact_can_be_read_by_id(sandbox_server):
    contact = listed(sandbox_server)[0]
    assert sandbox_server.hubspot.get(f"{CONTACTS}/{contact['id']}").json() == contact
    assert sandbox_server.hubspot.get(f"{CONTACTS}/1").status_code == 404


def test_search_by_modified_date_finds_what_the_list_shows(sandbox_server):
    since = "2017-02-01T00:00:00Z"
    expected = {
        contact["id"]
        for contact in listed(sandbox_server)
        if contact["updatedAt"] >= "2017-02-01T00:00:00.000Z"
    }
    for value in (since, str(parse_instant(since))):
        groups = only("lastmodifieddate", "GTE", value=value)
        total, found = searched(sandbox_server, filterGroups=groups)
        assert total == len(found)
        assert {contact["id"] for contact in found} == expected
        moments = [contact["updatedAt"] for contact in found]
        assert moments == sorted(moments)


def test_every_operator_filters(sandbox_server):
    everybody = listed(sandbox_server, properties="age,email,lifecyclestage")
    ages = [contact["properties"]["age"] for contact in everybody]
    email = everybody[0]["properties"]["email"]
    modified = sorted(contact["updatedAt"] for contact in everybody)
    low, high = modified[5], modified[20]
    expected = [
        (len(ages) - ages.count(None), only("age", "HAS_PROPERTY")),
        (ages.count(None), only("age", "NOT_HAS_PROPERTY")),
        (ages.count("35-44"), only("age", "EQ", value="35-44")),
        (ages.count("35-44") + ages.count("65+"), only("age", "IN", values=["35-44", "65+"])),
        (16, only("lastmodifieddate", "BETWEEN", value=low, highValue=high)),
        (5, only("lastmodifieddate", "LT", value=low)),
        (6, only("lastmodifieddate", "LTE", value=low)),
        (len(ages) - 21, only("lastmodifieddate", "GT", value=high)),
        (len(ages) - 20, only("lastmodifieddate", "GTE", value=high)),
        (1, only("email", "EQ", value=email)),
    ]
    for count, groups in expected:
        assert searched(sandbox_server, filterGroups=groups)[0] == count, groups
    others = only("age", "NEQ", value="35-44")
    assert searched(sandbox_server, filterGroups=others)[0] == len(
        [age for age in ages if age not in (None, "35-44")]
    )


def test_filters_in_a_group_are_and_and_groups_are_or(sandbox_server):
    group = {
        "filters": [
            {"propertyName": "age", "operator": "HAS_PROPERTY"},
            {"propertyName": "age", "operator": "NOT_HAS_PROPERTY"},
        ]
    }
    assert searched(sandbox_server, filterGroups=[group])[0] == 0
    everything = [*only("age", "HAS_PROPERTY"), *only("age", "NOT_HAS_PROPERTY")]
    assert searched(sandbox_server, filterGroups=everything)[0] == len(listed(sandbox_server))


def test_search_goes_by_modified_date_and_id_in_either_direction(sandbox_server):
    down = [{"propertyName": "lastmodifieddate", "direction": "DESCENDING"}]
    _, up = searched(sandbox_server, sorts=["lastmodifieddate", "hs_object_id"])
    _, falling = searched(sandbox_server, sorts=down)
    assert [each["id"] for each in up] == [each["id"] for each in reversed(falling)]


def test_values_in_a_search_are_data_and_never_sql(sandbox_server):
    groups = only("email", "EQ", value="' or 1=1 --")
    assert searched(sandbox_server, filterGroups=groups)[0] == 0
    hostile = search(filterGroups=only("email') or 1=1 --", "EQ", value="x"))
    assert sandbox_server.hubspot.post(SEARCH, json=hostile).status_code == 400


@pytest.mark.parametrize("member", ["filterGroups", "sorts", "properties", "limit", "after"])
def test_a_search_without_one_of_its_five_members_is_refused(sandbox_server, member):
    body = search()
    del body[member]
    answer = sandbox_server.hubspot.post(SEARCH, json=body)
    assert answer.status_code == 400
    assert member in answer.json()["message"]


@pytest.mark.parametrize(
    "changed",
    [
        {"limit": 201},
        {"limit": 0},
        {"after": "next"},
        {"sorts": "lastmodifieddate"},
        {"sorts": ["made_up"]},
        {"filterGroups": only("made_up", "EQ", value="1")},
        {"filterGroups": only("email", "LIKE", value="1")},
        {"filterGroups": only("email", "EQ")},
        {"filterGroups": only("email", "IN", values=[])},
        {"filterGroups": only("lastmodifieddate", "GTE", value="yesterday")},
        {"filterGroups": only("lastmodifieddate", "BETWEEN", value="1")},
        {"filterGroups": [{"filters": []}]},
        {"filterGroups": only("email", "HAS_PROPERTY") * 6},
    ],
)
def test_a_search_refuses_what_hubspot_refuses(sandbox_server, changed):
    answer = sandbox_server.hubspot.post(SEARCH, json=search(**changed))
    assert (answer.status_code, answer.json()["status"]) == (400, "error")


def test_a_search_that_is_no_json_is_refused(sandbox_server):
    assert sandbox_server.hubspot.post(SEARCH, content="{").status_code == 400
    assert sandbox_server.hubspot.post(SEARCH, json=[]).status_code == 400


def test_archived_contacts_stand_in_their_own_list_and_never_in_search(sandbox_server):
    (archived,) = listed(sandbox_server, archived="true", properties="shop_customer_number")
    live = {contact["id"] for contact in listed(sandbox_server)}
    assert archived["archived"] is True
    assert archived["archivedAt"] > archived["updatedAt"]  # deleting moves no modified date
    assert archived["id"] not in live
    assert {contact["id"] for contact in searched(sandbox_server)[1]} == live
    url = f"{CONTACTS}/{archived['id']}"
    assert sandbox_server.hubspot.get(url).status_code == 404
    assert sandbox_server.hubspot.get(url, params={"archived": "true"}).status_code == 200


def test_a_contact_is_live_until_the_instant_it_is_deleted(sandbox_server):
    (archived,) = listed(sandbox_server, archived="true")
    sandbox_server.set_clock(archived["archivedAt"])
    assert listed(sandbox_server, archived="true") == []
    assert archived["id"] in {contact["id"] for contact in listed(sandbox_server)}


def test_search_lags_behind_when_told_to(sandbox_server):
    with closing(sqlite3.connect(sandbox_server.company.crm_path)) as crm:
        (latest,) = crm.execute(
            "select max(modified_at) from records where collection = 'hubspot/contacts'"
        ).fetchone()
    sandbox_server.set_clock(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(latest / 1000 + 10)))
    groups = only("lastmodifieddate", "GTE", value=str(latest))
    assert searched(sandbox_server, filterGroups=groups)[0] == 1
    sandbox_server.set_faults([], hubspot_search_lag_seconds=60)
    assert searched(sandbox_server, filterGroups=groups)[0] == 0
    assert any(parse_instant(each["updatedAt"]) == latest for each in listed(sandbox_server))


def test_owners_come_in_pages_and_the_one_who_left_is_archived(sandbox_server):
    first = sandbox_server.hubspot.get("/crm/owners/2026-09", params={"limit": 5}).json()
    after = first["paging"]["next"]["after"]
    second = sandbox_server.hubspot.get(
        "/crm/owners/2026-09", params={"limit": 5, "after": after}
    ).json()
    archived = sandbox_server.hubspot.get("/crm/owners/2026-09", params={"archived": "true"}).json()
    assert len(first["results"]) + len(second["results"]) == 7
    assert "paging" not in second
    assert [owner["lastName"] for owner in archived["results"]] == ["Ferrer"]
    owned = {
        contact["properties"]["hubspot_owner_id"]
        for contact in listed(sandbox_server, properties="hubspot_owner_id")
    }
    assert owned - {None} <= {owner["id"] for owner in first["results"] + second["results"]}


def test_headers_tell_the_rate_limit_but_not_on_search(sandbox_server):
    answer = sandbox_server.hubspot.get(CONTACTS)
    assert int(answer.headers["X-HubSpot-RateLimit-Remaining"]) < int(
        answer.headers["X-HubSpot-RateLimit-Max"]
    )
    answer = sandbox_server.hubspot.post(SEARCH, json=search())
    assert "X-HubSpot-RateLimit-Max" not in answer.headers


@pytest.mark.parametrize("retry_after", [True, False])
def test_too_many_requests_get_429_with_or_without_a_wait(sandbox_server, retry_after):
    limit = {"requests": 2, "seconds": 60, "retry_after": retry_after}
    sandbox_server.set_faults([], limits={"hubspot": limit})
    answers = [sandbox_server.hubspot.get(CONTACTS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["category"] == "RATE_LIMITS"
    assert ("Retry-After" in answers[2].headers) is retry_after


def test_a_search_beyond_ten_thousand_results_is_refused(crowded_server):
    last = crowded_server.hubspot.post(SEARCH, json=search(after="9800"))
    assert last.status_code == 200
    assert last.json()["total"] > 10_000
    assert last.json()["paging"]["next"]["after"] == "10000"
    beyond = crowded_server.hubspot.post(SEARCH, json=search(after="10000"))
    assert (beyond.status_code, beyond.json()["status"]) == (400, "error")
    assert "10000" in beyond.json()["message"]


def test_the_modified_date_and_the_id_lead_past_ten_thousand(crowded_server):
    """Restarting from the last seen pair finds every contact exactly once."""
    found: dict[str, str] = {}
    seen = ("0", "0")
    while True:
        modified = {"propertyName": "lastmodifieddate", "value": seen[0]}
        groups = [
            {"filters": [{**modified, "operator": "GT"}]},
            {
                "filters": [
                    {**modified, "operator": "EQ"},
                    {"propertyName": "hs_object_id", "operator": "GT", "value": seen[1]},
                ]
            },
        ]
        body = search(filterGroups=groups, sorts=["lastmodifieddate", "hs_object_id"])
        page = crowded_server.hubspot.post(SEARCH, json=body).json()["results"]
        if not page:
            break
        assert not found.keys() & {each["id"] for each in page}
        found |= {each["id"]: each["updatedAt"] for each in page}
        seen = (str(parse_instant(page[-1]["updatedAt"])), page[-1]["id"])
    first = crowded_server.hubspot.post(SEARCH, json=search()).json()
    assert len(found) == first["total"] > 12_000
