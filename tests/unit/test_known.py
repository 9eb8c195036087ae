"""What the landing knows: the state of each record, what is due, what should be listed."""

import json
from datetime import date, timedelta

import duckdb
import pytest

from rapport.landing import declare
from rapport.sources.http import Pace
from rapport.sources.hubspot.associations import DUE_IDS, HAPPENED, READ
from rapport.sources.known import SWEEP_DAYS, Known, batches, create_state, listing_due
from rapport.sources.streams import (
    ASSOCIATIONS,
    CALLS,
    CONTACTS,
    HUBSPOT,
    REFUSALS,
    REMOVALS,
    SOURCE_TOTALS,
)

NIGHT = date(2018, 1, 8)
STREAMS = {
    stream.name: stream
    for stream in (
        *(CONTACTS, CALLS, ASSOCIATIONS),
        *(REMOVALS[HUBSPOT], REFUSALS[HUBSPOT], SOURCE_TOTALS[HUBSPOT]),
    )
}


@pytest.fixture
def landing(tmp_path):
    """Return a function that lands rows (mappings) of a stream in one load of a night."""
    for stream in STREAMS.values():
        declare(tmp_path, HUBSPOT, stream.name, stream.columns)
    loads = []

    def land(name, as_of, *rows):
        load = f"{1_500_000_000 + len(loads)}.5"
        loads.append(load)
        folder = tmp_path / HUBSPOT / name / f"load_date={as_of}"
        folder.mkdir(parents=True, exist_ok=True)
        columns = (*STREAMS[name].columns, "_dlt_load_id")
        values = [[row.get(column) for column in columns[:-1]] + [load] for row in rows]
        with duckdb.connect() as connection:
            connection.execute(f"create table t ({', '.join(f'{c} varchar' for c in columns)})")
            places = ", ".join("?" for _ in columns)
            connection.executemany(f"insert into t values ({places})", values)
            connection.execute(f"copy t to '{folder}/{load}.0.parquet'")
        log = tmp_path / HUBSPOT / "_dlt_loads" / f"{load}.jsonl"
        log.parent.mkdir(exist_ok=True)
        log.write_text(json.dumps({"load_id": load, "status": 0}) + "\n")

    land.known = Known(tmp_path, NIGHT)
    return land


def state(landing, stream=CONTACTS):
    with landing.known.open(stream, REMOVALS[HUBSPOT]) as connection:
        create_state(connection, stream)
        found = connection.execute("select id, is_archived from state order by id").fetchall()
    return dict(found)


def contact(id_, archived="false"):
    return {"id": id_, "archived": archived}


def gone(id_, as_of):
    return {"object_type": "contacts", "id": id_, "noticed_on": str(as_of)}


class TestState:
    def test_the_latest_load_says_whether_a_record_is_archived(self, landing):
        landing("contacts", date(2018, 1, 1), contact("1"), contact("2", "true"))
        landing("contacts", date(2018, 1, 2), contact("1", "true"), contact("2"))
        assert state(landing) == {"1": True, "2": False}

    def test_archived_during_its_pull_is_archived(self, landing):
        landing("contacts", NIGHT, contact("1", "true"), contact("1"))
        assert state(landing) == {"1": True}

    def test_a_later_pull_of_an_earlier_night_is_not_the_latest(self, landing):
        landing("contacts", date(2018, 1, 2), contact("1", "true"))
        landing("contacts", date(2018, 1, 1), contact("1"))
        assert state(landing) == {"1": True}

    def test_what_was_noticed_as_gone_is_not_there(self, landing):
        landing("contacts", date(2018, 1, 1), contact("1"), contact("2"))
        landing("removals", date(2018, 1, 1), gone("1", date(2018, 1, 1)))
        assert state(landing) == {"2": False}

    def test_what_landed_on_a_later_night_is_there_again(self, landing):
        landing("contacts", date(2018, 1, 1), contact("1"))
        landing("removals", date(2018, 1, 2), gone("1", date(2018, 1, 2)))
        landing("contacts", date(2018, 1, 3), contact("1"))
        assert state(landing) == {"1": False}

    def test_a_removal_of_another_type_with_the_same_id_does_not_matter(self, landing):
        landing("contacts", date(2018, 1, 1), contact("1"))
        landing(
            "removals", date(2018, 1, 1), gone("1", date(2018, 1, 1)) | {"object_type": "calls"}
        )
        assert state(landing) == {"1": False}

    def test_later_nights_are_not_seen(self, landing):
        landing("contacts", NIGHT, contact("1"))
        landing("contacts", NIGHT + timedelta(days=1), contact("1", "true"), contact("2"))
        assert state(landing) == {"1": False}


