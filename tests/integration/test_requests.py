"""What is sent is what the vendors describe: every request of a pull is held against it.

Klaviyo's description says of each call which parameters, fields, filters and bodies it takes
(`tests/fixtures/klaviyo/requests.json`); HubSpot's may not be passed on, so of its calls the path
is held against the table of what Rapport calls.
"""

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest
from requests.adapters import HTTPAdapter

from rapport.errors import SourceRefused
from rapport.sources.streams import GROUPS
from rapport.sources.versions import DEFAULTS, ENDPOINTS

DESCRIBED = Path(__file__).parents[1] / "fixtures" / "klaviyo" / "requests.json"
PREFIXES = {"hubspot": "/hubspot", "klaviyo": "/klaviyo/api/"}
FIRST, LATER = date(2018, 1, 1), date(2018, 1, 8)
JOINED = "2017-05-01T00:00:00Z"
# An operator, a field and a value: a list, a text in quotes, or neither.
CONDITION = re.compile(
    r"([a-z-]+)\(([\w.]+)(?:,(\[(?:\"[^\"]*\",?)+\]|\"[^\"]*\"|'[^']*'|[^()'\"\[\]]*))?\)(?:,|\Z)"
)


@dataclass(frozen=True)
class Sent:
    """One request; `call` is the endpoint it is made to, ``METHOD template``."""

    call: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: str | None


