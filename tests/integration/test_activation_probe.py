"""The probe against a look-alike that answers either way: it finds which, and leaves no list."""

import json

import duckdb
import pytest

from rapport.activation import probe as probing
from rapport.activation.hubspot import HubSpotLists
from rapport.activation.klaviyo import KlaviyoLists
from rapport.activation.probe import Samples, noted, probe, samples_of
from rapport.errors import ActivationError
from rapport.sources.connection import Connection

FAST = {
    "calls_per_minute": 60_000,
    "writes_per_minute": 60_000,
    "reads_per_minute": 60_000,
    "backoff_factor": 0.01,
    "max_attempts": 2,
}
CONTACTS, PROFILES = "hubspot/contacts", "klaviyo/profile"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(probing, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(probing, "MOST_IDS", 8_000)


@pytest.fixture
def hubspot(sandbox_server):
    return HubSpotLists(
        Connection(
            "rapport_activate_hubspot",
            sandbox_server.hubspot_url,
            sandbox_server.hubspot_token,
            FAST,
        )
    )


@pytest.fixture
def klaviyo(sandbox_server):
    return KlaviyoLists(
        Connection(
            "rapport_activate_klaviyo",
            sandbox_server.klaviyo_url,
            sandbox_server.klaviyo_key,
            FAST,
        )
    )


@pytest.fixture
def contacts(sandbox_server):
    page = sandbox_server.hubspot.get("/crm/objects/2026-09/contacts").json()
    return [each["id"] for each in page["results"]][:3]


@pytest.fixture
def profiles(sandbox_server):
    return [each["id"] for each in sandbox_server.klaviyo.get("/profiles").json()["data"]][:3]


def answers(found):
    return {each.question: each.answer for each in found}


def left(server):
    """The lists that are still there."""
    hubspot = server.hubspot.post("/crm/lists/2026-09/search", json={}).json()["lists"]
    klaviyo = server.klaviyo.get("/lists", params={"filter": 'equals(name,"x")'})
    names = [each["attributes"]["name"] for each in server.klaviyo.get("/lists").json()["data"]]
    assert klaviyo.status_code == 200
    return [each["name"] for each in hubspot] + [name for name in names if "probe" in name]


@pytest.mark.parametrize(
    ("settings", "archived", "merged"),
    [
        (
            {},
            "named as missing, the others are taken",
            "named as missing, the others are taken",
        ),
        (
            {"hubspot_archived_ids": "added", "hubspot_merged_ids": "successor"},
            "said to be added and does not show, the others are taken",
            "the record that it became joins, the others are taken",
        ),
        (
            {"hubspot_merged_ids": "as_given"},
            "named as missing, the others are taken",
            "the record that it became joins, the others are taken",
        ),
    ],
)
def test_hubspot_tells_what_becomes_of_archived_and_merged_records(
    sandbox_server, hubspot, contacts, tmp_path, settings, archived, merged
):
    living, one, other = contacts
    sandbox_server.set_faults([], **settings)
    sandbox_server.change(
        {"change": "merge", "collection": CONTACTS, "id": one, "into": living, "new_id": "39000001"}
    )
    sandbox_server.change({"change": "archive", "collection": CONTACTS, "id": other})
    last = sandbox_server.hubspot.get("/crm/objects/2026-09/contacts").json()["results"][-1]["id"]
    found = answers(probe(hubspot, tmp_path, Samples(last, other, (one,))))
    assert found["an id that nobody ever had, in a batch"] == (
        "named as missing, the others are taken"
    )
    assert found["an archived record, in a batch"] == archived
    assert found["a record that was merged into another, in a batch"] == merged
    assert found["ids in one call"] == "8,000 are taken"
    assert left(sandbox_server) == []


@pytest.mark.parametrize("status", [400, 413])
def test_hubspot_tells_how_many_ids_it_takes(sandbox_server, hubspot, contacts, tmp_path, status):
    sandbox_server.set_faults([], hubspot_most_ids=3_000, hubspot_most_ids_status=status)
    found = answers(probe(hubspot, tmp_path, Samples(contacts[0])))
    assert found["ids in one call"] == f"2,000 are taken; 4,000 are not ({status})"
    assert found["an archived record, in a batch"] == "not asked: we know of none here"


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({}, "refused (400), nobody of the batch is taken"),
        ({"klaviyo_refusal_status": 404}, "refused (404), nobody of the batch is taken"),
        (
            {"klaviyo_unknown_ids": "ignore", "klaviyo_deleted_ids": "ignore"},
            "ignored without a word, the others are taken",
        ),
    ],
)
def test_klaviyo_tells_what_becomes_of_who_is_nobody(
    sandbox_server, klaviyo, profiles, tmp_path, settings, answer
):
    living, gone, _ = profiles
    sandbox_server.set_faults([], **settings)
    sandbox_server.change({"change": "delete", "collection": PROFILES, "id": gone})
    found = answers(probe(klaviyo, tmp_path, Samples(living, removed=(gone,))))
    assert found["an id that nobody ever had, in a batch"] == answer
    assert found["a profile that was deleted or merged away, in a batch"] == answer
    assert "ids in one call" not in found
    assert left(sandbox_server) == []