class TestDue:
    """Which calls are asked for their contacts."""

    def due(self, landing, as_of=NIGHT, recent=14):
        known = Known(landing.known.landing_dir, as_of)
        values = {
            "tie": "calls:contacts",
            "as_of": as_of,
            "recent": recent,
            "sweep": SWEEP_DAYS,
            "everything": known.is_lost(ASSOCIATIONS),
        }
        with known.open(CALLS, ASSOCIATIONS, REMOVALS[HUBSPOT], REFUSALS[HUBSPOT]) as connection:
            connection.execute(READ)
            create_state(connection, CALLS, HAPPENED)
            return sorted(id_ for ids in batches(connection, 3, DUE_IDS, values) for id_ in ids)

    def call(self, id_, at, **more):
        properties = json.dumps({"hs_timestamp": f"{at}T10:00:00Z"})
        created = {"created_at": "2017-01-01T00:00:00Z", "archived": "false"}
        return {"id": id_, "properties": properties, **created, **more}

    def read(self, id_, on):
        return {
            "from_type": "calls",
            "from_id": id_,
            "to_type": "contacts",
            "targets": "[]",
            "read_on": str(on),
        }

    def test_what_was_never_read(self, landing):
        landing("calls", date(2017, 6, 1), *(self.call(str(n), "2017-06-01") for n in range(7)))
        assert self.due(landing) == [str(n) for n in range(7)]

    def test_what_happened_lately_or_changed_tonight(self, landing):
        yesterday = NIGHT - timedelta(days=1)
        landing("calls", yesterday, self.call("old", "2017-06-01"), self.call("new", "2018-01-05"))
        landing("calls", NIGHT, self.call("changed", "2017-06-01"))
        landing("associations", yesterday, *(self.read(n, yesterday) for n in ("old", "new")))
        landing("associations", yesterday, self.read("changed", yesterday))
        assert set(self.due(landing)) - {"old"} == {"new", "changed"}

    def test_every_record_at_least_once_a_week_and_not_all_at_once(self, landing):
        start = NIGHT - timedelta(days=1)
        ids = [str(n) for n in range(70)]
        landing("calls", start, *(self.call(n, "2017-06-01") for n in ids))
        landing("associations", start, *(self.read(n, start) for n in ids))
        asked = []
        for days in range(1, 8):
            as_of = start + timedelta(days=days)
            due = self.due(landing, as_of)
            landing("associations", as_of, *(self.read(n, as_of) for n in due))
            asked.append(due)
        assert {id_ for due in asked for id_ in due} == set(ids)
        assert max(map(len, asked[:-1])) < 30

    def test_after_nights_that_never_ran(self, landing):
        landing("calls", date(2017, 6, 1), *(self.call(str(n), "2017-06-01") for n in range(7)))
        landing(
            "associations", date(2017, 6, 1), *(self.read(str(n), "2017-06-01") for n in range(7))
        )
        assert len(self.due(landing)) == 7

    def test_what_is_archived_or_gone_is_not_asked_for(self, landing):
        landing("calls", NIGHT, self.call("1", "2018-01-05", archived="true"))
        landing("calls", NIGHT, self.call("2", "2018-01-05"), self.call("3", "2018-01-05"))
        landing("removals", NIGHT, gone("2", NIGHT) | {"object_type": "calls"})
        assert self.due(landing) == ["3"]

    def test_a_document_that_is_none_does_not_stop_it(self, landing):
        landing("calls", NIGHT, self.call("1", "2018-01-05") | {"properties": "<html>"})
        assert self.due(landing) == ["1"]


class TestListing:
    def due(self, landing, as_of, turn=0):
        with landing.known.open(SOURCE_TOTALS[HUBSPOT]) as connection:
            return listing_due(connection, Known(landing.known.landing_dir, as_of), CONTACTS, turn)

    def test_ids_are_listed_first_then_once_a_week(self, landing):
        assert self.due(landing, NIGHT)
        last = NIGHT - timedelta(days=10)
        row = {"stream": "contacts", "checked_on": str(last), "method": "listing"}
        landing("source_totals", last, row)
        due = [self.due(landing, last + timedelta(days=days)) for days in range(1, 11)]
        assert due[:6].count(True) <= 1  # the day of the week
        assert due[6:] == [True] * 4  # and from then on, as long as it was not done

    def test_a_count_is_no_listing(self, landing):
        row = {"stream": "contacts", "checked_on": str(NIGHT), "method": "search"}
        landing("source_totals", NIGHT, row)
        assert self.due(landing, NIGHT)

    def test_types_take_turns(self, landing):
        row = {"stream": "contacts", "checked_on": str(NIGHT), "method": "listing"}
        landing("source_totals", NIGHT, row)
        assert [self.due(landing, NIGHT, turn) for turn in range(7)].count(True) == 1


def test_calls_that_share_a_limit_keep_their_distance(monkeypatch):
    now, waits = [100.0], []
    monkeypatch.setattr("rapport.sources.http.time.monotonic", lambda: now[0])
    monkeypatch.setattr("rapport.sources.http.time.sleep", waits.append)
    pace = Pace(per_second=2)
    pace.wait()
    pace.wait()
    now[0] += 10
    pace.wait()
    assert waits == [0, 0.5, 0]
