"""Every fault happens when it was asked for, as often as asked for, and no longer."""

import json
import math
import time
from email.utils import parsedate_to_datetime

import httpx
import pytest

from sandbox.__main__ import main

CONTACTS = "/crm/objects/2026-09/contacts"
SEARCH = f"{CONTACTS}/search"
BY_CHANGE = {
    "filterGroups": [],
    "sorts": ["lastmodifieddate"],
    "properties": ["email"],
    "limit": 10,
    "after": "0",
}


def rule(kind, path=CONTACTS, after=0, times=1, **settings):
    return {
        "match": {"path": path},
        "after": after,
        "times": times,
        "do": {"kind": kind, **settings},
    }


def ids(body):
    return [each["id"] for each in body.get("results", body.get("data", []))]


def contacts(server, **query):
    return server.hubspot.get(CONTACTS, params={"limit": 5, **query})


def test_a_rule_skips_then_fires_then_stops_and_counts(sandbox_server):
    sandbox_server.set_faults([rule("status", after=1, times=2, code=503)])
    assert [contacts(sandbox_server).status_code for _ in range(5)] == [200, 503, 503, 200, 200]
    (shown,) = sandbox_server.faults()
    assert (shown["matched"], shown["fired"]) == (5, 2)


def test_a_rule_without_times_fires_for_ever_and_other_requests_pass(sandbox_server):
    sandbox_server.set_faults([rule("status", path="klaviyo/api/profiles", times=None, code=500)])
    answers = [sandbox_server.klaviyo.get("/profiles").status_code for _ in range(3)]
    assert answers == [500, 500, 500]
    assert sandbox_server.klaviyo.get("/metrics").status_code == 200
    assert contacts(sandbox_server).status_code == 200


def test_a_rule_can_ask_for_the_method_and_the_query(sandbox_server):
    posts = rule("status", code=500)
    posts["match"]["method"] = "POST"
    later = rule("status", path=r"page\[size\]=7", code=502)
    sandbox_server.set_faults([posts, later])
    assert contacts(sandbox_server).status_code == 200
    assert sandbox_server.hubspot.post(SEARCH, json=BY_CHANGE).status_code == 500
    assert sandbox_server.klaviyo.get("/profiles?page[size]=8").status_code == 200
    assert sandbox_server.klaviyo.get("/profiles?page[size]=7").status_code == 502


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_a_status_comes_in_the_vendors_words_with_or_without_a_wait(sandbox_server, code):
    sandbox_server.set_faults(
        [
            rule("status", code=code),
            rule("status", code=code, retry_after=3),
            rule("status", path="profiles", code=code, retry_after=3, retry_after_as_date=True),
        ]
    )
    plain, waiting = contacts(sandbox_server), contacts(sandbox_server)
    assert plain.status_code == waiting.status_code == code
    assert plain.json()["status"] == "error"
    assert "Retry-After" not in plain.headers
    assert waiting.headers["Retry-After"] == "3"
    dated = sandbox_server.klaviyo.get("/profiles")
    assert dated.json()["errors"][0]["detail"]
    wait = parsedate_to_datetime(dated.headers["Retry-After"]).timestamp() - time.time()
    assert 0 < wait < 5


def test_a_delay_answers_late_and_rightly(sandbox_server):
    sandbox_server.set_faults([rule("delay", seconds=0.3)])
    start = time.perf_counter()
    answer = contacts(sandbox_server)
    assert time.perf_counter() - start >= 0.3
    assert len(ids(answer.json())) == 5


def test_a_hang_never_answers(sandbox_server):
    sandbox_server.set_faults([rule("hang")])
    with pytest.raises(httpx.ReadTimeout):
        sandbox_server.hubspot.get(CONTACTS, timeout=0.3)


def test_a_trickle_defeats_a_timeout_that_counts_from_the_last_byte(sandbox_server):
    sandbox_server.set_faults([rule("trickle", seconds=0.002)])
    start = time.perf_counter()
    answer = sandbox_server.hubspot.get(CONTACTS, params={"limit": 1}, timeout=0.2)
    assert time.perf_counter() - start > 0.4
    assert len(ids(answer.json())) == 1


def test_a_reset_ends_the_connection_in_the_middle_of_the_body(sandbox_server):
    sandbox_server.set_faults([rule("reset")])
    received = []

    def read():
        with sandbox_server.hubspot.stream("GET", CONTACTS) as answer:
            for piece in answer.iter_raw():
                received.append(piece)

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        read()
    assert b'"results"' in b"".join(received)
    assert contacts(sandbox_server).status_code == 200


