"""HubSpot's and Klaviyo's lists against look-alikes that keep a record of what was really done."""

import os
import subprocess
import sys
from datetime import datetime

import pytest

from rapport.activation import hubspot, klaviyo
from rapport.activation.destination import Batch, ListGone, Member, Segment
from rapport.activation.hubspot import HubSpotLists
from rapport.activation.klaviyo import KlaviyoLists
from rapport.errors import SourceDenied
from rapport.killpoints import EXIT_CODE
from rapport.sources.connection import Connection
from tests.activating import NIGHT, Home

WIN_BACK, CALLS = "win_back_dormant", "complaint_recovery"
FAST = {"max_attempts": 3, "backoff_factor": 0.01, "calls_per_minute": 600_000}
FAST |= dict.fromkeys(("writes_per_minute", "reads_per_minute", "flows_per_minute"), 600_000)
TO_KLAVIYO = {"method": "POST", "path": "relationships/profiles"}
TO_HUBSPOT = {"method": "PUT", "path": "add-and-remove"}


@pytest.fixture
def mailing(sandbox_server):
    """Return a function that makes the mailing tool as a destination."""

    def made(**options):
        there = Connection(
            "rapport_activate_klaviyo",
            sandbox_server.klaviyo_url,
            sandbox_server.klaviyo_key,
            FAST | options,
        )
        return KlaviyoLists(there)

    return made


@pytest.fixture
def crm(sandbox_server):
    """Return a function that makes the CRM as a destination."""

    def made(**options):
        there = Connection(
            "rapport_activate_hubspot",
            sandbox_server.hubspot_url,
            sandbox_server.hubspot_token,
            FAST | options,
        )
        return HubSpotLists(there)

    return made


@pytest.fixture
def people(tmp_path, monkeypatch, sandbox_server):
    """A home whose people are thirty of the company's, by their records in both tools."""
    home = Home(tmp_path / "home", monkeypatch)
    subscribed = {"additional-fields[profile]": "subscriptions", "page[size]": 100}
    profiles = sandbox_server.klaviyo.get("/profiles", params=subscribed).json()["data"]
    fine = [
        each
        for each in profiles
        if klaviyo._remark(Segment("s", channel="email"), each, None) is None
    ]
    contacts = sandbox_server.hubspot.get("/crm/objects/2026-09/contacts", params={"limit": 100})
    for number, (profile, contact) in enumerate(
        zip(fine, contacts.json()["results"], strict=False)
    ):
        made = datetime.fromisoformat(profile["attributes"]["created"])
        home.person(f"c{number}", klaviyo=[profile["id"]], made=made)
        home.records[f"c{number}"].append(
            ("hubspot", contact["id"], datetime.fromisoformat(contact["createdAt"]))
        )
        if number == 29:
            break
    home.names = list(home.records)
    return home


def ids(home, names, source="klaviyo"):
    return {key for name in names for of, key, _ in home.records[name] if of == source}


def list_of(home, segment=WIN_BACK, destination="klaviyo"):
    with home.account(destination) as account:
        return account.lists()[segment].list_id


def test_klaviyos_list_becomes_what_is_meant_and_confirms_it(people, mailing, sandbox_server):
    people.on(WIN_BACK, *people.names[:20]).publish()
    people.activate(mailing(batch_size=7))
    there = list_of(people)
    assert sandbox_server.members(there) == ids(people, people.names[:20])
    people.activate(mailing())
    assert people.told("select distinct state from rows") == [("confirmed",)]
    assert len(sandbox_server.calls("POST /klaviyo/api/lists/")) == 3
    people.off(WIN_BACK, people.names[0]).publish(NIGHT.replace(day=3))
    people.activate(mailing())
    assert sandbox_server.members(there) == ids(people, people.names[1:20])


