"""The lists of the HubSpot look-alike: exact answers, and either answer where none is documented.

Shapes: HubSpot's description of the lists API (`MembershipsUpdateResponse` spells the ids added
``recordsIdsAdded``), and public clients that read an empty one as absent.
"""

import httpx
import pytest

LISTS = "/crm/lists/2026-09"
CONTACTS = "/crm/objects/2026-09/contacts"


@pytest.fixture
def contacts(sandbox_server):
    """Ids of six contacts."""
    page = sandbox_server.hubspot.get(CONTACTS, params={"limit": 6}).json()
    return [each["id"] for each in page["results"]]


def create(server, name="Welcome", kind="MANUAL"):
    body = {"name": name, "objectTypeId": "0-1", "processingType": kind}
    return server.hubspot.post(LISTS, json=body)


@pytest.fixture
def list_id(sandbox_server):
    """A list that is filled by hand."""
    return create(sandbox_server).json()["list"]["listId"]


def put(server, list_id, add=(), remove=(), **more):
    body = {"recordIdsToAdd": list(add), "recordIdsToRemove": list(remove)}
    return server.hubspot.put(f"{LISTS}/{list_id}/memberships/add-and-remove", json=body, **more)


def members(server, list_id, path="memberships", limit=250):
    found, query = [], {"limit": limit}
    while True:
        page = server.hubspot.get(f"{LISTS}/{list_id}/{path}", params=query).json()
        found += [each["recordId"] for each in page["results"]]
        if "paging" not in page:
            return found
        query["after"] = page["paging"]["next"]["after"]


def test_a_list_is_found_by_its_id_and_by_its_name_in_any_case(sandbox_server, list_id):
    by_id = sandbox_server.hubspot.get(f"{LISTS}/{list_id}").json()["list"]
    by_name = sandbox_server.hubspot.get(f"{LISTS}/object-type-id/0-1/name/WELCOME").json()["list"]
    assert by_id == by_name
    assert by_id["processingType"] == "MANUAL"


def test_no_two_lists_have_one_name(sandbox_server, list_id):
    answer = create(sandbox_server, "welcome")
    assert answer.status_code == 400
    assert answer.json()["subCategory"] == "ILS.DUPLICATE_LIST_NAMES"


def test_each_id_ends_as_added_removed_missing_or_unchanged(sandbox_server, list_id, contacts):
    one, two, three, *_ = contacts
    first = put(sandbox_server, list_id, [one, two, "999"])
    assert first.json() == {"recordsIdsAdded": [one, two], "recordIdsMissing": ["999"]}
    second = put(sandbox_server, list_id, [two, three], [one, "998"])
    assert second.json() == {
        "recordsIdsAdded": [three],
        "recordIdsRemoved": [one],
        "recordIdsMissing": ["998"],
    }
    assert put(sandbox_server, list_id, [two], [one]).json() == {}
    assert set(members(sandbox_server, list_id)) == {two, three}


def test_members_come_in_pages_by_id_or_by_when_they_joined(sandbox_server, list_id, contacts):
    put(sandbox_server, list_id, contacts[3:])
    sandbox_server.set_clock("2018-01-04T00:00:00Z")
    put(sandbox_server, list_id, contacts[:3])
    assert members(sandbox_server, list_id, limit=2) == contacts
    in_order = contacts[3:] + contacts[:3]
    assert members(sandbox_server, list_id, "memberships/join-order", 2) == in_order
    over = sandbox_server.hubspot.get(f"{LISTS}/{list_id}/memberships", params={"limit": 251})
    assert over.status_code == 400


def test_records_tell_which_lists_they_are_on(sandbox_server, list_id, contacts):
    put(sandbox_server, list_id, contacts[:1])
    inputs = [{"objectTypeId": "0-1", "recordId": each} for each in [*contacts[:2], "999"]]
    path = f"{LISTS}/records/memberships/batch/read"
    answer = sandbox_server.hubspot.post(path, json={"inputs": inputs})
    assert answer.status_code == 207
    body = answer.json()
    found = {each["recordId"]: each["recordListMemberships"] for each in body["results"]}
    assert [each["listId"] for each in found[contacts[0]]] == [list_id]
    assert found[contacts[1]] == []
    assert body["errors"][0]["context"]["ids"] == ["999"]


def test_a_search_tells_how_often_a_list_is_used_and_when_it_last_changed(
    sandbox_server, list_id, contacts
):
    put(sandbox_server, list_id, contacts)
    put(sandbox_server, list_id, [], contacts[:1])
    sandbox_server.change({"change": "flow", "list_id": list_id})
    asked = {"query": "welc", "additionalProperties": ["hs_last_record_removed_at"]}
    (found,) = sandbox_server.hubspot.post(f"{LISTS}/search", json=asked).json()["lists"]
    told = found["additionalProperties"]
    assert told["hs_list_reference_count"] == "1"
    assert told["hs_last_record_removed_at"] == "1514937600000"


def test_a_list_that_decides_by_itself_takes_nobody(sandbox_server, contacts):
    list_id = create(sandbox_server, "Active", "DYNAMIC").json()["list"]["listId"]
    answer = put(sandbox_server, list_id, contacts)
    assert answer.status_code == 400
    assert "DYNAMIC" in answer.json()["message"]