def test_a_truncated_body_looks_whole_to_http(sandbox_server):
    sandbox_server.set_faults([rule("truncate")])
    answer = contacts(sandbox_server)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_html_comes_with_200(sandbox_server):
    sandbox_server.set_faults([rule("html")])
    answer = contacts(sandbox_server)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_an_empty_body_comes_with_200(sandbox_server):
    sandbox_server.set_faults([rule("empty")])
    answer = contacts(sandbox_server)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(("path", "name"), [("contacts", "results"), ("profiles", "data")])
def test_a_wrong_envelope_holds_the_records_under_another_name(sandbox_server, path, name):
    sandbox_server.set_faults([rule("wrong_envelope", path=path)])
    client = sandbox_server.hubspot if name == "results" else sandbox_server.klaviyo
    body = client.get(CONTACTS if name == "results" else "/profiles").json()
    assert name not in body
    assert body["items"]


def test_nan_stands_bare_in_the_json(sandbox_server):
    sandbox_server.set_faults([rule("nan"), rule("nan", path="events")])
    answer = contacts(sandbox_server)
    assert ":NaN" in answer.text.replace(" ", "")
    assert math.isnan(answer.json()["results"][0]["properties"]["score"])
    assert "NaN" in sandbox_server.klaviyo.get("/events").text


def test_a_key_comes_twice_in_the_first_record_alone(sandbox_server):
    sandbox_server.set_faults([rule("key_twice", path="profiles")])
    pairs = []
    json.loads(
        sandbox_server.klaviyo.get("/profiles").text, object_pairs_hook=lambda p: pairs.append(p)
    )
    doubled = [each for each in pairs if len(dict(each)) != len(each)]
    assert len(doubled) == 1


def test_half_a_letter_is_no_text(sandbox_server):
    sandbox_server.set_faults([rule("half_letter")])
    note = contacts(sandbox_server).json()["results"][0]["properties"]["note"]
    with pytest.raises(UnicodeEncodeError):
        note.encode()


def test_a_request_is_refused_for_one_thing_that_it_holds(sandbox_server):
    first, second = ids(contacts(sandbox_server).json())[:2]
    sandbox_server.set_faults([rule("refuse", times=None, holds=first)])

    def read(*asked):
        body = {
            "inputs": [{"id": id_} for id_ in asked],
            "properties": [],
            "propertiesWithHistory": [],
        }
        return sandbox_server.hubspot.post(f"{CONTACTS}/batch/read", json=body).status_code

    assert [read(first, second), read(second), read(first)] == [400, 200, 400]
    assert sandbox_server.faults()[0]["fired"] == 2


def test_a_duplicate_page_repeats_the_page_before_and_loses_nothing(sandbox_server):
    sandbox_server.set_faults([rule("duplicate_page", after=1)])
    first = contacts(sandbox_server).json()
    second = contacts(sandbox_server, after=first["paging"]["next"]["after"]).json()
    third = contacts(sandbox_server, after=second["paging"]["next"]["after"]).json()
    assert ids(second)[:5] == ids(first)
    assert len(ids(second)) == 10
    assert not set(ids(third)) & set(ids(second))


def test_a_missing_page_has_no_records_and_leads_on(sandbox_server):
    honest = ids(contacts(sandbox_server).json())
    sandbox_server.set_faults([rule("missing_page")])
    page = contacts(sandbox_server).json()
    assert ids(page) == []
    assert page["paging"]["next"]["after"] == honest[-1]


def test_a_repeated_cursor_leads_round_in_a_circle(sandbox_server):
    sandbox_server.set_faults(
        [rule("repeat_cursor", after=1), rule("repeat_cursor", path="profiles", after=1)]
    )
    first = contacts(sandbox_server).json()
    second = contacts(sandbox_server, after=first["paging"]["next"]["after"]).json()
    assert second["paging"]["next"]["after"] == first["paging"]["next"]["after"]
    page = sandbox_server.klaviyo.get("/profiles?page[size]=5").json()
    again = sandbox_server.klaviyo.get(page["links"]["next"]).json()
    assert again["links"]["next"] == page["links"]["next"]


def test_a_repeated_cursor_of_a_search_is_the_one_that_was_asked(sandbox_server):
    sandbox_server.set_faults([rule("repeat_cursor", path="search")])
    body = {**BY_CHANGE, "after": "10"}
    assert sandbox_server.hubspot.post(SEARCH, json=body).json()["paging"]["next"]["after"] == "10"


@pytest.mark.parametrize(
    ("settings", "start"),
    [({"host": "evil.example"}, "http://evil.example/"), ({"scheme": "https"}, "https://127.")],
)
def test_a_next_link_leads_elsewhere(sandbox_server, settings, start):
    sandbox_server.set_faults(
        [rule("next_link", **settings), rule("next_link", path="profiles", **settings)]
    )
    assert contacts(sandbox_server).json()["paging"]["next"]["link"].startswith(start)
    page = sandbox_server.klaviyo.get("/profiles").json()
    assert page["links"]["next"].startswith(start)
    assert not page["links"]["self"].startswith(start)


