"""A signed webhook: changes of segments, posted to an address of the firm's own.

Each request is signed by Standard Webhooks, version 1 (https://www.standardwebhooks.com):
HMAC-SHA256 over the id, the time of this try and the body as it is sent. The id is the batch's key
and the same for every try of it, so that a receiver who keeps ids does nothing twice. Customers are
named by their ``customer_id``; `docs/webhook.md` has the body and a verifier for receivers.

A receiver answers 2xx and nothing more, so rows are accepted. What got no answer is sent again by
the next run: to add or remove somebody twice is to do it once.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Sequence
from datetime import date, datetime
from datetime import time as Clock
from decimal import Decimal
from typing import Any

from requests import PreparedRequest

from rapport.activation.destination import (
    Batch,
    BatchRefused,
    Destination,
    Limit,
    List,
    ListGone,
    Outcome,
    Segment,
)
from rapport.activation.limits import Paced, number, size_of_batch
from rapport.errors import SourceDenied, SourceRefused
from rapport.sources.connection import Connection
from rapport.sources.http import Api

BATCH_SIZE = 500  # some 100 kB
CALLS_PER_MINUTE = 600.0
PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
GONE = 410  # a receiver that wants no more
TYPE = "segment.members_changed"
REMEDY = (
    "The connection's password is the secret that the receiver has, whsec_ and 24 to 64 bytes as "
    "base64; during a rotation the new one, a blank and the old one"
)


class Webhook(Destination):
    """A webhook as a destination.

    Args:
        connection: ``url`` the receiver's address, ``secret`` one key, or two with a blank between
            while they are rotated; ``options`` may set ``batch_size`` and ``calls_per_minute``.

    Raises:
        SourceDenied: a key is none.
    """

    name = "webhook"

    def __init__(self, connection: Connection) -> None:
        self.batch_size = size_of_batch(connection, BATCH_SIZE)
        self._keys = [_key(connection.id, text) for text in connection.secret.split()]
        self._api = Api(connection, remedy=REMEDY, sign=self._sign)
        per_minute = number(connection, "calls_per_minute", CALLS_PER_MINUTE)
        self._calls = Paced("webhook calls per minute", per_minute)

    def open(self, segment: Segment, kept: str | None, *, make: bool) -> List | None:
        """Return the segment itself: a receiver keeps its own lists."""
        return List(segment.name, segment.name, is_new=kept is None)

    def send(self, batch: Batch) -> Sequence[Outcome]:
        """Post a batch."""
        self._calls.wait()
        try:
            self._api.deliver(body(batch), {"webhook-id": batch.key})
        except SourceRefused as refusal:
            if refusal.status == GONE:
                raise ListGone(
                    f"the receiver of {batch.segment.name} answers {GONE}: it wants no more"
                ) from None
            raise BatchRefused(str(refusal.status), refusal.said) from None
        return batch.outcomes("accepted")

    def limits(self) -> Sequence[Limit]:
        """Return how many requests there were."""
        return [self._calls.told()]

    def _sign(self, request: PreparedRequest) -> None:
        content = request.body
        assert isinstance(content, bytes)  # JSON, which requests writes once for all tries
        id_ = str(request.headers["webhook-id"])
        request.headers.update(signed(id_, int(time.time()), content, self._keys))


def signed(id_: str, timestamp: int, content: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """Return the headers that sign one try of a message.

    Args:
        id_: of the message, without a full stop.
        timestamp: whole Unix seconds of this try.
        content: the body, byte for byte as it is sent.
        keys: one signature is made with each.

    Source:
        Standard Webhooks, version 1, "Signature scheme" (2023).

    Example:
        >>> key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        >>> id_, content = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
        >>> signed(id_, 1614265330, content, [key])["webhook-signature"]
        'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    message = f"{id_}.{timestamp}.".encode() + content
    signatures = (base64.b64encode(hmac.digest(key, message, "sha256")).decode() for key in keys)
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def body(batch: Batch) -> dict[str, Any]:
    """Return what a batch says: who joins a segment, with what they get, and who leaves it."""
    segment = batch.segment
    return {
        "type": TYPE,
        "data": {
            "release_id": batch.release_id,
            "as_of_date": batch.as_of.isoformat(),
            "segment": segment.name,
            "description": segment.description,
            "owner": segment.owner,
            "added": [
                {
                    "customer_id": each.customer_id,
                    **{name: _plain(value) for name, value in each.facts.items()},
                }
                for each in batch.adds
            ],
            "removed": [{"customer_id": each.customer_id} for each in batch.removes],
        },
    }


def _key(connection_id: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in KEY_BYTES:
        raise SourceDenied(connection_id, f"a secret of the webhook is none. {REMEDY}")
    return key


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: instants and times as ISO 8601, in UTC."""
    if isinstance(value, datetime):
        return value.isoformat() + ("Z" if value.tzinfo is None else "")
    if isinstance(value, date | Clock):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