def test_klaviyo_tells_that_a_merged_profile_is_followed(
    sandbox_server, klaviyo, profiles, tmp_path
):
    living, gone, into = profiles
    sandbox_server.set_faults([], klaviyo_merged_ids="follow")
    sandbox_server.change({"change": "merge", "collection": PROFILES, "id": gone, "into": into})
    found = answers(probe(klaviyo, tmp_path, Samples(living, removed=(gone,))))
    assert found["a profile that was deleted or merged away, in a batch"] == (
        "the record that it became joins, the others are taken"
    )


def test_it_tells_how_late_a_change_shows(sandbox_server, klaviyo, profiles, tmp_path):
    sandbox_server.set_faults([], lists_delay_seconds=0.4, klaviyo_unknown_ids="ignore")
    found = answers(probe(klaviyo, tmp_path, Samples(profiles[0])))
    assert 0.3 < float(found["a change shows"].removeprefix("after ").removesuffix(" s")) < 3
    assert found["an id that nobody ever had, in a batch"] == (
        "ignored without a word, the others are taken"
    )


def test_where_no_change_shows_in_time_nothing_else_is_guessed(
    sandbox_server, klaviyo, profiles, tmp_path
):
    sandbox_server.set_faults([], lists_delay_seconds=60)
    found = answers(probe(klaviyo, tmp_path, Samples(profiles[0]), patience_seconds=0.2))
    assert found == {"a change shows": "not within 0 s"}
    sandbox_server.set_faults([])
    assert left(sandbox_server) == []


def test_what_was_found_is_noted_for_the_account(sandbox_server, klaviyo, profiles, tmp_path):
    found = probe(klaviyo, tmp_path / "activation", Samples(profiles[0]))
    asked_at, kept = noted(tmp_path / "activation", "klaviyo")
    assert kept == found
    assert asked_at.endswith("+00:00")
    assert noted(tmp_path / "activation", "hubspot") is None
    text = (tmp_path / "activation" / "klaviyo.probe.json").read_text()
    assert profiles[0] not in text
    assert json.loads(text)


def test_a_list_that_cannot_be_deleted_is_told(sandbox_server, hubspot, contacts, tmp_path):
    rule = {"match": {"method": "DELETE"}, "times": None, "do": {"kind": "status", "code": 500}}
    sandbox_server.set_faults([rule])
    with pytest.raises(ActivationError, match="is still there"):
        probe(hubspot, tmp_path, Samples(contacts[0]))
    assert len(left(sandbox_server)) == 1


def test_with_nobody_who_may_be_asked_nothing_is_asked(sandbox_server, hubspot, tmp_path):
    with pytest.raises(ActivationError, match="nobody to probe with"):
        probe(hubspot, tmp_path, Samples(None))
    assert left(sandbox_server) == []


def test_whom_to_ask_about_is_found_among_who_said_no_to_nothing(tmp_path):
    path = tmp_path / "asked.duckdb"
    with duckdb.connect(str(path)) as file:
        file.execute(
            """
            create schema intermediate;
            create table intermediate.int_identity__contact_map as select * from (values
                ('hubspot', '1', 'a'), ('hubspot', '2', 'b'), ('hubspot', '3', 'c'),
                ('hubspot', '4', 'd'), ('klaviyo', '5', 'b')) as _(source, source_record_id,
                customer_id);
            create table intermediate.int_identity__contacts as select * from (values
                ('hubspot', '1', true, false, false, 'x'),
                ('hubspot', '2', true, false, false, 'x'),
                ('hubspot', '3', true, true, false, 'x'),
                ('hubspot', '4', true, false, true, null),
                ('klaviyo', '5', true, false, false, 'x'))
                as _(source, source_record_id, is_record, is_archived, is_removed, email);
            create table intermediate.int_segments__refusals as select * from (values
                ('a', 'email', 'opted_out'), ('b', 'email', null), ('c', 'email', null))
                as _(customer_id, channel, clause);
            """
        )
    assert samples_of(path, "hubspot") == Samples("2", "3", ["4"])
    assert samples_of(path, "klaviyo") == Samples("5", None, ())