@pytest.fixture
def sent(monkeypatch):
    """What is sent from here on, retries too."""
    requests = []
    original = HTTPAdapter.send

    def send(self, request, *args, **kwargs):
        address = urlsplit(request.url)
        vendor = address.path.split("/")[1]
        path = address.path.removeprefix(PREFIXES[vendor])
        requests.append(
            Sent(
                call_of(vendor, request.method, path),
                path,
                parse_qsl(address.query, keep_blank_values=True),
                {name.lower(): value for name, value in request.headers.items()},
                request.body,
            )
        )
        return original(self, request, *args, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    return requests


def call_of(vendor: str, method: str, path: str) -> str:
    """Return the declared call that a request makes; fail if it makes none."""
    for endpoint in ENDPOINTS[vendor]:
        parts = re.split(r"\{(\w+)\}", endpoint.template)
        named = {"version": re.escape(DEFAULTS[vendor].name)}
        pattern = "".join(
            named.get(part, "[^/]+") if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
        if endpoint.method == method and re.fullmatch(pattern, path):
            return f"{method} {endpoint.template}"
    raise AssertionError(f"{method} {path} is no call of the table")


def declared(vendor: str) -> set[str]:
    return {f"{endpoint.method} {endpoint.template}" for endpoint in ENDPOINTS[vendor]}


def groups_of(vendor: str) -> list[str]:
    return [group for group, streams in GROUPS.items() if streams[0].source == vendor]


def test_every_call_of_hubspot_is_in_the_table_and_none_of_the_table_is_never_made(rapport, sent):
    rapport.night(FIRST, *groups_of("hubspot"))
    assert {each.call for each in sent} == declared("hubspot")


class TestKlaviyo:
    @pytest.fixture
    def described(self):
        return json.loads(DESCRIBED.read_text())["calls"]

    @pytest.fixture
    def pulled(self, rapport, sent):
        """Two nights in which everything happens that makes Klaviyo be asked something."""

        def make(collection, **values):
            (made,) = rapport.server.change(
                {"change": "create", "collection": f"klaviyo/{collection}", **values}
            )
            return made["ids"]

        rapport.clock(FIRST)
        (readers,) = make("list", values={"name": "Readers"})
        members = make("profile", at="2017-03-01T00:00:00Z", count=30)
        gone, kept, *_ = members
        rapport.server.change(
            *(
                {"change": "join", "list_id": readers, "profile_id": member, "at": JOINED}
                for member in members
            ),
            # So old that nothing but itself tells whose it is after the merge.
            {
                "change": "event",
                "metric": "Received Email",
                "profile_id": gone,
                "at": "2017-06-01T12:00:00Z",
            },
        )

        rapport.night(FIRST, *groups_of("klaviyo"))
        rapport.clock(LATER)
        rapport.server.change(
            {"change": "merge", "collection": "klaviyo/profile", "id": gone, "into": kept},
            *(
                {"change": "leave", "list_id": readers, "profile_id": member}
                for member in members[2:]
            ),
        )
        make("profile", at="2017-03-01T00:00:00Z")  # found by the list of all alone
        for group in groups_of("klaviyo"):
            rapport.pull(group, LATER)
        return sent

    def test_every_request_is_one_that_klaviyo_describes(self, pulled, described):
        assert {each.call for each in pulled} == declared("klaviyo")
        faults = {
            f"{each.call}: {fault}"
            for each in pulled
            for fault in faults_of(each, described[each.call.replace(" ", " /api/")])
        }
        assert faults == set()

    def test_a_retired_revision_is_refused_and_not_replaced(self, rapport):
        with pytest.raises(SourceRefused, match="answered 410"):
            rapport.pull("klaviyo_profiles", revision="2024-07-15")


@pytest.mark.parametrize(
    ("call", "query", "fault"),
    [
        ("GET profiles", [("page[number]", "2")], "no parameter page[number]"),
        ("GET profiles", [("page[size]", "101")], "page[size]: 101 is greater"),
        ("GET profiles", [("sort", "last_name")], "sort: 'last_name' is not one of"),
        ("GET profiles", [("filter", "greater-or-equal(updated,2018-01-01T00:00:00Z)")], "updated"),
        ("GET profiles", [("filter", "equals(last_name,'x')")], "last_name"),
        ("GET events", [("filter", "less-than(datetime,yesterday)")], "datetime"),
        ("GET events", [("filter", "equals(metric_id,x)")], "metric_id"),
        ("GET events", [("filter", "less-than(datetime,2018-01-01T00:00:00Z")], "cannot be read"),
        ("GET events", [("include", "attributions,campaign")], "include: 'campaign' is not one of"),
        ("GET flows", [("fields[flow-action]", "definition.nothing")], "is not one of"),
        ("GET campaigns", [], "filter is required"),
    ],
)
def test_what_klaviyo_would_refuse_is_noticed(call, query, fault):
    described = json.loads(DESCRIBED.read_text())["calls"][call.replace(" ", " /api/")]
    headers = {"revision": DEFAULTS["klaviyo"].name, "x-klaviyo-revision-fall-forward-opt-out": "1"}
    (found,) = faults_of(Sent(call, call.split()[1], query, headers, None), described)
    assert fault in found


def test_a_body_that_lacks_what_is_required_is_noticed():
    described = json.loads(DESCRIBED.read_text())["calls"]["POST /api/metric-aggregates"]
    headers = {
        "revision": DEFAULTS["klaviyo"].name,
        "x-klaviyo-revision-fall-forward-opt-out": "1",
        "content-type": "application/vnd.api+json",
    }
    body = {"data": {"type": "metric-aggregate", "attributes": {"metric_id": "m", "filter": []}}}
    call = "POST metric-aggregates"
    (found,) = faults_of(Sent(call, call.split()[1], [], headers, json.dumps(body)), described)
    assert "'measurements' is a required property" in found


def faults_of(request: Sent, described: dict) -> list[str]:
    """Say what of a request is not as it is described."""
    parameters = described["parameters"]
    given = dict(request.query)
    names = [name for name, _ in request.query]
    faults = [f"{name} comes twice" for name in given if names.count(name) > 1]
    faults += [
        f"{name} is required"
        for name, said in parameters.items()
        if said["in"] == "query" and said["required"] and name not in given
    ]
    for name, value in given.items():
        said = parameters.get(name)
        if said is None or said["in"] != "query":
            faults.append(f"no parameter {name}")
        elif name == "filter":
            faults += faults_of_filter(value, described["filters"])
        else:
            faults += [f"{name}: {each}" for each in faults_of_value(value, said["schema"])]
    if request.headers.get("revision") != DEFAULTS["klaviyo"].name:
        faults.append(f"revision {request.headers.get('revision')}")
    if request.headers.get("x-klaviyo-revision-fall-forward-opt-out") != "1":
        faults.append("a retired revision would be replaced")
    if not described["body"]:
        return [*faults, "no body is described"] if request.body else faults
    schema = described["body"].get(request.headers["content-type"])
    if schema is None:
        return [*faults, f"a body is not {request.headers['content-type']}"]
    return faults + faults_of_json(json.loads(request.body or "null"), schema)


def faults_of_value(value: str, schema: dict) -> list[str]:
    """Say what of a parameter's text is not as its schema has it; lists are parted by commas."""
    if schema["type"] == "array":
        return faults_of_json(value.split(","), schema)
    if schema["type"] == "integer":
        return faults_of_json(int(value) if value.isdigit() else value, schema)
    return faults_of_json(value, schema)


def faults_of_json(value: object, schema: dict) -> list[str]:
    return [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(value)]


def faults_of_filter(text: str, fields: dict) -> list[str]:
    """Say which conditions a call does not take."""
    faults = []
    read = 0
    while found := CONDITION.match(text, read):
        read = found.end()
        operator, field, value = found.groups()
        said = fields.get(field)
        if said is None or operator not in said["operators"]:
            faults.append(f"{operator} of {field}")
        elif not is_a_value(value, operator, said):
            faults.append(f"{field}: {value} is no {said.get('format', said.get('type'))}")
    return faults if read == len(text) and text else [*faults, f"{text} cannot be read"]


def is_a_value(value: str | None, operator: str, said: dict) -> bool:
    """Whether a condition's value is spelt as its type asks for."""
    if operator == "has":
        return value is None
    if value is None:
        return False
    if operator == "any":
        return value.startswith("[")
    if said.get("format") == "date-time":
        try:
            return datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            return False
    if said.get("type") == "string":
        return value[:1] in "\"'" and value[1:-1] in said.get("enum", [value[1:-1]])
    return value[:1] not in "\"'["