def test_hubspots_list_is_static_and_every_row_is_told(people, crm, sandbox_server):
    people.on(CALLS, *people.names[:20]).publish()
    people.activate(crm(batch_size=8))
    there = list_of(people, CALLS, "hubspot")
    assert sandbox_server.members(there) == ids(people, people.names[:20], "hubspot")
    assert people.told("select distinct state from rows") == [("added",)]
    people.off(CALLS, *people.names[:3]).on(CALLS, people.names[20]).publish(NIGHT.replace(day=3))
    people.activate(crm())
    assert sandbox_server.members(there) == ids(people, people.names[3:21], "hubspot")
    assert len(sandbox_server.calls("PUT /hubspot/crm/lists")) == 4  # 3 of 8 at most, and one


def test_a_list_that_the_account_lost_is_found_by_its_name(people, mailing, crm):
    for to in (mailing(), crm()):
        segment = Segment("lost_list")
        made = to.open(segment, None, make=True)
        again = to.open(segment, None, make=True)
        assert (made.list_id, made.is_new, again.list_id, again.is_new) == (
            *(made.list_id, True),
            *(made.list_id, False),
        )
        assert to.open(segment, made.list_id, make=False).name == "Rapport: lost_list"


def test_a_list_that_was_deleted_is_not_made_again(people, mailing, crm, sandbox_server):
    for to, api, path in (
        (mailing(), sandbox_server.klaviyo, "/lists"),
        (crm(), sandbox_server.hubspot, "/crm/lists/2026-09"),
    ):
        made = to.open(Segment("deleted_list"), None, make=True)
        assert api.delete(f"{path}/{made.list_id}").status_code == 204
        with pytest.raises(ListGone, match="no more"):
            to.open(Segment("deleted_list"), made.list_id, make=True)


def test_a_list_of_another_kind_is_refused_in_words_before_anything_is_sent(crm, sandbox_server):
    body = {"name": "Rapport: dynamic", "objectTypeId": "0-1", "processingType": "DYNAMIC",
            "filterBranch": {}}  # fmt: skip
    assert sandbox_server.hubspot.post("/crm/lists/2026-09", json=body).is_success
    there = crm().open(Segment("dynamic"), None, make=True)
    assert there.is_closed
    assert "is DYNAMIC: only MANUAL and SNAPSHOT lists take" in there.refusal


def test_a_list_that_people_sign_up_to_is_refused(mailing, sandbox_server):
    body = {"data": {"type": "list", "attributes": {"name": "Rapport: newsletter"}}}
    assert sandbox_server.klaviyo.post("/lists", json=body).is_success
    there = mailing().open(Segment("newsletter"), None, make=True)
    assert "asks who joins to confirm it" in there.refusal
    assert not there.is_closed


def say(server, profile, **marketing):
    """Have a profile say something about e-mail, and no date of it move."""
    asked = {"filter": f'any(id,["{profile}"])', "additional-fields[profile]": "subscriptions"}
    (found,) = server.klaviyo.get("/profiles", params=asked).json()["data"]
    subscriptions = found["attributes"]["subscriptions"]
    subscriptions["email"]["marketing"] |= marketing
    server.change({"change": "modify", "collection": "klaviyo/profile", "id": profile,
                   "silently": True, "values": {"subscriptions": subscriptions}})  # fmt: skip


@pytest.mark.parametrize(("said", "code"), [
    ({"consent": "UNSUBSCRIBED"}, "opted_out"),
    ({"suppression": [{"reason": "USER_SUPPRESSED", "timestamp": "2018-01-02T12:00:00+00:00"}]},
     "suppressed"),
])  # fmt: skip
def test_who_opted_out_between_the_release_and_the_sending_is_never_added(
    people, mailing, sandbox_server, said, code
):
    people.on(WIN_BACK, *people.names[:10]).publish()
    (gone,) = ids(people, people.names[:1])
    say(sandbox_server, gone, **said)
    people.activate(mailing())
    assert sandbox_server.members(list_of(people)) == ids(people, people.names[1:10])
    assert people.told("select key, code from dead_letter") == [(gone, code)]
    assert sandbox_server.added_after_opt_out() == []


