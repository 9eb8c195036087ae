"""What every HTTP source needs: patience with limits, none with nonsense.

dlt's client turns pages; tenacity waits and asks again. Not dlt's own retries: they cut a
``Retry-After`` to their longest wait. Here it is kept whole or, where the pull would be over by
then, ends the pull with the hour. A deadline holds for the whole pull, a token goes to one host
only, answers are read strictly, and errors say what the vendor said.
"""

import json
import logging
import time
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, partial
from typing import Any, Literal, ParamSpec
from urllib.parse import urlsplit

from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.common.jsonpath import compile_path
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.client import PageData
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectionError,
    ContentDecodingError,
    HTTPError,
    RequestException,
    Timeout,
)
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from rapport.errors import (
    BudgetSpent,
    NotBefore,
    OutcomeUnknown,
    ScopeMissing,
    SourceDenied,
    SourceError,
    SourceRefused,
    innermost,
)
from rapport.sources import strict
from rapport.sources.connection import Connection
from rapport.sources.said import Said, said

logger = logging.getLogger(__name__)

P = ParamSpec("P")

REQUEST_TIMEOUT_SECONDS = 60.0
MAX_ATTEMPTS = 8
LONGEST_WAIT_SECONDS = 60.0  # where the source does not say how long
BACKOFF_FACTOR = 1.0
# Time-out, locked, too early, too many; 477 is HubSpot's for an account that is being moved.
PASSING = {408, 423, 425, 429, 477}
BROKEN = (HTTPError, ConnectionError, Timeout, ChunkedEncodingError, ContentDecodingError)
EMPTY = (204, 205)  # without a body
DAILY = "DAILY"  # HubSpot's name for the limit of a day


# Puts its headers on a request as it goes out: each try anew.
Sign = Callable[[PreparedRequest], None]


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

    def __init__(self, connection: Connection, sign: Sign | None = None) -> None:
        super().__init__()
        self._connection = connection
        self._origin = _origin(connection.url)
        self._sign = sign

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        if _origin(str(request.url)) != self._origin:
            raise SourceError(
                self._connection.id,
                f"refused to follow a link to {_origin(str(request.url))}: the token is sent to "
                f"{self._origin} only. Check the host of the connection",
            )
        if self._sign:
            self._sign(request)
        deadline = self._connection.deadline
        kwargs["timeout"] = min(deadline.left(), REQUEST_TIMEOUT_SECONDS)
        send = super().send

        def whole() -> Response:
            response = send(request, *args, **kwargs)
            _ = response.content  # requests reads it later, and for as long as it trickles
            return response

        return deadline.within(whole)


class _CutOff(ChunkedEncodingError):
    """A body that ends before it is over; `told` is what to say where it always does."""

    def __init__(self, told: SourceError, response: Response) -> None:
        super().__init__(response=response)
        self.told = told


def guarded(connection: Connection, sign: Sign | None = None) -> Session:
    """Return a session that sends to one origin and until one deadline."""
    session = Session()
    guard = _Guard(connection, sign)
    session.mount("http://", guard)
    session.mount("https://", guard)
    return session


def patient(connection: Connection, send: Callable[P, Response]) -> Callable[P, Response]:
    """Return what sends again what failed in passing, as long as the pull may take."""
    return _patience(connection).wraps(send)


def _patience(connection: Connection) -> Retrying:
    factor = float(connection.options.get("backoff_factor", BACKOFF_FACTOR))
    backoff = wait_exponential_jitter(initial=factor, max=LONGEST_WAIT_SECONDS, jitter=factor)

    def pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        response = error.response if isinstance(error, RequestException) else None
        told = None if response is None else _retry_after(response)
        return min(backoff(state) if told is None else told, connection.deadline.left())

    def tell(state: RetryCallState) -> None:
        if (seconds := state.upcoming_sleep) > LONGEST_WAIT_SECONDS:
            logger.warning(
                "connection %r: the source asks for a wait of %.0f s", connection.id, seconds
            )

    return Retrying(
        retry=retry_if_exception_type(BROKEN),
        wait=pause,
        before_sleep=tell,
        stop=stop_after_attempt(_attempts(connection)),
        reraise=True,
    )


def _attempts(connection: Connection) -> int:
    return int(connection.options.get("max_attempts", MAX_ATTEMPTS))


def _retry_after(response: Response) -> float | None:
    """Return for how many seconds an answer asks to wait, told in seconds or as a date."""
    told = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(told).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if seconds < timedelta(days=365).total_seconds() else None


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


