"""Objects are read in batches, with their earlier values and their ties, as in HubSpot."""

import httpx
import pytest

from sandbox.schema import OBJECT_TYPES, PROPERTIES

CONTACTS = "/crm/objects/2026-09/contacts"
DEALS = "/crm/objects/2026-09/deals"


def change(kind, collection="hubspot/deals", **more):
    return {"change": kind, "collection": collection, **more}


def read(server, ids, kind="contacts", query="", **more):
    body = {"inputs": [{"id": each} for each in ids], "properties": [], **more}
    return server.hubspot.post(f"/crm/objects/2026-09/{kind}/batch/read{query}", json=body)


@pytest.fixture
def deal(sandbox_server):
    """A deal that has gone through three stages."""
    (made,) = sandbox_server.change(
        change("create", at="2017-05-01T08:00:00Z", values={"dealstage": "qualifiedtobuy"})
    )
    deal_id = made["ids"][0]
    for values in ({"amount": 12}, {"dealstage": "contractsent"}, {"dealstage": "closedwon"}):
        sandbox_server.change(change("modify", id=deal_id, values=values))
    return deal_id


@pytest.mark.parametrize("kind", OBJECT_TYPES)
def test_every_object_type_can_be_listed_searched_and_read(sandbox_server, kind):
    collection = f"hubspot/{kind}"
    names = set(PROPERTIES[collection])
    (made,) = sandbox_server.change(
        change("create", collection, at="2017-12-24T12:00:00Z", count=2)
    )
    asked = ",".join(names)
    listed, after = [], "0"
    while after:
        page = sandbox_server.hubspot.get(
            f"/crm/objects/2026-09/{kind}",
            params={"limit": 100, "after": after, "properties": asked},
        ).json()
        listed += page["results"]
        after = page.get("paging", {}).get("next", {}).get("after")
    found = {each["id"]: each for each in listed}
    assert set(made["ids"]) <= set(found)
    assert set(found[made["ids"][0]]["properties"]) == names
    searched = sandbox_server.hubspot.post(
        f"/crm/objects/2026-09/{kind}/search",
        json={
            "filterGroups": [
                {
                    "filters": [
                        {
                            "propertyName": OBJECT_TYPES[kind],
                            "operator": "EQ",
                            "value": "1514116800000",
                        }
                    ]
                }
            ],
            "sorts": [OBJECT_TYPES[kind]],
            "properties": [],
            "limit": 200,
            "after": "0",
        },
    ).json()
    assert set(made["ids"]) <= {each["id"] for each in searched["results"]}
    batch = read(sandbox_server, made["ids"], kind, properties=sorted(names))
    assert batch.status_code == 200
    assert batch.json()["results"] == [found[each] for each in made["ids"]]


def test_a_batch_says_that_it_is_complete_and_reads_each_id_once(sandbox_server):
    page = sandbox_server.hubspot.get(CONTACTS, params={"limit": 3}).json()["results"]
    ids = [each["id"] for each in page]
    body = read(sandbox_server, [*ids, ids[0]], properties=["email"]).json()
    assert set(body) == {"status", "results", "startedAt", "completedAt"}
    assert body["status"] == "COMPLETE"
    assert [each["id"] for each in body["results"]] == ids
    assert all(each["properties"]["email"] for each in body["results"])


def test_ids_that_are_not_there_are_named_in_an_error_beside_the_others(sandbox_server):
    known = sandbox_server.hubspot.get(CONTACTS).json()["results"][0]["id"]
    answer = read(sandbox_server, ["1", known, "2"])
    body = answer.json()
    assert answer.status_code == 207
    assert [each["id"] for each in body["results"]] == [known]
    assert body["numErrors"] == 1
    (problem,) = body["errors"]
    assert (problem["status"], problem["category"]) == ("error", "OBJECT_NOT_FOUND")
    assert problem["context"] == {"ids": ["1", "2"]}


def test_archived_objects_are_read_only_when_asked_for(sandbox_server, deal):
    sandbox_server.change(change("archive", id=deal))
    assert read(sandbox_server, [deal], "deals").json()["results"] == []
    (found,) = read(sandbox_server, [deal], "deals", "?archived=true").json()["results"]
    assert found["archived"] is True


@pytest.mark.parametrize(
    ("count", "more", "status"),
    [
        (100, {}, 207),
        (101, {}, 400),
        (50, {"propertiesWithHistory": ["email"]}, 207),
        (51, {"propertiesWithHistory": ["email"]}, 400),
        (0, {}, 400),
        (1, {"idProperty": "email"}, 400),
        (1, {"properties": "email"}, 400),
    ],
)
def test_batches_have_their_limits(sandbox_server, count, more, status):
    answer = read(sandbox_server, map(str, range(1, count + 1)), **more)
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["category"] == "VALIDATION_ERROR"


