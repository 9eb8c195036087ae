"""What a source refuses, garbles or cuts off costs that record, and no more."""

import json
from datetime import date, timedelta

import pytest

from rapport.errors import SourceRefused

NIGHT = date(2018, 1, 2)
WEEK_LATER = NIGHT + timedelta(days=7)


def refused(rapport, source):
    return rapport.rows(source, "refusals", "stream, id, part, reason, record")


def addresses(rapport):
    rows = rapport.rows("hubspot", "contacts", "distinct lower(properties ->> '$.email')")
    return sorted(row[0] for row in rows if row[0])


def asked_for(rapport, channel="EMAIL"):
    rows = rapport.rows("hubspot", "subscription_statuses", "subscriber, channel")
    return sorted({row[0] for row in rows if row[1] == channel})


def script(rapport, *rules):
    rapport.server.set_faults(
        [{"match": {"path": path}, "times": None, **more, "do": do} for path, do, more in rules]
    )


class TestABatchThatIsRefusedForOneInput:
    def test_is_split_and_the_address_waits_in_quarantine_with_the_reason(self, rapport):
        rapport.pull("hubspot_contacts")
        rapport.pull("hubspot_preferences", status_channels=[])
        everyone = asked_for(rapport)
        bad = everyone[len(everyone) // 2]
        rapport.landing_dir = rapport.landing_dir.with_name("again")
        script(rapport, ("/statuses/batch/", {"kind": "refuse", "holds": bad}, {}))
        rapport.pull("hubspot_contacts")
        rapport.pull("hubspot_preferences", status_channels=["SMS"])
        assert asked_for(rapport) == asked_for(rapport, "SMS") == [a for a in everyone if a != bad]
        ((stream, id_, part, reason, _),) = refused(rapport, "hubspot")
        assert (stream, id_, part) == ("subscription_statuses", bad, "EMAIL")
        assert "answered 400" in reason
        assert bad not in reason

    def test_the_address_is_asked_for_again_within_a_week_and_not_every_night(self, rapport):
        rapport.pull("hubspot_contacts")
        bad = addresses(rapport)[3]
        script(rapport, ("/statuses/batch/", {"kind": "refuse", "holds": bad}, {}))
        for days in range(8):
            rapport.pull("hubspot_preferences", NIGHT + timedelta(days=days), status_channels=[])
        nights = rapport.rows("hubspot", "refusals", "distinct noticed_on")
        assert 2 <= len(nights) <= 3

    def test_a_record_without_ties_to_be_had_leaves_the_others_theirs(self, rapport):
        rapport.pull("hubspot_tickets")
        ids = rapport.ids("hubspot", "tickets")
        script(
            rapport, ("/associations/", {"kind": "refuse", "holds": f'"{ids[0]}"', "code": 404}, {})
        )
        rapport.pull("hubspot_associations")
        tied = {row[0] for row in rapport.rows("hubspot", "associations", "from_id")}
        assert ids[0] not in tied
        assert tied >= set(ids[1:])
        assert {row[:2] for row in refused(rapport, "hubspot")} == {("associations", ids[0])}

    def test_a_record_whose_history_is_refused_lands_as_the_search_showed_it(self, rapport):
        rapport.pull("hubspot_tickets")
        bad, *others = rapport.ids("hubspot", "tickets")
        rapport.landing_dir = rapport.landing_dir.with_name("again")
        script(rapport, ("/tickets/batch/read", {"kind": "refuse", "holds": f'"{bad}"'}, {}))
        rapport.pull("hubspot_tickets")
        rows = rapport.rows("hubspot", "tickets", "id, properties_with_history is not null")
        assert {id_ for id_, has_history in rows if has_history} == set(others)
        assert bad in rapport.ids("hubspot", "tickets")
        assert [row[:2] for row in refused(rapport, "hubspot")] == [("tickets", bad)]

    def test_a_profile_that_klaviyo_does_not_take_is_not_taken_for_deleted(self, rapport):
        rapport.reconcile(NIGHT, "klaviyo")
        page = rapport.server.klaviyo.get("/profiles", params={"page[size]": 3, "sort": "id"})
        gone, bad, _ = [record["id"] for record in page.json()["data"]]
        script(rapport, (r"any\(id", {"kind": "refuse", "holds": bad}, {}))
        for each in (gone, bad):
            rapport.server.change({"change": "delete", "collection": "klaviyo/profile", "id": each})
        rapport.clock(WEEK_LATER)
        rapport.pull("klaviyo_reconciliation", WEEK_LATER)
        removed = [row[0] for row in rapport.rows("klaviyo", "removals", "id")]
        assert removed == [gone]
        assert [row[:2] for row in refused(rapport, "klaviyo")] == [("profiles", bad)]

    def test_a_request_that_is_wrong_itself_is_told_and_not_split_for_ever(self, rapport):
        rapport.pull("hubspot_contacts")
        rapport.fail("status", "/statuses/batch/read", times=None, do={"code": 400})
        with pytest.raises(SourceRefused, match="answered 400"):
            rapport.pull("hubspot_preferences")
        assert rapport.server.faults()[0]["fired"] < 60


class TestARecordThatCannotBeBelieved:
    @pytest.mark.parametrize(
        ("kind", "reason"), [("key_twice", "one key twice"), ("nan", "NaN is not JSON")]
    )
    @pytest.mark.parametrize(
        ("group", "path", "stream"),
        [
            ("hubspot_contacts", "/contacts/search", "hubspot.contacts"),
            ("klaviyo_events", "/events", "klaviyo.events"),
            ("hubspot_marketing_email", "/email/public/v1/events", "hubspot.email_events"),
        ],
    )
    def test_lands_with_the_refusals_and_the_others_where_they_belong(
        self, rapport, group, path, stream, kind, reason
    ):
        source, name = stream.split(".")
        rapport.fail(kind, path, times=1)
        rapport.pull(group)
        ((of, id_, _, why, record),) = refused(rapport, source)
        assert of == name
        assert reason in why
        assert json.loads(record)["id"] == id_
        landed = rapport.ids(source, name)
        assert id_ not in landed
        rapport.server.reset()
        rapport.pull(group, NIGHT + timedelta(days=40), deadline_seconds=600)
        rows = rapport.rows(source, name, "id")
        assert len(landed) >= 1
        assert len({row[0] for row in rows}) >= len(landed)

    def test_half_a_letter_costs_the_letter(self, rapport):
        rapport.fail("half_letter", "/contacts/search", times=1)
        rapport.pull("hubspot_contacts")
        notes = rapport.rows("hubspot", "contacts", "properties ->> '$.note'")
        assert ("cut off ?",) in notes
        assert refused(rapport, "hubspot") == []


class TestACursorThatExpires:
    def test_events_go_on_from_the_last_one_seen(self, rapport, monkeypatch):
        monkeypatch.setattr("rapport.sources.klaviyo.api.EVENTS_PAGE_SIZE", 100)
        rapport.pull("klaviyo_events")
        everything = rapport.ids("klaviyo", "events")
        script(
            rapport,
            (
                r"/events\?.*page\[cursor\]",
                {"kind": "status", "code": 410},
                {"after": 3, "times": 2},
            ),
        )
        rapport.landing_dir = rapport.landing_dir.with_name("again")
        rapport.pull("klaviyo_events")
        assert set(rapport.ids("klaviyo", "events")) == set(everything)
        assert len(rapport.ids("klaviyo", "events")) < len(everything) + 300
        assert rapport.server.faults()[0]["fired"] == 2

    @pytest.mark.parametrize(
        ("group", "stream", "path", "pages"),
        [
            (
                "klaviyo_profiles",
                "klaviyo.profiles",
                r"/profiles\?.*cursor",
                "klaviyo.api.PROFILES",
            ),
            ("hubspot_contacts", "hubspot.owners", r"/owners/.*after", "hubspot.crm.LIST"),
            ("hubspot_marketing_email", "hubspot.email_events", "offset", "hubspot.mail.EVENTS"),
            ("hubspot_marketing_email", "hubspot.marketing_emails", "after=", "hubspot.mail.LIST"),
        ],
    )
    def test_so_does_every_other_listing(self, rapport, monkeypatch, group, stream, path, pages):
        monkeypatch.setattr(f"rapport.sources.{pages}_PAGE_SIZE", 2)
        script(rapport, (path, {"kind": "status", "code": 404}, {"after": 1, "times": 1}))
        rapport.pull(group)
        assert rapport.server.faults()[0]["fired"] == 1
        source, name = stream.split(".")
        landed = set(rapport.ids(source, name))
        rapport.server.reset()
        rapport.landing_dir = rapport.landing_dir.with_name("again")
        rapport.pull(group)
        assert landed == set(rapport.ids(source, name))

    def test_a_listing_that_does_not_get_on_ends(self, rapport, monkeypatch):
        monkeypatch.setattr("rapport.sources.klaviyo.api.EVENTS_PAGE_SIZE", 100)
        script(rapport, (r"/events\?.*page\[cursor\]", {"kind": "status", "code": 400}, {}))
        rapport.pull("klaviyo_events")  # every page is the first of a listing of its own
        assert rapport.ids("klaviyo", "events")


class TestListsThatLoseMany:
    def a_list(self, rapport, size=30):
        (made,) = rapport.server.change(
            {"change": "create", "collection": "klaviyo/list", "values": {"name": "Readers"}}
        )
        (list_id,) = made["ids"]
        page = rapport.server.klaviyo.get("/profiles", params={"page[size]": 100, "sort": "id"})
        members = [record["id"] for record in page.json()["data"]][:size]
        for profile in members:
            rapport.server.change({"change": "join", "list_id": list_id, "profile_id": profile})
        return list_id, members

    def nights(self, rapport, list_id):
        """Return the nights that have the list, and how many members."""
        lists = {
            row[1] for row in rapport.rows("klaviyo", "lists", "id, load_date") if row[0] == list_id
        }
        rows = rapport.rows("klaviyo", "list_members", "list_id, profile_id, load_date")
        return {
            night: len({row[1] for row in rows if row[0] == list_id and row[2] == night})
            for night in sorted(lists)
        }

    def test_an_empty_page_where_the_total_says_otherwise_empties_no_list(self, rapport):
        list_id, _ = self.a_list(rapport)
        rapport.pull("klaviyo_lists")
        tomorrow = NIGHT + timedelta(days=1)
        script(rapport, (f"{list_id}/profiles", {"kind": "missing_page"}, {}))
        again, _ = self.a_list(rapport)  # the faults took the list back; it has the same id
        assert again == list_id
        rapport.pull("klaviyo_lists", tomorrow)
        assert self.nights(rapport, list_id) == {NIGHT: 30}
        ((stream, id_, _, reason, _),) = refused(rapport, "klaviyo")
        assert (stream, id_) == ("list_members", list_id)
        assert reason == "the list had 30 members, shows 0, then 0, and says that it has 30"

    def test_one_empty_page_is_read_again(self, rapport):
        list_id, _ = self.a_list(rapport)
        rapport.pull("klaviyo_lists")
        tomorrow = NIGHT + timedelta(days=1)
        rapport.server.set_faults(
            [{"match": {"path": f"{list_id}/profiles"}, "do": {"kind": "missing_page"}, "times": 1}]
        )
        self.a_list(rapport)
        rapport.pull("klaviyo_lists", tomorrow)
        assert self.nights(rapport, list_id) == {NIGHT: 30, tomorrow: 30}

    def test_members_who_really_left_have_left(self, rapport):
        list_id, members = self.a_list(rapport)
        rapport.pull("klaviyo_lists")
        for profile in members[:25]:
            rapport.server.change({"change": "leave", "list_id": list_id, "profile_id": profile})
        tomorrow = NIGHT + timedelta(days=1)
        rapport.pull("klaviyo_lists", tomorrow)
        assert self.nights(rapport, list_id) == {NIGHT: 30, tomorrow: 5}
        assert refused(rapport, "klaviyo") == []
