"""The Klaviyo look-alike's answers are what Klaviyo's own API description says."""

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import jsonschema
import pytest

from sandbox.clock import parse_instant
from sandbox.klaviyo import Refused, parse_filter

SCHEMAS = Path(__file__).parents[1] / "fixtures" / "klaviyo"
EMAIL_ONLY = "equals(messages.channel,'email')"

formats = jsonschema.FormatChecker()


@formats.checks("date-time", raises=ValueError)
def is_instant(value):
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@formats.checks("uri", raises=ValueError)
def is_absolute(value):
    return not isinstance(value, str) or (
        bool(urlsplit(value).netloc) and not set(value) & set("[](),' ")
    )


def check(answer, name):
    """Hold an answer against the description."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    assert answer.headers["content-type"].startswith("application/vnd.api+json")
    body = answer.json()
    jsonschema.Draft202012Validator(schema, format_checker=formats).validate(body)
    return body


def refused(answer, status, parameter=None):
    assert answer.status_code == status
    (problem,) = check(answer, "error")["errors"]
    if parameter:
        assert problem["source"] == {"parameter": parameter}
    return problem


def pages(server, url, **query):
    found = []
    while url:
        page = server.klaviyo.get(url, params=query or None).json()
        found.append(page["data"])
        url, query = page["links"].get("next"), {}
    return found


def ids(list_of_pages):
    return [each["id"] for page in list_of_pages for each in page]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/profiles?page[size]=100", "profiles"),
        ("/profiles?additional-fields[profile]=subscriptions&page[size]=100", "profiles"),
        ("/profiles?fields[profile]=email,external_id", "profiles"),
        ("/profiles?page[size]=7", "profiles"),
        ("/metrics", "metrics"),
        (f"/campaigns?filter={EMAIL_ONLY}", "campaigns"),
        (f"/campaigns?filter={EMAIL_ONLY}&include=campaign-messages", "campaigns"),
        ("/campaigns/1/campaign-messages", "campaign_messages"),
        ("/campaigns/1/campaign-messages?include=campaign", "campaign_messages"),
        ("/events?page[size]=1000", "events"),
        ("/events?include=profile,metric&page[size]=50", "events"),
        ("/events?fields[event]=datetime", "events"),
    ],
)
def test_an_answer_has_the_described_shape(sandbox_server, path, name):
    answer = sandbox_server.klaviyo.get(path)
    assert answer.status_code == 200
    assert check(answer, name)["data"]


def test_the_description_would_find_a_wrong_shape(sandbox_server):
    answer = sandbox_server.klaviyo.get("/metrics")
    for break_it in (
        lambda body: body["data"][0].pop("id"),
        lambda body: body["data"][0]["attributes"].update(nmae="x"),
        lambda body: body["links"].update(self="/metrics"),
        lambda body: body["data"][0].update(type="event"),
    ):
        body = answer.json()
        break_it(body)
        broken = httpx.Response(200, headers=answer.headers, content=json.dumps(body))
        broken.headers["content-type"] = "application/vnd.api+json"
        with pytest.raises(jsonschema.ValidationError):
            check(broken, "metrics")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "not_authenticated"),
        ({"Authorization": "Bearer sandbox-klaviyo-key"}, "not_authenticated"),
        ({"Authorization": "Klaviyo-API-Key no"}, "authentication_failed"),
    ],
)
def test_a_wrong_key_gets_401(sandbox_server, header, code):
    url = f"{sandbox_server.klaviyo_url}/profiles"
    answer = httpx.get(url, headers={**header, "revision": "2026-07-15"})
    assert refused(answer, 401)["code"] == code


def test_a_key_without_scopes_gets_403(sandbox_server):
    key = f"Klaviyo-API-Key {sandbox_server.klaviyo_key}-without-scopes"
    headers = {"Authorization": key, "revision": "2026-07-15"}
    answer = httpx.get(f"{sandbox_server.klaviyo_url}/profiles", headers=headers)
    assert refused(answer, 403)["code"] == "permission_denied"


@pytest.mark.parametrize("revision", [None, "", "latest"])
def test_a_revision_is_required(sandbox_server, revision):
    headers = {"Authorization": f"Klaviyo-API-Key {sandbox_server.klaviyo_key}"}
    if revision is not None:
        headers["revision"] = revision
    answer = httpx.get(f"{sandbox_server.klaviyo_url}/profiles", headers=headers)
    refused(answer, 400, "revision")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/profiles?page[size]=101", "page[size]"),
        ("/profiles?page[size]=0", "page[size]"),
        ("/events?page[size]=1001", "page[size]"),
        ("/metrics?page[size]=10", "page[size]"),
        ("/profiles?page[cursor]=nonsense", "page[cursor]"),
        ("/profiles?sort=first_name", "sort"),
        ("/events?sort=uuid", "sort"),
        ("/campaigns", "filter"),
        ("/campaigns?filter=equals(archived,false)", "filter"),
        ("/profiles?filter=greater-or-equal(updated,2017-01-01T00:00:00Z)", "filter"),
        ("/profiles?filter=equals(first_name,'x')", "filter"),
        ("/profiles?filter=greater-than(updated,yesterday)", "filter"),
        ("/profiles?filter=greater-than(updated", "filter"),
        ("/events?filter=equals(uuid,'x')", "filter"),
        ("/events?colour=red", "colour"),
    ],
)
def test_a_request_that_klaviyo_would_refuse_is_refused(sandbox_server, path, parameter):
    refused(sandbox_server.klaviyo.get(path), 400, parameter)


def test_what_is_not_there_is_404_in_json_api(sandbox_server):
    refused(sandbox_server.klaviyo.get("/campaigns/999/campaign-messages"), 404)
    refused(sandbox_server.klaviyo.get("/nothing"), 404)


@pytest.mark.parametrize(
    "sort", ["created", "-created", "updated", "-updated", "email", "id", "-id"]
)
def test_pages_of_profiles_hold_everybody_once_in_order(sandbox_server, sort):
    found = pages(sandbox_server, "/profiles", **{"sort": sort, "page[size]": 7})
    assert [len(page) for page in found] == [7] * 8 + [4]
    assert len(set(ids(found))) == 60
    name = sort.removeprefix("-")
    keys = [
        (each["attributes"].get(name, each["id"]), each["id"]) for page in found for each in page
    ]
    assert keys == sorted(keys, reverse=sort.startswith("-"))


def test_the_page_before_leads_back(sandbox_server):
    first = sandbox_server.klaviyo.get("/profiles?page[size]=7&sort=email").json()
    second = sandbox_server.klaviyo.get(first["links"]["next"]).json()
    third = sandbox_server.klaviyo.get(second["links"]["next"]).json()
    assert "prev" not in first["links"]
    assert sandbox_server.klaviyo.get(third["links"]["prev"]).json()["data"] == second["data"]
    back = sandbox_server.klaviyo.get(second["links"]["prev"]).json()
    assert back["data"] == first["data"]
    assert "prev" not in back["links"]


def test_profiles_by_update_are_those_after_an_instant(sandbox_server):
    everybody = [each for page in pages(sandbox_server, "/profiles") for each in page]
    moments = sorted(each["attributes"]["updated"] for each in everybody)
    filters = f"greater-than(updated,{moments[9]}),less-than(updated,{moments[50]})"
    found = pages(sandbox_server, "/profiles", filter=filters, sort="updated")
    assert [each["attributes"]["updated"] for page in found for each in page] == moments[10:50]


def test_profiles_are_found_by_mail_and_by_customer_number(sandbox_server):
    (page,) = pages(sandbox_server, "/profiles", filter='equals(external_id,"1453")')
    (canary,) = page
    email = canary["attributes"]["email"]
    assert ids(pages(sandbox_server, "/profiles", filter=f'equals(email,"{email}")')) == [
        canary["id"]
    ]
    both = f'any(id,["{canary["id"]}","nobody"])'
    assert ids(pages(sandbox_server, "/profiles", filter=both)) == [canary["id"]]


def test_consent_shows_only_when_asked_for(sandbox_server):
    plain = sandbox_server.klaviyo.get("/profiles").json()["data"][0]["attributes"]
    asked = sandbox_server.klaviyo.get("/profiles?additional-fields[profile]=subscriptions")
    marketing = asked.json()["data"][0]["attributes"]["subscriptions"]["email"]["marketing"]
    assert "subscriptions" not in plain
    assert marketing["consent"] in {"SUBSCRIBED", "UNSUBSCRIBED", "NEVER_SUBSCRIBED"}


def test_campaigns_are_the_real_ones_and_their_messages_lead_back(sandbox_server):
    answer = sandbox_server.klaviyo.get(f"/campaigns?filter={EMAIL_ONLY}")
    campaigns = answer.json()["data"]
    assert {each["id"] for each in campaigns} == {str(number) for number in range(1, 28)}
    for campaign in campaigns[:3]:
        (related,) = campaign["relationships"]["campaign-messages"]["data"]
        url = f"/campaigns/{campaign['id']}/campaign-messages"
        (message,) = sandbox_server.klaviyo.get(url).json()["data"]
        assert message["id"] == related["id"]
        assert message["relationships"]["campaign"]["data"]["id"] == campaign["id"]
    other = sandbox_server.klaviyo.get("/campaigns?filter=equals(messages.channel,'sms')")
    assert other.json()["data"] == []


def test_events_between_two_instants_come_in_pages_and_in_order(sandbox_server):
    filters = (
        "greater-or-equal(datetime,2017-05-01T00:00:00Z),less-than(datetime,2017-09-01T00:00:00Z)"
    )
    query = {"filter": filters, "sort": "datetime", "page[size]": 10}
    events = [each for page in pages(sandbox_server, "/events", **query) for each in page]
    moments = [each["attributes"]["datetime"] for each in events]
    assert len(events) > 20
    assert len({each["id"] for each in events}) == len(events)
    assert moments == sorted(moments)
    assert "2017-05-01" <= moments[0] < moments[-1] < "2017-09-01"
    falling = pages(sandbox_server, "/events", **{**query, "sort": "-datetime"})
    assert ids(falling) == [each["id"] for each in reversed(events)]
    seconds = [int(parse_instant(f"2017-0{month}-01T00:00:00Z") / 1000) for month in (5, 9)]
    query["filter"] = f"greater-or-equal(timestamp,{seconds[0]}),less-than(timestamp,{seconds[1]})"
    assert ids(pages(sandbox_server, "/events", **query)) == [each["id"] for each in events]


def test_events_are_the_real_contacts_and_redemptions(sandbox_server):
    answer = sandbox_server.klaviyo.get("/metrics").json()["data"]
    metrics = {each["attributes"]["name"]: each["id"] for each in answer}
    for name, properties in {
        "Received Email": {"Subject", "Campaign Name", "$message"},
        "Coupon Redeemed": {"coupon_upc", "campaign_id"},
    }.items():
        found = pages(sandbox_server, "/events", filter=f'equals(metric_id,"{metrics[name]}")')
        events = [each for page in found for each in page]
        assert len(events) == sandbox_server.company.counts[f"klaviyo/event: {name}"]
        assert all(set(each["attributes"]["event_properties"]) == properties for each in events)
        for each in events:
            stamp = parse_instant(each["attributes"]["datetime"])
            assert each["attributes"]["timestamp"] * 1000 == stamp


def test_events_bring_their_profiles_and_metrics_once(sandbox_server):
    page = sandbox_server.klaviyo.get("/events?include=profile,metric&page[size]=100").json()
    named = {
        (each["relationships"][kind]["data"]["type"], each["relationships"][kind]["data"]["id"])
        for each in page["data"]
        for kind in ("profile", "metric")
    }
    included = [(each["type"], each["id"]) for each in page["included"]]
    assert sorted(included) == sorted(named)


def test_headers_tell_the_rate_limit_of_an_endpoint(sandbox_server):
    sandbox_server.set_faults([], limits={"klaviyo": {"requests": 2, "seconds": 60}})
    answers = [sandbox_server.klaviyo.get("/metrics") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers.get("RateLimit-Remaining") for answer in answers] == ["1", "0", None]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    refused(answers[2], 429)
    assert sandbox_server.klaviyo.get("/profiles").status_code == 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("equals(a,'it\\'s, ok)')", [("equals", "a", ["it\\'s, ok)"])]),
        ('any(a,["x","y"])', [("any", "a", ["x", "y"])]),
        (
            "greater-than(a,2017-01-01T00:00:00+00:00), less-than(b,3)",
            [("greater-than", "a", ["2017-01-01T00:00:00+00:00"]), ("less-than", "b", ["3"])],
        ),
    ],
)
def test_a_filter_is_split_at_its_own_commas(text, expected):
    assert parse_filter(text) == expected


@pytest.mark.parametrize("text", ["equals", "equals(a)", "equals(a,'x'", "equals(a,'x') or b", ")"])
def test_a_filter_that_is_none_is_refused(text):
    with pytest.raises(Refused):
        parse_filter(text)
