"""HubSpot's answers taken apart, without HubSpot."""

import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from rapport.errors import SourceRefused
from rapport.sources import streams
from rapport.sources.hubspot import associations, mail, preferences
from rapport.sources.hubspot.crm import Crm, Found
from rapport.sources.hubspot.reconciliation import _Reconciliation
from rapport.sources.hubspot.types import ASSOCIATIONS, CALLS, CONTACTS, OBJECT_TYPES
from rapport.sources.known import Known
from rapport.sources.records import to_row
from rapport.sources.streams import GROUPS, HUBSPOT

KNOWN = Known(Path("landing"), date(2018, 1, 2))
TEXTS = ("_body", "_title", "subject", "content", "_text")


@pytest.fixture
def crm():
    """Return a function that makes a CRM of prepared answers; it remembers what was asked."""

    def make(*answers):
        made = Crm.__new__(Crm)
        made.id = "rapport_hubspot"
        made.asked = []
        left = iter(answers)

        def post(path, body):
            made.asked.append(body)
            return next(left)

        made.api = SimpleNamespace(post=post)
        made._version, made._splitters, made._refusals = "2026-09", {}, []
        return made

    return make


def tied(id_, *targets, after=None):
    result = {"from": {"id": id_}, "to": [{"toObjectId": target} for target in targets]}
    return result | ({"paging": {"next": {"after": after}}} if after else {})


def untied(id_):
    return {
        "category": "OBJECT_NOT_FOUND",
        "subCategory": associations.NO_TIES,
        "context": {"fromObjectId": [id_]},
    }


class TestAssociations:
    def read(self, crm, *ids):
        pages = associations._pull(crm, KNOWN, CALLS, CONTACTS, list(ids))
        return {
            row["from_id"]: [each["toObjectId"] for each in json.loads(row["targets"])]
            for _, rows in pages
            for row in rows
        }

    def test_a_set_is_read_to_its_end_and_only_what_goes_on_is_asked_again(self, crm):
        api = crm(
            {"results": [tied("1", 7, 8, after="x"), tied("2", 9)]},
            {"results": [tied("1", 10)]},
        )
        assert self.read(api, "1", "2") == {"1": [7, 8, 10], "2": [9]}
        assert api.asked[1] == {"inputs": [{"id": "1", "after": "x"}]}

    def test_no_ties_are_an_empty_set(self, crm):
        assert self.read(crm({"results": [], "errors": [untied("1")]}), "1") == {"1": []}

    def test_a_last_page_without_ties_takes_none_away(self, crm):
        api = crm({"results": [tied("1", 7, after="x")]}, {"results": [], "errors": [untied("1")]})
        assert self.read(api, "1") == {"1": [7]}

    def test_a_record_that_is_gone_has_no_row(self, crm):
        gone = {"category": "OBJECT_NOT_FOUND", "context": {"ids": ["2"]}}
        assert self.read(crm({"results": [tied("1", 7)], "errors": [gone]}), "1", "2") == {"1": [7]}

    def refused(self, crm):
        return [(each.id, each.part, each.reason.split(": ", 1)[1]) for each in crm.refusals()]

    def test_a_record_that_is_left_out_is_asked_again_and_then_refused_alone(self, crm):
        left_out = {"results": [tied("1", 7)]}
        api = crm(left_out, left_out, {"results": []})
        assert self.read(api, "1", "2") == {"1": [7]}
        ((id_, part, reason),) = self.refused(api)
        assert (id_, part) == ("2", "calls:contacts")
        assert reason.endswith("no answer for 1 of 1 records")

    def test_a_part_that_failed_for_another_reason_is_refused_alone(self, crm):
        failed = {"category": "INTERNAL_ERROR", "context": {"ids": ["2"]}}
        answers = (
            {"results": [tied("1", 7)], "errors": [failed]},
            {"results": [tied("1", 7)]},
            {"results": [], "errors": [failed]},
        )
        api = crm(*answers)
        assert self.read(api, "1", "2") == {"1": [7]}
        ((id_, _, reason),) = self.refused(api)
        assert id_ == "2"
        assert "INTERNAL_ERROR" in reason

    def test_a_request_that_is_refused_for_every_record_is_wrong_itself(self, crm):
        nothing = {"results": []}
        with pytest.raises(SourceRefused, match="no answer for 1 of 1 records"):
            self.read(crm(nothing, nothing, nothing), "1", "2")

    def test_a_cursor_that_repeats_ends_it(self, crm):
        again = {"results": [tied("1", 7, after="x")]}
        api = crm(again, again)
        assert self.read(api, "1") == {}
        assert "never end" in self.refused(api)[0][2]


