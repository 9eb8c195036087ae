"""Activation's tasks: which destinations there are, and one task for each."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from rapport.errors import OutcomeUnknown
from rapport.orchestration import lineage, metrics
from rapport.orchestration.connections import (
    activation_connection,
    declared_sources,
    is_connected,
)
from rapport.orchestration.failures import no_retry_when_hopeless
from rapport.settings import Settings
from rapport.sources.connection import Connection

if TYPE_CHECKING:
    from rapport.activation.destination import Destination
    from rapport.activation.probe import Probed


def _hubspot(connection: Connection) -> "Probed":
    from rapport.activation.hubspot import HubSpotLists

    return HubSpotLists(connection)


def _klaviyo(connection: Connection) -> "Probed":
    from rapport.activation.klaviyo import KlaviyoLists

    return KlaviyoLists(connection)


def _webhook(connection: Connection) -> "Destination":
    from rapport.activation.webhook import Webhook

    return Webhook(connection)


def _files(connection: Connection) -> "Destination":
    from rapport.activation.files import Files

    return Files(connection)


# Each is loaded when it is called.
DESTINATIONS: "dict[str, Callable[[Connection], Destination]]" = {
    "hubspot": _hubspot,
    "klaviyo": _klaviyo,
    "webhook": _webhook,
    "files": _files,
}
# Those that can be asked what their vendors do not document.
PROBED: "dict[str, Callable[[Connection], Probed]]" = {"hubspot": _hubspot, "klaviyo": _klaviyo}
# What a destination is called in lineage, and what is written there.
RESOURCES = {"hubspot": "lists", "klaviyo": "lists"}
TABLES = (
    "segments.segments",
    "segments.segment_members",
    "segments.segment_suppressions",
)


def connected_destinations() -> list[str]:
    """Return the destinations that there is a connection ``rapport_activate_<name>`` to."""
    return [name for name in DESTINATIONS if is_connected(f"activate_{name}")]


def find_destinations() -> list[str]:
    """Return which destinations tonight's changes go to.

    Raises:
        AirflowSkipException: there is none; nights are as they are without.
    """
    found = connected_destinations()
    if not found:
        names = ", ".join(f"rapport_activate_{name}" for name in DESTINATIONS)
        raise AirflowSkipException(f"there is none of the connections {names}: nothing is sent")
    return found


@metrics.timed
def activate_destination(destination: str) -> dict[str, Any]:
    """Bring the current release to a destination; return counts by what became of rows.

    Raises:
        AirflowFailException: a guard stopped a segment, which waits for a person; or trying again
            cannot help. The other segments were sent.
        SourceError: the destination cannot be reached, or not to the end, or left rows without an
            answer; a retry goes on.
    """
    from rapport.activation.run import Asked, activate  # loads what only sending needs

    settings, params = Settings.from_env(), get_current_context().get("params") or {}
    with no_retry_when_hopeless():
        connection = activation_connection(destination)
        ran = activate(
            settings,
            DESTINATIONS[destination](connection),
            declared=declared_sources(),
            asked=Asked(
                confirmed=frozenset(params.get("confirmed") or ()),
                repairs=bool(params.get("repairs")),
                goes_back=bool(params.get("goes_back")),
            ),
        )
    metrics.activated(ran)
    lineage.activated(settings, connection, ran, RESOURCES.get(destination, destination), TABLES)
    if ran.unanswered:  # first, as a retry may help
        raise OutcomeUnknown(connection.id, ran.unanswered)
    if ran.stopped:
        told = "; ".join(f"{each.segment}: {each.reason}" for each in ran.stopped)
        raise AirflowFailException(
            f"{destination}: {told}. What else there was is sent; "
            "docs/runbooks/activation_failed.md says how to say that it is meant"
        )
    return ran.summary()
