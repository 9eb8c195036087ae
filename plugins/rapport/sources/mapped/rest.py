"""`kind: rest`: dlt's `rest_api` turns the pages of an API; what it is told stands in the tables.

Beneath it lies our own session: one origin, one deadline, patience with limits, answers read
strictly (`rapport.sources.http`). What changed is asked for by the newest cursor of the landing. It
is put into the request, and rows are not compared with it once more as dlt would: a time that is
written otherwise (`Z`, `+00:00`) would be dropped without a word.

A connection's extra says how it is opened, `auth`:

| auth | what is sent |
|---|---|
| `bearer` (default where there is no login) | the password as `Authorization: Bearer`; `scheme` says another word |
| `basic` (default where there is one) | login and password |
| `api_key` | the password in the header `header`, `X-API-Key` by default |
| `oauth2` | a token that `token_url` gives for login and password (client credentials; `scope`) |
| `login` | a token that `login_path` gives: login and password are posted under `login_field` and `password_field`, the answer has it at `token` |
| `none` | nothing |

`headers` are sent with each request.
"""  # noqa: E501

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import pyarrow as pa
from dlt.common import jsonpath
from dlt.extract import DltResource
from dlt.extract.exceptions import PipeException
from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
)
from dlt.sources.rest_api import rest_api_resources
from requests import PreparedRequest, Response, Session
from requests.exceptions import RequestException

from rapport.errors import SourceDenied, SourceError
from rapport.sources.connection import Connection
from rapport.sources.http import Judge, guarded, patient
from rapport.sources.known import Known
from rapport.sources.mapped.declaration import MappedSource, MappedTable
from rapport.sources.mapped.reading import Refused, Unreadable, rows_of_json
from rapport.sources.said import masked
from rapport.sources.streams import Stream

REMEDY = "Check the login, the password and the extra (auth) of the connection"
START = "{incremental.start_value}"
AUTHS = ("bearer", "basic", "api_key", "oauth2", "login", "none")
ISO = "%Y-%m-%dT%H:%M:%SZ"
Authorize = Callable[[PreparedRequest], Any]


def read_api(source: MappedSource, connection: Connection) -> "Api":
    """Return what reads the tables of an API.

    Raises:
        SourceDenied: the connection does not say how it is opened.
    """
    return Api(source, connection, Judge(connection, REMEDY), _session(connection))


@dataclass(frozen=True)
class Api:
    """An API, which is asked as long as the pull may take."""

    source: MappedSource
    connection: Connection
    judge: Judge
    session: Session

    def rows(
        self,
        table: MappedTable,
        known: Known,
        refuse: Callable[[Refused], None],
        landed: list[str],
    ) -> Iterator[pa.Table]:
        """Yield the rows of a table, all text; what is nested as JSON text.

        Raises:
            SourceDenied: the credentials are refused.
            NotBefore: the source answers again only after the pull is over.
            SourceError: it cannot be used as it answers.
            Unreadable: the answers are otherwise than the table says.
        """
        with self._as_ours(table):
            # A page of one table may be asked for once more for one that hangs on it.
            records = ((0, record) for record in self._resource(table, known))
            yield from rows_of_json(records, table, refuse, landed)

    @contextmanager
    def _as_ours(self, table: MappedTable) -> Iterator[None]:
        """Turn what dlt wraps, and what it says itself, into errors of ours."""
        try:
            yield
        except PipeException as error:
            cause = error.__cause__ or error
            if isinstance(cause, RequestException):
                raise self.judge.unreachable(str(table.how.get("path", "")), cause) from None
            if isinstance(cause, ValueError | KeyError | TypeError):
                raise Unreadable(f"table {table.name}: {_without_answer(cause)}") from None
            raise cause from None

    def look(self, table: MappedTable) -> str:
        """Ask for a first page of a table, and say that it came.

        Raises:
            SourceError: as `rows` does.
            Unreadable: likewise.
        """
        with self._as_ours(table):
            for record in self._resource(table, None):
                return f"answers, and gives {table.name} with {', '.join(list(record)[:6])}"
        return f"answers, and has no {table.name}"

    def _resource(self, wanted: MappedTable, known: Known | None) -> DltResource:
        """Return dlt's resource of a table, among those of the others, which it may hang on."""
        resources = rest_api_resources(
            {
                "client": {
                    "base_url": self.connection.url,
                    "headers": dict(self.connection.options.get("headers") or {}),
                    "session": self.session,
                },
                "resources": [
                    {
                        "name": table.name,
                        # What hangs on others is asked for of all of them.
                        "endpoint": _endpoint(table, known if table == wanted else None),
                        **_of_parent(table),
                    }
                    for table in self.source.tables
                ],
            }
        )
        return next(each for each in resources if each.name == wanted.name)


