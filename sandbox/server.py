"""The two APIs and the sandbox's own controls, in one ASGI application."""

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from sandbox import hubspot, klaviyo
from sandbox.clock import hubspot_time, moment
from sandbox.company import Company
from sandbox.exports import set_clock
from sandbox.faults import App, BadRule, Faults, Message, Receive, Script, Send
from sandbox.klaviyo.limits import MINUTE, documented
from sandbox.limits import Limit
from sandbox.lists import Lists
from sandbox.oracle import added_after_opt_out
from sandbox.store import Store

# These open nothing but the sandbox.
HUBSPOT_TOKEN = "sandbox-hubspot-token"
KLAVIYO_KEY = "sandbox-klaviyo-key"
# The same token with "-without-<scope>" at its end is known, but lacks that scope; with
# "-without-scopes" it lacks all.
WITHOUT = "-without-"


def create_app(
    company: Company,
    *,
    hubspot_token: str | None = None,
    klaviyo_key: str | None = None,
    base_url: str | None = None,
) -> App:
    """Return the application that serves a prepared company.

    Args:
        company: what `prepare` returned.
        hubspot_token: the bearer token; else SANDBOX_HUBSPOT_TOKEN, else the public default.
        klaviyo_key: the API key; else SANDBOX_KLAVIYO_KEY, else the public default.
        base_url: what Klaviyo's links start with, such as ``http://sandbox:8765/klaviyo``; by
            default the address of each request.
    """
    store = Store(company)
    script = Script(store)
    lists = Lists(store, script.changes, script.calls, script.settings)
    token = hubspot_token or os.environ.get("SANDBOX_HUBSPOT_TOKEN") or HUBSPOT_TOKEN
    key = klaviyo_key or os.environ.get("SANDBOX_KLAVIYO_KEY") or KLAVIYO_KEY

    app = _plain_app()
    app.include_router(_controls(store, script), prefix="/sandbox")
    app.mount("/hubspot", _hubspot_app(lists, script, token))
    app.mount("/klaviyo", _klaviyo_app(lists, script, key, base_url))
    return Faults(app, script)


def _lacking(given: str, secret: str) -> str | None:
    """Return what a token says it may not do ("" for nothing), or None for a wrong token."""
    if given == secret:
        return ""
    known = given.startswith(secret + WITHOUT)
    return given.removeprefix(secret + WITHOUT) if known else None


def _plain_app() -> FastAPI:
    return FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)


def _controls(store: Store, script: Script) -> APIRouter:
    routes = APIRouter()

    @routes.get("/health")
    def health() -> dict[str, Any]:
        return {
            "status": "ok",
            "now": hubspot_time(store.now()),
            "fingerprint": store.company.fingerprint,
            "households": store.company.households,
        }

    @routes.get("/clock")
    def clock() -> dict[str, str]:
        return {"now": moment(store.now()).isoformat().replace("+00:00", "Z")}

    @routes.put("/clock")
    async def move_clock(request: Request) -> Response:
        try:
            now = set_clock(store.company.shop_path, (await request.json())["now"])
        except (ValueError, KeyError, TypeError) as problem:
            return JSONResponse({"error": f'expected {{"now": "<ISO instant>"}}: {problem}'}, 400)
        return JSONResponse({"now": now})

    _fault_controls(routes, script)
    _record_controls(routes, store, script)
    return routes


def _fault_controls(routes: APIRouter, script: Script) -> None:
    @routes.get("/faults")
    def faults() -> dict[str, Any]:
        return script.shown()

    @routes.put("/faults")
    async def replace_faults(request: Request) -> Response:
        try:
            script.replace(await request.json())
        except BadRule as problem:
            return JSONResponse({"error": str(problem)}, 400)
        except ValueError as problem:
            return JSONResponse({"error": f"not JSON: {problem}"}, 400)
        return JSONResponse(script.shown())

    @routes.post("/changes")
    async def change(request: Request) -> Response:
        try:
            done = script.changes.apply(await request.json())
        except (ValueError, TypeError) as problem:
            return JSONResponse({"error": f"expected a list of changes: {problem}"}, 400)
        return JSONResponse(done)

    @routes.post("/faults")
    async def add_faults(request: Request) -> Response:
        try:
            script.add(await request.json())
        except ValueError as problem:
            return JSONResponse({"error": str(problem)}, 400)
        return JSONResponse(script.shown())

    @routes.delete("/faults")
    def clear_faults() -> dict[str, Any]:
        script.clear()
        return script.shown()


def _record_controls(routes: APIRouter, store: Store, script: Script) -> None:
    calls = script.calls

    @routes.get("/calls")
    def record(path: str = "") -> list[dict[str, Any]]:
        return calls.shown(path)

    @routes.get("/memberships")
    def memberships(list_id: str | None = None) -> list[dict[str, Any]]:
        return [
            {"call": call.number, "fault": call.fault, "status": call.status, **asdict(effect)}
            for call, effect in calls.changes(list_id)
        ]

    @routes.get("/flow-starts")
    def flow_starts() -> list[dict[str, Any]]:
        return [asdict(each) for each in list(calls.starts)]

    @routes.get("/opt-outs")
    def opt_outs() -> dict[str, Any]:
        said = [asdict(each) for each in list(calls.said)]
        return {"served": said, "added_after": added_after_opt_out(store, calls)}

    @routes.delete("/calls")
    def forget() -> dict[str, Any]:
        script.forget_calls()
        return script.shown()


