"""The Klaviyo look-alike's answers are what Klaviyo's own API description says."""

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import jsonschema
import pytest

from sandbox import leads
from sandbox.clock import parse_instant
from sandbox.klaviyo import REVISIONS, Refused, parse_filter

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
        (f"/campaigns?filter={EMAIL_ONLY}&include=tags,campaign-messages", "campaigns"),
        ("/profiles?sort=-subscriptions.email.marketing.suppression.timestamp", "profiles"),
        ("/lists", "lists"),
        ("/lists?include=tags&fields[list]=name", "lists"),
        ("/tags", "tags"),
        ("/flows?include=flow-actions,tags", "flows"),
        ("/flows?page[size]=2&sort=name&fields[flow]=name", "flows"),
    ],
)
def test_an_answer_has_the_described_shape(sandbox_server, path, name):
    answer = sandbox_server.klaviyo.get(path)
    assert answer.status_code == 200
    assert check(answer, name)["data"]


def test_the_messages_of_a_flow_have_the_described_shape(sandbox_server):
    flows = sandbox_server.klaviyo.get("/flows?include=flow-actions").json()
    actions = {each["id"]: each for each in flows["included"]}
    test = next(a for a in actions.values() if a["attributes"]["definition"]["type"] == "ab-test")
    answer = sandbox_server.klaviyo.get(f"/flow-actions/{test['id']}/flow-messages")
    messages = check(answer, "flow_messages")["data"]
    assert len(messages) == 2
    main = test["attributes"]["definition"]["data"]["main_action"]["data"]["message"]["id"]
    assert messages[0]["id"] == main
    flow = test["relationships"]["flow"]["data"]["id"]
    listed = sandbox_server.klaviyo.get(f"/flows/{flow}/flow-actions").json()["data"]
    assert test["id"] in [each["id"] for each in listed]


def test_of_a_definition_only_what_is_asked_for_is_shown(sandbox_server):
    fields = "definition.type,definition.data.message.transactional"
    query = {"include": "flow-actions", "fields[flow-action]": fields}
    actions = sandbox_server.klaviyo.get("/flows", params=query).json()["included"]
    sends = [a["attributes"]["definition"] for a in actions]
    sends = [definition for definition in sends if definition["type"] == "send-email"]
    assert sends
    assert all(set(each["data"]["message"]) == {"transactional"} for each in sends)


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
    answer = httpx.get(url, headers={**header, "revision": REVISIONS[-1]})
    assert refused(answer, 401)["code"] == code


def test_a_key_without_scopes_gets_403(sandbox_server):
    key = f"Klaviyo-API-Key {sandbox_server.klaviyo_key}-without-scopes"
    headers = {"Authorization": key, "revision": REVISIONS[-1]}
    answer = httpx.get(f"{sandbox_server.klaviyo_url}/profiles", headers=headers)
    assert refused(answer, 403)["code"] == "permission_denied"


@pytest.mark.parametrize("revision", [None, "", "latest", "2026-10-16", "2099-01-15"])
def test_a_revision_is_required(sandbox_server, revision):
    headers = {"Authorization": f"Klaviyo-API-Key {sandbox_server.klaviyo_key}"}
    if revision is not None:
        headers["revision"] = revision
    answer = httpx.get(f"{sandbox_server.klaviyo_url}/profiles", headers=headers)
    refused(answer, 400, "revision")


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_revision_in_support_is_served(sandbox_server, revision):
    answer = sandbox_server.klaviyo.get("/metrics", headers={"revision": revision})
    assert answer.status_code == 200


def test_a_retired_revision_is_gone_for_those_who_want_to_know_and_replaced_for_others(
    sandbox_server,
):
    retired = {"revision": "2024-07-15"}
    assert sandbox_server.klaviyo.get("/metrics", headers=retired).status_code == 200
    told = {**retired, "X-Klaviyo-Revision-Fall-Forward-Opt-Out": "1"}
    refused(sandbox_server.klaviyo.get("/metrics", headers=told), 410)


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
        # what flows sent is made up
        events = [e for e in events if "$flow" not in e["attributes"]["event_properties"]]
        assert events
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


