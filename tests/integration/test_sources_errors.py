"""What an API refuses is told in its own words, and a wait is kept whole or ends the pull."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import tenacity

from rapport.errors import (
    BudgetSpent,
    DeadlinePassed,
    NotBefore,
    ScopeMissing,
    SourceError,
    SourceRefused,
)

PROFILES, SEARCH = "/profiles", "/contacts/search"
LACKING = {"code": 403, "scopes": ["marketing.campaigns.read", "content"]}


@pytest.fixture
def slept(monkeypatch):
    """The waits between tries, in seconds, none of which is slept."""
    waits = []
    retrying = partial(tenacity.Retrying, sleep=waits.append)
    monkeypatch.setattr("rapport.sources.http.Retrying", retrying)
    return waits


class TestAWait:
    @pytest.mark.parametrize("as_date", [False, True])
    def test_that_fits_is_kept_whole(self, rapport, slept, as_date):
        wait = {"code": 429, "retry_after": 1800, "retry_after_as_date": as_date}
        rapport.fail("status", PROFILES, do=wait)
        rapport.pull("klaviyo_profiles")
        assert slept == [pytest.approx(1800, abs=5)]

    def test_that_is_longer_than_the_pull_ends_it_at_once_with_the_hour(self, rapport, slept):
        rapport.fail("status", SEARCH, times=None, do={"code": 477, "retry_after": 24 * 3600})
        with pytest.raises(NotBefore) as told:
            rapport.pull("hubspot_contacts")
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert abs(told.value.until - tomorrow) < timedelta(minutes=1)
        assert "477" in str(told.value)
        assert f"no request is taken before {told.value.until:%Y-%m-%d %H:%M} UTC" in str(
            told.value
        )
        assert (rapport.server.faults()[0]["fired"], slept) == (1, [])

    def test_what_came_before_it_is_landed(self, rapport, monkeypatch):
        monkeypatch.setattr("rapport.sources.klaviyo.api.PROFILES_PAGE_SIZE", 10)
        rapport.fail("status", PROFILES, after=2, do={"code": 503, "retry_after": 9999})
        with pytest.raises(NotBefore, match="What came before is landed"):
            rapport.pull("klaviyo_profiles")
        assert len(rapport.ids("klaviyo", "profiles")) == 20


class TestABudgetOfCalls:
    def test_of_the_day_that_is_used_up_ends_the_pull_at_once(self, rapport, slept):
        rapport.fail("status", SEARCH, times=None, do={"code": 429, "policy": "DAILY"})
        with pytest.raises(
            BudgetSpent, match=r"DAILY.*of the day is used up until midnight of its own clock\."
        ) as told:
            rapport.pull("hubspot_contacts")
        assert told.value.until is None
        assert (rapport.server.faults()[0]["fired"], slept) == (1, [])

    def test_says_the_hour_where_the_source_does(self, rapport):
        rapport.fail("status", SEARCH, do={"code": 429, "policy": "DAILY", "retry_after": 60})
        with pytest.raises(BudgetSpent) as told:
            rapport.pull("hubspot_contacts")
        assert (
            f"used up until midnight of its own clock ({told.value.until:%Y-%m-%d %H:%M} UTC)"
            in str(told.value)
        )

    def test_that_is_back_only_after_the_pull_ends_it_too(self, rapport, slept):
        rapport.fail("status", PROFILES, do={"code": 429, "retry_after": 67_608})
        with pytest.raises(BudgetSpent, match=r"budget of calls is used up until \d{4}-.* UTC"):
            rapport.pull("klaviyo_profiles")
        assert slept == []

    def test_of_ten_seconds_is_waited_for(self, rapport, slept):
        policy = {"code": 429, "policy": "TEN_SECONDLY_ROLLING"}
        rapport.fail("status", SEARCH, do=policy)
        rapport.pull("hubspot_contacts")
        assert len(slept) == 1


class TestAnAnswerThatTrickles:
    def test_is_cut_at_the_deadline_of_the_pull(self, rapport):
        rapport.fail("trickle", PROFILES, do={"seconds": 0.2})
        began = datetime.now(UTC)
        with pytest.raises(DeadlinePassed, match="did not end within its 1 s; what came before"):
            rapport.pull("klaviyo_profiles", deadline_seconds=1)
        assert datetime.now(UTC) - began < timedelta(seconds=8)


class TestARefusal:
    def test_is_told_with_code_and_words_and_without_values(self, rapport):
        words = (
            'Value "Ada" of ada@example.com, +44 20 7946 0018, in filter 4711-beef was not valid'
        )
        rapport.fail("status", SEARCH, times=None, do={"code": 400, "message": words})
        with pytest.raises(SourceRefused) as told:
            rapport.pull("hubspot_contacts")
        assert "answered 400 (it said VALIDATION_ERROR: Value … of … …, in filter … was not" in str(
            told.value
        )
        for value in ("Ada", "ada@", "7946", "4711"):
            assert value not in str(told.value)

    def test_of_json_api_is_told_with_title_detail_and_place(self, rapport):
        rapport.fail("status", PROFILES, times=None, do={"code": 400, "message": "No such field."})
        with pytest.raises(
            SourceRefused, match=r"invalid: Invalid input\. No such field\. at /data/"
        ):
            rapport.pull("klaviyo_profiles")

    def test_that_lasts_is_told_after_all_tries(self, rapport):
        rapport.fail("status", SEARCH, times=None, do={"code": 503, "message": "We are out."})
        with pytest.raises(SourceError, match=r"after 3 tries .*503 \(it said .*We are out\."):
            rapport.pull("hubspot_contacts")


class TestAMissingScope:
    def test_is_named_as_the_vendor_names_it(self, rapport):
        rapport.fail("status", SEARCH, do=LACKING)
        with pytest.raises(
            ScopeMissing, match=r"lacks the scope marketing\.campaigns\.read or content"
        ) as told:
            rapport.pull("hubspot_contacts")
        assert told.value.missing_scopes == ("marketing.campaigns.read", "content")

    def test_of_a_stream_that_can_be_done_without_is_a_warning_that_names_it(self, rapport, caplog):
        rapport.fail("status", "/marketing/", times=None, do=LACKING)
        rapport.pull("hubspot_marketing_email")
        assert "scope marketing.campaigns.read, content; give it" in caplog.text
        assert ("marketing_emails", "refused: marketing.campaigns.read, content") in rapport.rows(
            "hubspot", "source_totals", "stream, method"
        )

    def test_is_the_declared_one_where_the_vendor_names_none(self, rapport, caplog):
        rapport.fail("status", "/marketing/", times=None, do={"code": 403})
        rapport.pull("hubspot_marketing_email")
        assert "scope marketing-email; give it" in caplog.text

    def test_is_read_from_klaviyos_words(self, rapport):
        rapport.fail("status", PROFILES, do={"code": 403, "scopes": ["profiles:read"]})
        with pytest.raises(ScopeMissing) as told:
            rapport.pull("klaviyo_profiles")
        assert told.value.missing_scopes == ("profiles:read",)
