"""A night with twelve refusals at once: it ends in a release and says what it left out."""

import json
import sqlite3
from contextlib import closing, contextmanager
from datetime import date

import pytest

from rapport.errors import GateFailed, RapportError
from rapport.sources.pull import pull
from rapport.sources.streams import GROUPS
from sandbox.testing import serve
from tests.house import House

FIRST, SECOND = date(2017, 12, 30), date(2017, 12, 31)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A small company of this module's own, because the night spoils it."""
    from sandbox import prepare

    with serve(prepare(tmp_path_factory.mktemp("company"), households=60)) as served:
        yield served


def extract(house, as_of):
    """Pull every group as the scheduler does; return the groups whose pull failed, and why."""
    house.server.set_clock(f"{as_of}T23:59:59Z")
    failed = {}
    for group, streams in GROUPS.items():
        known = house.connections[streams[0].source]
        options = {**known.options, "max_attempts": 3, "backoff_factor": 0.01}
        connection = type(known)(known.id, known.url, known.secret, options)
        try:
            pull(
                group,
                connection,
                as_of=as_of,
                landing_dir=house.settings.landing_dir,
                work_dir=house.settings.work_dir,
            )
        except RapportError as error:
            failed[group] = str(error)
    return failed


def a_list(server):
    """Make a list of fifteen; return its id, which is the same each time."""
    (made,) = server.change(
        {"change": "create", "collection": "klaviyo/list", "values": {"name": "Readers"}}
    )
    (list_id,) = made["ids"]
    page = server.klaviyo.get("/profiles", params={"page[size]": 15, "sort": "id"})
    for record in page.json()["data"]:
        server.change({"change": "join", "list_id": list_id, "profile_id": record["id"]})
    return list_id


@contextmanager
def new_column(shop_path):
    """Give the shop's orders a column that nobody knows, for as long as the block lasts."""
    with closing(sqlite3.connect(shop_path)) as shop:
        (sql,) = shop.execute("select sql from sqlite_master where name = 'orders'").fetchone()
        altered = sql.replace("select ", "select 'new' as gift_note, ", 1)
        shop.execute("drop view orders")
        shop.execute(altered)
        shop.commit()
        yield
        shop.execute("drop view orders")
        shop.execute(sql)
        shop.commit()


def rules(address, ticket, metric, list_id):
    """Return the script of the night: what is refused, for which requests, how often."""

    def rule(path, kind, times=None, after=0, **do):
        return {
            "match": {"path": path},
            "times": times,
            "after": after,
            "do": {"kind": kind, **do},
        }

    return [
        rule("/statuses/batch/", "refuse", holds=address),  # 1 an address that is none
        rule("/associations/.*/tickets/", "refuse", holds=f'"{ticket}"'),  # 2 a record
        rule("/metric-aggregates", "refuse", holds=metric),  # 3 a metric
        rule("/contacts/search", "half_letter", times=1),  # 4 a cut-off emoji
        rule(r"klaviyo/api/events\?", "key_twice", times=1),  # 5 a key that comes twice
        rule("/companies/search", "nan", times=1),  # 6 a number that is none
        rule("/owners", "status", times=1, code=429, retry_after=1, retry_after_as_date=True),  # 7
        rule("/feedback_submissions", "status", code=403),  # 8 a scope that the key lacks
        rule("/flows", "status", times=1, code=423),  # 9 locked
        rule("/campaigns", "status", times=1, code=477),  # 10 no word that anybody knows
        rule("/deals/search", "truncate", times=1),  # 11 a body that stops
        rule(f"/lists/{list_id}/profiles", "missing_page"),  # 12 a page that is empty
        rule(r"/profiles\?.*page\[cursor\]", "status", times=1, code=410),  # 13 an expired cursor
    ]


@pytest.mark.slow
def test_it_ends_in_a_release_and_says_what_it_left_out(server, tmp_path, monkeypatch):
    monkeypatch.setattr("rapport.sources.klaviyo.api.PROFILES_PAGE_SIZE", 20)
    house = House(tmp_path, server)
    server.set_clock(f"{FIRST}T12:00:00Z")
    list_id = a_list(server)
    assert not extract(house, FIRST)
    house.check("sources", FIRST)
    house.build(FIRST)
    before = house.publish(FIRST)

    def landed(source, stream, column):
        import duckdb

        files = str(house.settings.landing_dir / source / stream / "*" / "*.parquet")
        return duckdb.execute(
            f"select {column} from read_parquet(?, union_by_name = true)", [files]
        ).fetchall()

    asked = {row[0] for row in landed("hubspot", "subscription_statuses", "subscriber")}
    contact, address = next(
        row
        for row in landed("hubspot", "contacts", "id, lower(properties ->> '$.email')")
        if row[1] in asked
    )
    ticket = next(row[0] for row in landed("hubspot", "tickets", "id") if row[0])
    metric = next(
        row[0]
        for row in landed("klaviyo", "metrics", "id, attributes ->> '$.name'")
        if row[1] == "Received Email"
    )
    server.set_faults(rules(address, ticket, metric, list_id))
    assert a_list(server) == list_id  # the script took it back
    changed = {"change": "modify", "collection": "hubspot/contacts", "id": contact}
    server.set_clock(f"{SECOND}T12:00:00Z")
    server.change(changed | {"values": {"city": "Hue"}})  # so that it is asked about tonight
    with new_column(server.shop_path):
        failed = extract(house, SECOND)
    assert [rule for rule in server.faults() if not rule["fired"]] == []
    server.set_faults([])
    assert not set(failed) & {"hubspot_contacts", "hubspot_preferences", "klaviyo_profiles"}
    assert "hubspot_deals" in failed

    came_in = house.check("sources", SECOND, missing=sorted(failed))
    assert any("group_name hubspot_deals" in line for line in came_in.warnings)
    assert any("not_compared_parts" in line for line in came_in.warnings)
    house.build(SECOND)
    release = house.publish(SECOND)
    assert release.is_current
    assert release.release_id != before.release_id
    refused = dict(
        house.ask_warehouse(
            "select record_key, any_value(reason) from quarantine.quarantined_rows "
            "where entity = 'refusals' group by record_key"
        )
    )
    assert set(refused) >= {
        "subscription_statuses:EMAIL",
        "associations:tickets:contacts",
        "events:",
        "companies:",
        "list_members:",
    }
    assert all("could not be read: " in reason for reason in refused.values())
    assert house.ask_warehouse("select sum(abs(difference)) from ops.row_conservation") == [(0,)]
    assert house.ask_warehouse(
        "select distinct comparison from staging.stg_sources__totals "
        "where entity = 'events' and checked_date = date '2017-12-31' and not_compared is not null"
    ) == [("compared in part",)]
    ((parts,),) = house.ask_warehouse(
        "select any_value(not_compared) from staging.stg_sources__totals "
        "where entity = 'events' and not_compared is not null"
    )
    assert json.loads(parts)[0]["metric"] == metric


@pytest.mark.slow
def test_a_group_in_which_somebody_may_have_said_no_is_not_left_out(server, tmp_path):
    house = House(tmp_path, server)
    house.extract(FIRST)
    with pytest.raises(GateFailed, match="People may have said no"):
        house.check("sources", FIRST, missing=["hubspot_preferences"])
    assert house.check("sources", FIRST, missing=["hubspot_deals"]).warnings
