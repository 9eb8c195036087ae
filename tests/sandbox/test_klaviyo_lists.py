"""Writing to the Klaviyo look-alike: lists, who is on them, the flows that joining starts."""

import time

import httpx
import pytest

from sandbox.klaviyo import REVISIONS
from tests.sandbox.test_klaviyo import check


@pytest.fixture
def profiles(sandbox_server):
    """Ids of six profiles."""
    page = sandbox_server.klaviyo.get("/profiles", params={"page[size]": 6}).json()
    return [each["id"] for each in page["data"]]


def create(server, name="Welcome", **attributes):
    body = {"data": {"type": "list", "attributes": {"name": name, **attributes}}}
    return server.klaviyo.post("/lists", json=body)


@pytest.fixture
def list_id(sandbox_server):
    """A list of our own."""
    return create(sandbox_server, opt_in_process="single_opt_in").json()["data"]["id"]


def write(server, list_id, ids, method="POST"):
    body = {"data": [{"type": "profile", "id": each} for each in ids]}
    return server.klaviyo.request(method, f"/lists/{list_id}/relationships/profiles", json=body)


def members(server, list_id):
    url, query = f"/lists/{list_id}/relationships/profiles", {"page[size]": 2}
    found = []
    while url:
        page = server.klaviyo.get(url, params=query or None).json()
        found += [each["id"] for each in page["data"]]
        url, query = page["links"].get("next"), {}
    return set(found)


def test_a_list_is_made_as_described_and_can_be_deleted(sandbox_server):
    answer = create(sandbox_server)
    assert answer.status_code == 201
    made = check(answer, "made_list")["data"]
    assert made["attributes"]["opt_in_process"] == "double_opt_in"
    assert sandbox_server.klaviyo.get(f"/lists/{made['id']}").status_code == 200
    assert sandbox_server.klaviyo.delete(f"/lists/{made['id']}").status_code == 204
    assert sandbox_server.klaviyo.get(f"/lists/{made['id']}").status_code == 404
    assert write(sandbox_server, made["id"], ["x"]).status_code == 404


def test_members_join_and_leave_and_no_row_is_told(sandbox_server, list_id, profiles):
    joined = write(sandbox_server, list_id, profiles)
    assert (joined.status_code, joined.content) == (204, b"")
    assert write(sandbox_server, list_id, profiles[:2], "DELETE").status_code == 204
    assert write(sandbox_server, list_id, profiles[:1], "DELETE").status_code == 204
    assert members(sandbox_server, list_id) == set(profiles[2:])
    assert write(sandbox_server, list_id, []).status_code == 400
    assert write(sandbox_server, list_id, profiles * 200).status_code == 400


def test_joining_changes_nobodys_consent(sandbox_server, list_id):
    wanted = {"additional-fields[profile]": "subscriptions", "page[size]": 100}

    def consents():
        page = sandbox_server.klaviyo.get("/profiles", params=wanted).json()
        return {each["id"]: each["attributes"] for each in page["data"]}

    before = consents()
    write(sandbox_server, list_id, list(before))
    assert consents() == before
    assert members(sandbox_server, list_id) == set(before)


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("kind", ["unknown", "deleted", "merged"])
def test_an_id_that_is_no_profile_is_refused_with_its_batch_or_ignored(
    sandbox_server, list_id, profiles, kind, status
):
    gone = "01NOBODY" if kind == "unknown" else profiles[0]
    for answered in ("refuse", "ignore"):
        settings = {f"klaviyo_{kind}_ids": answered, "klaviyo_refusal_status": status}
        sandbox_server.set_faults([], **settings)
        if kind == "deleted":
            delete = {"change": "delete", "collection": "klaviyo/profile"}
            sandbox_server.change({**delete, "id": gone})
        if kind == "merged":
            merge = {"change": "merge", "collection": "klaviyo/profile", "into": profiles[1]}
            sandbox_server.change({**merge, "id": gone})
        answer = write(sandbox_server, list_id, [gone, profiles[2]])
        assert answer.status_code == (status if answered == "refuse" else 204)
        assert members(sandbox_server, list_id) == (
            set() if answered == "refuse" else {profiles[2]}
        )


def test_a_merged_profile_may_stand_for_its_survivor(sandbox_server, list_id, profiles):
    sandbox_server.set_faults([], klaviyo_merged_ids="follow")
    merge = {"change": "merge", "collection": "klaviyo/profile", "into": profiles[1]}
    sandbox_server.change({**merge, "id": profiles[0]})
    write(sandbox_server, list_id, profiles[:1])
    assert members(sandbox_server, list_id) == {profiles[1]}


def test_a_change_may_show_late(sandbox_server, list_id, profiles):
    sandbox_server.set_faults([], lists_delay_seconds=0.5)
    write(sandbox_server, list_id, profiles)
    assert members(sandbox_server, list_id) == set()
    time.sleep(0.6)
    assert members(sandbox_server, list_id) == set(profiles)