class TestPreferences:
    def test_the_wide_status_of_another_brand_is_not_the_accounts(self):
        answer = {
            "wideStatuses": [
                {"wideStatusType": "PORTAL_WIDE", "status": "SUBSCRIBED", "businessUnitId": 0},
                {
                    "wideStatusType": "BUSINESS_UNIT_WIDE",
                    "status": "UNSUBSCRIBED",
                    "businessUnitId": 5,
                },
            ]
        }
        rows = list(preferences._wide("a@example.com", answer, "EMAIL"))
        assert [(row["subscription_id"], row["status"]) for row in rows] == [
            ("*", "SUBSCRIBED"),
            ("*5", "UNSUBSCRIBED"),
        ]

    def test_an_address_without_a_wide_status_says_that_it_was_asked(self):
        (row,) = preferences._wide("a@example.com", {"wideStatuses": []}, "SMS")
        assert (row["subscription_id"], row["status"]) == ("*", "NOT_SPECIFIED")
        assert row["channel"] == "SMS"

    def test_an_answer_about_another_channel_lands_as_that_and_the_question_beside_it(self):
        answer = {"wideStatuses": [{"channel": "EMAIL", "status": "UNSUBSCRIBED"}]}
        rows = list(preferences._wide("a@example.com", answer, "SMS"))
        assert [(row["channel"], row["status"]) for row in rows] == [
            ("EMAIL", "UNSUBSCRIBED"),
            ("SMS", "NOT_SPECIFIED"),
        ]

    def test_why_and_how_it_was_said_stays_with_a_status(self):
        status = {
            "subscriptionId": 3,
            "status": "SUBSCRIBED",
            "timestamp": "2018-01-01T00:00:00Z",
            "legalBasis": "CONSENT_WITH_NOTICE",
        }
        (row,) = preferences._subscriptions("a@example.com", {"statuses": [status]}, "EMAIL")
        assert (row["subscription_id"], row["set_at"]) == ("3", "2018-01-01T00:00:00Z")
        assert json.loads(row["attributes"]) == {"legalBasis": "CONSENT_WITH_NOTICE"}


def person(id_, *eaten):
    return {"id": id_, "properties": {"hs_merged_object_ids": ";".join(eaten) or None}}