@pytest.mark.parametrize("body", [{}, {"inputs": ["1"]}, {"inputs": [{}]}, {"inputs": "1"}, []])
def test_a_batch_without_proper_inputs_is_refused(sandbox_server, body):
    answer = sandbox_server.hubspot.post(f"{CONTACTS}/batch/read", json=body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_history_is_every_value_with_its_instant_the_newest_first(sandbox_server, deal):
    (found,) = read(
        sandbox_server, [deal], "deals", propertiesWithHistory=["dealstage", "amount", "nonsense"]
    ).json()["results"]
    history = found["propertiesWithHistory"]
    assert set(history) == {"dealstage", "amount"}
    stages = history["dealstage"]
    assert [each["value"] for each in stages] == ["closedwon", "contractsent", "qualifiedtobuy"]
    stamps = [each["timestamp"] for each in stages]
    assert stamps == sorted(stamps, reverse=True)
    assert stamps[-1] == "2017-05-01T08:00:00.000Z"
    assert {each["sourceType"] for each in stages} == {"CRM_UI"}
    assert [each["value"] for each in history["amount"]] == ["12"]


def test_history_knows_nothing_of_what_is_still_to_come(sandbox_server):
    page = sandbox_server.hubspot.get(CONTACTS, params={"limit": 50}).json()["results"]

    def stages():
        found = read(
            sandbox_server,
            [each["id"] for each in page],
            propertiesWithHistory=["lifecyclestage"],
        ).json()["results"]
        return {
            each["id"]: [
                value["value"] for value in each["propertiesWithHistory"]["lifecyclestage"]
            ]
            for each in found
        }

    late = stages()
    assert ["customer", "lead"] in late.values()
    sandbox_server.set_clock("2017-01-02T00:00:00Z")
    early = stages()
    assert ["lead"] in early.values()
    assert all(late[each][-len(values) :] == values for each, values in early.items())


def test_lists_show_history_too_with_half_the_limit(sandbox_server):
    query = {"propertiesWithHistory": "lifecyclestage", "limit": 50}
    page = sandbox_server.hubspot.get(CONTACTS, params=query).json()["results"]
    assert all("lifecyclestage" in each["propertiesWithHistory"] for each in page)
    refused = sandbox_server.hubspot.get(CONTACTS, params={**query, "limit": 51})
    assert refused.status_code == 400


def test_lists_show_the_ties_that_are_asked_for(sandbox_server, deal):
    contact = sandbox_server.hubspot.get(CONTACTS).json()["results"][0]["id"]
    sandbox_server.change(
        {"change": "associate", "start": ["deals", deal], "end": ["contacts", contact]}
    )
    query = {"associations": "contacts,companies", "limit": 100}
    page = sandbox_server.hubspot.get(DEALS, params=query).json()["results"]
    tied = {each["id"]: each.get("associations") for each in page}
    assert tied[deal] == {"contacts": {"results": [{"id": contact, "type": "deal_to_contact"}]}}
    one = sandbox_server.hubspot.get(f"{DEALS}/{deal}", params=query).json()
    assert one["associations"] == tied[deal]
    wrong = sandbox_server.hubspot.get(DEALS, params={"associations": "wishes"})
    assert wrong.status_code == 400


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/crm/objects/2026-09/deals", "crm.objects.deals.read"),
        ("/crm/objects/2026-09/companies", "crm.objects.companies.read"),
        ("/crm/objects/2026-09/tickets", "tickets"),
        ("/crm/objects/2026-09/notes", "crm.objects.contacts.read"),
        ("/crm/owners/2026-09", "crm.objects.owners.read"),
        ("/communication-preferences/2026-09/definitions", "communication_preferences.read"),
    ],
)
def test_a_token_may_lack_one_scope(sandbox_server, path, scope):
    def status(path, lacking):
        token = f"{sandbox_server.hubspot_token}-without-{lacking}"
        return httpx.get(
            f"{sandbox_server.hubspot_url}{path}", headers={"Authorization": f"Bearer {token}"}
        )

    refused = status(path, scope)
    assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
    (problem,) = refused.json()["errors"]
    assert problem["context"]["requiredGranularScopes"] == [scope]
    assert status(path, "crm.lists.read").status_code == 200
