"""Have HubSpot and Klaviyo forget people: for good, by the id of their record.

Source: HubSpot, reference of the contacts' GDPR delete, 2026-09. Klaviyo, reference of the Data
Privacy API, revision 2026-10-15 (3 jobs a second, 60 a minute; carried out in its own time).
"""

from collections.abc import Sequence

from rapport.activation.limits import Paced
from rapport.sources import versions
from rapport.sources.connection import Connection
from rapport.sources.http import Api
from rapport.sources.klaviyo.api import Klaviyo
from rapport.sources.streams import HUBSPOT, KLAVIYO

READ_AT_ONCE = 100
JOBS_PER_MINUTE = 60.0
CALLS_PER_MINUTE = 600.0  # a tenth of what the smallest account may make in ten seconds, shared
HUBSPOT_REMEDY = (
    "Put a service key with the scopes crm.objects.contacts.read and crm.objects.contacts.write "
    "into the connection's password"
)
KLAVIYO_REMEDY = (
    "Put a private API key with the scopes data-privacy:write and profiles:read into the "
    "connection's password"
)


class HubSpotForgets:
    """HubSpot: a contact that is deleted so cannot be restored.

    Args:
        connection: ``secret`` the key; ``options`` may set ``version`` and ``calls_per_minute``.
    """

    name = HUBSPOT

    def __init__(self, connection: Connection) -> None:
        self._version = versions.chosen(HUBSPOT, connection.options)
        self._api = Api(connection, scheme="Bearer", records="results", remedy=HUBSPOT_REMEDY)
        per_minute = float(connection.options.get("calls_per_minute", CALLS_PER_MINUTE))
        self._calls = Paced("HubSpot's calls, shared with everything on the key", per_minute)

    def erase(self, record_ids: Sequence[str]) -> None:
        """Delete contacts for good.

        Raises:
            SourceError: HubSpot refuses, or cannot be reached.
        """
        path = versions.CONTACT_ERASURE.path(version=self._version)
        for id_ in record_ids:
            self._calls.wait()
            self._api.call("POST", path, {"objectId": id_}, passes=(404,))

    def remaining(self, record_ids: Sequence[str]) -> list[str]:
        """Return which contacts are there still, live or archived."""
        path = versions.OBJECT_BATCH.path(version=self._version, kind="contacts")
        found: set[str] = set()
        for start in range(0, len(record_ids), READ_AT_ONCE):
            inputs = [{"id": id_} for id_ in record_ids[start : start + READ_AT_ONCE]]
            for archived in ("false", "true"):
                self._calls.wait()
                answer = self._api.call(
                    "POST", f"{path}?archived={archived}", {"inputs": inputs, "properties": []}
                )
                found |= {str(each["id"]) for each in (answer or {}).get("results") or []}
        return [id_ for id_ in record_ids if id_ in found]


class KlaviyoForgets:
    """Klaviyo: a job for each profile, which deletes it, its events and its memberships.

    Args:
        connection: ``secret`` the key; ``options`` may set ``revision`` and ``jobs_per_minute``.
    """

    name = KLAVIYO

    def __init__(self, connection: Connection) -> None:
        self._klaviyo = Klaviyo(connection, remedy=KLAVIYO_REMEDY)
        per_minute = float(connection.options.get("jobs_per_minute", JOBS_PER_MINUTE))
        self._jobs = Paced("deletion jobs per minute", per_minute)

    def erase(self, record_ids: Sequence[str]) -> None:
        """Ask for the deletion of profiles.

        Raises:
            SourceError: Klaviyo refuses, or cannot be reached.
        """
        for id_ in record_ids:
            profile = {"data": {"type": "profile", "id": id_}}
            body = {
                "data": {
                    "type": "data-privacy-deletion-job",
                    "attributes": {"profile": profile},
                }
            }
            self._jobs.wait()
            # Taken, with no body; or gone already.
            self._klaviyo.api.call("POST", versions.PROFILE_ERASURE.path(), body, passes=(202, 404))

    def remaining(self, record_ids: Sequence[str]) -> list[str]:
        """Return which profiles are there still."""
        found: set[str] = set()
        for start in range(0, len(record_ids), READ_AT_ONCE):
            records, refused = self._klaviyo.profiles_of(
                list(record_ids[start : start + READ_AT_ONCE])
            )
            found |= {str(each["id"]) for each in records} | refused
        return [id_ for id_ in record_ids if id_ in found]