def test_a_deleted_list_is_gone_until_it_is_restored(sandbox_server, list_id, contacts):
    put(sandbox_server, list_id, contacts)
    assert sandbox_server.hubspot.delete(f"{LISTS}/{list_id}").status_code == 204
    assert sandbox_server.hubspot.get(f"{LISTS}/{list_id}").status_code == 404
    assert put(sandbox_server, list_id, contacts).status_code == 404
    assert sandbox_server.hubspot.put(f"{LISTS}/{list_id}/restore").status_code == 204
    assert members(sandbox_server, list_id) == contacts


@pytest.mark.parametrize(("wanted", "status"), [("read", 200), ("write", 403)])
def test_writing_needs_another_scope_than_reading(sandbox_server, list_id, wanted, status):
    token = f"{sandbox_server.hubspot_token}-without-crm.lists.write"
    client = httpx.Client(
        base_url=sandbox_server.hubspot_url, headers={"Authorization": f"Bearer {token}"}
    )
    if wanted == "read":
        answer = client.post(f"{LISTS}/search", json={})
    else:
        answer = client.delete(f"{LISTS}/{list_id}")
    assert answer.status_code == status


@pytest.mark.parametrize("answered", ["missing", "added"])
def test_an_archived_contact_is_missing_or_added_as_told(
    sandbox_server, list_id, contacts, answered
):
    sandbox_server.set_faults([], hubspot_archived_ids=answered)
    sandbox_server.change(
        {"change": "archive", "collection": "hubspot/contacts", "id": contacts[0]}
    )
    told = put(sandbox_server, list_id, contacts[:2]).json()
    if answered == "missing":
        assert told == {"recordsIdsAdded": contacts[1:2], "recordIdsMissing": contacts[:1]}
    else:
        assert told == {"recordsIdsAdded": contacts[:2]}
    assert members(sandbox_server, list_id) == contacts[1:2]


@pytest.mark.parametrize("answered", ["missing", "successor", "as_given"])
def test_a_merged_contact_is_missing_or_stands_for_its_successor(
    sandbox_server, list_id, contacts, answered
):
    gone, into = contacts[:2]
    sandbox_server.set_faults([], hubspot_merged_ids=answered)
    sandbox_server.change(
        {"change": "merge", "collection": "hubspot/contacts", "id": gone, "into": into}
    )
    told = put(sandbox_server, list_id, [gone]).json()
    expected = {
        "missing": {"recordIdsMissing": [gone]},
        "successor": {"recordsIdsAdded": [into]},
        "as_given": {"recordsIdsAdded": [gone]},
    }
    assert told == expected[answered]
    assert members(sandbox_server, list_id) == ([] if answered == "missing" else [into])


@pytest.mark.parametrize(
    ("kept", "survives"), [("both", True), ("primary", False), ("none", False)]
)
def test_a_membership_survives_a_merge_or_not_as_told(
    sandbox_server, list_id, contacts, kept, survives
):
    gone, into = contacts[:2]
    put(sandbox_server, list_id, [gone])
    merge = {"change": "merge", "collection": "hubspot/contacts", "id": gone, "into": into}
    sandbox_server.change({**merge, "new_id": "39000000001", "memberships": kept})
    assert members(sandbox_server, list_id) == (["39000000001"] if survives else [])


@pytest.mark.parametrize("status", [400, 413])
def test_a_batch_that_is_too_large_is_refused_whole(sandbox_server, list_id, contacts, status):
    sandbox_server.set_faults([], hubspot_most_ids=3, hubspot_most_ids_status=status)
    assert put(sandbox_server, list_id, contacts[:4]).status_code == status
    assert put(sandbox_server, list_id, contacts[:3]).status_code == 200
    assert members(sandbox_server, list_id) == contacts[:3]


def test_a_change_may_show_late(sandbox_server, list_id, contacts):
    put(sandbox_server, list_id, contacts[:1])
    sandbox_server.set_faults([], lists_delay_seconds=0.6)
    put(sandbox_server, list_id, contacts[1:2], contacts[:1])
    assert members(sandbox_server, list_id) == []  # the first one does not show yet either
    sandbox_server.set_faults([], lists_delay_seconds=0.0)
    assert members(sandbox_server, list_id) == contacts[1:2]


def test_a_contact_is_deleted_for_good_by_id_or_by_address(sandbox_server, list_id, contacts):
    put(sandbox_server, list_id, contacts)
    path = f"{CONTACTS}/gdpr-delete"
    one = sandbox_server.hubspot.get(f"{CONTACTS}/{contacts[1]}?properties=email").json()
    by_address = {"objectId": one["properties"]["email"], "idProperty": "email"}
    for body in ({"objectId": contacts[0]}, by_address):
        assert sandbox_server.hubspot.post(path, json=body).status_code == 204
    assert members(sandbox_server, list_id) == contacts[2:]
    for each in contacts[:2]:
        for query in ("", "?archived=true"):
            assert sandbox_server.hubspot.get(f"{CONTACTS}/{each}{query}").status_code == 404
    assert sandbox_server.hubspot.post(path, json={"objectId": contacts[0]}).status_code == 404
