"""Klaviyo changing behind the pull: late events, suppressions, lists, deleted profiles."""

import json
from datetime import date

import pytest

from rapport.errors import SourceDenied, SourceError

FIRST, SECOND, THIRD = date(2017, 12, 31), date(2018, 1, 1), date(2018, 1, 2)
PROFILE, LIST = "klaviyo/profile", "klaviyo/list"


def profile_ids(rapport):
    page = rapport.server.klaviyo.get("/profiles", params={"page[size]": 100, "sort": "id"})
    return [record["id"] for record in page.json()["data"]]


def a_list(rapport):
    (made,) = rapport.server.change(
        {"change": "create", "collection": LIST, "values": {"name": "Readers"}}
    )
    return made["ids"][0]


def member_of(rapport, list_id, as_of):
    rows = rapport.rows("klaviyo", "list_members", "list_id, profile_id, load_date")
    return sorted(row[1] for row in rows if (row[0], row[2]) == (list_id, as_of))


class TestEvents:
    def late(self, rapport, at):
        (profile, *_) = profile_ids(rapport)
        (made,) = rapport.server.change(
            {"change": "event", "metric": "Received Email", "profile_id": profile, "at": at}
        )
        return made["ids"][0]

    def test_a_late_event_within_the_overlap_comes_with_the_next_night(self, rapport):
        rapport.night(SECOND, "klaviyo_events")
        newest = rapport.rows("klaviyo", "events", "max(datetime)")[0][0]
        rapport.clock(THIRD)
        late = self.late(rapport, newest[:10] + "T00:00:00Z")
        rapport.pull("klaviyo_events", THIRD)
        assert late in rapport.ids("klaviyo", "events")

    def test_a_later_one_is_found_by_counting_and_only_its_day_is_read(self, rapport):
        rapport.reconcile(SECOND, "klaviyo")
        rapport.clock(THIRD)
        late = self.late(rapport, "2017-12-10T12:00:00Z")
        found = rapport.reconcile(THIRD, "klaviyo")
        assert late in rapport.ids("klaviyo", "events")
        assert found["events"] == 1
        there, landed, method = rapport.totals("klaviyo", THIRD)["events"]
        assert there == landed
        assert method == "aggregates by metric and day"

    def test_an_event_that_is_gone_becomes_a_removal(self, rapport):
        rapport.clock(SECOND)
        late = self.late(rapport, "2017-12-10T12:00:00Z")
        rapport.reconcile(SECOND, "klaviyo")
        rapport.server.set_faults([])  # takes it back
        rapport.reconcile(THIRD, "klaviyo")
        rows = rapport.rows("klaviyo", "removals", "object_type, id")
        assert ("events", late) in rows
        there, landed, _ = rapport.totals("klaviyo", THIRD)["events"]
        assert there == landed

    def test_one_of_which_klaviyo_cannot_tell_the_metric_lands_and_is_named_as_not_compared(
        self, rapport
    ):
        rapport.clock(SECOND)
        (profile, *_) = profile_ids(rapport)
        (made,) = rapport.server.change(
            {"change": "event", "metric": "", "profile_id": profile, "at": "2018-01-01T12:00:00Z"}
        )
        rapport.reconcile(SECOND, "klaviyo")
        events = rapport.rows("klaviyo", "events", "id, metric_id, profile_id")
        assert (made["ids"][0], None, profile) in events
        told = rapport.rows("klaviyo", "source_totals", "not_compared")
        (left_out,) = [each for (text,) in told if text for each in json.loads(text)]
        assert (left_out["metric"], left_out["landed"]) == (None, 1)

    def test_counts_that_are_none_fail_the_load(self, rapport):
        rapport.pull("klaviyo_campaigns")
        rapport.fail("html", "/metric-aggregates", times=None)
        with pytest.raises(SourceError, match="not strict JSON"):
            rapport.pull("klaviyo_reconciliation")


