"""What every HTTP source needs: patience with limits, none with nonsense.

dlt's client waits and retries (429, 5xx, time-outs, broken bodies; ``Retry-After``
in seconds or as a date). Added here: a deadline for the whole pull, a token that
goes to one host only, and answers that are read strictly.
"""

import json
import time
from collections.abc import Container, Iterator
from functools import cache, partial
from typing import Any, Literal
from urllib.parse import urlsplit

from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.common.jsonpath import compile_path
from dlt.sources.helpers.requests import Client
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.client import PageData
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import HTTPError, RequestException

from rapport.errors import ScopeMissing, SourceDenied, SourceError, SourceRefused
from rapport.sources import strict
from rapport.sources.connection import Connection

REQUEST_TIMEOUT_SECONDS = 60.0
DEADLINE_SECONDS = 3600.0
MAX_ATTEMPTS = 8
LONGEST_WAIT_SECONDS = 60.0
BACKOFF_FACTOR = 1.0


# dlt compiles a path at each use, which takes longer than a small page.
path_of = cache(compile_path)


class _Header(AuthBase):
    """An ``Authorization`` header that is added last and printed nowhere."""

    def __init__(self, scheme: str, secret: str) -> None:
        self._value = f"{scheme} {secret}"

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


class _Guard(HTTPAdapter):
    """Sends to one origin and until one deadline, whoever asks (page links, redirects, retries)."""

    def __init__(self, connection: Connection, deadline: float) -> None:
        super().__init__()
        self._connection = connection
        self._origin = _origin(connection.url)
        self._deadline = time.monotonic() + deadline
        self._seconds = deadline

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        if _origin(str(request.url)) != self._origin:
            raise SourceError(
                self._connection.id,
                f"refused to follow a link to {_origin(str(request.url))}: the token is sent to "
                f"{self._origin} only. Check the host of the connection",
            )
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise SourceError(
                self._connection.id,
                f"the pull did not end within its {self._seconds:.0f} s; what it had is not "
                "landed. The next run starts again from the last completed load",
            )
        kwargs["timeout"] = min(left, REQUEST_TIMEOUT_SECONDS)
        return super().send(request, *args, **kwargs)


class Pace:
    """Keeps calls apart, for limits that refuse without saying how long to wait.

    Args:
        per_second: calls that may start in a second.
    """

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._next = 0.0

    def wait(self) -> None:
        """Return when the next call may start."""
        now = time.monotonic()
        time.sleep(max(0.0, self._next - now))
        self._next = max(now, self._next) + self._interval