def _without_answer(error: Exception) -> str:
    """What dlt says, without the answer that its messages end with: that is of customers."""
    said = re.split(r"\bgot\b|[{\[]", " ".join(str(error).split()), maxsplit=1)[0].strip(" `,:.")
    return f"{masked(said) or type(error).__name__}; look at its paginator and data"


def _of_parent(table: MappedTable) -> dict[str, Any]:
    names = table.how.get("include_from_parent")
    return {"include_from_parent": list(names)} if names else {}


def _endpoint(table: MappedTable, known: Known | None) -> dict[str, Any]:
    """Return what dlt is told of a table's endpoint, with where it starts put in."""
    how = {k: deepcopy(v) for k, v in table.how.items() if k != "include_from_parent"}
    incremental: Mapping[str, Any] = how.pop("incremental", {})
    start = _start(table.stream, incremental, known) if incremental and known else None
    if start is None:
        start = incremental.get("initial_value")
    if start is not None and "start_param" in incremental:
        how.setdefault("params", {})[incremental["start_param"]] = start
    data = how.pop("data", None)
    told = {name: _with_start(value, start) for name, value in how.items()}
    told["path"] = told.get("path", table.name)
    told["response_actions"] = [_demanding(table, data)]
    return told | ({"data_selector": data} if data else {})


def _with_start(value: Any, start: Any) -> Any:
    """Put the start into texts; what needs one where there is none is left out."""
    if isinstance(value, dict):
        return {
            name: _with_start(inner, start)
            for name, inner in value.items()
            if not (start is None and isinstance(inner, str) and START in inner)
        }
    if isinstance(value, list):
        return [_with_start(inner, start) for inner in value]
    return value.replace(START, str(start)) if isinstance(value, str) else value


def _start(stream: Stream, incremental: Mapping[str, Any], known: Known) -> Any:
    moment: datetime | None = known.start(stream)
    if moment is None:
        return known.start_number(stream)
    return moment.astimezone(UTC).strftime(incremental.get("format", ISO))


def _demanding(table: MappedTable, data: str | None) -> Callable[..., None]:
    """Return what looks whether an answer has the records where the table says they are.

    dlt takes an answer without them for an empty page, on any night.
    """

    def demand(response: Response, *_: Any, **__: Any) -> None:
        body = response.json()
        if data:
            # The list itself, which may be empty, and not its records.
            if not jsonpath.find_values(data.removesuffix("[*]"), body):
                raise Unreadable(
                    f"table {table.name}: an answer has nothing at data: {data}; it has "
                    f"{_members(body)}"
                )
        elif isinstance(body, dict):
            lists = [name for name, value in body.items() if isinstance(value, list)]
            if len(lists) != 1:
                raise Unreadable(
                    f"table {table.name}: say where the records are (data: ...); an answer has "
                    f"{_members(body)}"
                )

    return demand


def _members(body: Any) -> str:
    return ", ".join(map(str, body)) if isinstance(body, dict) else "a list"


# -- how it is opened ------------------------------------------------------------------------


def _session(connection: Connection) -> Session:
    """Return a session that opens each request, judges each answer and reads it strictly."""
    session, judge, authorize = guarded(connection), Judge(connection, REMEDY), _auth(connection)
    plain = session.send

    def once(request: PreparedRequest, **options: Any) -> Response:
        bare = request.copy()
        bare.hooks = {"response": []}  # dlt's own raise what may well pass
        authorize(bare)
        response = plain(bare, **options)
        if response.status_code == 401 and isinstance(authorize, _Login) and authorize.forget():
            authorize(bare)
            response = plain(bare, **options)
        judge(response)
        body = judge.body(response)
        response.json = lambda **_: body  # type: ignore[method-assign]
        for hook in request.hooks.get("response", ()):
            hook(response)
        return response

    session.send = patient(connection, once)  # type: ignore[method-assign]
    return session


