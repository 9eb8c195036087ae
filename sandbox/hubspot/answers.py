"""What HubSpot's answers and refusals look like, and how its requests are read."""

import json
import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from sandbox.clock import hubspot_time


class Refused(Exception):
    """A request that HubSpot would refuse."""

    def __init__(
        self,
        message: str,
        status: int = 400,
        category: str = "VALIDATION_ERROR",
        sub_category: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.more = {"subCategory": sub_category} if sub_category else {}


def error(status: int, message: str, category: str | None, **more: Any) -> Response:
    """Return an error in HubSpot's envelope; of some limits it tells no category."""
    correlation = blake2b(message.encode(), digest_size=16).hexdigest()
    body = {
        "status": "error",
        "message": message,
        "correlationId": "-".join(re.findall(r".{8}|.{4}", correlation)[:5]),
        **({"category": category} if category else {}),
        **more,
    }
    return answer(body, status)


def missing_scopes(scopes: list[str]) -> Response:
    """Return what a token is told that lacks scopes; any one of them would do."""
    return error(
        403,
        "This app hasn't been granted all required scopes to make this call. Read more about "
        "required scopes here: https://developers.hubspot.com/scopes.",
        "MISSING_SCOPES",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": scopes},
            }
        ],
        links={"scopes": "https://developers.hubspot.com/scopes"},
    )


def limit_reached(policy: str) -> Response:
    """Return what an account is told that has made too many calls: DAILY or another policy."""
    category = None if policy == "DAILY" else "RATE_LIMITS"
    return error(
        429,
        f"You have reached your {policy.lower()} limit.",
        category,
        errorType="RATE_LIMIT",
        policyName=policy,
    )


def answer(body: Any, status: int = 200) -> Response:
    """Return a body as HubSpot sends it."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json;charset=utf-8")


def batch_answer(results: list[Any], errors: list[Any], now: int) -> Response:
    """Return the outcome of a batch: 207 when a part of it failed."""
    stamp = hubspot_time(now)
    body: dict[str, Any] = {"status": "COMPLETE", "results": results}
    body |= {"startedAt": stamp, "completedAt": stamp}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return answer(body, 207 if errors else 200)


async def in_thread(
    request: Request, handle: Callable[[dict[str, Any]], Response], most: int | None = None
) -> Response:
    """Read the JSON object that a request brings, and answer it in a thread.

    Args:
        request: whose body is read.
        handle: gets the object.
        most: how many ``inputs`` it may have; None when it has none.
    """
    try:
        asked = json.loads(await request.body())
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise Refused("Invalid input JSON: an object is expected")
    if most is not None:
        inputs = asked.get("inputs")
        if not isinstance(inputs, list) or not 1 <= len(inputs) <= most:
            raise Refused(f"inputs must be a list of 1 to {most}")
    return await run_in_threadpool(handle, asked)


def input_ids(asked: dict[str, Any]) -> list[str]:
    """Return the ids of a batch's inputs, each once."""
    ids = [each.get("id") if isinstance(each, dict) else None for each in asked["inputs"]]
    if not all(isinstance(each, str) and each for each in ids):
        raise Refused('each input looks like {"id": "123"}')
    return list(dict.fromkeys(map(str, ids)))


def is_archived(request: Request) -> bool:
    """Return whether a request asks for archived records."""
    return request.query_params.get("archived", "false") == "true"


def csv(request: Request, name: str) -> list[str]:
    """Return a list parameter, whether comma-separated or repeated."""
    given = request.query_params.getlist(name)
    return [part for text in given for part in text.split(",") if part]


def integer(value: Any, name: str, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise Refused(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return int(text)


def digits(value: Any, name: str) -> str:
    """Return a cursor, which is a number here."""
    if not (isinstance(value, str) and value.isascii() and value.isdigit()):
        raise Refused(f"{name} is no cursor of this API: {value!r}")
    return value


def singular(object_type: str) -> str:
    """Return the name of one object of a type.

    >>> singular("companies")
    'company'
    """
    if object_type.endswith("ies"):
        return object_type.removesuffix("ies") + "y"
    return object_type.removesuffix("s")