class Api:
    """One HTTP API, reached through one connection.

    Args:
        connection: where it is and what opens it.
        scheme: of the ``Authorization`` header.
        records: top-level member that holds the page's records.
        headers: sent with every request.
        remedy: what to check when the credentials are refused.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        scheme: str,
        records: str,
        headers: dict[str, str] | None = None,
        remedy: str,
    ) -> None:
        if not connection.secret:
            raise SourceDenied(connection.id, f"no password (token) is set. {remedy}")
        self._connection = connection
        self._records = records
        self._selector = path_of(records)
        self._remedy = remedy
        options = connection.options
        session = Client(
            raise_for_status=False,
            request_max_attempts=int(options.get("max_attempts", MAX_ATTEMPTS)),
            request_backoff_factor=float(options.get("backoff_factor", BACKOFF_FACTOR)),
            request_max_retry_delay=LONGEST_WAIT_SECONDS,
        ).session
        guard = _Guard(connection, float(options.get("deadline_seconds", DEADLINE_SECONDS)))
        session.mount("http://", guard)
        session.mount("https://", guard)
        self._client = RESTClient(
            base_url=connection.url,
            headers=headers,
            auth=_Header(scheme, connection.secret),
            session=session,
            config=RuntimeConfiguration(),
        )

    def pages(
        self, path: str, *, params: dict[str, Any], paginator: BasePaginator
    ) -> Iterator[PageData[Any]]:
        """Yield each page of a listing: a list of records that knows the answer it came in.

        Raises:
            SourceDenied: 401 or 403.
            SourceRefused: another 4xx, as for a cursor that has expired.
            SourceError: any other answer that is not a page, or a page that comes twice.
        """
        seen: set[str] = set()
        try:
            for page in self._client.paginate(
                path,
                params=params,
                paginator=paginator,
                data_selector=self._selector,
                hooks={"response": [self._check]},
            ):
                here = str(page.response.url)
                if here in seen:
                    raise SourceError(
                        self._connection.id,
                        f"{path}: the link to the next page leads back to a page already read "
                        f"(page {len(seen)}); the listing would never end",
                    )
                seen.add(here)
                yield page
        except RequestException as error:
            raise self._unreachable(path, error) from None

    def post(self, path: str, body: dict[str, Any], *, holds: type = list) -> dict[str, Any]:
        """Return the strictly read answer to a POST, whose records are a list or an object."""
        answer = self._answer("POST", path, body, holds=holds)
        assert answer is not None  # no status is let pass
        return answer

    def post_unless(
        self, path: str, body: dict[str, Any], refused: Container[int]
    ) -> dict[str, Any] | None:
        """Return the answer to a POST, or None if its status is one of those given."""
        return self._answer("POST", path, body, passes=refused)

    def get(self, path: str) -> dict[str, Any] | None:
        """Return the answer about one record, or None if there is no such record (404)."""
        return self._answer("GET", path, None, holds=dict, passes=(404,))

    def _answer(
        self,
        method: Literal["GET", "POST"],
        path: str,
        body: dict[str, Any] | None,
        *,
        holds: type = list,
        passes: Container[int] = (),
    ) -> dict[str, Any] | None:
        hook = partial(self._check, holds=holds, passes=passes)
        try:
            response = self._client.request(
                path, method=method, json=body, hooks={"response": [hook]}
            )
        except RequestException as error:
            raise self._unreachable(path, error) from None
        if response.status_code in passes:
            return None
        answer: dict[str, Any] = response.json()
        return answer

    def _unreachable(self, path: str, error: RequestException) -> SourceError:
        # The exception's text can quote the URL with its filter values: its kind is enough.
        kind = type(error).__name__ if error.response is None else error.response.status_code
        return SourceError(
            self._connection.id,
            f"{path}: no usable answer after all retries (the last one: {kind}). "
            "The next run starts again from the last completed load",
        )

    def _check(
        self,
        response: Response,
        *_: Any,
        holds: type = list,
        passes: Container[int] = (),
        **__: Any,
    ) -> None:
        """Turn what is not a page into an error that says so, but for statuses that may pass."""
        place = f"{response.request.method} {urlsplit(str(response.url)).path}"
        status = response.status_code
        if status in passes:
            return
        if status in (401, 403):
            refused = ScopeMissing if status == 403 else SourceDenied
            raise refused(
                self._connection.id, f"{place} answered {status}: access refused. {self._remedy}"
            )
        if status == 429 or status >= 500:
            raise HTTPError(response=response)  # the session waits and tries again
        if status >= 400:
            raise SourceRefused(self._connection.id, f"{place} answered {status}", status)
        if status in (204, 205):
            raise SourceError(self._connection.id, f"{place} answered {status}")
        try:
            body = strict.read(response.content)
        except ValueError as error:
            kind = response.headers.get("Content-Type", "no content type")
            raise SourceError(
                self._connection.id,
                f"{place}: {len(response.content)} bytes of {kind!r} are not strict JSON "
                f"({type(error).__name__}: {_reason(error)})",
            ) from None
        if not isinstance(body, dict) or not isinstance(body.get(self._records), holds):
            raise SourceError(
                self._connection.id,
                f"{place}: the answer has no {holds.__name__} {self._records!r}",
            )
        response.json = lambda **_: body  # type: ignore[method-assign]  # parsed once, and strictly


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _reason(error: ValueError) -> str:
    """The parser's complaint without the document it complains about."""
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)
