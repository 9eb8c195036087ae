"""HubSpot's communication preferences: the subscriptions there are, and who said what to them."""

import json
from collections import defaultdict
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from sandbox.calls import current
from sandbox.clock import hubspot_time
from sandbox.hubspot.answers import Refused, answer, batch_answer, in_thread
from sandbox.schema import EVERYTHING, SUBSCRIPTION_DEFINITIONS
from sandbox.store import Record, Store

INPUTS_MAX = 100
CHANNELS = ("EMAIL", "SMS", "WHATSAPP")
_STATUSES = """
select lower(email), subscription_id, status, set_at, body from subscriptions
where lower(email) in (select lower(value) from json_each(:emails)) and channel = :channel
and (subscription_id = '*') = :wide and valid_from < :now and valid_until >= :now
order by set_at
"""


class Preferences:
    """The endpoints."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def definitions(self, request: Request) -> Response:
        """List the subscriptions."""
        return answer(
            {
                "status": "COMPLETE",
                "results": [_definition(each) for each in self._definitions(self.store.now())],
            }
        )

    async def statuses(self, request: Request) -> Response:
        """Answer what up to 100 addresses said about each subscription."""
        channel = _channel(request)
        return await in_thread(request, lambda asked: self._statuses(asked, channel), INPUTS_MAX)

    async def unsubscribed(self, request: Request) -> Response:
        """Answer which of up to 100 addresses left everything."""
        channel = _channel(request)
        return await in_thread(
            request, lambda asked: self._unsubscribed(asked, channel), INPUTS_MAX
        )

    def _definitions(self, now: int) -> list[Record]:
        values = {"collection": SUBSCRIPTION_DEFINITIONS, "now": now}
        return self.store.records("archived_at is null", "order by id", values)

    def _said(
        self, emails: list[str], channel: str, now: int, wide: bool
    ) -> dict[str, dict[str, Any]]:
        """Return address -> subscription -> the latest that was said."""
        said: dict[str, dict[str, Any]] = defaultdict(dict)
        values = {"emails": json.dumps(emails), "channel": channel, "wide": wide, "now": now}
        for email, subscription, status, set_at, body in self.store.rows(_STATUSES, values):
            said[email][subscription] = {
                **json.loads(body),
                "status": status,
                "timestamp": hubspot_time(set_at),
            }
        return said

    def _statuses(self, asked: dict[str, Any], channel: str) -> Response:
        emails, now = _addresses(asked), self.store.now()
        said = self._said(emails, channel, now, wide=False)
        definitions = [
            each
            for each in self._definitions(now)
            if each.body.get("communicationMethod", "Email").upper() == channel
        ]

        def status(email: str, definition: Record) -> dict[str, Any]:
            known = said.get(email.lower(), {}).get(definition.id) or {
                "status": "NOT_SPECIFIED",
                "timestamp": hubspot_time(definition.created_at),
            }
            _show(email, definition.id, known)
            return {
                "subscriberIdString": email,
                "subscriptionId": int(definition.id),
                "subscriptionName": definition.body["name"],
                "channel": channel,
                "source": "",
                "legalBasis": None,
                "legalBasisExplanation": None,
                "businessUnitId": 0,
                "setStatusSuccessReason": None,
                **known,
            }

        results = [
            {
                "subscriberIdString": email,
                "statuses": [status(email, definition) for definition in definitions],
            }
            for email in emails
        ]
        return batch_answer(results, [], now)

    def _unsubscribed(self, asked: dict[str, Any], channel: str) -> Response:
        emails, now = _addresses(asked), self.store.now()
        said = self._said(emails, channel, now, wide=True)

        def wide(email: str) -> list[dict[str, Any]]:
            known = said.get(email.lower(), {}).get(EVERYTHING)
            if known is None:
                return []
            _show(email, "everything", known)
            shown = {
                "subscriberIdString": email,
                "wideStatusType": "PORTAL_WIDE",
                "channel": channel,
                "businessUnitId": 0,
            }
            return [{**shown, "status": known["status"], "timestamp": known["timestamp"]}]

        results = [{"subscriberIdString": email, "wideStatuses": wide(email)} for email in emails]
        return batch_answer(results, [], now)


def _show(email: str, why: str, known: dict[str, Any]) -> None:
    current().show(f"mail:{email.lower()}", why, known["status"] == "UNSUBSCRIBED")


def _definition(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "description": None,
        "purpose": None,
        "communicationMethod": "Email",
        "isActive": True,
        "isDefault": False,
        "isInternal": False,
        "businessUnitId": 0,
        **record.body,
        "createdAt": hubspot_time(record.created_at),
        "updatedAt": hubspot_time(record.modified_at),
    }


def _channel(request: Request) -> str:
    channel = request.query_params.get("channel")
    if channel not in CHANNELS:
        raise Refused(f"channel is required, and one of {', '.join(CHANNELS)}")
    return channel


def _addresses(asked: dict[str, Any]) -> list[str]:
    if not all(isinstance(each, str) for each in asked["inputs"]):
        raise Refused("inputs are e-mail addresses")
    return list(dict.fromkeys(asked["inputs"]))
