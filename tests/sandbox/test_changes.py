"""Records change while somebody reads, as a test says; and everything is taken back after."""

import hashlib
import sqlite3
from contextlib import closing

import httpx
import pytest

CONTACTS = "hubspot/contacts"
LIST = "/crm/objects/2026-09/contacts"
NEWS = "901"


def listed(server, kind="contacts", **query):
    found, query = [], {"limit": 25, **query}
    while True:
        page = server.hubspot.get(f"/crm/objects/2026-09/{kind}", params=query).json()
        found += page["results"]
        if "paging" not in page:
            return {each["id"]: each for each in found}
        query["after"] = page["paging"]["next"]["after"]


def searched(server, since, kind="contacts", limit=200):
    """Return the ids of every page of a search by modified date."""
    name = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
    body = {
        "filterGroups": [
            {"filters": [{"propertyName": name, "operator": "GTE", "value": str(since)}]}
        ],
        "sorts": [{"propertyName": name, "direction": "ASCENDING"}],
        "properties": [],
        "limit": limit,
        "after": "0",
    }
    found = []
    while True:
        page = server.hubspot.post(f"/crm/objects/2026-09/{kind}/search", json=body).json()
        found += [each["id"] for each in page["results"]]
        if "paging" not in page:
            return found
        body["after"] = page["paging"]["next"]["after"]


def batch(server, *ids, kind="contacts", **more):
    body = {"inputs": [{"id": each} for each in ids], "properties": [], **more}
    return server.hubspot.post(f"/crm/objects/2026-09/{kind}/batch/read", json=body)


def change(kind, **more):
    return {"change": kind, **more}


@pytest.fixture
def two(sandbox_server):
    """Two contacts that have stood for long."""
    return list(listed(sandbox_server))[:2]


def content(path):
    with closing(sqlite3.connect(path)) as database:
        return hashlib.sha256("".join(database.iterdump()).encode()).hexdigest()


def test_two_contacts_become_a_new_one_that_both_ids_lead_to(sandbox_server, two):
    one, other = two
    before = listed(sandbox_server)
    sandbox_server.change(
        change("merge", collection=CONTACTS, id=one, into=other, new_id="39000000001")
    )
    wanted = "hs_merged_object_ids,email"
    after = listed(sandbox_server, properties=wanted)
    assert not {one, other} & set(after)
    made = after["39000000001"]
    assert set(made["properties"]["hs_merged_object_ids"].split(";")) == {one, other}
    assert made["properties"]["email"] == before[other]["properties"]["email"]
    assert made["updatedAt"] == "2018-01-02T23:59:59.000Z"
    assert "39000000001" in searched(sandbox_server, 1_514_937_599_000)
    answer = batch(sandbox_server, one, other)
    assert (answer.status_code, [each["id"] for each in answer.json()["results"]]) == (
        200,
        ["39000000001"],
    )
    for gone in two:
        assert sandbox_server.hubspot.get(f"{LIST}/{gone}").json()["id"] == "39000000001"


def test_a_merged_profile_is_gone_and_its_events_are_the_others(sandbox_server):
    klaviyo = sandbox_server.klaviyo
    first = klaviyo.get("/events?sort=datetime&page[size]=1").json()["data"][0]
    gone = first["relationships"]["profile"]["data"]["id"]
    profiles = klaviyo.get("/profiles?sort=id&page[size]=100").json()["data"]
    kept = next(each["id"] for each in profiles if each["id"] != gone)

    def events(profile):
        page = klaviyo.get(f'/events?page[size]=1000&filter=equals(profile_id,"{profile}")')
        return {each["id"] for each in page.json()["data"]}

    both = events(gone) | events(kept)
    sandbox_server.change(change("merge", collection="klaviyo/profile", id=gone, into=kept))
    assert klaviyo.get(f'/profiles?filter=equals(id,"{gone}")').json()["data"] == []
    assert (events(gone), events(kept)) == (set(), both)
    alone = klaviyo.get(f"/events/{first['id']}?include=profile").json()
    assert alone["data"]["relationships"]["profile"]["data"]["id"] == kept
    assert [each["id"] for each in alone["included"]] == [kept]


