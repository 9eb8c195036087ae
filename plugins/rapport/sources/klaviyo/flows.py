"""Flows: what Klaviyo sends of itself when something happens, and whether it is marketing.

A listing of the flows includes their actions and tags, so that only the messages are asked for
one by one, and only of actions that send something. All of them are read every night: there are
dozens, and nothing says whether an edited message moves the time of its flow.
"""

from collections.abc import Iterator

from rapport.errors import SourceRefused
from rapport.sources import versions
from rapport.sources.klaviyo.api import (
    FLOWS_PAGE_SIZE,
    Klaviyo,
    Record,
    owners_of,
    tag_names,
    tags_of,
)
from rapport.sources.records import Page
from rapport.sources.streams import FLOW_ACTIONS, FLOW_MESSAGES, FLOWS

# Never a text, a subject or an address of the sender: only what says which message is which.
_MESSAGE = ("id", "name", "transactional")
ACTION_FIELDS = (
    "created",
    "updated",
    "definition.id",
    "definition.type",
    "definition.data.status",
    *(f"definition.data.message.{name}" for name in _MESSAGE),
    *(f"definition.data.main_action.data.message.{name}" for name in _MESSAGE),
)
MESSAGE_FIELDS = (
    "channel",
    "created",
    "updated",
    *(f"definition.{name}" for name in _MESSAGE),
)
# Kinds of action that never reach a customer; a kind yet unknown is asked for its messages.
SILENT = frozenset(
    {
        "action-output-split",
        "back-in-stock-delay",
        "code",
        "conditional-split",
        "countdown-delay",
        "internal-service",
        "list-update",
        "multi-branch-split",
        "send-internal-alert",
        "send-webhook",
        "target-date",
        "time-delay",
        "trigger-split",
        "update-profile",
    }
)


def pull_flows(api: Klaviyo) -> Iterator[Page]:
    """Yield every flow with its tags, its actions, and the messages that these send.

    Raises:
        SourceDenied: the key lacks the scope flows:read.
    """
    params = {
        "include": "flow-actions,tags",
        "fields[flow-action]": ",".join(ACTION_FIELDS),
        "page[size]": FLOWS_PAGE_SIZE,
    }
    for page in api.pages(versions.FLOWS.path(), params):
        included = page.response.json().get("included") or []
        names = tag_names(included)
        yield FLOWS, [api.row(FLOWS, flow, tags=tags_of(flow, names)) for flow in page]
        actions = [each for each in included if each["type"] == "flow-action"]
        flow_of = owners_of(page, "flow-actions")
        yield (
            FLOW_ACTIONS,
            [api.row(FLOW_ACTIONS, each, flow_id=flow_of.get(each["id"])) for each in actions],
        )
        for action in filter(_sends, actions):
            yield from _messages(api, action["id"], flow_of.get(action["id"]))


def _sends(action: Record) -> bool:
    definition = (action.get("attributes") or {}).get("definition") or {}
    return definition.get("type") not in SILENT


def _messages(api: Klaviyo, action_id: str, flow_id: str | None) -> Iterator[Page]:
    params = {"fields[flow-message]": ",".join(MESSAGE_FIELDS), "page[size]": FLOWS_PAGE_SIZE}
    try:
        for page in api.pages(versions.FLOW_MESSAGES.path(id=action_id), params):
            yield (
                FLOW_MESSAGES,
                [
                    api.row(FLOW_MESSAGES, message, flow_id=flow_id, action_id=action_id)
                    for message in page
                ],
            )
    except SourceRefused as refusal:  # the action may just have gone
        api.refuse(FLOW_MESSAGES, str(refusal), part=f"of action {action_id}")