def change(kind, **more):
    return {"change": kind, **more}


def some_profiles(server, count):
    return sorted(ids(pages(server, "/profiles", **{"page[size]": 100})))[:count]


@pytest.fixture
def club(sandbox_server):
    """A list that three profiles joined, one after another; its id and theirs."""
    (made,) = sandbox_server.change(
        change("create", collection="klaviyo/list", id="Club01", values={"name": "Club"})
    )
    profiles = some_profiles(sandbox_server, 3)
    for month, profile in enumerate(profiles, 3):
        at = f"2017-0{month}-01T10:00:00Z"
        sandbox_server.change(change("join", list_id="Club01", profile_id=profile, at=at))
    return made["ids"][0], profiles


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/lists/Club01", "list"),
        ("/lists/Club01?additional-fields[list]=profile_count", "list"),
        ("/lists/Club01/profiles", "list_profiles"),
        ("/lists/Club01/profiles?additional-fields[profile]=subscriptions", "list_profiles"),
        ("/lists/Club01/profiles?fields[profile]=email,joined_group_at", "list_profiles"),
        ("/lists/Club01/relationships/profiles?page[size]=2", "list_profile_ids"),
    ],
)
def test_a_list_and_its_members_have_the_described_shape(sandbox_server, club, path, name):
    assert check(sandbox_server.klaviyo.get(path), name)["data"]


@pytest.mark.parametrize("query", ["", "?include=profile,metric", "?fields[event]=datetime"])
def test_one_event_has_the_described_shape(sandbox_server, query):
    first = sandbox_server.klaviyo.get("/events?page[size]=1").json()["data"][0]
    answer = sandbox_server.klaviyo.get(f"/events/{first['id']}{query}")
    found = check(answer, "event")["data"]
    assert found["id"] == first["id"]
    if not query:
        assert found == first
    refused(sandbox_server.klaviyo.get("/events/nothing"), 404)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/profiles?additional-fields[profile]=subscriptions&page[size]=100", "profiles"),
        ("/events?sort=-datetime&include=profile,metric&page[size]=1000", "events"),
        ("/metrics", "metrics"),
        ("/lists", "lists"),
        (f"/lists/{leads.READERS}/profiles", "list_profiles"),
    ],
)
def test_leads_have_the_described_shape(leads_server, path, name):
    assert check(leads_server.klaviyo.get(path), name)["data"]


@pytest.mark.parametrize("path", ["profiles", "relationships/profiles"])
def test_a_lists_members_come_once_in_the_order_in_which_they_joined(sandbox_server, club, path):
    list_id, profiles = club
    found = pages(sandbox_server, f"/lists/{list_id}/{path}", **{"page[size]": 2})
    assert [len(page) for page in found] == [2, 1]
    assert ids(found) == profiles
    late = "greater-or-equal(joined_group_at,2017-04-01T10:00:00Z)"
    assert ids(pages(sandbox_server, f"/lists/{list_id}/{path}", filter=late)) == profiles[1:]


def test_a_member_says_when_it_joined(sandbox_server, club):
    page = sandbox_server.klaviyo.get(f"/lists/{club[0]}/profiles").json()["data"]
    assert [each["attributes"]["joined_group_at"] for each in page] == [
        f"2017-0{month}-01T10:00:00+00:00" for month in (3, 4, 5)
    ]


def test_members_who_leave_and_profiles_that_are_gone_count_no_more(sandbox_server, club):
    list_id, profiles = club
    query = {"additional-fields[list]": "profile_count"}

    def count():
        answer = sandbox_server.klaviyo.get(f"/lists/{list_id}", params=query)
        return answer.json()["data"]["attributes"]["profile_count"]

    assert count() == 3
    sandbox_server.change(change("leave", list_id=list_id, profile_id=profiles[0]))
    sandbox_server.change(change("delete", collection="klaviyo/profile", id=profiles[1]))
    assert count() == 1
    assert ids(pages(sandbox_server, f"/lists/{list_id}/profiles")) == [profiles[2]]