def _hubspot_app(lists: Lists, script: Script, token: str) -> App:
    app = _plain_app()
    app.include_router(hubspot.router(lists.store, lists, script.settings))

    @app.exception_handler(hubspot.Refused)
    def refused(_: Request, problem: hubspot.Refused) -> Response:
        return hubspot.error(problem.status, str(problem), problem.category, **problem.more)

    @app.exception_handler(404)
    @app.exception_handler(405)
    def nothing_here(request: Request, problem: Any) -> Response:
        return hubspot.error(problem.status_code, "resource not found", "OBJECT_NOT_FOUND")

    def check(request: Request) -> Response | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        lacking = _lacking(given, token)
        if scheme != "Bearer" or lacking is None:
            return hubspot.error(
                401, "Authentication credentials not found", "INVALID_AUTHENTICATION"
            )
        scope = hubspot.required_scope(request.url.path, request.method)
        if lacking in ("scopes", scope):
            return hubspot.missing_scopes([scope])
        return None

    def too_many(_: Limit) -> Response:
        return hubspot.limit_reached("TEN_SECONDLY_ROLLING")

    def headers(path: str, limit: Limit, remaining: int, _: int) -> dict[str, str]:
        if path.endswith("/search"):  # HubSpot leaves them out there
            return {}
        return {
            "X-HubSpot-RateLimit-Max": str(limit.requests),
            "X-HubSpot-RateLimit-Remaining": str(remaining),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(round(limit.seconds * 1_000)),
        }

    def limits(_: Message) -> list[tuple[Limit, str]]:
        return [(script.limits["hubspot"], "all")]

    return _Gate(app, limits, check, too_many, headers)


def _klaviyo_app(lists: Lists, script: Script, key: str, base_url: str | None) -> App:
    app = _plain_app()
    app.include_router(klaviyo.router(lists.store, lists, script.settings, base_url))

    @app.exception_handler(klaviyo.Refused)
    def refused(_: Request, problem: klaviyo.Refused) -> Response:
        source = {"parameter": problem.parameter} if problem.parameter else {}
        return klaviyo.error(problem.status, problem.code, "Invalid input.", str(problem), **source)

    @app.exception_handler(404)
    @app.exception_handler(405)
    def nothing_here(request: Request, problem: Any) -> Response:
        return klaviyo.error(problem.status_code, "not_found", "Not found.", "No such endpoint.")

    def check(request: Request) -> Response | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme != "Klaviyo-API-Key":
            return klaviyo.error(
                401,
                "not_authenticated",
                "Authentication credentials were not provided.",
                "Missing or invalid authorization scheme; use Klaviyo-API-Key.",
            )
        lacking = _lacking(given, key)
        if lacking is None:
            return klaviyo.error(
                401,
                "authentication_failed",
                "Incorrect authentication credentials.",
                "The API key is not known.",
            )
        scopes = klaviyo.required_scopes(request)
        if lacking in ("scopes", *scopes):
            return klaviyo.error(
                403,
                "permission_denied",
                "You do not have permission to perform this action.",
                f"The API key lacks the required scopes: {', '.join(scopes)}.",
            )
        return klaviyo.refused_revision(request)

    def too_many(_: Limit) -> Response:
        return klaviyo.error(
            429, "throttled", "Request was throttled.", "Too many requests to this endpoint."
        )

    def headers(_: str, limit: Limit, remaining: int, wait: int) -> dict[str, str]:
        window = f"{limit.requests}, {limit.requests};w={round(limit.seconds)}"
        return {
            "RateLimit-Limit": window,
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(wait),
        }

    return _Gate(app, _klaviyo_limits(script), check, too_many, headers)


def _klaviyo_limits(script: Script) -> Callable[[Message], list[tuple[Limit, str]]]:
    """Return what tells the limits that a call falls under."""

    def limits(scope: Message) -> list[tuple[Limit, str]]:
        query = unquote(scope["query_string"].decode())
        name, windows = documented(scope["method"], scope["path"], query)
        if name and script.settings["klaviyo_limits_documented"]:
            return [(script.window(*window), name) for window in windows]
        return [(script.limits["klaviyo"], _endpoint(scope["path"]))]

    return limits


def _endpoint(path: str) -> str:
    """Return a path without the id in it: Klaviyo's limits are per endpoint."""
    parts = path.split("/")
    return "/".join([*parts[:4], *parts[5:]])


class _Gate:
    """What stands before a vendor's API: who may pass, and how often."""

    def __init__(
        self,
        app: App,
        limits: Callable[[Message], list[tuple[Limit, str]]],
        check: Callable[[Request], Response | None],
        too_many: Callable[[Limit], Response],
        headers: Callable[[str, Limit, int, int], dict[str, str]],
    ) -> None:
        self.app = app
        self.limits = limits
        self.check = check
        self.too_many = too_many
        self.headers = headers

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Refuse, or pass on and add the rate-limit headers to the answer."""
        path = scope["path"]
        taken = [(limit, *limit.take(name)) for limit, name in self.limits(scope)]
        refusal = self.check(Request(scope))
        over = [(limit, wait) for limit, allowed, _, wait in taken if not allowed]
        if over:
            limit, wait = max(over, key=lambda each: each[1])
            refusal = self.too_many(limit)
            if limit.retry_after:
                refusal.headers["retry-after"] = str(wait)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        limit, _, remaining, wait = next(
            (each for each in taken if each[0].seconds == MINUTE), taken[-1]
        )
        extra = [
            (name.lower().encode(), value.encode())
            for name, value in self.headers(path, limit, remaining, wait).items()
        ]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        await self.app(scope, receive, with_headers)
