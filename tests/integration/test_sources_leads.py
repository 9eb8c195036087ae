"""Nights over a company with leads: each merge is noticed in the night after it, by all its ids."""

from datetime import UTC, date, datetime, timedelta

import pytest

from rapport.sources.hubspot import OBJECT_TYPES, reconcile
from sandbox import leads

FIRST, LAST = date(2017, 12, 27), date(2018, 1, 1)
BOOK = leads.book()
KINDS = ("contacts", "companies", "deals")


@pytest.fixture(autouse=True)
def few_kinds(monkeypatch):
    """Reconcile what leads have: the other types go the same way, and cost time."""
    monkeypatch.setattr(
        "rapport.sources.hubspot.reconcile",
        lambda api, known, _, **options: reconcile(
            api, known, [OBJECT_TYPES[kind] for kind in KINDS], **options
        ),
    )


def night_of(merge):
    """The night that sees a merge first."""
    return datetime.fromtimestamp(merge.valid_from / 1000, UTC).date()


def removals(rapport, source):
    rows = rapport.rows(source, "removals", "id, successor_id, noticed_on, object_type")
    return {row[0]: (row[1], row[2]) for row in rows if row[3] != "events"}


def merged(*kinds):
    """Id -> (survivor, night), of the merges that nights from the second on see."""
    return {
        each.id: (each.successor_id, str(night_of(each)))
        for each in BOOK.redirects
        if each.collection.split("/")[1] in kinds and night_of(each) > FIRST
    }


def test_every_merge_in_the_crm_is_noticed_in_its_night_whatever_its_way(with_leads):
    for day in range((LAST - FIRST).days + 1):
        as_of = FIRST + timedelta(days=day)
        with_leads.night(as_of, "hubspot_contacts", "hubspot_deals", "hubspot_reconciliation")
        for there, landed, _ in with_leads.totals("hubspot", as_of).values():
            assert there == landed
    assert removals(with_leads, "hubspot") == merged(*KINDS)


def test_every_merged_profile_is_noticed_by_its_events_which_go_with_it(with_leads):
    groups = ("klaviyo_profiles", "klaviyo_campaigns", "klaviyo_events", "klaviyo_reconciliation")
    for as_of in (FIRST, date(2017, 12, 30), date(2017, 12, 31), LAST):
        with_leads.night(as_of, *groups)
    assert removals(with_leads, "klaviyo") == merged("profile")
    rows = with_leads.rows("klaviyo", "events", "load_date, _dlt_load_id, id, profile_id")
    owners = {event: profile for _, _, event, profile in sorted(rows)}
    gone = {each.id for each in BOOK.redirects}
    assert len([event for event in BOOK.events if event.profile_id in gone]) > 5
    assert not {owners[event.id] for event in BOOK.events} & gone


def test_what_an_address_said_is_pulled_on_every_channel_and_of_every_address(with_leads):
    with_leads.night(LAST, "hubspot_contacts", "hubspot_preferences")
    rows = with_leads.rows(
        "hubspot", "subscription_statuses", "subscriber, channel, subscription_id, status"
    )
    said = {row[:3]: row[3] for row in rows}
    for each in BOOK.subscriptions:
        assert said[each.email.lower(), each.channel, each.subscription_id] == each.status