def test_a_deleted_property_is_in_no_answer_from_its_night_on(sandbox_server):
    asked = "/crm/objects/2026-09/contacts?limit=3&properties=city,email"

    def shown(at):
        sandbox_server.set_clock(at)
        page = sandbox_server.hubspot.get(asked).json()
        one = sandbox_server.hubspot.get(asked.replace("?", f"/{ids(page)[0]}?")).json()
        return {"city" in each["properties"] for each in [*page["results"], one]}

    gone = {"kind": "property_gone", "name": "city", "since": "2018-01-02T00:00:00Z"}
    sandbox_server.set_faults(
        [{"match": {"path": "/crm/objects/.*/contacts"}, "do": gone, "times": None}]
    )
    assert shown("2018-01-01T23:59:59Z") == {True}
    assert shown("2018-01-02T00:00:00Z") == {False}
    body = {**BY_CHANGE, "properties": ["city", "email"]}
    for record in sandbox_server.hubspot.post(SEARCH, json=body).json()["results"]:
        assert "city" not in record["properties"]
        assert "email" in record["properties"]


def test_a_record_that_moves_between_pages_hides_another_from_a_search(sandbox_server):
    def found():
        seen, after = [], "0"
        while after:
            page = sandbox_server.hubspot.post(SEARCH, json={**BY_CHANGE, "after": after}).json()
            seen += ids(page)
            after = page.get("paging", {}).get("next", {}).get("after")
        return seen

    honest = found()
    sandbox_server.set_faults([rule("mutate", path="search")])
    moved = found()
    assert moved[0] == moved[-1] == honest[0]  # seen twice: where it was and where it went
    assert set(honest) - set(moved) == {honest[10]}  # slipped to the page already read
    sandbox_server.set_faults([])
    assert found() == honest  # taken back


def test_a_profile_that_moves_is_taken_back_too(sandbox_server):
    url = "/profiles?sort=updated&page[size]=100"
    honest = sandbox_server.klaviyo.get(url).json()["data"]
    sandbox_server.set_faults([rule("mutate", path="profiles", times=2, record="first")])
    for _ in range(2):
        sandbox_server.klaviyo.get(url)
    moved = sandbox_server.klaviyo.get(url).json()["data"]
    assert {each["id"] for each in moved[-2:]} == {each["id"] for each in honest[:2]}
    httpx.delete(f"{sandbox_server.url}/sandbox/faults")
    assert sandbox_server.klaviyo.get(url).json()["data"] == honest


@pytest.mark.parametrize(
    "script",
    [
        [{"do": {"kind": "earthquake"}}],
        [{"do": {"kind": "status"}}],
        [{"do": {"kind": "status", "code": 200}}],
        [{"do": {"kind": "delay"}}],
        [{"do": {"kind": "property_gone"}}],
        [{"do": {"kind": "property_gone", "name": "city", "since": "soon"}}],
        [{"do": {"kind": "html", "colour": "red"}}],
        [{"match": {"path": "("}, "do": {"kind": "html"}}],
        [{"match": {"host": "x"}, "do": {"kind": "html"}}],
        [{"when": 3, "do": {"kind": "html"}}],
        [{"after": "soon", "do": {"kind": "html"}}],
        [{"times": -1, "do": {"kind": "html"}}],
        ["html"],
        {"limits": {"shop": {"requests": 1, "seconds": 1}}},
        {"limits": {"hubspot": {"requests": 1}}},
        {"limits": {"hubspot": []}},
        {"hubspot_search_lag_seconds": "long"},
        {"colour": "red"},
        "html",
    ],
)
def test_a_script_that_is_not_understood_is_refused_and_the_old_one_stays(sandbox_server, script):
    sandbox_server.set_faults([rule("html")])
    answer = httpx.put(f"{sandbox_server.url}/sandbox/faults", json=script)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert [each["do"]["kind"] for each in sandbox_server.faults()] == ["html"]


def test_faults_are_set_shown_and_cleared_from_the_command_line(sandbox_server, capsys):
    there = ["--url", sandbox_server.url]
    assert main(["fault", json.dumps([rule("empty")]), *there]) == 0
    assert contacts(sandbox_server).content == b""
    assert main(["fault", *there]) == 0
    assert '"fired": 1' in capsys.readouterr().out
    assert main(["fault", "--clear", *there]) == 0
    assert sandbox_server.faults() == []
    assert main(["fault", '[{"do": {"kind": "x"}}]', *there]) == 1
    assert "unknown" in capsys.readouterr().err


def test_the_health_page_says_which_company_is_served(sandbox_server):
    body = httpx.get(f"{sandbox_server.url}/sandbox/health").json()
    assert body["status"] == "ok"
    assert body["fingerprint"] == sandbox_server.company.fingerprint
    assert body["households"] == 60
