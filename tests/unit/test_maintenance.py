"""The weekly look: what is too old goes, what is not as it was written is named."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date

import pytest

from rapport import landing
from rapport.orchestration.maintenance import maintain
from rapport.settings import Settings
from tests.unit.test_landing import table
from tests.unit.test_tombstones import buried

NIGHT = date(2018, 1, 2)


@pytest.fixture
def settings(tmp_path):
    found = replace(Settings.from_env(), home=tmp_path, keep_releases=1)
    pull = ("hubspot", "hubspot_contacts", ("contacts",), NIGHT)
    with landing.Slices(found.landing_dir, found.work_dir, *pull) as slices:
        slices.add("contacts", table(("1", "2018-01-01")))
    return found


def test_a_home_that_is_as_it_was_written_is_no_problem(settings):
    found = maintain(settings)
    assert (found.problems, found.files, found.expired) == ([], 1, [])


def test_a_landed_file_that_cannot_be_read_is_named_and_left(settings):
    (path,) = settings.landing_dir.glob("hubspot/contacts/*/*.parquet")
    content = bytearray(path.read_bytes())
    content[-20:-10] = b"x" * 10
    path.write_bytes(content)
    (problem,) = maintain(settings).problems
    assert problem.startswith("landing hubspot/contacts/load_date=2018-01-02/")
    assert path.exists()
    assert landing.completed_loads(settings.landing_dir, "hubspot")


def test_a_file_that_is_missing_is_named(settings):
    (path,) = settings.landing_dir.glob("hubspot/contacts/*/*.parquet")
    path.unlink()
    (problem,) = maintain(settings).problems
    assert problem.endswith(": missing")


def test_a_damaged_account_is_named(settings):
    settings.activation_dir.mkdir()
    (settings.activation_dir / "account.sqlite").write_bytes(b"no database" * 100)
    (problem,) = maintain(settings).problems
    assert problem.startswith("account of activation: ")


def test_an_account_that_is_whole_is_no_problem(settings):
    settings.activation_dir.mkdir()
    with closing(sqlite3.connect(settings.activation_dir / "account.sqlite")) as database:
        database.execute("create table rows (key text)")
    assert maintain(settings).problems == []


def test_an_erasure_that_was_not_finished_is_told(settings):
    buried(settings.landing_dir)
    (problem,) = maintain(settings).problems
    assert problem == "erasure first is open: `rapport erase` goes on with it"