def test_a_list_may_be_empty_and_one_that_is_not_there_is_404(sandbox_server):
    lists = [each for page in pages(sandbox_server, "/lists") for each in page]
    by_name = {each["attributes"]["name"]: each["id"] for each in lists}
    empty = f"/lists/{by_name['Tasting evenings']}/relationships/profiles"
    assert sandbox_server.klaviyo.get(empty).json()["data"] == []
    mailings = f"/lists/{by_name['Coupon mailings']}/relationships/profiles"
    assert len(ids(pages(sandbox_server, mailings))) > 30
    refused(sandbox_server.klaviyo.get("/lists/Nobody/profiles"), 404)


def test_a_campaign_shows_its_tags_when_they_are_included(sandbox_server):
    url = f"/campaigns?filter={EMAIL_ONLY}"
    plain = sandbox_server.klaviyo.get(url).json()["data"][0]
    assert "data" not in plain["relationships"]["tags"]
    page = sandbox_server.klaviyo.get(f"{url}&include=tags").json()
    names = {each["id"]: each["attributes"]["name"] for each in page["included"]}
    shown = [names[each["id"]] for each in page["data"][0]["relationships"]["tags"]["data"]]
    assert shown == ["content:price_offer", "topic:offers"]


def suppress(server, profile, array, **item):
    query = {"filter": f'equals(id,"{profile}")', "additional-fields[profile]": "subscriptions"}
    (found,) = server.klaviyo.get("/profiles", params=query).json()["data"]
    subscriptions = found["attributes"]["subscriptions"]
    subscriptions["email"]["marketing"][array].append(item)
    values = {"subscriptions": subscriptions}
    server.change(
        change("modify", collection="klaviyo/profile", id=profile, values=values, silently=True)
    )
    return found["attributes"]["updated"]


def test_a_suppression_that_moves_no_date_is_found_by_its_own(sandbox_server):
    name = "subscriptions.email.marketing.suppression"
    profile = some_profiles(sandbox_server, 1)[0]
    item = {"reason": "SPAM_COMPLAINT", "timestamp": "2018-01-02T12:00:00+00:00"}
    updated = suppress(sandbox_server, profile, "suppression", **item)

    def found(text, **query):
        return ids(pages(sandbox_server, "/profiles", filter=text, **query))

    assert profile not in found("greater-than(updated,2018-01-02T00:00:00Z)")
    since = f"greater-or-equal({name}.timestamp,2018-01-02T00:00:00Z)"
    assert found(since) == found(since, sort=f"{name}.timestamp") == [profile]
    assert found(f'equals({name}.reason,"SPAM_COMPLAINT")') == [profile]
    assert found(f"greater-than({name}.timestamp,2018-01-02T12:00:00Z)") == []
    everybody = [
        each
        for page in pages(sandbox_server, "/profiles", sort=f"-{name}.timestamp")
        for each in page
    ]
    assert len({each["id"] for each in everybody}) == len(everybody) == 60
    assert (everybody[0]["id"], everybody[0]["attributes"]["updated"]) == (profile, updated)


def test_a_suppression_on_a_list_is_found_by_the_list(sandbox_server):
    name = "subscriptions.email.marketing.list_suppressions"
    profile = some_profiles(sandbox_server, 2)[1]
    item = {"list_id": "Club01", "reason": "USER", "timestamp": "2018-01-02T12:00:00+00:00"}
    suppress(sandbox_server, profile, "list_suppressions", **item)
    answer = sandbox_server.klaviyo.get(
        "/profiles",
        params={
            "filter": f'equals({name}.list_id,"Club01")',
            "additional-fields[profile]": "subscriptions",
        },
    )
    assert ids([check(answer, "profiles")["data"]]) == [profile]


def aggregates(server, **attributes):
    metrics = server.klaviyo.get("/metrics").json()["data"]
    wanted = {each["attributes"]["name"]: each["id"] for each in metrics}
    asked = {
        "metric_id": wanted["Received Email"],
        "measurements": ["count"],
        "filter": [
            "greater-or-equal(datetime,2017-05-01T00:00:00)",
            "less-than(datetime,2017-06-01T00:00:00)",
        ],
        **attributes,
    }
    body = {"data": {"type": "metric-aggregate", "attributes": asked}}
    return server.klaviyo.post("/metric-aggregates", json=body), wanted["Received Email"]