def test_every_change_is_taken_back(sandbox_server, two):
    before = content(sandbox_server.company.crm_path)
    first, second = two
    (profile,) = sandbox_server.klaviyo.get("/profiles?page[size]=1").json()["data"]
    sandbox_server.change(
        change("create", collection="hubspot/notes", count=3),
        change("modify", collection=CONTACTS, id=first, values={"city": "Huế"}),
        change("merge", collection=CONTACTS, id=second, into=first),
        change("unmerge", collection=CONTACTS, id=second),
        change("archive", collection=CONTACTS, id=second),
        change("restore", collection=CONTACTS, id=second),
        change("delete", collection=CONTACTS, id=second),
        change("event", metric="Received Email", profile_id=profile["id"], count=2),
        change("state", email="a@example.com", subscription_id=NEWS, status="UNSUBSCRIBED"),
        change("join", list_id="L1", profile_id=profile["id"]),
        change("leave", list_id="L1", profile_id=profile["id"]),
    )
    assert content(sandbox_server.company.crm_path) != before
    httpx.delete(f"{sandbox_server.url}/sandbox/faults")
    assert content(sandbox_server.company.crm_path) == before


def test_an_edit_moves_the_modified_date_unless_it_is_silent(sandbox_server, two):
    first, second = two
    before = listed(sandbox_server)
    sandbox_server.change(
        change("modify", collection=CONTACTS, id=first, values={"city": "Huế"}),
        change("modify", collection=CONTACTS, id=second, values={"city": "Qom"}, silently=True),
    )
    after = listed(sandbox_server, properties="city")
    assert [after[each]["properties"]["city"] for each in two] == ["Huế", "Qom"]
    assert after[first]["updatedAt"] == "2018-01-02T23:59:59.000Z"
    assert after[second]["updatedAt"] == before[second]["updatedAt"]


def test_a_deleted_contact_is_archived_with_the_modified_date_it_had(sandbox_server, two):
    before = listed(sandbox_server)[two[0]]
    sandbox_server.change(change("archive", collection=CONTACTS, id=two[0]))
    assert two[0] not in listed(sandbox_server)
    archived = listed(sandbox_server, archived="true")[two[0]]
    assert archived["updatedAt"] == before["updatedAt"]
    assert archived["archivedAt"] == "2018-01-02T23:59:59.000Z"
    sandbox_server.change(change("restore", collection=CONTACTS, id=two[0]))
    assert two[0] in listed(sandbox_server)


def test_a_permanently_deleted_contact_is_nowhere(sandbox_server, two):
    sandbox_server.change(change("delete", collection=CONTACTS, id=two[0]))
    assert two[0] not in listed(sandbox_server)
    assert two[0] not in listed(sandbox_server, archived="true")
    assert two[0] not in searched(sandbox_server, 0)
    assert sandbox_server.hubspot.get(f"{LIST}/{two[0]}").status_code == 404
    for archived in ("false", "true"):
        answer = sandbox_server.hubspot.post(
            f"{LIST}/batch/read?archived={archived}",
            json={"inputs": [{"id": two[0]}], "properties": []},
        )
        assert answer.status_code == 207
        assert answer.json()["errors"][0]["context"] == {"ids": [two[0]]}


def test_a_merge_leaves_one_id_and_moves_no_date(sandbox_server, two):
    gone, kept = two
    before = listed(sandbox_server)[kept]
    sandbox_server.change(change("merge", collection=CONTACTS, id=gone, into=kept))
    wanted = "hs_merged_object_ids,hs_calculated_merged_vids"
    after = listed(sandbox_server, properties=wanted)
    assert gone not in after
    assert gone not in listed(sandbox_server, archived="true")
    assert after[kept]["updatedAt"] == before["updatedAt"]
    properties = after[kept]["properties"]
    assert properties["hs_merged_object_ids"] == gone
    assert properties["hs_calculated_merged_vids"].split(":")[0] == gone
    answer = batch(sandbox_server, gone)
    assert (answer.status_code, [each["id"] for each in answer.json()["results"]]) == (200, [kept])
    assert sandbox_server.hubspot.get(f"{LIST}/{gone}").json()["id"] == kept


