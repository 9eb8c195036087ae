"""One clock, three systems: each shows what existed before its instant, and nothing else."""

import sqlite3
from contextlib import closing

import httpx
import pytest

from sandbox.__main__ import main
from sandbox.clock import parse_instant

NIGHTS = ["2016-11-01T00:00:00Z", "2017-03-04T00:00:00Z", "2017-07-01T00:00:00Z"]


def shop(server, query):
    with closing(sqlite3.connect(server.shop_path)) as database:
        return database.execute(query).fetchall()


def pages(get, url):
    found = []
    while url:
        page = get(url).json()
        found += page["data"]
        url = page["links"].get("next")
    return found


@pytest.mark.parametrize("now", NIGHTS)
def test_nothing_from_the_future_is_served(sandbox_server, now):
    sandbox_server.set_clock(now)
    limit = now.replace("T", " ").replace("Z", "")
    for table in ("customers", "orders", "order_lines", "coupons"):
        ((latest,),) = shop(sandbox_server, f"select max(updated_at) from {table}")
        assert latest is None or latest < limit, table
    instant = parse_instant(now)
    contacts = sandbox_server.hubspot.get("/crm/objects/2026-09/contacts?limit=100").json()[
        "results"
    ]
    assert all(parse_instant(contact["updatedAt"]) < instant for contact in contacts)
    for endpoint, name in (("profiles", "updated"), ("events", "datetime")):
        for each in pages(sandbox_server.klaviyo.get, f"/{endpoint}"):
            assert parse_instant(each["attributes"][name]) < instant


def test_a_record_shows_at_the_first_instant_after_its_time_and_not_at_its_time(sandbox_server):
    ((order, at),) = shop(
        sandbox_server, "select order_id, ordered_at from _orders order by ordered_at limit 1"
    )
    sandbox_server.set_clock(at.replace(" ", "T") + "Z")
    assert shop(sandbox_server, "select count(*) from orders") == [(0,)]
    sandbox_server.set_clock(at.replace(" ", "T")[:-1] + str(int(at[-1]) + 1) + "Z")
    assert shop(sandbox_server, "select order_id from orders") == [(order,)]


def test_a_contact_changes_as_the_clock_moves_and_changes_back(sandbox_server):
    def seen(now):
        sandbox_server.set_clock(now)
        url = "/crm/objects/2026-09/contacts?limit=100&properties=age,email"
        return sandbox_server.hubspot.get(url).json()["results"]

    def described(contacts):
        return sum(contact["properties"]["age"] is not None for contact in contacts)

    late = seen("2018-01-03T00:00:00Z")
    early = seen("2017-01-10T00:00:00Z")
    assert described(early) == 0 < described(late)
    assert seen("2018-01-03T00:00:00Z") == late


def test_a_campaign_goes_from_draft_to_scheduled_to_sent(sandbox_server):
    def statuses(now):
        sandbox_server.set_clock(now)
        url = "/campaigns?filter=equals(messages.channel,'email'),any(id,[\"1\"])"
        data = sandbox_server.klaviyo.get(url).json()["data"]
        return [each["attributes"]["status"] for each in data]

    assert statuses("2017-02-24T00:00:00Z") == []
    assert statuses("2017-02-28T00:00:00Z") == ["Draft"]
    assert statuses("2017-03-03T08:00:00Z") == ["Scheduled"]
    assert statuses("2017-03-03T08:00:01Z") == ["Sent"]


def test_the_clock_is_set_over_http_and_from_the_command_line(sandbox_server, capsys):
    url = f"{sandbox_server.url}/sandbox/clock"
    answer = httpx.put(url, json={"now": "2017-06-01T02:00:00+02:00"})
    assert answer.json() == {"now": "2017-06-01T00:00:00Z"}
    home = str(sandbox_server.company.folder.parent)
    assert main(["clock", "--home", home]) == 0
    assert capsys.readouterr().out == "2017-06-01T00:00:00Z\n"
    assert main(["clock", "2017-07-01T00:00:00Z", "--home", home]) == 0
    assert httpx.get(url).json() == {"now": "2017-07-01T00:00:00Z"}


@pytest.mark.parametrize("body", ['{"now": "soon"}', '{"now": "2017-06-01T00:00:00"}', "{}", "x"])
def test_a_clock_that_makes_no_sense_is_refused(sandbox_server, body):
    before = httpx.get(f"{sandbox_server.url}/sandbox/clock").json()
    assert httpx.put(f"{sandbox_server.url}/sandbox/clock", content=body).status_code == 400
    assert httpx.get(f"{sandbox_server.url}/sandbox/clock").json() == before


def test_a_home_without_a_company_says_what_to_run(tmp_path, capsys):
    assert main(["clock", "--home", str(tmp_path)]) == 1
    assert "python -m sandbox prepare" in capsys.readouterr().err
