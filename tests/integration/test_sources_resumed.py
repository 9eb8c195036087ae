"""A pull that fails halfway or at its deadline: what came landed, the next try goes on there."""

from datetime import date

import pytest

from rapport import landing
from rapport.errors import SourceError
from rapport.sources.streams import GROUPS
from tests.integration.test_sources import CONTACT_SEARCH, all_contacts

NIGHT = date(2018, 1, 2)


def calls(rapport, path):
    """Count the calls to a path from here on; nothing is done to them."""
    rapport.fail("delay", path, times=None, do={"seconds": 0})
    return lambda: rapport.server.faults()[0]["matched"]


def test_contacts_go_on_at_the_page_that_failed(rapport, monkeypatch):
    monkeypatch.setattr("rapport.sources.hubspot.objects.SEARCH_PAGE_SIZE", 10)
    whole = calls(rapport, CONTACT_SEARCH)
    rapport.pull("hubspot_contacts", date(2018, 1, 1))
    pages = whole()
    rapport.landing_dir = rapport.landing_dir.with_name("other")
    rapport.fail("status", CONTACT_SEARCH, after=pages - 2, times=None, do={"code": 503})
    with pytest.raises(SourceError):
        rapport.pull("hubspot_contacts")
    landed = len(rapport.ids("hubspot", "contacts"))
    assert landed > 10
    again = calls(rapport, CONTACT_SEARCH)
    rapport.pull("hubspot_contacts")
    assert again() <= 4
    assert sorted(set(rapport.ids("hubspot", "contacts"))) == all_contacts(rapport.server)


def test_events_go_on_and_none_is_missing(rapport, monkeypatch):
    monkeypatch.setattr("rapport.sources.klaviyo.api.EVENTS_PAGE_SIZE", 50)
    rapport.fail("html", "/events", after=5, times=1)
    with pytest.raises(SourceError):
        rapport.pull("klaviyo_events")
    first = len(rapport.ids("klaviyo", "events"))
    assert first == 250
    rapport.server.set_faults([])
    rapport.pull("klaviyo_events")
    resumed = rapport.ids("klaviyo", "events")
    rapport.landing_dir = rapport.landing_dir.with_name("other")
    rapport.pull("klaviyo_events")
    assert set(resumed) == set(rapport.ids("klaviyo", "events"))
    assert len(resumed) < len(set(resumed)) + 50


def test_ties_that_were_read_are_not_read_again_by_the_next_try(rapport):
    for group in ("hubspot_contacts", "hubspot_engagements"):
        rapport.pull(group)
    rapport.fail("html", "/associations/", after=2, times=1)
    with pytest.raises(SourceError):
        rapport.pull("hubspot_associations")
    rapport.server.set_faults([])
    rapport.pull("hubspot_associations")
    read = rapport.rows("hubspot", "associations", "from_type, to_type, from_id")
    assert len(read) == len(set(read))


def test_a_deadline_lands_what_came(rapport, monkeypatch):
    monkeypatch.setattr("rapport.sources.klaviyo.api.PROFILES_PAGE_SIZE", 10)
    rapport.fail("delay", "/profiles", times=None, do={"seconds": 0.3})
    with pytest.raises(SourceError):
        rapport.pull("klaviyo_profiles", deadline_seconds=1)
    some = len(rapport.ids("klaviyo", "profiles"))
    assert 0 < some < 60
    rapport.server.set_faults([])
    rapport.pull("klaviyo_profiles")
    assert len(set(rapport.ids("klaviyo", "profiles"))) == 60


@pytest.mark.parametrize("group", ["hubspot_contacts", "klaviyo_profiles", "shop_catalog"])
def test_a_pull_that_came_to_its_end_is_one_load_and_starts_by_the_overlap(rapport, group):
    rapport.pull(group)
    source = GROUPS[group][0].source
    assert len(landing.loads_of_night(rapport.landing_dir, source, NIGHT)) == 1
    assert all(load.is_last for load in landing.listed_loads(rapport.landing_dir, source))