def test_who_unsubscribed_from_the_very_list_is_not_put_back(people, mailing, sandbox_server):
    people.on(WIN_BACK, *people.names[:3]).publish()
    people.activate(mailing())
    there, (gone,) = list_of(people), ids(people, people.names[:1])
    left = {"reason": "UNSUBSCRIBED", "timestamp": "2018-01-02T12:00:00+00:00", "list_id": there}
    say(sandbox_server, gone, list_suppressions=[left])
    people.activate(mailing())
    sandbox_server.change({"change": "leave", "list_id": there, "profile_id": gone})
    people.activate(mailing(), repairs=True)
    assert people.told("select key, code from dead_letter") == [(gone, "opted_out")]


@pytest.mark.parametrize("status", [400, 404])
def test_klaviyo_refuses_a_batch_for_one_id_and_only_that_one_is_left(
    people, mailing, sandbox_server, status, monkeypatch
):
    people.on(WIN_BACK, *people.names[:9]).person("ghost", klaviyo=["01GHOST"])
    people.on(WIN_BACK, "ghost").publish()
    sandbox_server.set_faults([], klaviyo_unknown_ids="refuse", klaviyo_refusal_status=status)
    to = mailing()
    monkeypatch.setattr(to, "look_again", lambda segment, known: {})  # as if it had gone since
    people.activate(to)
    assert sandbox_server.members(list_of(people)) == ids(people, people.names[:9])
    assert people.told("select key, state, code from dead_letter") == [
        ("01GHOST", "refused", str(status))
    ]


def test_hubspot_names_who_is_missing_and_the_rest_is_there(
    people, crm, sandbox_server, monkeypatch
):
    people.person("ghost", hubspot=["999999999"])
    people.on(CALLS, *people.names[:9], "ghost").publish()
    to = crm()
    monkeypatch.setattr(to, "look_again", lambda segment, known: {})
    people.activate(to)
    assert sandbox_server.members(list_of(people, CALLS, "hubspot")) == ids(
        people, people.names[:9], "hubspot"
    )
    assert people.told("select key, state, reason from dead_letter") == [
        ("999999999", "missing", "HubSpot knows no such record")
    ]


def test_whom_hubspot_has_no_more_is_withheld(people, crm, sandbox_server):
    people.person("ghost", hubspot=["999999999"])
    people.on(CALLS, *people.names[:3], "ghost").publish()
    people.activate(crm())
    assert people.told("select key, state, code from dead_letter") == [
        ("999999999", "withheld", "no_record")
    ]


@pytest.mark.parametrize(("change", "code"), [
    ({"change": "archive"}, "archived"),
    ({"change": "delete"}, "no_record"),
    ({"change": "merge", "into": 1}, "no_record"),
    ({"change": "merge", "into": 1, "new_id": "20999999999"}, "no_record"),
], ids=["archived", "deleted", "merged into another", "merged into a new one"])  # fmt: skip
def test_who_was_archived_deleted_or_merged_since_is_withheld_whatever_hubspot_would_do(
    people, crm, sandbox_server, change, code
):
    people.on(CALLS, people.names[0], *people.names[2:5]).publish()
    keys = [next(iter(ids(people, [name], "hubspot"))) for name in people.names[:2]]
    sandbox_server.set_faults([], hubspot_archived_ids="added", hubspot_merged_ids="successor")
    more = {"into": keys[change["into"]]} if "into" in change else {}
    sandbox_server.change({**change, "collection": "hubspot/contacts", "id": keys[0], **more})
    people.activate(crm())
    there = sandbox_server.members(list_of(people, CALLS, "hubspot"))
    assert there == ids(people, people.names[2:5], "hubspot")
    ((key, said),) = people.told("select key, code from dead_letter")
    assert (key, said) in {(keys[0], code), (keys[0], "no_record")}


