"""The order of an erasure: tombstone first, every place counted, finished by whoever comes next."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest

from rapport import erasure
from rapport.erasure import Place, Report, open_requests
from rapport.erasure import run as erasure_run
from rapport.erasure.people import People, read_request
from rapport.errors import ErasureError, SourceDenied
from rapport.settings import Settings
from rapport.tombstones import FOLDER, Tombstones
from rapport.warehouse import build_lock
from sandbox import canary

WHO, CONTACT = "16fd42af1bb4dae66255453fa6d2463f", "20001466077"


class Home:
    """A home in which one customer is known, and a place of which they are a number of rows."""

    def __init__(self, folder, monkeypatch):
        self.settings = replace(Settings.from_env(), home=folder)
        self.settings.landing_dir.mkdir()
        self.rows, self.fails, self.forgotten = {"first": 3, "second": 0, "third": 2}, "", []
        monkeypatch.setattr(erasure_run, "find", self.find)

    def find(self, settings, customer_ids, *, declared):
        if list(customer_ids) != [WHO]:
            raise ErasureError("nobody has the id")
        return People(
            customers=[(WHO, None, None)],
            records={"hubspot.contacts": {CONTACT}},
            emails={canary.EMAIL},
            phones={canary.PHONE},
            number=1,
        )

    def count(self, tombstones, name):
        return self.rows[name] if tombstones.has_customer(WHO) else 0

    def rid(self, name):
        if self.fails == name:
            raise ErasureError("the disk is full")
        self.rows[name] = 0

    def erase(self, *customers, destination=True, **how):
        places = [
            Place(name, "rows", lambda t, n=name: self.count(t, n), lambda _, n=name: self.rid(n))
            for name in self.rows
        ]
        known = {"hubspot": Vendor(self)} if destination else {}
        return erasure.erase(self.settings, customers, places=places, destinations=known, **how)

    def file(self, suffix="json"):
        (path,) = self.settings.erasures_dir.glob(f"*.{suffix}")
        return path


class Vendor:
    """A destination that forgets at once."""

    name = "hubspot"

    def __init__(self, home):
        self.home = home

    def erase(self, ids):
        self.home.forgotten += ids

    def remaining(self, ids):
        return [id_ for id_ in ids if id_ not in self.home.forgotten]


@pytest.fixture
def home(tmp_path, monkeypatch):
    return Home(tmp_path, monkeypatch)


def test_every_place_is_counted_before_and_after(home):
    (report,) = home.erase(WHO)
    assert [(each.place, each.before, each.after) for each in report.places] == [
        ("first", 3, 0),
        ("second", 0, 0),
        ("third", 2, 0),
        ("hubspot", 1, 0),
        ("klaviyo", 0, 0),
    ]
    assert report.finished_at
    assert home.forgotten == [CONTACT]


def test_the_report_and_the_tombstone_name_nobody(home):
    home.erase(WHO)
    for path in home.settings.home.rglob("*"):
        if path.is_file():
            text = path.read_text().lower()
            assert not [t for t in (*canary.TRACES, WHO, CONTACT) if t in text], path
    for path in (home.file(), *(home.settings.landing_dir / FOLDER).iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_tombstone_stands_before_anything_is_touched(home):
    home.fails = "first"
    with pytest.raises(ErasureError, match="disk is full"):
        home.erase(WHO)
    known = Tombstones.load(home.settings.landing_dir)
    assert known.has_record("hubspot.contacts", CONTACT)
    assert known.email_until(canary.EMAIL)


def test_what_one_place_cannot_do_keeps_nobody_in_the_others_and_is_in_the_report(home):
    home.fails = "first"
    with pytest.raises(ErasureError, match="disk is full"):
        home.erase(WHO)
    assert home.rows == {"first": 3, "second": 0, "third": 0}
    assert home.forgotten == [CONTACT]
    report = Report.of(json.loads(home.file().read_text()))
    assert [(each.place, each.note) for each in report.open] == [("first", "the disk is full")]
    assert open_requests(home.settings) == [report.request]
    home.fails = ""
    (report,) = home.erase()
    assert (report.places[0].before, report.places[0].after, report.places[0].note) == (3, 0, "")


def test_a_destination_that_refuses_keeps_the_request_open_and_says_why(home, monkeypatch):
    def refuse(self, ids):
        raise SourceDenied("rapport_activate_hubspot", "the key may not delete")

    monkeypatch.setattr(Vendor, "erase", refuse)
    with pytest.raises(SourceDenied):
        home.erase(WHO)
    report = Report.of(json.loads(home.file().read_text()))
    (left,) = report.open
    assert (left.place, left.before) == ("hubspot", 1)
    assert "may not delete" in left.note


def test_a_request_to_which_somebody_came_back_for_good_is_open_again(home):
    home.erase(WHO)
    home.rows["first"], home.fails = 1, "first"
    with pytest.raises(ErasureError):
        home.erase(WHO)
    assert len(open_requests(home.settings)) == 1


def test_what_was_interrupted_is_finished_without_knowing_who_it_was(home):
    home.fails = "third"
    with suppress(ErasureError):
        home.erase(WHO)
    assert len(open_requests(home.settings)) == 1
    home.fails = ""
    (report,) = home.erase()
    assert [each.before for each in report.places] == [3, 0, 2, 1, 0]
    assert open_requests(home.settings) == []


def test_the_same_request_again_writes_nothing_and_shows_the_same(home):
    (first,) = home.erase(WHO)
    before = {p: p.read_bytes() for p in home.settings.home.rglob("*") if p.is_file()}
    (again,) = home.erase(WHO)
    assert again.as_json() == first.as_json()
    assert {p: p.read_bytes() for p in home.settings.home.rglob("*") if p.is_file()} == before


def test_what_came_back_is_taken_out_again(home):
    home.erase(WHO)
    home.rows["first"] = 1
    (report,) = home.erase(WHO)
    assert home.rows["first"] == 0
    assert report.places[0].before == 3


def test_a_request_is_open_as_long_as_a_destination_has_them(home):
    (report,) = home.erase(WHO, destination=False)
    (left,) = report.open
    assert left.place == "hubspot"
    assert "--by-hand hubspot" in left.note
    assert json.loads(home.file("pending").read_text())["hubspot"] == [CONTACT]
    (report,) = home.erase()
    assert report.finished_at
    assert not list(home.settings.erasures_dir.glob("*.pending"))


def test_a_dry_run_counts_and_leaves_nothing(home):
    (report,) = home.erase(WHO, dry_run=True)
    assert [each.before for each in report.places] == [3, 0, 2, 1, 0]
    assert [each.note for each in report.places[-2:]] == [
        "would be deleted there",
        "nobody may delete there for us: make the connection that does, or delete them by hand",
    ]
    assert not (home.settings.landing_dir / FOLDER).exists()
    assert not home.settings.erasures_dir.exists()
    assert home.rows["first"] == 3


def test_whom_nobody_knows_gets_no_tombstone(home):
    with pytest.raises(ErasureError, match="nobody has the id"):
        home.erase("0123")
    assert not list((home.settings.landing_dir / FOLDER).glob("*.json"))


def test_nobody_is_erased_while_a_night_builds(home):
    with build_lock(home.settings.warehouse_path), pytest.raises(Exception, match="being built"):
        home.erase(WHO)
    assert home.rows["first"] == 3


def test_a_report_reads_as_it_was_written(home):
    (report,) = home.erase(WHO)
    assert Report.read(home.settings.erasures_dir, report.request) == report
    assert Report.read(home.settings.erasures_dir, "another") is None


def test_a_request_file_has_an_id_a_line():
    assert read_request(b"a1\n\n  # a remark\nb2 # whose\n") == ["a1", "b2"]


def test_a_request_file_may_come_from_any_editor():
    assert read_request(b"\xef\xbb\xbfa1\r\n\r\nb2\t\r\na1") == ["a1", "b2"]
