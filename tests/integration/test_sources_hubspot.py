"""HubSpot changing under the pull, and in ways that no modified date tells."""

import json
from datetime import date, datetime, timedelta

import pytest

from rapport.errors import SourceDenied, SourceError
from rapport.sources.hubspot import OBJECT_TYPES, reconcile
from rapport.sources.known import Known
from rapport.sources.streams import EMAIL_EVENTS

FIRST, SECOND, THIRD = date(2017, 12, 31), date(2018, 1, 1), date(2018, 1, 2)
NIGHT = THIRD
CONTACTS, TICKETS = "hubspot/contacts", "hubspot/tickets"


@pytest.fixture
def crm(rapport, monkeypatch):
    """The driver, with small pages."""
    monkeypatch.setattr("rapport.sources.hubspot.objects.SEARCH_PAGE_SIZE", 20)
    return rapport


@pytest.fixture
def contacts(crm, monkeypatch):
    """The same, reconciling contacts alone: the other types go the same way, and cost time."""
    monkeypatch.setattr(
        "rapport.sources.hubspot.reconcile",
        lambda api, known, _, **options: reconcile(
            api, known, [OBJECT_TYPES["contacts"]], **options
        ),
    )

    def run(as_of):
        crm.night(as_of, "hubspot_contacts")
        return crm.pull("hubspot_reconciliation", as_of)

    crm.reconcile = run
    return crm