class TestProfiles:
    @pytest.mark.parametrize("member", ["suppression", "list_suppressions"])
    def test_a_suppression_that_moves_no_date_is_pulled(self, rapport, member):
        rapport.night(SECOND, "klaviyo_profiles")
        rapport.clock(THIRD)
        for profile in profile_ids(rapport):
            rows = rapport.rows("klaviyo", "profiles", "id, attributes, updated")
            ((_, attributes, updated), *_) = [row for row in rows if row[0] == profile]
            if updated < "2017-12-01":
                break
        subscriptions = json.loads(attributes)["subscriptions"]
        moment = {"reason": "MANUAL_SUPPRESSION", "timestamp": "2018-01-02T12:00:00+00:00"}
        subscriptions["email"]["marketing"][member] = [moment | {"list_id": "x"}]
        rapport.server.change(
            {
                "change": "modify",
                "collection": PROFILE,
                "id": profile,
                "silently": True,
                "values": {"subscriptions": subscriptions},
            }
        )
        rapport.pull("klaviyo_profiles", THIRD)
        rows = rapport.rows("klaviyo", "profiles", "id, load_date, attributes, updated")
        ((_, _, landed, still),) = [row for row in rows if row[:2] == (profile, THIRD)]
        assert "MANUAL_SUPPRESSION" in landed
        assert still == updated

    def test_a_deleted_profile_becomes_a_removal_and_a_lost_one_is_pulled(self, rapport):
        rapport.reconcile(FIRST, "klaviyo")
        rapport.clock(THIRD)
        gone = profile_ids(rapport)[0]
        rapport.server.change({"change": "delete", "collection": PROFILE, "id": gone})
        (made,) = rapport.server.change(
            {"change": "create", "collection": PROFILE, "at": "2017-03-01T00:00:00Z"}
        )
        for as_of in (date(2018, 1, 1), date(2018, 1, 8)):  # listed at least once a week
            rapport.pull("klaviyo_reconciliation", as_of)
        assert [row[1] for row in rapport.rows("klaviyo", "removals", "object_type, id")] == [gone]
        assert made["ids"][0] in rapport.ids("klaviyo", "profiles")
        there, landed, _ = rapport.totals("klaviyo", date(2018, 1, 8))["profiles"]
        assert there == landed


