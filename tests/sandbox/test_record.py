"""The sandbox's own record: what calls did, whatever became of their answers, and who said no."""

import httpx
import pytest

LISTS = "/crm/lists/2026-09"
EMAILS = "/communication-preferences/2026-09/statuses/batch"


@pytest.fixture
def contacts(sandbox_server):
    """Id and address of four contacts that have one."""
    query = {"limit": 20, "properties": "email"}
    page = sandbox_server.hubspot.get("/crm/objects/2026-09/contacts", params=query).json()
    known = {each["id"]: each["properties"]["email"] for each in page["results"]}
    return [(id_, email) for id_, email in known.items() if email][:4]


@pytest.fixture
def ids(contacts):
    """Their ids."""
    return [each for each, _ in contacts]


@pytest.fixture
def list_id(sandbox_server):
    """A list in the CRM."""
    body = {"name": "Welcome", "objectTypeId": "0-1", "processingType": "MANUAL"}
    return sandbox_server.hubspot.post(LISTS, json=body).json()["list"]["listId"]


def put(server, list_id, add=(), remove=(), **more):
    body = {"recordIdsToAdd": list(add), "recordIdsToRemove": list(remove)}
    return server.hubspot.put(f"{LISTS}/{list_id}/memberships/add-and-remove", json=body, **more)


def rule(kind, **settings):
    return {"match": {"path": "/memberships/add-and-remove"}, "do": {"kind": kind, **settings}}


def done(server, list_id):
    return [(each["what"], each["ids"]) for each in server.memberships(list_id)]


def test_the_record_tells_who_was_added_and_removed_in_order(sandbox_server, list_id, ids):
    put(sandbox_server, list_id, ids[:2])
    put(sandbox_server, list_id, ids[1:3], ids[:1])
    put(sandbox_server, list_id, ids[1:3])
    assert done(sandbox_server, list_id) == [
        ("added", ids[:2]),
        ("added", ids[2:3]),
        ("removed", ids[:1]),
    ]
    assert sandbox_server.members(list_id) == set(ids[1:3])
    calls = sandbox_server.calls("PUT /hubspot")
    assert [each["status"] for each in calls] == [200, 200, 200]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (rule("status", code=504, applied=True), 504),
        (rule("hang", applied=True), None),
        (rule("reset"), None),
        (rule("truncate"), 200),
        (rule("empty"), 200),
        (rule("delay", seconds=0.6, applied=True), None),
    ],
    ids=lambda each: each["do"]["kind"] if isinstance(each, dict) else "",
)
def test_what_was_carried_out_is_in_the_record_whatever_became_of_the_answer(
    sandbox_server, list_id, ids, fault, status
):
    sandbox_server.set_faults([fault])
    try:
        told = put(sandbox_server, list_id, ids, timeout=0.3).status_code
    except httpx.HTTPError:
        told = None
    assert told == status
    assert sandbox_server.members(list_id) == set(ids)


@pytest.mark.parametrize("fault", [rule("status", code=504), rule("hang")])
def test_what_was_not_carried_out_is_not_in_it(sandbox_server, list_id, ids, fault):
    sandbox_server.set_faults([fault])
    with pytest.raises((httpx.HTTPStatusError, httpx.ReadTimeout)):
        put(sandbox_server, list_id, ids, timeout=0.3).raise_for_status()
    assert sandbox_server.members(list_id) == set()


def test_a_reset_of_an_answer_without_a_body_is_no_answer(sandbox_server):
    made = {"data": {"type": "list", "attributes": {"name": "Welcome"}}}
    list_id = sandbox_server.klaviyo.post("/lists", json=made).json()["data"]["id"]
    profile = sandbox_server.klaviyo.get("/profiles").json()["data"][0]["id"]
    path = f"/lists/{list_id}/relationships/profiles"
    sandbox_server.set_faults([{"match": {"method": "POST"}, "do": {"kind": "reset"}}])
    with pytest.raises(httpx.HTTPError):
        sandbox_server.klaviyo.post(path, json={"data": [{"type": "profile", "id": profile}]})
    assert sandbox_server.members(list_id) == {profile}