def test_a_list_tells_its_flows_and_a_flow_how_often_it_may_be_entered(sandbox_server, list_id):
    again = {"duration": 30, "unit": "day"}
    (made,) = sandbox_server.change({"change": "flow", "list_id": list_id, "reentry": again})
    (flow_id,) = made["ids"]
    flows = check(sandbox_server.klaviyo.get(f"/lists/{list_id}/flow-triggers"), "list_flows")
    assert [each["id"] for each in flows["data"]] == [flow_id]
    assert "definition" not in flows["data"][0]["attributes"]
    asked = {"additional-fields[flow]": "definition"}
    flow = check(sandbox_server.klaviyo.get(f"/flows/{flow_id}", params=asked), "flow")
    definition = flow["data"]["attributes"]["definition"]
    assert definition["reentry_criteria"] == again
    assert definition["triggers"] == [{"type": "list", "id": list_id}]


@pytest.mark.parametrize(
    ("reentry", "starts"),
    [
        ({"duration": 1, "unit": "alltime"}, 1),
        ({"duration": 0, "unit": "alltime"}, 2),
        ({"duration": 1, "unit": "day"}, 2),
        ({"duration": 2, "unit": "week"}, 1),
    ],
)
def test_who_leaves_and_joins_again_starts_a_flow_as_often_as_it_lets_them(
    sandbox_server, list_id, profiles, reentry, starts
):
    sandbox_server.change({"change": "flow", "list_id": list_id, "reentry": reentry})
    draft = {"change": "flow", "list_id": list_id, "status": "draft", "name": "Not yet"}
    sandbox_server.change(draft)
    write(sandbox_server, list_id, profiles[:1])
    write(sandbox_server, list_id, profiles[:1])  # is on it already: nothing starts
    sandbox_server.set_clock("2018-01-05T00:00:00Z")
    write(sandbox_server, list_id, profiles[:1], "DELETE")
    write(sandbox_server, list_id, profiles[:1])
    assert [each["profile_id"] for each in sandbox_server.flow_starts()] == profiles[:1] * starts


def test_a_profile_is_deleted_by_a_job(sandbox_server, list_id, profiles):
    write(sandbox_server, list_id, profiles)
    shown = sandbox_server.klaviyo.get("/profiles", params={"page[size]": 100}).json()["data"]
    email = next(each["attributes"]["email"] for each in shown if each["id"] == profiles[1])

    def job(**profile):
        data = {"type": "profile", **profile}
        attributes = {"profile": {"data": data}}
        body = {"data": {"type": "data-privacy-deletion-job", "attributes": attributes}}
        return sandbox_server.klaviyo.post("/data-privacy-deletion-jobs", json=body).status_code

    assert job(id=profiles[0]) == 202
    assert job(attributes={"email": email}) == 202
    assert job(id=profiles[2], attributes={"email": email}) == 400
    left = sandbox_server.klaviyo.get("/profiles", params={"page[size]": 100}).json()["data"]
    assert not {each["id"] for each in left} & set(profiles[:2])
    assert members(sandbox_server, list_id) == set(profiles[2:])


def test_writing_needs_other_scopes_than_reading(sandbox_server, list_id, profiles):
    key = f"Klaviyo-API-Key {sandbox_server.klaviyo_key}-without-lists:write"
    headers = {"Authorization": key, "revision": REVISIONS[-1]}
    with httpx.Client(base_url=sandbox_server.klaviyo_url, headers=headers) as client:
        path = f"/lists/{list_id}/relationships/profiles"
        assert client.get(path).status_code == 200
        assert client.post(path, json={"data": []}).status_code == 403


def test_the_documented_limits_hold_by_second_and_by_minute(sandbox_server, list_id, profiles):
    sandbox_server.set_faults([], klaviyo_limits_documented=True)
    answers = [write(sandbox_server, list_id, profiles[:1]) for _ in range(11)]
    assert [each.status_code for each in answers].count(429) >= 1
    assert answers[0].headers["RateLimit-Limit"] == "150, 150;w=60"
    assert answers[0].headers["RateLimit-Remaining"] == "149"
    refused = answers[-1]
    assert refused.headers["Retry-After"] == "1"
    assert "RateLimit-Limit" not in refused.headers
    read = sandbox_server.klaviyo.get(f"/lists/{list_id}/relationships/profiles")
    assert read.headers["RateLimit-Limit"] == "750, 750;w=60"


def test_another_minute_begins_after_150_writes(sandbox_server):
    from sandbox.limits import Limit

    minute, asked = Limit(150, 60), []
    asked = [minute.take("membership writes") for _ in range(151)]
    assert [allowed for allowed, _, _ in asked] == [True] * 150 + [False]
    assert asked[-1][2] > 50