def test_merges_add_up_and_every_id_leads_to_the_last(sandbox_server):
    a, b, c = list(listed(sandbox_server))[:3]
    sandbox_server.change(
        change("merge", collection=CONTACTS, id=a, into=b),
        change("merge", collection=CONTACTS, id=b, into=c),
    )
    answer = batch(sandbox_server, a, b, c, properties=["hs_merged_object_ids"]).json()
    (found,) = answer["results"]
    assert found["id"] == c
    assert found["properties"]["hs_merged_object_ids"] == f"{a};{b}"


def test_an_unmerge_brings_the_id_back_and_strikes_it_from_the_list(sandbox_server, two):
    gone, kept = two
    sandbox_server.change(change("merge", collection=CONTACTS, id=gone, into=kept))
    sandbox_server.change(change("unmerge", collection=CONTACTS, id=gone))
    answer = batch(sandbox_server, *two, properties=["hs_merged_object_ids"]).json()
    assert [each["id"] for each in answer["results"]] == two
    assert [each["properties"]["hs_merged_object_ids"] for each in answer["results"]] == [None] * 2


def test_a_merged_contact_gives_its_ties_to_the_survivor(sandbox_server, two):
    gone, kept = two
    ((note,),) = (
        each["ids"] for each in sandbox_server.change(change("create", collection="hubspot/notes"))
    )
    sandbox_server.change(
        change("associate", start=["notes", note], end=["contacts", gone]),
        change("merge", collection=CONTACTS, id=gone, into=kept),
    )
    answer = sandbox_server.hubspot.post(
        "/crm/associations/2026-09/notes/contacts/batch/read", json={"inputs": [{"id": note}]}
    ).json()
    assert [tie["toObjectId"] for tie in answer["results"][0]["to"]] == [int(kept)]


def test_a_tie_made_late_and_one_untied_move_nobodys_date(sandbox_server, two):
    (made,) = sandbox_server.change(
        change("create", collection="hubspot/calls", at="2017-12-01T08:00:00Z")
    )
    call, path = made["ids"][0], "/crm/associations/2026-09/calls/contacts/batch/read"
    inputs = {"inputs": [{"id": call}]}
    before = listed(sandbox_server, "calls")[call]
    assert sandbox_server.hubspot.post(path, json=inputs).status_code == 207
    sandbox_server.change(change("associate", start=["calls", call], end=["contacts", two[0]]))
    found = sandbox_server.hubspot.post(path, json=inputs).json()["results"]
    assert [tie["toObjectId"] for tie in found[0]["to"]] == [int(two[0])]
    assert listed(sandbox_server, "calls")[call] == before
    sandbox_server.change(change("dissociate", start=["contacts", two[0]], end=["calls", call]))
    assert sandbox_server.hubspot.post(path, json=inputs).status_code == 207


def test_a_thousand_records_share_an_instant_across_the_end_of_a_page(sandbox_server):
    at = "2017-12-24T12:00:00Z"
    (made,) = sandbox_server.change(
        change("create", collection="hubspot/tickets", at=at, count=1_000)
    )
    found = searched(sandbox_server, 1514116800000, "tickets")
    assert len(found) == len(set(found))
    assert set(made["ids"]) <= set(found)
    assert {
        each["updatedAt"]
        for each in listed(sandbox_server, "tickets").values()
        if each["id"] in made["ids"]
    } == {"2017-12-24T12:00:00.000Z"}


def test_a_late_record_shows_with_the_old_date_it_has(sandbox_server):
    new = change("create", collection="hubspot/deals", at="2017-06-01T00:00:00Z")
    (made,) = sandbox_server.change(new)
    assert listed(sandbox_server, "deals")[made["ids"][0]]["updatedAt"].startswith("2017-06-01")
    sandbox_server.set_clock("2018-01-02T23:00:00Z")
    assert made["ids"][0] not in listed(sandbox_server, "deals")