def live_ids(server, kind="contacts"):
    found, after = [], "0"
    while after:
        params = {"limit": 100, "after": after}
        page = server.hubspot.get(f"/crm/objects/2026-09/{kind}", params=params).json()
        found += [record["id"] for record in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after")
    return found


def create(crm, kind, **options):
    (made,) = crm.server.change({"change": "create", "collection": f"hubspot/{kind}", **options})
    return made["ids"]


def change(crm, kind, collection=CONTACTS, **options):
    crm.server.change({"change": kind, "collection": collection, **options})


def removals(crm, source="hubspot"):
    return sorted(crm.rows(source, "removals", "object_type, id, successor_id, noticed_on"))


def latest(crm, stream, id_):
    """The version of a record that landed last."""
    rows = crm.rows("hubspot", stream, "_dlt_load_id, id, archived, properties, load_date")
    *_, (_, _, archived, properties, landed_on) = sorted(r for r in rows if r[1] == id_)
    return archived, json.loads(properties), landed_on


class TestPages:
    def test_a_crowd_with_one_timestamp_across_a_page_end_arrives_whole(self, rapport):
        crowd = create(rapport, "contacts", at="2017-08-01T12:00:00Z", count=1000)
        rapport.pull("hubspot_contacts")
        assert set(crowd) <= set(rapport.ids("hubspot", "contacts"))
        assert set(live_ids(rapport.server)) <= set(rapport.ids("hubspot", "contacts"))

    def test_a_full_page_of_one_timestamp_at_the_very_start_ends_too(self, crm):
        crowd = create(crm, "notes", at="2017-08-01T12:00:00Z", count=20)
        crm.pull("hubspot_engagements")
        assert set(crowd) <= set(crm.ids("hubspot", "notes"))

    def test_records_that_move_between_pages_hide_no_other(self, crm):
        before = live_ids(crm.server)
        moved = {"change": "modify", "id": "$first", "values": {"city": "Hue"}}
        rule = {"match": {"path": "/contacts/search"}, "times": 2}
        crm.server.set_faults([rule | {"do": {"kind": "mutate", "changes": [moved]}}])
        crm.pull("hubspot_contacts")
        assert crm.server.faults()[0]["fired"] == 2
        assert set(before) <= set(crm.ids("hubspot", "contacts"))

    def test_a_record_deleted_between_pages_hides_no_other_and_is_noticed(self, contacts):
        crm = contacts
        before = live_ids(crm.server)
        gone = {"change": "delete", "id": "$last"}
        rule = {"match": {"path": "/contacts/search"}, "times": 1}
        crm.server.set_faults([rule | {"do": {"kind": "mutate", "changes": [gone]}}])
        crm.reconcile(THIRD)
        (lost,) = set(before) - set(live_ids(crm.server))
        assert set(before) - {lost} <= set(crm.ids("hubspot", "contacts"))
        landed = lost in crm.ids("hubspot", "contacts")
        assert [row[1] for row in removals(crm)] == ([lost] if landed else [])

    def test_a_record_that_search_shows_late_comes_with_the_next_night(self, crm):
        crm.night(FIRST, "hubspot_contacts")
        crm.server.set_faults([], hubspot_search_lag_seconds=7200)
        crm.clock(SECOND)
        (late,) = create(crm, "contacts", at="2018-01-01T23:00:00Z", values={"city": "Hue"})
        crm.pull("hubspot_contacts", SECOND)
        assert late not in crm.ids("hubspot", "contacts")
        crm.night(THIRD, "hubspot_contacts")
        assert late in crm.ids("hubspot", "contacts")

    def test_a_page_that_comes_again_is_no_progress_and_no_loop(self, crm, monkeypatch):
        crm.fail("missing_page", "/contacts/search", times=None)
        with pytest.raises(SourceError, match="records are left, but the page holds 0"):
            crm.pull("hubspot_contacts")


class TestHistory:
    def test_earlier_stages_come_with_a_changed_ticket(self, crm):
        crm.clock(FIRST)
        (ticket,) = create(crm, "tickets", at="2017-12-01T00:00:00Z", values=stage("1"))
        crm.night(FIRST, "hubspot_tickets")
        crm.clock(SECOND)
        change(crm, "modify", TICKETS, id=ticket, values=stage("4"))
        crm.pull("hubspot_tickets", SECOND)
        histories = crm.rows("hubspot", "tickets", "id, properties_with_history, load_date")
        (history,) = [
            json.loads(found)["hs_pipeline_stage"]
            for id_, found, landed_on in histories
            if id_ == ticket and landed_on == SECOND
        ]
        assert [each["value"] for each in history] == ["4", "1"]

    def test_a_record_that_goes_between_search_and_read_stays_as_search_had_it(self, crm):
        gone = {"change": "delete", "id": "$first"}
        rule = {"match": {"path": "/tickets/search"}, "times": 1}
        crm.server.set_faults([rule | {"do": {"kind": "mutate", "changes": [gone]}}])
        create(crm, "tickets", values=stage("1"))
        before = live_ids(crm.server, "tickets")
        crm.pull("hubspot_tickets")
        (lost,) = set(before) - set(live_ids(crm.server, "tickets"))
        histories = dict(crm.rows("hubspot", "tickets", "id, properties_with_history"))
        assert histories.pop(lost) is None
        assert all(histories.values())


def stage(value):
    return {"hs_pipeline_stage": value}


class TestWhatNoModifiedDateTells:
    """Each is noticed by the night's reconciliation, and only then."""

    def test_an_archived_record(self, contacts):
        contacts.reconcile(FIRST)
        lost = live_ids(contacts.server)[0]
        contacts.clock(SECOND)
        change(contacts, "archive", id=lost)
        contacts.night(SECOND, "hubspot_contacts")
        assert latest(contacts, "contacts", lost)[0] == "true"

    def test_a_restored_record(self, contacts):
        contacts.clock(SECOND)
        lost = live_ids(contacts.server)[0]
        change(contacts, "archive", id=lost)
        contacts.reconcile(SECOND)
        assert latest(contacts, "contacts", lost)[0] == "true"
        contacts.clock(THIRD)
        change(contacts, "restore", id=lost)
        assert contacts.reconcile(THIRD)["contacts"] >= 1
        assert latest(contacts, "contacts", lost)[0] == "false"
        assert removals(contacts) == []

    def test_a_permanent_deletion(self, contacts):
        contacts.reconcile(SECOND)
        lost = live_ids(contacts.server)[0]
        contacts.clock(THIRD)
        change(contacts, "delete", id=lost)
        contacts.reconcile(THIRD)
        assert removals(contacts) == [("contacts", lost, None, str(THIRD))]

    def test_a_permanent_deletion_of_an_archived_record(self, contacts):
        contacts.clock(SECOND)
        lost = live_ids(contacts.server)[0]
        change(contacts, "archive", id=lost)
        contacts.reconcile(SECOND)
        contacts.clock(THIRD)
        change(contacts, "delete", id=lost)
        contacts.reconcile(THIRD)
        assert ("contacts", lost, None, str(THIRD)) in removals(contacts)

    def test_a_merge_names_the_survivor_and_lands_it_with_the_merged_id(self, contacts):
        contacts.reconcile(SECOND)
        merged, survivor = live_ids(contacts.server)[:2]
        contacts.clock(THIRD)
        change(contacts, "merge", id=merged, into=survivor)
        contacts.reconcile(THIRD)
        assert removals(contacts) == [("contacts", merged, survivor, str(THIRD))]
        _, properties, landed_on = latest(contacts, "contacts", survivor)
        assert landed_on == THIRD
        assert merged in properties["hs_merged_object_ids"].split(";")

    def merge(self, crm, gone, into, new_id, collection=CONTACTS):
        change(crm, "merge", collection, id=gone, into=into, new_id=new_id)

    def test_two_that_became_a_new_one_both_lead_to_it_and_no_list_is_needed(self, contacts):
        contacts.reconcile(FIRST)
        contacts.reconcile(SECOND)
        one, other = live_ids(contacts.server)[:2]
        contacts.clock(THIRD)
        self.merge(contacts, one, other, "39000000001")
        contacts.reconcile(THIRD)
        assert removals(contacts) == [
            ("contacts", id_, "39000000001", str(THIRD)) for id_ in sorted((one, other))
        ]
        there, landed, method = contacts.totals("hubspot", THIRD)["contacts"]
        assert (there, method) == (landed, "search")

    def test_a_new_one_that_is_merged_again_leads_on(self, contacts):
        contacts.reconcile(FIRST)
        one, other, third = live_ids(contacts.server)[:3]
        contacts.clock(SECOND)
        self.merge(contacts, one, other, "39000000001")
        contacts.reconcile(SECOND)
        contacts.clock(THIRD)
        self.merge(contacts, third, "39000000001", "39000000002")
        contacts.reconcile(THIRD)
        found = {row[1]: row[2:] for row in removals(contacts)}
        assert found == {
            one: ("39000000001", str(SECOND)),
            other: ("39000000001", str(SECOND)),
            third: ("39000000002", str(THIRD)),
            "39000000001": ("39000000002", str(THIRD)),
        }

    def test_two_merges_between_two_nights_lead_to_the_last(self, contacts, monkeypatch):
        """Also where the last one does not name those that came to it with the first."""
        contacts.reconcile(SECOND)
        one, other, third = live_ids(contacts.server)[:3]
        contacts.clock(THIRD)
        self.merge(contacts, one, other, "39000000001")
        contacts.server.set_clock("2018-01-03T00:00:10Z")
        self.merge(contacts, third, "39000000001", "39000000002")
        names = {"hs_merged_object_ids": f"{third};39000000001"}
        contacts.server.set_clock("2018-01-03T00:00:20Z")
        change(contacts, "modify", id="39000000002", values=names)
        contacts.pull("hubspot_contacts", THIRD)
        contacts.pull("hubspot_reconciliation", THIRD)
        assert {row[1]: row[2] for row in removals(contacts)} == dict.fromkeys(
            (one, other, third), "39000000002"
        )
        there, landed, _ = contacts.totals("hubspot", THIRD)["contacts"]
        assert there == landed

    def test_a_merge_that_was_taken_back_brings_the_record_back(self, contacts):
        contacts.reconcile(FIRST)
        merged, survivor = live_ids(contacts.server)[:2]
        contacts.clock(SECOND)
        change(contacts, "merge", id=merged, into=survivor)
        contacts.reconcile(SECOND)
        contacts.clock(THIRD)
        change(contacts, "unmerge", id=merged)
        contacts.reconcile(THIRD)
        assert latest(contacts, "contacts", merged)[2] == THIRD
        assert [row[3] for row in removals(contacts)] == [str(SECOND)]

    @pytest.mark.parametrize(("kind", "new_id"), [("companies", "49000000001"), ("deals", None)])
    def test_companies_and_deals_are_merged_too(self, crm, monkeypatch, kind, new_id):
        monkeypatch.setattr(
            "rapport.sources.hubspot.reconcile",
            lambda api, known, _, **options: reconcile(api, known, [OBJECT_TYPES[kind]], **options),
        )
        group = "hubspot_contacts" if kind == "companies" else "hubspot_deals"
        crm.clock(SECOND)
        one, other = create(crm, kind, count=2, at="2017-12-01T00:00:00Z")
        crm.night(SECOND, group, "hubspot_reconciliation")
        crm.clock(THIRD)
        more = {"new_id": new_id} if new_id else {}
        change(crm, "merge", f"hubspot/{kind}", id=one, into=other, **more)
        crm.night(THIRD, group, "hubspot_reconciliation")
        expected = {one: new_id, other: new_id} if new_id else {one: other}
        assert {row[1]: row[2] for row in removals(crm)} == expected
        _, properties, _ = latest(crm, kind, new_id or other)
        assert one in properties["hs_merged_object_ids"].split(";")

    def test_a_deletion_among_merges_has_no_survivor(self, contacts):
        contacts.reconcile(SECOND)
        merged, survivor, deleted = live_ids(contacts.server)[:3]
        contacts.clock(THIRD)
        change(contacts, "merge", id=merged, into=survivor)
        change(contacts, "delete", id=deleted)
        contacts.reconcile(THIRD)
        assert {row[1]: row[2] for row in removals(contacts)} == {merged: survivor, deleted: None}

    def test_a_removal_is_noted_once_and_undone_by_a_later_landing(self, contacts):
        contacts.reconcile(FIRST)
        lost = live_ids(contacts.server)[0]
        contacts.clock(SECOND)
        change(contacts, "delete", id=lost)
        contacts.reconcile(SECOND)
        contacts.reconcile(THIRD)
        assert [row[3] for row in removals(contacts)] == [str(SECOND)]
        contacts.server.reset()
        assert contacts.reconcile(date(2018, 1, 3))["contacts"] >= 1
        there, landed, _ = contacts.totals("hubspot", date(2018, 1, 3))["contacts"]
        assert there == landed

    def test_a_record_entered_with_an_old_date(self, contacts):
        contacts.reconcile(SECOND)
        contacts.clock(THIRD)
        (late,) = create(contacts, "contacts", at="2017-03-01T00:00:00Z")
        assert contacts.reconcile(THIRD)["contacts"] >= 1
        assert late in contacts.ids("hubspot", "contacts")
        there, landed, method = contacts.totals("hubspot", THIRD)["contacts"]
        assert (there, method) == (landed, "listing")


class TestTotals:
    def test_source_and_landing_agree_on_every_type_after_a_whole_pull(self, crm):
        crm.reconcile(THIRD)
        totals = crm.totals("hubspot", THIRD)
        assert len(totals) == 11
        assert all(there == landed for there, landed, _ in totals.values())
        assert totals["contacts"][0] == len(live_ids(crm.server))

    def test_a_total_that_disagrees_has_all_ids_listed_and_the_list_is_believed(
        self, contacts, monkeypatch
    ):
        crm = contacts
        crm.reconcile(FIRST)
        monkeypatch.setattr("rapport.sources.hubspot.crm.Crm.total", lambda *_: 12_345)
        crm.reconcile(SECOND)
        there, landed, method = crm.totals("hubspot", SECOND)["contacts"]
        assert (there, method) == (landed, "listing")
        assert removals(crm) == []

    def test_what_came_since_its_pull_is_pulled_not_listed(self, contacts):
        crm = contacts
        crm.reconcile(FIRST)
        crm.night(SECOND, "hubspot_contacts")
        new = create(crm, "contacts", count=3)
        crm.pull("hubspot_reconciliation", SECOND)
        assert set(new) <= set(crm.ids("hubspot", "contacts"))
        there, landed, method = crm.totals("hubspot", SECOND)["contacts"]
        assert (there, method) == (landed, "search")


class TestAssociations:
    def tie(self, crm, kind, start, end):
        crm.server.change({"change": kind, "start": ["calls", start], "end": ["contacts", end]})

    def targets(self, crm, call, as_of):
        rows = crm.rows("hubspot", "associations", "from_type, from_id, to_type, targets, read_on")
        (found,) = [
            json.loads(row[3])
            for row in rows
            if row[:3] == ("calls", call, "contacts") and row[4] == str(as_of)
        ]
        return sorted(str(target["toObjectId"]) for target in found)

    def test_a_tie_made_later_and_one_cut_are_found_the_next_night(self, crm):
        crm.clock(FIRST)
        contact = live_ids(crm.server)[0]
        groups = ("hubspot_contacts", "hubspot_engagements", "hubspot_associations")
        (call,) = create(crm, "calls", at="2017-12-29T00:00:00Z")
        crm.night(FIRST, *groups)
        assert self.targets(crm, call, FIRST) == []
        crm.clock(SECOND)
        self.tie(crm, "associate", call, contact)
        crm.night(SECOND, *groups)
        assert self.targets(crm, call, SECOND) == [contact]
        crm.clock(THIRD)
        self.tie(crm, "dissociate", call, contact)
        crm.night(THIRD, *groups)
        assert self.targets(crm, call, THIRD) == []

    def test_a_tie_of_an_old_record_is_found_within_a_week(self, crm):
        first, week_later = date(2017, 12, 26), date(2018, 1, 2)
        contact = live_ids(crm.server)[0]
        (call,) = create(crm, "calls", at="2017-06-01T00:00:00Z")
        for group in ("hubspot_contacts", "hubspot_engagements", "hubspot_associations"):
            crm.pull(group, first)
        self.tie(crm, "associate", call, contact)
        crm.pull("hubspot_associations", week_later, recent_days=0)
        assert self.targets(crm, call, week_later) == [contact]

    def test_ties_of_one_record_go_on_over_pages(self, crm):
        contacts = live_ids(crm.server)[:5]
        crm.server.set_faults([], hubspot_associations_page=2)
        (call,) = create(crm, "calls", at="2017-12-29T00:00:00Z")
        for contact in contacts:
            self.tie(crm, "associate", call, contact)
        crm.night(THIRD, "hubspot_engagements", "hubspot_associations")
        assert self.targets(crm, call, THIRD) == sorted(contacts)

    def test_an_answer_that_leaves_records_out_does_not_untie_them(self, crm):
        crm.pull("hubspot_contacts")
        crm.fail("missing_page", "/associations/.*/contacts/companies/", times=None)
        (company,) = create(crm, "companies")
        contact = live_ids(crm.server)[0]
        crm.server.change(
            {"change": "associate", "start": ["contacts", contact], "end": ["companies", company]}
        )
        crm.pull("hubspot_associations")
        assert contact not in {row[0] for row in crm.rows("hubspot", "associations", "from_id")}
        refusals = crm.rows("hubspot", "refusals", "stream, id, reason")
        assert {(stream, id_) for stream, id_, _ in refusals} >= {("associations", contact)}
        assert {stream for stream, _, _ in refusals} == {"associations"}
        assert all("no answer for 1 of 1 records" in reason for _, _, reason in refusals)


class TestPreferences:
    GROUPS = ("hubspot_contacts", "hubspot_preferences")

    def said(self, crm, address, channel="EMAIL"):
        rows = crm.rows(
            "hubspot",
            "subscription_statuses",
            "subscriber, subscription_id, read_on, status, channel",
        )
        return {row[1:3]: row[3] for row in rows if (row[0], row[4]) == (address, channel)}

    def addresses(self, crm):
        rows = crm.rows("hubspot", "contacts", "lower(properties ->> '$.email')")
        return sorted({row[0] for row in rows if row[0]})

    def test_an_opt_out_made_after_the_first_pull_is_found_within_a_week(self, crm):
        first, week_later = date(2017, 12, 26), date(2018, 1, 2)
        crm.pull("hubspot_contacts", first)
        crm.pull("hubspot_preferences", first)
        address = self.addresses(crm)[0]
        assert self.said(crm, address)[("*", str(first))] == "NOT_SPECIFIED"
        out = {"email": address, "subscription_id": "*", "status": "UNSUBSCRIBED"}
        crm.server.change({"change": "state", **out})
        crm.pull("hubspot_preferences", week_later)
        assert self.said(crm, address)[("*", str(week_later))] == "UNSUBSCRIBED"

    def test_the_address_of_a_contact_that_changed_is_asked_the_same_night(self, crm):
        crm.night(FIRST, *self.GROUPS)
        contact = live_ids(crm.server)[0]
        address = latest(crm, "contacts", contact)[1]["email"].lower()
        crm.clock(SECOND)
        change(crm, "modify", id=contact, values={"city": "Hue"})
        out = {"email": address, "subscription_id": "*", "status": "UNSUBSCRIBED"}
        crm.server.change({"change": "state", **out})
        crm.night(SECOND, *self.GROUPS)
        assert self.said(crm, address)[("*", str(SECOND))] == "UNSUBSCRIBED"

    def test_further_addresses_of_a_contact_are_asked_too(self, crm):
        contact = live_ids(crm.server)[0]
        further = {"hs_additional_emails": "Second@Example.com; third@example.com"}
        change(crm, "modify", id=contact, values=further)
        out = {"email": "third@example.com", "subscription_id": "*", "status": "UNSUBSCRIBED"}
        crm.server.change({"change": "state", **out})
        crm.night(THIRD, *self.GROUPS)
        assert self.said(crm, "second@example.com")[("*", str(THIRD))] == "NOT_SPECIFIED"
        assert self.said(crm, "third@example.com")[("*", str(THIRD))] == "UNSUBSCRIBED"

    def test_every_channel_is_asked_and_lands_under_its_name(self, crm):
        crm.pull("hubspot_contacts")
        address = self.addresses(crm)[0]
        out = {"email": address, "subscription_id": "*", "status": "UNSUBSCRIBED"}
        crm.server.change({"change": "state", "channel": "WHATSAPP", **out})
        crm.pull("hubspot_preferences")
        said = {
            channel: self.said(crm, address, channel)[("*", str(THIRD))]
            for channel in ("EMAIL", "SMS", "WHATSAPP")
        }
        assert said == {
            "EMAIL": "NOT_SPECIFIED",
            "SMS": "NOT_SPECIFIED",
            "WHATSAPP": "UNSUBSCRIBED",
        }

    def test_a_new_channel_is_asked_of_known_addresses_at_once(self, crm):
        crm.night(SECOND, "hubspot_contacts")
        crm.pull("hubspot_preferences", SECOND, status_channels=[])
        known = [each for each in self.addresses(crm) if self.said(crm, each)]
        assert known
        assert not [each for each in known if self.said(crm, each, "SMS")]
        crm.pull("hubspot_preferences", THIRD, status_channels=["SMS"])
        assert [each for each in self.addresses(crm) if self.said(crm, each, "SMS")] == known

    @pytest.mark.parametrize("code", [400, 403])
    def test_a_channel_that_the_account_lacks_stops_nothing_and_is_told_once(
        self, crm, caplog, code
    ):
        crm.pull("hubspot_contacts")
        crm.fail("status", "channel=SMS", times=None, do={"code": code})
        crm.pull("hubspot_preferences")
        address = self.addresses(crm)[0]
        assert self.said(crm, address, "SMS") == {}
        assert self.said(crm, address, "EMAIL")
        assert self.said(crm, address, "WHATSAPP")
        told = [each.message for each in caplog.records if "no channel SMS" in each.message]
        assert len(told) == 1
        assert crm.server.faults()[0]["fired"] == 1

    def test_a_channel_that_answered_tonight_is_not_taken_for_absent(self, crm, monkeypatch):
        monkeypatch.setattr("rapport.sources.hubspot.preferences.BATCH_SIZE", 20)
        crm.pull("hubspot_contacts")
        crm.fail("status", "channel=SMS", after=2, times=None, do={"code": 400})
        with pytest.raises(SourceError, match="answered 400"):
            crm.pull("hubspot_preferences")

    def test_e_mail_is_never_taken_for_absent(self, crm):
        crm.pull("hubspot_contacts")
        crm.fail("status", "channel=EMAIL", times=None, do={"code": 400})
        with pytest.raises(SourceError, match="answered 400"):
            crm.pull("hubspot_preferences")

    def test_an_address_that_is_none_is_not_asked_and_stops_nobody(self, crm):
        contact = live_ids(crm.server)[0]
        change(crm, "modify", id=contact, values={"email": "no address"})
        crm.night(THIRD, *self.GROUPS)
        assert "no address" not in {
            row[0] for row in crm.rows("hubspot", "subscription_statuses", "subscriber")
        }

    def test_an_answer_that_leaves_addresses_out_is_refused_without_naming_them(self, crm):
        crm.pull("hubspot_contacts")
        crm.fail("missing_page", "/unsubscribe-all/", times=None)
        with pytest.raises(SourceError, match=r"no answer for \d+ of \d+ addresses") as refused:
            crm.pull("hubspot_preferences")
        assert "@" not in str(refused.value)


def test_a_deleted_property_is_missing_in_the_landing_and_a_cleared_one_is_not(rapport):
    crm = rapport
    contact = live_ids(crm.server)[0]
    change(crm, "modify", id=contact, values={"marketing_pause_until": "", "city": None})
    gone = {"kind": "property_gone", "name": "marketing_pause_until", "since": f"{THIRD}T12:00:00Z"}
    crm.server.set_faults([{"match": {"path": "/contacts/"}, "times": None, "do": gone}])
    crm.server.set_clock(f"{SECOND}T23:00:00Z")
    crm.pull("hubspot_contacts", SECOND)
    change(crm, "modify", id=contact, values={"marketing_pause_until": "", "city": None})
    crm.clock(SECOND)
    crm.pull("hubspot_contacts", SECOND)
    _, properties, _ = latest(crm, "contacts", contact)
    assert (properties["marketing_pause_until"], properties["city"]) == ("", None)
    crm.clock(THIRD)
    change(crm, "modify", id=contact, values={"city": "Hue"})
    crm.pull("hubspot_contacts", THIRD)
    _, properties, landed_on = latest(crm, "contacts", contact)
    assert landed_on == THIRD
    assert "marketing_pause_until" not in properties
    assert properties["city"] == "Hue"


NEW_CALLS = [
    ("hubspot_engagements", "/calls/search", "html"),
    ("hubspot_tickets", "/tickets/batch/read", "truncate"),
    ("hubspot_associations", "/associations/.*/contacts/companies/", "wrong_envelope"),
    ("hubspot_preferences", "/definitions", "html"),
    ("hubspot_preferences", "/statuses/batch/read", "wrong_envelope"),
    ("hubspot_preferences", "/unsubscribe-all/", "truncate"),
    ("hubspot_reconciliation", "/contacts/search", "html"),
]


@pytest.mark.parametrize(("group", "path", "kind"), NEW_CALLS)
def test_nonsense_from_any_call_fails_the_load_and_a_refusal_is_not_tried_again(
    rapport, group, path, kind
):
    rapport.pull("hubspot_contacts")
    # 401, as a scope that is missing (403) is another matter
    refused = {"match": {"path": path}, "do": {"kind": "status", "code": 401}, "times": 1}
    nonsense = {"match": {"path": path}, "do": {"kind": kind}, "after": 1, "times": None}
    rapport.server.set_faults([refused, nonsense])
    create(rapport, "tickets")
    with pytest.raises(SourceDenied, match="access refused"):
        rapport.pull(group)
    with pytest.raises(SourceError, match=r"(not strict JSON|has no list)"):
        rapport.pull(group)
    # What is cut off may come whole: it is asked for until there is no try left.
    tries = rapport.connections["hubspot"].options["max_attempts"] if kind == "truncate" else 1
    assert [rule["fired"] for rule in rapport.server.faults()] == [1, tries]


def test_a_call_that_fails_for_a_while_is_made_again(rapport):
    rapport.pull("hubspot_contacts")
    rapport.fail("status", "/associations/", times=2, do={"code": 502})
    assert rapport.pull("hubspot_associations")["associations"] > 0
    assert rapport.server.faults()[0]["fired"] == 2


class TestMarketingEmail:
    GROUP = "hubspot_marketing_email"

    def test_emails_and_events_land_page_by_page_without_texts_or_devices(self, rapport):
        rows = rapport.pull(self.GROUP)
        assert rows["email_events"] == len(rapport.ids("hubspot", "email_events")) > 20
        sendings = rapport.rows("hubspot", "email_events", "distinct email_campaign_id")
        emails = str(rapport.rows("hubspot", "marketing_emails", "attributes"))
        assert all(sending in emails for (sending,) in sendings if sending)
        assert "subject" not in emails
        assert {row[0] for row in rapport.rows("hubspot", "email_events", "extra")} == {None}

    def test_a_later_night_reads_three_days_again_and_not_all(self, rapport):
        rapport.night(FIRST, self.GROUP)
        newest = rapport.rows("hubspot", "email_events", "max(created_at)")[0][0]
        rapport.night(SECOND, self.GROUP)
        again = rapport.rows("hubspot", "email_events", "created_at, load_date")
        since = datetime.fromisoformat(newest) - timedelta(days=3)
        late = [row for row in again if row[1] == SECOND]
        assert late
        assert all(datetime.fromisoformat(created) >= since for created, _ in late)

    @pytest.mark.parametrize("scope", ["marketing-email", "content"])
    def test_a_key_that_lacks_a_scope_is_told_which_and_the_rest_lands(
        self, rapport, scope, caplog
    ):
        key = f"{rapport.secrets['hubspot']}-without-{scope}"
        stream = {"marketing-email": "marketing_emails", "content": "email_events"}[scope]
        rows = rapport.pull(self.GROUP, secret=key)
        assert rows[stream] == 0
        assert rapport.rows("hubspot", "source_totals", "stream, source_total, method") == [
            (stream, None, f"refused: {scope}")
        ]
        assert f"scope {scope}" in caplog.text
        other = ({"marketing_emails", "email_events"} - {stream}).pop()
        assert rows[other] > 0

    @pytest.mark.parametrize("kind", ["html", "wrong_envelope", "repeat_cursor"])
    def test_nonsense_about_events_fails_the_pull_and_counts_for_nothing(self, rapport, kind):
        rapport.fail(kind, "/email/public/v1/events", times=None)
        with pytest.raises(SourceError):
            rapport.pull(self.GROUP)
        assert Known(rapport.landing_dir, date(2018, 1, 2)).newest(EMAIL_EVENTS) is None