def test_hubspot_is_asked_of_several_at_once_and_in_time(crm, sandbox_server, monkeypatch):
    """One after the other would use the less of its limit, the longer an answer takes."""
    monkeypatch.setattr(hubspot, "RECORD_BATCH_SIZE", 2)
    contacts = sandbox_server.hubspot.get("/crm/objects/2026-09/contacts", params={"limit": 20})
    keys = [each["id"] for each in contacts.json()["results"]]
    slow = {"match": {"path": "batch/read"}, "times": None, "do": {"kind": "delay", "seconds": 1}}
    sandbox_server.set_faults([slow])
    known = dict.fromkeys([*keys, "9000000000000000"])
    assert crm().look_again(Segment("s"), known).keys() == {"9000000000000000"}
    began = [call["at"] for call in sandbox_server.calls("batch/read")]
    assert len(began) == 11
    assert max(began) - min(began) < 5  # 10 if one after the other


def test_hubspots_most_ids_is_found_by_halving(people, crm, sandbox_server):
    people.on(CALLS, *people.names[:20]).publish()
    sandbox_server.set_faults([], hubspot_most_ids=6, hubspot_most_ids_status=413)
    people.activate(crm())
    assert sandbox_server.members(list_of(people, CALLS, "hubspot")) == ids(
        people, people.names[:20], "hubspot"
    )
    assert people.told("select distinct state from rows") == [("added",)]


@pytest.mark.parametrize("fault", [
    {"kind": "status", "code": 500, "applied": True},
    {"kind": "status", "code": 429, "retry_after": 0},
    {"kind": "reset"},
    {"kind": "half"},
    {"kind": "html"},
], ids=lambda fault: fault["kind"] + str(fault.get("code", "")))  # fmt: skip
def test_whatever_becomes_of_an_answer_the_lists_end_as_meant(
    people, mailing, crm, sandbox_server, fault
):
    people.on(WIN_BACK, *people.names[:20]).on(CALLS, *people.names[:20]).publish()
    sandbox_server.set_faults(
        [{"match": match, "times": 4, "do": fault} for match in (TO_KLAVIYO, TO_HUBSPOT)]
    )
    people.activate(mailing(batch_size=10))
    people.activate(crm(batch_size=10))
    assert sandbox_server.members(list_of(people)) == ids(people, people.names[:20])
    assert sandbox_server.members(list_of(people, CALLS, "hubspot")) == ids(
        people, people.names[:20], "hubspot"
    )


def flow_on(server, list_id, duration, unit):
    reentry = {"duration": duration, "unit": unit}
    server.change({"change": "flow", "list_id": list_id, "reentry": reentry, "name": "Come back"})


@pytest.mark.parametrize(("duration", "unit", "refused"), [
    (1, "alltime", False), (0, "alltime", True), (30, "days", True),
])  # fmt: skip
def test_a_list_whose_live_flow_can_be_entered_again_takes_nobody(
    mailing, sandbox_server, duration, unit, refused
):
    made = mailing().open(Segment("flows"), None, make=True)
    flow_on(sandbox_server, made.list_id, duration, unit)
    there = mailing().open(Segment("flows"), made.list_id, make=False)
    assert bool(there.refusal) is refused
    assert "Come back" in there.asks_before_filling
    meant = mailing().open(Segment("flows", may_reenter=True), made.list_id, make=False)
    assert not meant.refusal


def test_a_key_that_is_refused_stops_the_destination_with_what_to_do(people, sandbox_server):
    people.on(WIN_BACK, *people.names[:3]).publish()
    to = KlaviyoLists(Connection("rapport_activate_klaviyo", sandbox_server.klaviyo_url, "x", FAST))
    with pytest.raises(SourceDenied, match="lists:write"):
        people.activate(to)
    assert people.told("select state from runs") == [("failed",)]


