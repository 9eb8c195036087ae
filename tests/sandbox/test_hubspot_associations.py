"""HubSpot's associations are read from either side, in batches, with pages of their own."""

import pytest

from sandbox.schema import ASSOCIATION_TYPES


def read(server, start, end, *inputs):
    inputs = [{"id": each} if isinstance(each, str) else each for each in inputs]
    path = f"/crm/associations/2026-09/{start}/{end}/batch/read"
    return server.hubspot.post(path, json={"inputs": inputs})


def create(server, kind, count=1):
    (made,) = server.change({"change": "create", "collection": f"hubspot/{kind}", "count": count})
    return made["ids"]


def tie(server, start, end, **more):
    server.change({"change": "associate", "start": list(start), "end": list(end), **more})


@pytest.mark.parametrize(("start", "end"), ASSOCIATION_TYPES)
def test_a_tie_is_seen_from_both_ends_each_with_its_type(sandbox_server, start, end):
    (one,), (other,) = create(sandbox_server, start), create(sandbox_server, end)
    tie(sandbox_server, (start, one), (end, other))
    for first, second in (((start, one), (end, other)), ((end, other), (start, one))):
        answer = read(sandbox_server, first[0], second[0], first[1])
        assert answer.status_code == 200
        kind = ASSOCIATION_TYPES[first[0], second[0]]
        assert answer.json()["results"] == [
            {
                "from": {"id": first[1]},
                "to": [
                    {
                        "toObjectId": int(second[1]),
                        "associationTypes": [
                            {"category": "HUBSPOT_DEFINED", "typeId": kind, "label": None}
                        ],
                    }
                ],
            }
        ]


def test_an_object_without_ties_is_an_error_beside_the_others(sandbox_server):
    calls, (contact,) = create(sandbox_server, "calls", 2), create(sandbox_server, "contacts")
    tie(sandbox_server, ("calls", calls[0]), ("contacts", contact))
    answer = read(sandbox_server, "calls", "contacts", *calls, "1")
    body = answer.json()
    assert answer.status_code == 207
    assert [each["from"]["id"] for each in body["results"]] == [calls[0]]
    assert {each["subCategory"] for each in body["errors"]} == {
        "crm.associations.NO_ASSOCIATIONS_FOUND"
    }
    lonely = [each["context"]["fromObjectId"] for each in body["errors"]]
    assert lonely == [[calls[1]], ["1"]]


def test_each_input_has_pages_of_its_own(sandbox_server):
    sandbox_server.set_faults([], hubspot_associations_page=2)
    contacts = create(sandbox_server, "contacts", 5)
    meetings = create(sandbox_server, "meetings", 2)
    for contact in contacts:
        tie(sandbox_server, ("meetings", meetings[0]), ("contacts", contact))
    tie(sandbox_server, ("meetings", meetings[1]), ("contacts", contacts[0]))
    first, second = read(sandbox_server, "meetings", "contacts", *meetings).json()["results"]
    assert "paging" not in second
    found = [each["toObjectId"] for each in first["to"]]
    while "paging" in first:
        after = first["paging"]["next"]["after"]
        page = read(
            sandbox_server, "meetings", "contacts", {"id": meetings[0], "after": after}
        ).json()
        (first,) = page["results"]
        found += [each["toObjectId"] for each in first["to"]]
        assert len(first["to"]) <= 2
    assert found == list(map(int, contacts))


@pytest.mark.parametrize("gone", ["archive", "delete"])
@pytest.mark.parametrize("end", ["calls", "contacts"])
def test_a_tie_ends_with_either_of_its_ends(sandbox_server, gone, end):
    ids = {kind: create(sandbox_server, kind)[0] for kind in ("calls", "contacts")}
    tie(sandbox_server, ("calls", ids["calls"]), ("contacts", ids["contacts"]))
    sandbox_server.change({"change": gone, "collection": f"hubspot/{end}", "id": ids[end]})
    assert read(sandbox_server, "calls", "contacts", ids["calls"]).json()["results"] == []


@pytest.mark.parametrize(("count", "status"), [(1_000, 207), (1_001, 400), (0, 400)])
def test_a_batch_takes_a_thousand_inputs(sandbox_server, count, status):
    answer = read(sandbox_server, "calls", "contacts", *map(str, range(1, count + 1)))
    assert answer.status_code == status


def test_types_that_are_none_are_refused(sandbox_server):
    assert read(sandbox_server, "wishes", "contacts", "1").status_code == 400
    assert read(sandbox_server, "calls", "wishes", "1").status_code == 400


def test_faults_spoil_a_partial_answer_too(sandbox_server):
    calls, (contact,) = create(sandbox_server, "calls", 2), create(sandbox_server, "contacts")
    tie(sandbox_server, ("calls", calls[0]), ("contacts", contact))
    assert read(sandbox_server, "calls", "contacts", *calls).status_code == 207
    for kind in ("missing_page", "wrong_envelope", "nan", "html", "truncate"):
        sandbox_server.set_faults([{"match": {"path": "associations"}, "do": {"kind": kind}}])
        (call,), (contact,) = create(sandbox_server, "calls"), create(sandbox_server, "contacts")
        tie(sandbox_server, ("calls", call), ("contacts", contact))
        spoilt = read(sandbox_server, "calls", "contacts", call, "1").text
        assert spoilt != read(sandbox_server, "calls", "contacts", call, "1").text
        assert sandbox_server.faults()[0]["fired"] == 1


def test_a_call_may_go_right_after_its_ties_were_read(sandbox_server):
    gone = {"change": "delete", "id": "$first"}
    rule = {"match": {"path": "associations"}, "do": {"kind": "mutate", "changes": [gone]}}
    sandbox_server.set_faults([rule])
    (call,), (contact,) = create(sandbox_server, "calls"), create(sandbox_server, "contacts")
    tie(sandbox_server, ("calls", call), ("contacts", contact))
    assert read(sandbox_server, "calls", "contacts", call).json()["results"] != []
    assert sandbox_server.hubspot.get(f"/crm/objects/2026-09/calls/{call}").status_code == 404
