"""The leads: what a CRM and a mailing tool hold beside clean customers, and what is true of it."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from itertools import pairwise

import duckdb
import pytest

from rapport.sources.hubspot.types import CONTACTS as PULLED
from sandbox import canary, leads, prepare
from sandbox.clock import FOREVER
from sandbox.people import MAIL_DOMAINS
from sandbox.simulate import Parameters, to_landing

CONTACTS, PROFILES = "/crm/objects/2026-09/contacts", "/profiles"
BOOK = leads.book()
QUIET = 1_514_851_200_000  # nothing happens from here on
SEVEN_NIGHTS_BEFORE = 1_514_332_800_000  # the end of the history


def bodies(collection):
    """Id -> properties, as they stand in the end."""
    return {
        each.id: json.loads(each.body)
        for each in sorted(BOOK.records, key=lambda each: each.valid_from)
        if each.collection == collection
    }


def whose(story, source="hubspot"):
    """Person -> their records' ids."""
    found = {}
    for (system, record), (person, told) in BOOK.owners.items():
        if (system, told) == (source, story):
            found.setdefault(person, []).append(record)
    return found


def read(server, *ids, kind="contacts", properties=("hs_merged_object_ids",)):
    body = {"inputs": [{"id": each} for each in ids], "properties": list(properties)}
    answer = server.hubspot.post(f"/crm/objects/2026-09/{kind}/batch/read", json=body).json()
    return {each["id"]: each["properties"] for each in answer["results"]}


def owners_of_events(server, *profiles):
    """Profile -> the events that the API shows as theirs."""
    found = {}
    for profile in profiles:
        page = server.klaviyo.get(f'/events?page[size]=1000&filter=equals(profile_id,"{profile}")')
        found[profile] = {each["id"] for each in page.json()["data"]}
    return found


# What there is ----------------------------------------------------------------------------------


def test_there_are_sixty_odd_and_every_record_is_somebodys():
    people = {person for person, _ in BOOK.owners.values()}
    assert people == {f"L{number:04d}" for number in range(1, len(people) + 1)}
    assert 60 <= len(people) < 70
    for source, collection in (("hubspot", "hubspot/contacts"), ("klaviyo", "klaviyo/profile")):
        known = {record for system, record in BOOK.owners if system == source}
        assert known == set(bodies(collection))


def test_versions_follow_each_other_and_none_begins_in_the_quiet_night():
    spans = {}
    for each in BOOK.records:
        assert each.valid_from < each.valid_until
        assert each.valid_from < QUIET
        spans.setdefault((each.collection, each.id), []).append((each.valid_from, each.valid_until))
    for versions in spans.values():
        versions.sort()
        assert all(end == start for (_, end), (start, _) in pairwise(versions))
    created = {each.id: each.created_at for each in BOOK.records}
    for event in BOOK.events:
        assert created[event.profile_id] < event.at < QUIET


def test_mail_domains_are_reserved_and_telephones_are_nobodys():
    contacts, profiles = bodies("hubspot/contacts"), bodies("klaviyo/profile")
    mails = {body["email"] for body in (*contacts.values(), *profiles.values())} - {None}
    for body in contacts.values():
        mails |= set((body["hs_additional_emails"] or "").split(";")) - {""}
    assert {mail.split("@")[1] for mail in mails} <= {*MAIL_DOMAINS, "firm-of-leads.example"}
    phones = {body["phone_number"] for body in profiles.values()}
    for body in contacts.values():
        phones |= {body["hs_calculated_phone_number"], body["hs_calculated_mobile_number"]}
    for phone in phones - {None}:
        assert phone.startswith(("+33199000", "+6149157")) or phone.endswith("0000001"), phone