def test_a_key_that_is_revoked_midway_stops_the_run_and_the_next_one_goes_on(
    people, mailing, sandbox_server
):
    people.on(WIN_BACK, *people.names[:20]).publish()
    revoked = {
        "match": TO_KLAVIYO,
        "after": 2,
        "times": None,
        "do": {"kind": "status", "code": 401},
    }
    sandbox_server.set_faults([revoked])
    with pytest.raises(SourceDenied, match="lists:write"):
        people.activate(mailing(batch_size=5))
    assert len(sandbox_server.members(list_of(people))) == 10
    assert people.told("select sent, accepted, unknown from activation_runs") == [(15, 10, 5)]
    sandbox_server.set_faults([])
    people.says(people.names[0], "opted_out").activate(mailing(batch_size=5))
    assert sandbox_server.members(list_of(people)) == ids(people, people.names[1:20])


@pytest.mark.parametrize("size", [1, 3])
def test_batches_are_as_few_as_their_size_lets_them_be(crm, sandbox_server, size):
    to = crm()
    made = to.open(Segment("few"), None, make=True)
    contacts = sandbox_server.hubspot.get("/crm/objects/2026-09/contacts", params={"limit": size})
    members = tuple(Member(each["id"], "c") for each in contacts.json()["results"])
    batch = Batch("k", "r", "x", NIGHT, Segment("few"), made.list_id, adds=members)
    assert {each.status for each in to.send(batch)} == {"added"}
    assert {each.status for each in to.send(batch)} == {"unchanged"}
    assert {key for key, _ in to.members(made.list_id)} == {each.key for each in members}


KILLED = """
import sys
from pathlib import Path
from tests.integration.test_activation_vendors import Again, FAST
from rapport.activation.klaviyo import KlaviyoLists
from rapport.sources.connection import Connection
url, key, home = sys.argv[1:]
Again(Path(home)).activate(KlaviyoLists(Connection("rapport_activate_klaviyo", url, key, FAST)))
"""


class Again(Home):
    """The same home in another process: what is asked was written by the first."""

    def __init__(self, folder):
        patch = pytest.MonkeyPatch()
        super().__init__(folder, patch, (folder / "policy.yml").read_text())

    def ask(self):
        return self.settings.home / "asked" / "rapport_build.duckdb"


@pytest.mark.parametrize("point", ["activation_intended", "activation_sent", "activation_noted"])
def test_a_run_that_is_killed_is_finished_by_the_next(people, mailing, sandbox_server, point):
    people.on(WIN_BACK, *people.names[:20]).publish()
    people.ask()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, sandbox_server.klaviyo_url, sandbox_server.klaviyo_key,
         str(people.settings.home)],
        env=os.environ | {"RAPPORT_KILLPOINT": point},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert killed.returncode == EXIT_CODE, killed.stderr
    there = list_of(people)
    assert sandbox_server.members(there) == (
        set() if point == "activation_intended" else ids(people, people.names[:20])
    )
    people.activate(mailing())
    people.activate(mailing())
    assert sandbox_server.members(there) == ids(people, people.names[:20])
    assert people.told("select distinct state from standing") == [("confirmed",)]
    assert people.told("select state from runs order by began_at") == [
        ("broken off",),
        ("done",),
        ("done",),
    ]


def test_no_source_of_the_product_knows_a_path_that_changes_consent():
    """Subscribe jobs lift every no; unsubscribe and suppress jobs cannot be followed or undone."""
    from pathlib import Path

    forbidden = (
        "profile-subscription-bulk-create-jobs",
        "profile-subscription-bulk-delete-jobs",
        "profile-suppression-bulk-create-jobs",
        "profile-suppression-bulk-delete-jobs",
        "communication-preferences/v",
        "statuses/subscribe",
        "statuses/unsubscribe",
    )
    root = Path(hubspot.__file__).parents[1]
    for path in root.rglob("*.py"):
        text = path.read_text()
        assert not [each for each in forbidden if each in text], path
        # it is asked for, and no call could write it
        if "hs_marketable_status" in text:
            assert '"PATCH"' not in text, path
