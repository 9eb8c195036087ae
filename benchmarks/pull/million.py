"""A first pull of a million contacts: its calls, and its hours at the vendors' documented limits.

Calls follow from how the sources are asked (the page and batch sizes are those of the code). Hours
are simulated call by call: a call starts when the pace of its endpoint lets it, after the one
before has been answered; a try that meets its deadline lands what came, and the next goes on there.
"""

import math
from dataclasses import dataclass

from rapport.landing.slices import SLICE_SECONDS
from rapport.sources.connection import DEADLINE_SECONDS
from rapport.sources.hubspot import associations, crm, mail, preferences
from rapport.sources.klaviyo import api
from rapport.sources.streams import GROUPS

# An account of a million contacts; the ratios are those of a mid-sized shop.
CONTACTS = 1_000_000
COMPANIES = 20_000
ENGAGEMENTS = 1_500_000
CRM_MAIL_EVENTS = 6_000_000
EVENTS = 40_000_000
LISTED = 1_400_000
# Seconds from a call's start to its answer. No vendor documents it; these are assumptions.
ANSWER = {"search": 0.6, "batch": 0.5, "list": 0.3, "profiles": 0.3, "events": 1.2}
# Calls per second. HubSpot documents 5 searches and 19 other calls (190 in 10 s) for an account, of
# which a smaller plan has 10 (100 in 10 s); the code searches at 1.6, as three tasks may search at
# once. Klaviyo documents 700 calls a minute for its larger endpoints and 3,500 for events.
PACE = {
    "search": crm.SEARCHES_PER_SECOND,
    "batch": 10.0,
    "list": 10.0,
    "profiles": 700 / 60,
    "events": 3_500 / 60,
}


@dataclass(frozen=True)
class Work:
    """Calls of one kind, one after the other.

    Attributes:
        group: of the nightly.
        calls: how many.
        kind: of the endpoint.
        seconds: from the start of a call to the start of the next.
    """

    group: str
    calls: int
    kind: str

    @property
    def seconds(self) -> float:
        return max(1 / PACE[self.kind], ANSWER[self.kind])


def _of(count: int, size: int) -> int:
    return math.ceil(count / size)


WORK = (
    Work("hubspot_contacts", _of(CONTACTS + COMPANIES, crm.SEARCH_PAGE_SIZE), "search"),
    Work("hubspot_engagements", _of(ENGAGEMENTS, crm.SEARCH_PAGE_SIZE), "search"),
    # Each record is asked for its contacts, the contacts for their companies.
    Work("hubspot_associations", _of(CONTACTS + ENGAGEMENTS, associations.BATCH_SIZE), "batch"),
    # What was subscribed to and whether to anything at all; e-mail alone.
    Work("hubspot_preferences", 2 * _of(CONTACTS, preferences.BATCH_SIZE), "batch"),
    Work("hubspot_marketing_email", _of(CRM_MAIL_EVENTS, mail.EVENTS_PAGE_SIZE), "list"),
    # All ids are listed on the first night.
    Work(
        "hubspot_reconciliation",
        _of(CONTACTS + COMPANIES + ENGAGEMENTS, crm.LIST_PAGE_SIZE),
        "list",
    ),
    Work("klaviyo_profiles", _of(CONTACTS, api.PROFILES_PAGE_SIZE), "profiles"),
    Work("klaviyo_lists", _of(LISTED, api.PROFILES_PAGE_SIZE), "profiles"),
    Work("klaviyo_events", _of(EVENTS, api.EVENTS_PAGE_SIZE), "events"),
    Work("klaviyo_reconciliation", _of(CONTACTS, api.PROFILES_PAGE_SIZE), "profiles"),
)


def simulate(work: Work, deadline: float = DEADLINE_SECONDS) -> tuple[float, int]:
    """Return seconds and tries of a group, call by call.

    Landing a slice is not counted; it takes well below a second.
    """
    clock, tries, landed = 0.0, 0, 0
    whole = work.group == "klaviyo_reconciliation"  # it is landed as a whole
    while landed < work.calls:
        tries += 1
        if tries > 100:
            return math.inf, tries
        end, now, done = clock + deadline, clock, landed
        while done < work.calls and now + work.seconds <= end:
            now += work.seconds
            done += 1
        # A deadline lands what had come; only what a killed process had not landed is lost.
        landed = done if done == work.calls or not whole else landed
        clock = now
    return clock, tries


def tell() -> None:
    """Print calls, hours and tries of each group."""
    print(f"slices of {SLICE_SECONDS:.0f} s, a deadline of {DEADLINE_SECONDS:.0f} s a try")
    print("| group | calls | s a call | hours | tries | calls that a kill repeats, at most |")
    print("|---|--:|--:|--:|--:|--:|")
    by_source: dict[str, float] = {}
    for work in WORK:
        assert work.group in GROUPS
        seconds, tries = simulate(work)
        again = min(work.calls, math.ceil(SLICE_SECONDS / work.seconds))
        hours = f"{seconds / 3600:.1f}" if math.isfinite(seconds) else "never"
        print(
            f"| {work.group} | {work.calls:,} | {work.seconds:.2f} | {hours} | {tries} | {again} |"
        )
        source = work.group.partition("_")[0]
        by_source[source] = by_source.get(source, 0) + seconds
    for source, seconds in by_source.items():
        print(f"\n{source}, one after the other: {seconds / 3600:.1f} hours")