def test_events_are_counted_by_day_zeros_included(sandbox_server):
    answer, metric = aggregates(sandbox_server, measurements=["count", "unique"])
    found = check(answer, "metric_aggregates")["data"]["attributes"]
    assert len(found["dates"]) == 31
    assert (found["dates"][0], found["dates"][-1]) == (
        "2017-05-01T00:00:00+00:00",
        "2017-05-31T00:00:00+00:00",
    )
    window = (
        f'equals(metric_id,"{metric}"),greater-or-equal(datetime,2017-05-01T00:00:00Z),'
        "less-than(datetime,2017-06-01T00:00:00Z)"
    )
    events = [each for page in pages(sandbox_server, "/events", filter=window) for each in page]
    days = [each["attributes"]["datetime"][:10] for each in events]
    (data,) = found["data"]
    assert data["measurements"]["count"] == [days.count(date[:10]) for date in found["dates"]]
    assert 0 in data["measurements"]["count"]
    assert sum(data["measurements"]["count"]) == len(events) > 0
    assert sum(data["measurements"]["unique"]) <= len(events)


def test_a_late_event_counts_once_it_shows(sandbox_server):
    def total():
        answer, _ = aggregates(sandbox_server)
        (data,) = answer.json()["data"]["attributes"]["data"]
        return sum(data["measurements"]["count"])

    before = total()
    late = {"metric": "Received Email", "at": "2017-05-10T10:00:00Z", "count": 4}
    profile = some_profiles(sandbox_server, 1)[0]
    sandbox_server.change(change("event", profile_id=profile, **late))
    assert total() == before + 4
    sandbox_server.set_clock("2018-01-02T23:00:00Z")
    assert total() == before


def test_hours_add_up_to_days(sandbox_server):
    sums = [
        sum(
            aggregates(sandbox_server, interval=interval)[0].json()["data"]["attributes"]["data"][
                0
            ]["measurements"]["count"]
        )
        for interval in ("day", "hour")
    ]
    assert sums[0] == sums[1] > 0


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"metric_id": "Nobody"}, 404),
        ({"measurements": []}, 400),
        ({"measurements": ["sum_value"]}, 400),
        ({"interval": "week"}, 400),
        ({"timezone": "Asia/Tehran"}, 400),
        ({"timezone": "Nowhere"}, 400),
        ({"by": ["$message"]}, 400),
        ({"filter": ["greater-or-equal(datetime,2017-05-01T00:00:00)"]}, 400),
        ({"filter": ["equals(datetime,2017-05-01T00:00:00)"]}, 400),
        (
            {
                "filter": [
                    "greater-or-equal(datetime,2015-05-01T00:00:00)",
                    "less-than(datetime,2017-06-01T00:00:00)",
                ]
            },
            400,
        ),
    ],
)
def test_a_count_that_klaviyo_or_the_sandbox_cannot_give_is_refused(
    sandbox_server, attributes, status
):
    refused(aggregates(sandbox_server, **attributes)[0], status)


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/lists", "lists:read"),
        ("/lists/Club01/profiles", "profiles:read"),
        ("/events", "events:read"),
        ("/events?include=profile", "profiles:read"),
        (f"/campaigns?filter={EMAIL_ONLY}&include=tags", "tags:read"),
    ],
)
def test_a_key_may_lack_one_scope(sandbox_server, club, path, scope):
    def ask(lacking):
        key = f"Klaviyo-API-Key {sandbox_server.klaviyo_key}-without-{lacking}"
        headers = {"Authorization": key, "revision": REVISIONS[-1]}
        return httpx.get(f"{sandbox_server.klaviyo_url}{path}", headers=headers)

    assert refused(ask(scope), 403)["code"] == "permission_denied"
    assert ask("segments:read").status_code == 200


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