class Judge:
    """What an answer comes to that is none.

    Args:
        connection: whose answers.
        remedy: what to check when the credentials are refused.
    """

    def __init__(self, connection: Connection, remedy: str) -> None:
        self._connection = connection
        self._remedy = remedy

    def __call__(self, response: Response) -> None:
        """Raise what a status comes to that says no or leads elsewhere.

        Raises:
            SourceDenied: 401 or 403.
            NotBefore: the source answers again only after the pull is over.
            SourceRefused: another 4xx.
            HTTPError: it is worth another try.
            SourceError: it leads elsewhere.
        """
        place, status = _place(response), response.status_code
        if status >= 400:
            self._raise(response, place)
        if status >= 300:
            to = urlsplit(response.headers.get("Location", ""))
            where = f" and leads to {to.scheme}://{to.hostname}" if to.hostname else ""
            raise SourceError(
                self._connection.id,
                f"{place} answered {status}{where}, where no token is sent. Check the host of the "
                "connection; or a proxy asks for a login",
            )

    def _raise(self, response: Response, place: str) -> None:
        """Raise what an answer that is an error comes to."""
        id_, status, words = self._connection.id, response.status_code, said(response)
        what = f"{place} answered {status}"
        if status in (401, 403):
            # A 403 that is not in the vendor's envelope is a proxy's or a firewall's.
            refused = ScopeMissing if status == 403 and words else SourceDenied
            scopes = words.missing_scopes if status == 403 else ()
            lacking = f"the key lacks the scope {' or '.join(scopes)}. " if scopes else ""
            raise refused(id_, f"{what}: access refused{words}. {lacking}{self._remedy}", scopes)
        if status in PASSING or status >= 500:
            self._raise_if_late(response, what, words)
            raise HTTPError(response=response)  # the session waits and tries again
        raise SourceRefused(id_, f"{what}{words}", status)

    def _raise_if_late(self, response: Response, what: str, words: Said) -> None:
        """Raise if the source answers again only after the pull is over.

        Raises:
            BudgetSpent: the account's calls are used up, of the day or for longer than the pull.
            NotBefore: the source asks for a wait that is longer than the pull.
        """
        wait = _retry_after(response)
        is_daily = response.status_code == 429 and DAILY in words.policies
        if not is_daily and (wait is None or wait < self._connection.deadline.left()):
            return
        until = None if wait is None else datetime.now(UTC) + timedelta(seconds=wait)
        hour = f"{until:%Y-%m-%d %H:%M} UTC" if until else ""
        then = "What came before is landed; run the night again then"
        if response.status_code != 429:
            raise NotBefore(
                self._connection.id,
                f"{what}{words}: no request is taken before {hour}. {then}",
                until,
            )
        budget = f"the account's budget of calls is used up until {hour}"
        if is_daily:  # whose day it is, an account's settings say, and no answer
            budget = (
                "the account's budget of calls of the day is used up until midnight of its own "
            )
            budget += f"clock{f' ({hour})' * bool(until)}"
        raise BudgetSpent(self._connection.id, f"{what}{words}: {budget}. {then}", until)

    def body(self, response: Response) -> Any:
        """Return what an answer says, strictly read.

        Raises:
            SourceError: it is no JSON.
            ChunkedEncodingError: it ends before it is over, which is worth another try.
        """
        try:
            return strict.read(response.content)
        except ValueError as error:
            kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
            told = SourceError(
                self._connection.id,
                f"{_place(response)}: {len(response.content)} bytes of {kind!r} are not strict "
                f"JSON ({type(error).__name__}: {_reason(error)})",
            )
            raise (_CutOff(told, response) if _ends_early(error) else told) from None

    def unreachable(self, path: str, error: RequestException) -> SourceError:
        """Return the error that says that no answer to a request can be used, and the last one."""
        if isinstance(error, _CutOff):
            return error.told
        return SourceError(
            self._connection.id,
            f"{self.last(path, error)}. What came before is landed, and the next run goes on from "
            "there",
        )

    def last(self, path: str, error: RequestException) -> str:
        """Say that there was no usable answer, how often it was asked for, and what came last."""
        if isinstance(error, HTTPError) and error.response is not None:
            last = f"{error.response.status_code}{said(error.response)}"
        else:
            # The exception's text can quote the URL with its filter values; the system's cannot.
            cause = innermost(error)
            why = cause.strerror if isinstance(cause, OSError) and cause.strerror else ""
            last = ": ".join(filter(None, [type(error).__name__, why]))
        tries = _attempts(self._connection) if isinstance(error, BROKEN) else 1
        asked = f"after {tries} tries (the last one: {last})" if tries > 1 else f"({last})"
        return f"{path}: no usable answer {asked}"