def test_late_events_show_only_once_they_are_visible(sandbox_server):
    profile = sandbox_server.klaviyo.get("/profiles?page[size]=1").json()["data"][0]["id"]
    window = (
        "greater-or-equal(datetime,2017-06-01T00:00:00Z),less-than(datetime,2017-06-02T00:00:00Z)"
    )
    late = change(
        "event", metric="Received Email", profile_id=profile, at="2017-06-01T10:00:00Z", count=3
    )

    def there():
        query = {"filter": window, "page[size]": 1000}
        return [
            each["id"]
            for each in sandbox_server.klaviyo.get("/events", params=query).json()["data"]
        ]

    before = there()
    (made,) = sandbox_server.change(late)
    assert set(there()) - set(before) == set(made["ids"])
    sandbox_server.set_clock("2018-01-02T23:00:00Z")
    assert there() == before


def test_what_an_address_says_later_counts(sandbox_server):
    for status in ("SUBSCRIBED", "UNSUBSCRIBED"):
        sandbox_server.change(
            change("state", email="A@Example.com", subscription_id="*", status=status)
        )
    answer = sandbox_server.hubspot.post(
        "/communication-preferences/2026-09/statuses/batch/unsubscribe-all/read?channel=EMAIL",
        json={"inputs": ["a@example.com"]},
    ).json()
    (wide,) = answer["results"][0]["wideStatuses"]
    assert wide["status"] == "UNSUBSCRIBED"


@pytest.mark.parametrize(
    ("kind", "then"),
    [
        ("archive", "archived"),
        ("delete", "nowhere"),
        ("merge", "merged"),
    ],
)
def test_a_record_can_go_between_two_pages(sandbox_server, two, kind, then):
    more = {"into": two[1]} if kind == "merge" else {}
    sandbox_server.set_faults(
        [
            {
                "match": {"path": "/contacts\\?"},
                "do": {"kind": "mutate", "changes": [change(kind, id="$last", **more)]},
            }
        ]
    )
    first = sandbox_server.hubspot.get(LIST, params={"limit": 10}).json()["results"]
    gone = first[-1]["id"]
    assert [rule["fired"] for rule in sandbox_server.faults()] == [1]
    assert gone not in listed(sandbox_server)
    assert (gone in listed(sandbox_server, archived="true")) == (then == "archived")
    assert bool(batch(sandbox_server, gone).json()["results"]) == (then == "merged")


def test_a_tie_can_be_made_after_the_page_that_showed_the_contact(sandbox_server):
    call = "30000000001"
    later = [
        change("create", collection="hubspot/calls", id=call),
        change("associate", start=["calls", call], end=["contacts", "$first"]),
    ]
    sandbox_server.set_faults(
        [{"match": {"path": "/contacts\\?"}, "do": {"kind": "mutate", "changes": later}}]
    )

    def calls_of_the_first():
        page = sandbox_server.hubspot.get(LIST, params={"associations": "calls"}).json()
        shown = page["results"][0].get("associations", {"calls": {"results": []}})
        return shown["calls"]["results"]

    tied = {"id": call, "type": "contact_to_call"}
    assert tied not in calls_of_the_first()
    assert tied in calls_of_the_first()


@pytest.mark.parametrize(
    "wrong",
    [
        {"change": "explode"},
        {"change": "archive", "collection": CONTACTS},
        {"change": "archive", "collection": CONTACTS, "id": "1"},
        {"change": "archive", "collection": CONTACTS, "id": "1", "colour": "red"},
        {"change": "create", "collection": CONTACTS, "count": 0},
        {"change": "create", "collection": CONTACTS, "at": "yesterday"},
        {"change": "associate", "start": ["calls", "1"], "end": ["owners", "1"]},
        {"change": "event", "metric": "Nothing", "profile_id": "x"},
        "archive",
    ],
)
def test_a_change_that_cannot_be_made_is_refused_and_changes_nothing(sandbox_server, wrong):
    before = content(sandbox_server.company.crm_path)
    with pytest.raises(ValueError, match="expected a list of changes"):
        sandbox_server.change({"change": "create", "collection": CONTACTS}, wrong)
    assert content(sandbox_server.company.crm_path) == before


def test_a_rule_with_a_wrong_change_is_refused_at_once(sandbox_server):
    rule = {"do": {"kind": "mutate", "changes": [{"change": "archive", "colour": "red"}]}}
    with pytest.raises(ValueError, match="archive needs id"):
        sandbox_server.set_faults([rule])