class TestMergedProfiles:
    """Merging deletes a profile and hands its events on; only the events tell."""

    def profiles(self, rapport):
        """Two profiles without events, made and pulled."""
        made = rapport.server.change(
            {"change": "create", "collection": PROFILE, "at": "2017-03-01T00:00:00Z", "count": 2}
        )
        return made[0]["ids"]

    def event(self, rapport, profile, at):
        (made,) = rapport.server.change(
            {"change": "event", "metric": "Received Email", "profile_id": profile, "at": at}
        )
        return made["ids"][0]

    def merge(self, rapport, gone, into):
        rapport.server.change({"change": "merge", "collection": PROFILE, "id": gone, "into": into})

    def removed(self, rapport):
        rows = rapport.rows("klaviyo", "removals", "object_type, id, successor_id, noticed_on")
        return sorted(row[1:] for row in rows if row[0] == "profiles")

    def owner(self, rapport, event):
        rows = rapport.rows("klaviyo", "events", "load_date, profile_id, id")
        return [row[1] for row in sorted(rows) if row[2] == event][-1]

    def test_an_event_that_comes_again_as_anothers_tells_the_next_night(self, rapport):
        rapport.clock(SECOND)
        gone, kept = self.profiles(rapport)
        old = self.event(rapport, gone, "2017-06-01T12:00:00Z")
        recent = self.event(rapport, gone, "2018-01-01T12:00:00Z")
        rapport.reconcile(SECOND, "klaviyo")
        rapport.clock(THIRD)
        self.merge(rapport, gone, kept)
        rapport.reconcile(THIRD, "klaviyo")
        assert self.removed(rapport) == [(gone, kept, str(THIRD))]
        assert [self.owner(rapport, each) for each in (old, recent)] == [kept, kept]
        rapport.reconcile(date(2018, 1, 3), "klaviyo")
        assert self.removed(rapport) == [(gone, kept, str(THIRD))]

    def test_old_events_tell_with_the_weekly_list(self, rapport):
        rapport.clock(SECOND)
        gone, kept = self.profiles(rapport)
        old = self.event(rapport, gone, "2017-06-01T12:00:00Z")
        other = self.event(rapport, kept, "2017-06-02T12:00:00Z")
        rapport.reconcile(SECOND, "klaviyo")
        rapport.clock(date(2018, 1, 8))
        self.merge(rapport, gone, kept)
        week_later = date(2018, 1, 8)
        found = rapport.reconcile(week_later, "klaviyo")
        assert self.removed(rapport) == [(gone, kept, str(week_later))]
        assert self.owner(rapport, old) == kept
        assert found["events"] == 1, "no other event of the survivor landed again"
        assert self.owner(rapport, other) == kept

    def test_a_profile_that_was_merged_on_leads_to_the_last(self, rapport):
        rapport.clock(SECOND)
        (gone, between), (kept, _) = self.profiles(rapport), self.profiles(rapport)
        events = [
            self.event(rapport, profile, "2018-01-01T12:00:00Z") for profile in (gone, between)
        ]
        rapport.reconcile(SECOND, "klaviyo")
        rapport.clock(THIRD)
        self.merge(rapport, gone, between)
        rapport.server.set_clock("2018-01-03T00:00:10Z")
        self.merge(rapport, between, kept)
        rapport.server.set_clock("2018-01-03T00:00:20Z")
        for group in ("klaviyo_profiles", "klaviyo_events", "klaviyo_reconciliation"):
            rapport.pull(group, THIRD)
        assert {row[:2] for row in self.removed(rapport)} == {(gone, kept), (between, kept)}
        assert {self.owner(rapport, each) for each in events} == {kept}

    def test_a_profile_that_was_deleted_and_one_without_events_have_no_successor(self, rapport):
        rapport.clock(SECOND)
        (deleted, silent), (kept, _) = self.profiles(rapport), self.profiles(rapport)
        self.event(rapport, deleted, "2017-06-01T12:00:00Z")
        rapport.reconcile(SECOND, "klaviyo")
        rapport.clock(date(2018, 1, 8))
        rapport.server.change({"change": "delete", "collection": PROFILE, "id": deleted})
        self.merge(rapport, silent, kept)
        rapport.reconcile(date(2018, 1, 8), "klaviyo")
        assert {row[:2] for row in self.removed(rapport)} == {(deleted, None), (silent, None)}

    def test_an_event_that_another_profile_took_is_no_merge_while_both_are_there(
        self, rapport, monkeypatch
    ):
        rapport.clock(SECOND)
        gone, kept = self.profiles(rapport)
        self.event(rapport, gone, "2018-01-01T12:00:00Z")
        rapport.reconcile(SECOND, "klaviyo")
        rapport.clock(THIRD)
        self.merge(rapport, gone, kept)
        rapport.pull("klaviyo_events", THIRD)
        rapport.server.change({"change": "unmerge", "collection": PROFILE, "id": gone})
        rapport.pull("klaviyo_reconciliation", THIRD)
        assert self.removed(rapport) == []


class TestLists:
    def test_every_night_has_all_members_so_that_leaving_shows(self, rapport):
        rapport.clock(SECOND)
        readers = a_list(rapport)
        here = profile_ids(rapport)[:3]
        for profile in here:
            rapport.server.change({"change": "join", "list_id": readers, "profile_id": profile})
        rapport.pull("klaviyo_lists", SECOND)
        assert member_of(rapport, readers, SECOND) == here
        rapport.clock(THIRD)
        rapport.server.change({"change": "leave", "list_id": readers, "profile_id": here[0]})
        rapport.pull("klaviyo_lists", THIRD)
        assert member_of(rapport, readers, THIRD) == here[1:]

    def test_members_come_over_pages_with_the_time_they_joined(self, rapport, monkeypatch):
        monkeypatch.setattr("rapport.sources.klaviyo.lists.PROFILES_PAGE_SIZE", 2)
        readers = a_list(rapport)
        here = profile_ids(rapport)[:5]
        for profile in here:
            rapport.server.change(
                {
                    "change": "join",
                    "list_id": readers,
                    "profile_id": profile,
                    "at": "2017-05-01T00:00:00Z",
                }
            )
        rapport.pull("klaviyo_lists")
        assert member_of(rapport, readers, THIRD) == here
        joined = rapport.rows("klaviyo", "list_members", "list_id, joined_group_at")
        assert {row[1][:10] for row in joined if row[0] == readers} == {"2017-05-01"}

    def test_an_empty_list_is_a_list_without_members(self, rapport):
        readers = a_list(rapport)
        rapport.pull("klaviyo_lists")
        assert readers in rapport.ids("klaviyo", "lists")
        assert member_of(rapport, readers, THIRD) == []