class TestMerges:
    """Who took whose place, from a batch that answers for merged ids without saying which."""

    def successors(self, crm, asked, found, *alone, absent=(), landed=()):
        with duckdb.connect() as connection:
            connection.execute("create table merges (id varchar, successor_id varchar)")
            for pair in landed:
                connection.execute("insert into merges values (?, ?)", list(pair))
            night = _Reconciliation.__new__(_Reconciliation)
            night.crm, night.kind, night.landed = crm, CONTACTS, connection
            crm.read = lambda kind, ids: (
                self.alone.append(*ids),
                Found(alone[len(self.alone) - 1]),
            )[1]
            self.alone = []
            missing = set(asked) - {record["id"] for record in found}
            return night._successors(asked, missing, found, set(absent))

    def test_a_survivor_names_whom_it_ate_and_nobody_is_asked_again(self, crm):
        found = [person("9", "1", "2")]
        assert self.successors(crm(), ["1", "2"], found) == {"1": "9", "2": "9"}
        assert self.alone == []

    def test_a_survivor_that_comes_once_for_each_of_its_ids_is_one(self, crm):
        found = [person("9", "1", "2"), person("9", "1", "2")]
        assert self.successors(crm(), ["1", "2"], found) == {"1": "9", "2": "9"}

    def test_whom_no_survivor_names_is_asked_alone(self, crm):
        found = [person("9", "7")]
        alone = ([person("9", "7")], [])
        assert self.successors(crm(), ["1", "2"], found, *alone) == {"1": "9"}
        assert self.alone == ["1", "2"]

    def test_whom_the_batch_calls_absent_is_not(self, crm):
        found = [person("9", "1")]
        assert self.successors(crm(), ["1", "2"], found, absent=["2"]) == {"1": "9"}
        assert self.alone == []

    def test_a_survivor_among_those_asked_for_is_one_too(self, crm):
        assert self.successors(crm(), ["1", "2"], [person("2", "1")]) == {"1": "2"}

    def test_what_a_landed_record_says_it_ate_counts_where_the_batch_says_nothing(self, crm):
        landed = [("1", "9")]
        assert self.successors(crm(), ["1", "2"], [], absent=["1"], landed=landed) == {"1": "9"}

    def test_deletions_alone_cost_no_further_call(self, crm):
        assert self.successors(crm(), ["1", "2"], []) == {}
        assert self.alone == []


class TestWhatAnAnswerLeavesOut:
    """A property that was deleted is not in the answer, a cleared one is, as null or as nothing."""

    def test_absent_null_and_empty_land_as_they_came(self):
        record = {"id": "1", "properties": {"city": None, "zip": "", "phone": "1"}}
        row = to_row(streams.CONTACTS, record, connection="c")
        assert json.loads(row["properties"]) == {"city": None, "zip": "", "phone": "1"}


class TestTypes:
    def test_every_stream_of_objects_has_its_type(self):
        streams = {s.name for group in GROUPS.values() for s in group if s.source == HUBSPOT}
        assert streams - OBJECT_TYPES.keys() == {
            *("owners", "associations", "removals", "source_totals", "refusals"),
            *("subscription_definitions", "subscription_statuses"),
            *("marketing_emails", "email_events"),
        }

    @pytest.mark.parametrize("kind", OBJECT_TYPES.values(), ids=lambda kind: kind.name)
    def test_no_text_that_somebody_wrote_is_pulled(self, kind):
        assert not [name for name in kind.properties if name.endswith(TEXTS)]

    @pytest.mark.parametrize("kind", OBJECT_TYPES.values(), ids=lambda kind: kind.name)
    def test_the_date_of_change_is_pulled(self, kind):
        assert kind.modified in kind.properties
        assert set(kind.history) <= set(kind.properties)

    def test_every_engagement_is_tied_to_contacts(self):
        tied_to_contacts = {start.name for start, end in ASSOCIATIONS if end is CONTACTS}
        assert {stream.name for stream in GROUPS["hubspot_engagements"]} <= tied_to_contacts


class TestMail:
    @pytest.mark.parametrize(
        ("created", "landed"),
        [
            (1_483_264_800_123, "2017-01-01T10:00:00.123+00:00"),
            (None, None),
            (10**18, "1000000000000000000"),
            ("soon", "soon"),
        ],
    )
    def test_a_time_that_is_none_lands_as_it_came(self, created, landed):
        assert mail._instant({"created": created}) == landed

    def test_only_fields_that_are_used_land(self):
        event = {
            "id": "e",
            "type": "OPEN",
            "recipient": "ann@example.com",
            "emailCampaignId": 7,
            "filteredEvent": False,
            "subject": "Hello",
            "location": {"city": "Berlin"},
        }
        row = mail._row(SimpleNamespace(id="c"), streams.EMAIL_EVENTS, event, mail.EVENT_FIELDS)
        assert json.loads(row["attributes"]) == {"filteredEvent": False}
        assert (row["email_campaign_id"], row["extra"]) == ("7", None)