class Api:
    """One HTTP API, reached through one connection.

    Args:
        connection: where it is and what opens it.
        scheme: of the ``Authorization`` header; none is sent where requests are signed.
        records: top-level member that holds the page's records.
        headers: sent with every request.
        remedy: what to check when the credentials are refused.
        sign: signs each try of a request.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        scheme: str = "",
        records: str = "data",
        headers: dict[str, str] | None = None,
        remedy: str,
        sign: Sign | None = None,
    ) -> None:
        if not connection.secret:
            raise SourceDenied(connection.id, f"no password (token) is set. {remedy}")
        self._connection = connection
        self._records = records
        self._selector = path_of(records)
        self._judge = Judge(connection, remedy)
        session = guarded(connection, sign)
        session.send = patient(connection, session.send)  # type: ignore[method-assign]
        self._client = RESTClient(
            base_url=connection.url,
            headers=headers,
            auth=_Header(scheme, connection.secret) if scheme else None,
            session=session,
            config=RuntimeConfiguration(),
        )

    def pages(
        self, path: str, *, params: dict[str, Any], paginator: BasePaginator
    ) -> Iterator[PageData[Any]]:
        """Yield each page of a listing: a list of records that knows the answer it came in.

        Raises:
            SourceDenied: 401 or 403.
            NotBefore: the source answers again only after the pull is over.
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
            raise self._judge.unreachable(path, error) from None

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

    def call(
        self,
        method: Literal["GET", "POST", "PUT", "DELETE"],
        path: str,
        body: dict[str, Any] | None = None,
        *,
        passes: Container[int] = (),
    ) -> dict[str, Any] | None:
        """Return the strictly read answer to any other call: an object, empty where it has no body.

        Args:
            method: all but GET may change something.
            path: below the connection's address.
            body: of the request.
            passes: statuses for which None is returned.

        Raises:
            OutcomeUnknown: it may change something, and nobody knows whether it did.
            SourceError: as for `pages`.
        """
        hook = partial(self._check, holds=None, passes=passes)
        try:
            response = self._client.request(
                path, method=method, json=body, hooks={"response": [hook]}
            )
        except RequestException as error:
            if method == "GET":
                raise self._judge.unreachable(path, error) from None
            raise OutcomeUnknown(self._connection.id, self._judge.last(path, error)) from None
        except SourceError as error:
            if method == "GET" or type(error) is not SourceError:
                raise
            raise OutcomeUnknown(self._connection.id, error.said) from None  # an answer, but none
        if response.status_code in passes:
            return None
        return {} if response.status_code in EMPTY else dict(response.json())

    def deliver(self, body: dict[str, Any], headers: Mapping[str, str]) -> None:
        """Bring something to the connection's own address, whose answer is its status alone.

        Raises:
            OutcomeUnknown: nobody knows whether it arrived.
            SourceError: as for `pages`.
        """
        try:
            self._client.request(
                self._connection.url,
                method="POST",
                json=body,
                headers=dict(headers),
                hooks={"response": [lambda response, *_, **__: self._judge(response)]},
            )
        except RequestException as error:
            raise OutcomeUnknown(
                self._connection.id, self._judge.last("the receiver", error)
            ) from None

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
            raise self._judge.unreachable(path, error) from None
        if response.status_code in passes:
            return None
        answer: dict[str, Any] = response.json()
        return answer

    def _check(
        self,
        response: Response,
        *_: Any,
        holds: type | None = list,
        passes: Container[int] = (),
        **__: Any,
    ) -> None:
        """Turn what is not a page into an error that says so, but for statuses that may pass."""
        place, status = _place(response), response.status_code
        if status in passes:
            return
        self._judge(response)
        if status in EMPTY:
            if holds is None:
                return
            raise SourceError(self._connection.id, f"{place} answered {status}")
        body = self._judge.body(response)
        if not isinstance(body, dict) or not (
            holds is None or isinstance(body.get(self._records), holds)
        ):
            what = f"{holds.__name__} {self._records!r}" if holds else "object"
            raise SourceError(self._connection.id, f"{place}: the answer has no {what}")
        response.json = lambda **_: body  # type: ignore[method-assign]  # parsed once, and strictly


def _place(response: Response) -> str:
    return f"{response.request.method} {urlsplit(str(response.url)).path}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _reason(error: ValueError) -> str:
    """The parser's complaint without the document it complains about."""
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _ends_early(error: ValueError) -> bool:
    """Whether a document is cut off, so that it may come whole the next time."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated") or not error.doc[error.pos :].strip()
