"""Every call that is made of HubSpot and Klaviyo, and until when the vendor supports it.

A path or a version of theirs stands here and nowhere else: a test holds every request against this
table. HubSpot puts the version into the path and supports one for 18 months; Klaviyo wants it as a
header, calls it a revision and supports one for two years.

What a night calls is judged by the calendar of the day it runs, not by its as-of date: a backfill
of an old night calls what is supported today. So what is told here is part of no table of a
release, which is the same whenever it is made; the night's summary, the release's manifest and the
foot of its report tell it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from rapport.sources.streams import HUBSPOT, KLAVIYO

WARNING_DAYS = 180
_HUBSPOT_POLICY = "https://developers.hubspot.com/docs/developer-tooling/platform/versioning"
_KLAVIYO_POLICY = "https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy"


@dataclass(frozen=True)
class Version:
    """A version of a vendor's API.

    Attributes:
        vendor: the source that it is of.
        name: as paths and headers spell it.
        ends_on: the first day without support, the first it can be where only a month is told; None
            where the vendor names none.
        told_in: where the vendor says so.
    """

    vendor: str
    name: str
    ends_on: date | None
    told_in: str


HUBSPOT_2026_03 = Version(HUBSPOT, "2026-03", date(2027, 9, 30), _HUBSPOT_POLICY)
HUBSPOT_2026_09 = Version(HUBSPOT, "2026-09", date(2028, 3, 8), _HUBSPOT_POLICY)
# The log of e-mail events has no dated path yet.
HUBSPOT_V1 = Version(
    HUBSPOT,
    "v1",
    date(2027, 9, 1),
    "https://developers.hubspot.com/changelog/"
    "legacy-apis-and-legacy-apps-whats-going-unsupported-and-when",
)
KLAVIYO_2026_07 = Version(KLAVIYO, "2026-07-15", date(2028, 7, 15), _KLAVIYO_POLICY)
KLAVIYO_2026_10 = Version(KLAVIYO, "2026-10-15", date(2028, 10, 15), _KLAVIYO_POLICY)
VERSIONS = (HUBSPOT_2026_03, HUBSPOT_2026_09, HUBSPOT_V1, KLAVIYO_2026_07, KLAVIYO_2026_10)

# The member of a connection's extra that chooses another version than the default.
CHOICES = {HUBSPOT: "version", KLAVIYO: "revision"}
DEFAULTS = {HUBSPOT: HUBSPOT_2026_09, KLAVIYO: KLAVIYO_2026_10}
# Else Klaviyo answers for a retired revision as the next one would, and says nothing.
KLAVIYO_HEADERS = {"X-Klaviyo-Revision-Fall-Forward-Opt-Out": "1"}


Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class Endpoint:
    """A call.

    Attributes:
        method: ``GET``, or what changes something: ``POST``, ``PUT``, ``DELETE``.
        template: the path below the connection's host, with ``{version}`` and what is asked for.
        only: the version of a call that has no other; None for the source's.
        stream: full name of the only stream that it is made for; empty for any of the source.
    """

    method: Method
    template: str
    only: Version | None = None
    stream: str = ""

    def path(self, **parts: str) -> str:
        """Return the path with its parts, such as ``version``, in place."""
        return self.template.format(**parts)


OBJECTS = Endpoint("GET", "/crm/objects/{version}/{kind}")
OBJECT_SEARCH = Endpoint("POST", "/crm/objects/{version}/{kind}/search")
OBJECT_BATCH = Endpoint("POST", "/crm/objects/{version}/{kind}/batch/read")
OWNERS = Endpoint("GET", "/crm/owners/{version}")
ASSOCIATIONS = Endpoint("POST", "/crm/associations/{version}/{kind}/{other}/batch/read")
DEFINITIONS = Endpoint("GET", "/communication-preferences/{version}/definitions")
STATUSES = Endpoint("POST", "/communication-preferences/{version}/statuses/batch/read")
WIDE_STATUSES = Endpoint(
    "POST", "/communication-preferences/{version}/statuses/batch/unsubscribe-all/read"
)
MARKETING_EMAILS = Endpoint("GET", "/marketing/emails/{version}")
EMAIL_EVENTS = Endpoint("GET", "/email/public/v1/events", HUBSPOT_V1, "hubspot.email_events")

# Activation's, with a connection of its own.
CRM_LISTS = Endpoint("POST", "/crm/lists/{version}")
CRM_LIST = Endpoint("GET", "/crm/lists/{version}/{id}")
CRM_LIST_NAMED = Endpoint("GET", "/crm/lists/{version}/object-type-id/{kind}/name/{name}")
CRM_LIST_SEARCH = Endpoint("POST", "/crm/lists/{version}/search")
CRM_LIST_MEMBERS = Endpoint("GET", "/crm/lists/{version}/{id}/memberships")
CRM_LIST_DELETION = Endpoint("DELETE", "/crm/lists/{version}/{id}")
CRM_LIST_CHANGE = Endpoint("PUT", "/crm/lists/{version}/{id}/memberships/add-and-remove")
CONTACT_ERASURE = Endpoint("POST", "/crm/objects/{version}/contacts/gdpr-delete")

PROFILES = Endpoint("GET", "profiles")
LISTS = Endpoint("GET", "lists")
LIST = Endpoint("GET", "lists/{id}")
LIST_PROFILES = Endpoint("GET", "lists/{id}/profiles")
LIST_CREATION = Endpoint("POST", "lists")
LIST_DELETION = Endpoint("DELETE", "lists/{id}")
LIST_JOINS = Endpoint("POST", "lists/{id}/relationships/profiles")
LIST_LEAVES = Endpoint("DELETE", "lists/{id}/relationships/profiles")
PROFILE_ERASURE = Endpoint("POST", "data-privacy-deletion-jobs")
FLOW_TRIGGERS = Endpoint("GET", "lists/{id}/flow-triggers")
FLOW = Endpoint("GET", "flows/{id}")
METRICS = Endpoint("GET", "metrics")
METRIC_AGGREGATES = Endpoint("POST", "metric-aggregates")
CAMPAIGNS = Endpoint("GET", "campaigns")
FLOWS = Endpoint("GET", "flows")
FLOW_MESSAGES = Endpoint("GET", "flow-actions/{id}/flow-messages")
EVENTS = Endpoint("GET", "events")
EVENT = Endpoint("GET", "events/{id}")

ACTIVATION: dict[str, tuple[Endpoint, ...]] = {
    HUBSPOT: (
        CRM_LISTS,
        CRM_LIST,
        CRM_LIST_NAMED,
        CRM_LIST_SEARCH,
        CRM_LIST_MEMBERS,
        CRM_LIST_DELETION,
        CRM_LIST_CHANGE,
        CONTACT_ERASURE,
        OBJECT_BATCH,
    ),
    KLAVIYO: (
        LISTS,
        LIST,
        LIST_CREATION,
        LIST_DELETION,
        LIST_PROFILES,
        LIST_JOINS,
        LIST_LEAVES,
        PROFILE_ERASURE,
        FLOW_TRIGGERS,
        FLOW,
        PROFILES,
    ),
}
ENDPOINTS: dict[str, tuple[Endpoint, ...]] = {
    HUBSPOT: (
        OBJECTS,
        OBJECT_SEARCH,
        OBJECT_BATCH,
        OWNERS,
        ASSOCIATIONS,
        DEFINITIONS,
        STATUSES,
        WIDE_STATUSES,
        MARKETING_EMAILS,
        EMAIL_EVENTS,
    ),
    KLAVIYO: (
        PROFILES,
        LISTS,
        LIST,
        LIST_PROFILES,
        METRICS,
        METRIC_AGGREGATES,
        CAMPAIGNS,
        FLOWS,
        FLOW_MESSAGES,
        EVENTS,
        EVENT,
    ),
}


def chosen(source: str, options: Mapping[str, Any]) -> str:
    """Return the version that a connection's extra chooses, or the default."""
    return str(options.get(CHOICES[source], DEFAULTS[source].name))