def test_no_lead_is_taken_for_somebody_else(full_company):
    with closing(sqlite3.connect(full_company.crm_path)) as crm:
        rows = crm.execute(
            "select id, lower(body ->> '$.email'), body ->> '$.phone', body ->> '$.phone_number' "
            "from records where collection in ('hubspot/contacts', 'klaviyo/profile')"
        ).fetchall()
    ours = {record for _, record in BOOK.owners}
    lead, other = (
        {value for row in rows if (row[0] in ours) == is_lead for value in row[1:] if value}
        for is_lead in (True, False)
    )
    assert not lead & other
    assert not [value for value in lead if any(t in value.lower() for t in canary.TRACES)]


def test_each_story_is_told(leads_server):
    contacts = bodies("hubspot/contacts")
    # five entered them, and of each merge with two addresses the other one is further
    assert Counter(bool(body["hs_additional_emails"]) for body in contacts.values())[True] == 10
    assert Counter(len(ids) for ids in whose("telephone").values()) == {1: 6}
    texts = {body[name] for body in contacts.values() for name, _, _ in leads.UNREADABLE}
    assert {text for _, text, _ in leads.UNREADABLE} <= texts
    zones = {(body["hs_timezone"], body["country"]) for body in contacts.values()}
    assert {zone[:2] for zone in leads.ZONES} <= zones
    ((old,),) = whose("created in 1970").values()
    page = read(leads_server, old, properties=["createdate"])
    assert page[old]["createdate"] == "1970-01-01T00:00:00.000Z"
    numbers = Counter(body["shop_customer_number"] for body in contacts.values())
    assert (numbers["N/A"], numbers["0"]) == (2, 2)
    standing = {each.id for each in BOOK.records if each.valid_until == FOREVER}
    shared = Counter(contacts[each]["email"] for each in standing & set(contacts))
    del shared[None]
    assert sorted(count for count in shared.values() if count > 1) == [2, 2, 2]


def test_a_preference_taken_back_is_an_empty_text_or_nothing(leads_server):
    (empty,), (nothing,) = whose("cleared preference").values()
    found = read(leads_server, empty, nothing, properties=["marketing_pause_until"])
    assert found[empty]["marketing_pause_until"] == ""
    assert found[nothing]["marketing_pause_until"] is None


# Merges -----------------------------------------------------------------------------------------


def test_merged_contacts_all_answer_with_the_one_that_is_left(leads_server):
    survivors = {each.id: each.successor_id for each in BOOK.redirects}
    for story, count in (("merged contact", 2), ("merged into a new contact", 3)):
        for ids in whose(story).values():
            assert len(ids) == count
            (left,) = set(ids) - set(survivors)
            found = read(leads_server, *ids)
            assert set(found) == {left}
            assert set(found[left]["hs_merged_object_ids"].split(";")) == set(ids) - {left}


def test_a_contact_merged_twice_answers_with_the_last(leads_server):
    (ids,) = whose("merged twice").values()
    assert len(ids) == 5
    (left,) = read(leads_server, *ids)
    for merged in set(ids) - {left}:
        assert leads_server.hubspot.get(f"{CONTACTS}/{merged}").json()["id"] == left
    calculated = read(leads_server, left, properties=["hs_calculated_merged_vids"])
    assert len(calculated[left]["hs_calculated_merged_vids"].split(";")) == 2
    leads_server.set_clock("2017-12-30T00:00:00Z")
    assert len(read(leads_server, *ids)) == 2


@pytest.mark.parametrize(
    ("kind", "merged", "left"),
    [
        ("deals", ["69000000000001", "69000000000002"], "69000000000001"),
        ("companies", ["49000000002", "49000000003"], "49000000004"),
    ],
)
def test_a_pair_of_deals_and_one_of_companies_are_merged(leads_server, kind, merged, left):
    assert set(read(leads_server, *merged, kind=kind)) == {left}
    leads_server.set_clock("2017-12-30T00:00:00Z")
    assert set(read(leads_server, *merged, kind=kind)) == set(merged)


