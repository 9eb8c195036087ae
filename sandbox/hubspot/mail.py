"""HubSpot's marketing e-mail: which there are, and what became of each recipient's."""

import json
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from sandbox.clock import hubspot_time
from sandbox.hubspot.answers import Refused, answer, digits, integer, is_archived
from sandbox.schema import MARKETING_EMAILS
from sandbox.store import Record, Store

EMAILS_MOST, EVENTS_MOST = 100, 1000
APP = 113  # the application that sends


class Mail:
    """The endpoints."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def emails(self, request: Request) -> Response:
        """List the e-mails by id."""
        asked = request.query_params
        limit = integer(asked.get("limit", "10"), "limit", 1, EMAILS_MOST)
        values = {
            "collection": MARKETING_EMAILS,
            "now": self.store.now(),
            "after": digits(asked.get("after", "0"), "after"),
            "limit": limit + 1,
        }
        archived = "is not null" if is_archived(request) else "is null"
        found = self.store.records(
            f"archived_at {archived} and id > :after", "order by id limit :limit", values
        )
        body: dict[str, Any] = {"total": len(found), "results": [_email(e) for e in found[:limit]]}
        if len(found) > limit:
            after = found[limit - 1].id
            body["paging"] = {"next": {"after": after, "link": f"?after={after}"}}
        return answer(body)

    def events(self, request: Request) -> Response:
        """List the events of a span of time, the newest first; the last page has an offset too."""
        asked, now = request.query_params, self.store.now()
        limit = integer(asked.get("limit", "10"), "limit", 1, EVENTS_MOST)
        start = integer(asked.get("startTimestamp", "0"), "startTimestamp", 0, 10**14)
        end = integer(asked.get("endTimestamp", str(now)), "endTimestamp", 0, 10**14)
        offset = asked.get("offset")
        try:
            at, event_id = offset.split(".") if offset else (str(10**14), "")
            before = integer(at, "offset", 0, 10**14)
        except ValueError:
            raise Refused("offset is no cursor of this API") from None
        rows = self.store.rows(
            "select id, at, type, recipient, sending_id, body from email_events "
            "where at >= :start and at < :end and at < :now and visible_from < :now "
            "and (at, id) < (:before, :event_id) and (:type is null or type = :type) "
            "order by at desc, id desc limit :limit",
            {
                "start": start,
                "end": end,
                "now": now,
                "before": before,
                "event_id": event_id,
                "type": asked.get("eventType"),
                "limit": limit + 1,
            },
        )
        page = rows[:limit]
        last = f"{page[-1][1]}.{page[-1][0]}" if page else "0.0"
        events = [_event(*row) for row in page]
        return answer({"hasMore": len(rows) > limit, "offset": last, "events": events})


def _email(record: Record) -> dict[str, Any]:
    shown = {name: value for name, value in record.body.items() if name != "at"}
    return {
        "id": record.id,
        **shown,
        "publishDate": hubspot_time(record.body["at"]),
        "createdAt": hubspot_time(record.created_at),
        "updatedAt": hubspot_time(record.modified_at),
        "archived": record.archived_at is not None,
        "content": {"templatePath": "@hubspot/email/dnd/welcome.html"},
        "from": {"fromName": "Corner Shop", "replyTo": "hello@example.com"},
    }


def _event(
    event_id: str, at: int, kind: str, recipient: str, sending_id: str | None, body: str
) -> dict[str, Any]:
    event = {
        "id": event_id,
        "created": at,
        "type": kind,
        "recipient": recipient,
        "portalId": 62_515,
        "appId": APP,
        "appName": "Batch",
        **json.loads(body),
    }
    return event if sending_id is None else {**event, "emailCampaignId": int(sending_id)}