def test_campaigns_carry_the_names_of_their_tags(rapport):
    rapport.pull("klaviyo_campaigns")
    tags = [json.loads(row[0]) for row in rapport.rows("klaviyo", "campaigns", "tags")]
    assert all(isinstance(name, str) for names in tags for name in names)
    shown = rapport.server.klaviyo.get(
        "/campaigns", params={"filter": "equals(messages.channel,'email')", "include": "tags"}
    ).json()
    assert sum(map(len, tags)) == sum(
        len(each["relationships"]["tags"]["data"]) for each in shown["data"]
    )


@pytest.mark.parametrize(("path", "kind"), [("/lists", "html"), ("/lists/.+/profiles", "empty")])
def test_nonsense_about_lists_fails_the_load(rapport, path, kind):
    rapport.fail(kind, path, times=None)
    readers = a_list(rapport)
    rapport.server.change(
        {"change": "join", "list_id": readers, "profile_id": profile_ids(rapport)[0]}
    )
    with pytest.raises(SourceError, match=r"(not strict JSON|has no list)"):
        rapport.pull("klaviyo_lists")
    assert rapport.rows("klaviyo", "list_members") == []


class TestFlows:
    def test_a_flow_lands_with_its_actions_messages_and_tags(self, rapport):
        rapport.pull("klaviyo_flows")
        flows = rapport.rows("klaviyo", "flows", "id, attributes, tags")
        named = {json.loads(row[1])["name"]: row for row in flows}
        assert json.loads(named["Recalls"][2]) == ["class:service"]
        assert json.loads(named["Welcome series"][2]) == []
        actions = dict(rapport.rows("klaviyo", "flow_actions", "id, flow_id"))
        assert set(actions.values()) == {row[0] for row in flows}
        messages = rapport.rows("klaviyo", "flow_messages", "action_id, flow_id, attributes")
        assert all(actions[action] == flow for action, flow, _ in messages)
        definitions = [json.loads(row[2])["definition"] for row in messages]
        transactional = {each["name"] for each in definitions if each["transactional"]}
        assert transactional == {"Your order"}
        # a test has a message for each variation
        assert {"Welcome: Plain", "Welcome: With a gift"} <= {each["name"] for each in definitions}

    def test_no_text_of_a_message_lands(self, rapport):
        rapport.pull("klaviyo_flows")
        rapport.pull("klaviyo_campaigns")
        for stream in ("flow_actions", "flow_messages", "campaign_messages"):
            landed = str(rapport.rows("klaviyo", stream, "attributes"))
            assert "subject" not in landed
            assert "@example.com" not in landed

    def test_messages_are_asked_for_where_something_is_sent(self, rapport):
        rule = {"match": {"path": "/flow-actions/"}, "do": {"kind": "delay", "seconds": 0}}
        rapport.server.set_faults([{**rule, "times": None}])
        rapport.pull("klaviyo_flows")
        (counted,) = rapport.server.faults()
        sending = {row[0] for row in rapport.rows("klaviyo", "flow_messages", "action_id")}
        assert counted["fired"] == len(sending) < len(rapport.ids("klaviyo", "flow_actions"))

    def test_a_key_that_may_not_read_flows_is_told_which_scope_it_lacks(self, rapport, caplog):
        key = f"{rapport.secrets['klaviyo']}-without-flows:read"
        assert rapport.pull("klaviyo_flows", secret=key)["flows"] == 0
        assert "scope flows:read" in caplog.text
        assert rapport.rows("klaviyo", "source_totals", "stream, method") == [
            ("flows", "refused: flows:read, tags:read")
        ]
        assert (
            rapport.pull("klaviyo_campaigns", secret=key)["campaigns"] > 0
        )  # nothing else is hurt

    def test_what_a_night_cannot_do_without_stops_it(self, rapport):
        with pytest.raises(SourceDenied, match="events:read"):
            rapport.pull(
                "klaviyo_events", secret=f"{rapport.secrets['klaviyo']}-without-events:read"
            )

    def test_messages_of_campaigns_land_with_their_campaign(self, rapport):
        rapport.pull("klaviyo_campaigns")
        owners = dict(rapport.rows("klaviyo", "campaign_messages", "id, campaign_id"))
        assert set(owners.values()) == set(rapport.ids("klaviyo", "campaigns"))