def _auth(connection: Connection) -> Authorize:
    """Return what puts the credentials on a request.

    Raises:
        SourceDenied: they are not all there.
    """
    options, secret = connection.options, connection.secret
    login = str(options.get("login") or "")
    kind = options.get("auth") or ("basic" if login and secret else "bearer" if secret else "none")
    if kind not in AUTHS:
        raise SourceDenied(connection.id, f"auth {kind!r} in its extra is none of {list(AUTHS)}")
    if kind == "none":
        return lambda request: request
    if not secret:
        raise SourceDenied(connection.id, f"no password (token) is set. {REMEDY}")
    needed = {"basic": ("login",), "oauth2": ("login", "token_url"), "login": ("login_path",)}
    if missing := [name for name in needed.get(kind, ()) if not options.get(name)]:
        raise SourceDenied(connection.id, f"auth {kind} needs {', '.join(missing)}; set them")
    if kind == "basic":
        return HttpBasicAuth(login, secret)
    if kind == "api_key":
        return APIKeyAuth(name=str(options.get("header", "X-API-Key")), api_key=secret)
    if kind == "oauth2":
        return _oauth2(connection, login)
    if kind == "login":
        return _Login(connection, login)
    return _header(str(options.get("scheme", "Bearer")), secret)


def _header(scheme: str, token: str) -> Authorize:
    def authorize(request: PreparedRequest) -> None:
        request.headers["Authorization"] = f"{scheme} {token}"

    return authorize


def _oauth2(connection: Connection, login: str) -> OAuth2ClientCredentials:
    """Ask for tokens where the connection says: login and password go to that one host."""
    url = urljoin(f"{connection.url}/", str(connection.options["token_url"]))
    scope = connection.options.get("scope")
    return OAuth2ClientCredentials(
        access_token_url=url,
        client_id=login,
        client_secret=connection.secret,
        access_token_request_data={"scope": scope} if scope else {},
        session=_judged(_at(connection, url)),
    )


def _at(connection: Connection, url: str) -> Connection:
    there = replace(connection, url=url)
    object.__setattr__(there, "deadline", connection.deadline)  # of the same pull
    return there


def _judged(connection: Connection) -> Session:
    """Return a session for the one request that gives a token."""
    session, judge = guarded(connection), Judge(connection, REMEDY)
    plain = session.send

    def once(request: PreparedRequest, **options: Any) -> Response:
        response = plain(request, **options)
        judge(response)
        return response

    session.send = patient(connection, once)  # type: ignore[method-assign]
    return session


class _Login:
    """Opens requests with a token that a login gives; logs in again where it has run out."""

    def __init__(self, connection: Connection, login: str) -> None:
        options = connection.options
        self._url = urljoin(f"{connection.url}/", str(options["login_path"]).lstrip("/"))
        self._session = _judged(connection)
        self._connection = connection
        self._body = {
            str(options.get("login_field", "username")): login,
            str(options.get("password_field", "password")): connection.secret,
        }
        self._at = str(options.get("token", "access"))
        self._scheme = str(options.get("scheme", "Bearer"))
        self._token = ""

    def __call__(self, request: PreparedRequest) -> None:
        if not self._token:
            self._token = self._logged_in()
        request.headers["Authorization"] = f"{self._scheme} {self._token}"

    def forget(self) -> bool:
        """Have the next request log in anew."""
        self._token = ""
        return True

    def _logged_in(self) -> str:
        try:
            answer = self._session.post(self._url, json=self._body)
            found = jsonpath.find_values(self._at, answer.json())
        except RequestException as error:
            path = urlsplit(self._url).path
            raise Judge(self._connection, REMEDY).unreachable(path, error) from None
        except ValueError:
            found = []
        if not found or not isinstance(found[0], str):
            raise SourceError(
                self._connection.id,
                f"the answer to the login has no token at {self._at!r}; correct token in the extra",
            )
        return found[0]