def ending(today: date, streams: Collection[str], chose: Mapping[str, str]) -> list[str]:
    """Say which versions in use lose their support within `WARNING_DAYS`, a line each.

    Args:
        today: the real day, whatever night is pulled.
        streams: full names of those that are pulled.
        chose: source -> the version that its connection chooses, see `chosen`.
    """
    used: dict[tuple[str, str], list[str]] = {}
    for source, endpoints in ENDPOINTS.items():
        if not any(stream.startswith(f"{source}.") for stream in streams):
            continue
        for endpoint in endpoints:
            if endpoint.stream and endpoint.stream not in streams:
                continue
            name = endpoint.only.name if endpoint.only else chose[source]
            used.setdefault((source, name), []).append(endpoint.template)
    known = {(version.vendor, version.name): version for version in VERSIONS}
    lines = []
    for (source, name), templates in used.items():
        version = known.get((source, name))
        if version is None:
            lines.append(
                f"{source} is called in version {name}, of which Rapport knows neither the answers "
                f"nor the end of support: take {CHOICES[source]} out of the connection's extra"
            )
        elif version.ends_on and today >= version.ends_on - timedelta(days=WARNING_DAYS):
            ends = "has ended" if today >= version.ends_on else "ends"
            paths = templates[0] if len(templates) == 1 else f"{len(templates)} paths"
            lines.append(
                f"support of {source}'s version {name} ({paths}) {ends} on {version.ends_on}: "
                "install a Rapport that calls a newer one"
            )
    return lines