def test_events_of_a_merged_profile_are_its_survivors_from_then_on(leads_server):
    for profiles in whose("merged profile", "klaviyo").values():
        (left,) = {*profiles} - {each.id for each in BOOK.redirects}
        now = owners_of_events(leads_server, *profiles)
        assert [profile for profile, events in now.items() if events] == [left]
        leads_server.set_clock("2017-11-20T00:00:00Z")
        before = owners_of_events(leads_server, *profiles)
        assert set().union(*before.values()) <= now[left]
        leads_server.set_clock("2018-01-03T00:00:00Z")


# Truth ------------------------------------------------------------------------------------------


def test_what_is_true_of_leads_is_known_of_each_that_said_something():
    allowed = {(person, channel): yes for (person, channel), (yes, _) in BOOK.permissions.items()}
    said = {each.email.lower(): each for each in BOOK.subscriptions}
    mails = {
        body["email"].lower(): BOOK.owners["hubspot", record][0]
        for record, body in bodies("hubspot/contacts").items()
        if body["email"]
    }
    for mail, state in said.items():
        if state.channel != "EMAIL":
            # one subscription of a channel says nothing of the channel
            assert not allowed[mails[mail], state.channel.lower()]
    assert Counter(channel for _, channel in allowed)["sms"] == 5
    assert [meaning for *_, meaning in BOOK.said].count(None) == 1


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    home = tmp_path_factory.mktemp("landed-leads")
    to_landing.land(home, Parameters(leads.LEAST, 35), last_nights=7)
    return home


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("leads"), leads.LEAST, "simulated", days=35)


def test_a_simulated_company_has_them_and_their_truth(simulated):
    with closing(sqlite3.connect(simulated.crm_path)) as crm:
        ids = {row[0] for row in crm.execute("select distinct id from records")}
    assert {record for source, record in BOOK.owners if source != "shop"} <= ids
    with closing(sqlite3.connect(simulated.shop_path)) as shop:
        accounts = {str(row[0]) for row in shop.execute("select customer_id from customers")}
    assert {record for source, record in BOOK.owners if source == "shop"} <= accounts
    with duckdb.connect(str(simulated.truth_path), read_only=True) as truth:

        def ask(query):
            return truth.execute(query).fetchall()

        assert len(ask("from truth_said")) == len(leads.UNREADABLE)
        records = ask("select source, record_id from truth_contact_records")
        assert len(records) == len(set(records))
        assert set(BOOK.owners) <= set(records)
        of_leads = "person_id like 'L%'"
        assert len(ask(f"from truth_permissions where {of_leads}")) == len(BOOK.permissions)
        assert len(ask(f"from truth_permissions where not {of_leads}")) > 500
        assert ask(f"select count(*) from truth_customers where {of_leads}") == [(0,)]


def test_a_landing_tells_of_merges_as_pulls_would(landed):
    with duckdb.connect() as reader:

        def ask(stream, select, end=""):
            files = landed / "landing" / stream / "*" / "*.parquet"
            return reader.execute(f"select {select} from '{files}' {end}").fetchall()

        removed = ask("hubspot/removals", "id, successor_id") + ask(
            "klaviyo/removals", "id, successor_id"
        )
        late = {
            each.id: each.successor_id
            for each in BOOK.redirects
            if each.valid_from > SEVEN_NIGHTS_BEFORE
        }
        assert late.items() <= dict(removed).items()
        owners = dict(ask("klaviyo/events", "id, arg_max(profile_id, _dlt_load_id)", "group by id"))
        gone = {each.id for each in BOOK.redirects}
        assert not [event.id for event in BOOK.events if owners[event.id] in gone]
        before = dict(ask("klaviyo/events", "id, arg_min(profile_id, _dlt_load_id)", "group by id"))
        assert [event.id for event in BOOK.events if before[event.id] in gone]


def test_a_landing_of_a_large_company_shows_every_property_that_a_pull_asks_for(landed):
    """One that is asked for and not shown would be one that the CRM has no more."""
    files = landed / "landing/hubspot/contacts/*/*.parquet"
    rows = duckdb.execute(f"select distinct json_keys(properties) from '{files}'").fetchall()
    for (shown,) in rows:
        assert not set(PULLED.properties) - set(shown)