def test_a_batch_may_be_refused_when_half_of_it_is_done(sandbox_server, list_id, ids):
    sandbox_server.set_faults([rule("half", code=502)])
    assert put(sandbox_server, list_id, ids).status_code == 502
    assert sandbox_server.members(list_id) == set(ids[:2])


def test_rules_can_be_added_without_taking_anything_back(sandbox_server, list_id, ids):
    archive = {"change": "archive", "collection": "hubspot/contacts", "id": ids[0]}
    sandbox_server.change(archive)
    sandbox_server.add_faults(rule("status", code=500))
    assert put(sandbox_server, list_id, ids).status_code == 500
    assert put(sandbox_server, list_id, ids).json()["recordIdsMissing"] == ids[:1]


def test_what_calls_wrote_outlives_the_faults_and_is_taken_back_with_the_record(
    sandbox_server, list_id, ids
):
    put(sandbox_server, list_id, ids)
    sandbox_server.set_faults([])
    assert sandbox_server.members(list_id) == set(ids)
    assert sandbox_server.hubspot.get(f"{LISTS}/{list_id}").status_code == 200
    sandbox_server.reset()
    assert sandbox_server.members(list_id) == set()
    assert sandbox_server.hubspot.get(f"{LISTS}/{list_id}").status_code == 404


def state(email, status, subscription_id="*"):
    return {
        "change": "state",
        "email": email,
        "subscription_id": subscription_id,
        "status": status,
    }


def read_preferences(server, email):
    path = f"{EMAILS}/unsubscribe-all/read?channel=EMAIL"
    return server.hubspot.post(path, json={"inputs": [email]})


def test_who_was_added_after_their_no_had_been_served_is_found(sandbox_server, list_id, contacts):
    (one, email), (other, _) = contacts[:2]
    sandbox_server.change(state(email, "UNSUBSCRIBED"))
    put(sandbox_server, list_id, [one])
    put(sandbox_server, list_id, [], [one])
    assert sandbox_server.added_after_opt_out() == []  # nobody had been told
    read_preferences(sandbox_server, email)
    put(sandbox_server, list_id, [one, other])
    (found,) = sandbox_server.added_after_opt_out()
    assert (found["id"], found["list_id"]) == (one, list_id)


def test_a_no_that_was_lifted_again_counts_no_more(sandbox_server, list_id, contacts):
    one, email = contacts[0]
    for status in ("UNSUBSCRIBED", "SUBSCRIBED"):
        sandbox_server.change(state(email, status))
        read_preferences(sandbox_server, email)
    put(sandbox_server, list_id, [one])
    assert sandbox_server.added_after_opt_out() == []


def test_an_answer_that_was_cut_off_told_nobody(sandbox_server, list_id, contacts):
    one, email = contacts[0]
    sandbox_server.change(state(email, "UNSUBSCRIBED"))
    sandbox_server.add_faults({"match": {"path": "unsubscribe-all"}, "do": {"kind": "truncate"}})
    read_preferences(sandbox_server, email)
    put(sandbox_server, list_id, [one])
    assert sandbox_server.added_after_opt_out() == []


def test_a_no_to_one_vendor_holds_at_the_other(sandbox_server, list_id, contacts):
    """The person says no, not the record: found by the address that both have."""
    query = {"additional-fields[profile]": "subscriptions", "page[size]": 100}

    def profiles():
        return sandbox_server.klaviyo.get("/profiles", params=query).json()["data"]

    known = {each["attributes"]["email"].lower(): each for each in profiles()}
    one, email = next(each for each in contacts if each[1].lower() in known)
    profile = known[email.lower()]
    said = profile["attributes"]["subscriptions"]
    said["email"]["marketing"]["consent"] = "UNSUBSCRIBED"
    modify = {"change": "modify", "collection": "klaviyo/profile", "id": profile["id"]}
    sandbox_server.change({**modify, "values": {"subscriptions": said}})
    put(sandbox_server, list_id, [one])
    put(sandbox_server, list_id, [], [one])
    profiles()
    put(sandbox_server, list_id, [one])
    (found,) = sandbox_server.added_after_opt_out()
    assert found["id"] == one
