"""The archive after an erasure: as the home is, in every version of every object."""

import json
from dataclasses import replace

import pyarrow.compute as pc
import pytest

from rapport import archive, landing
from rapport.archive import count_stale, erase_from_archive
from rapport.landing import Changed
from rapport.orchestration.erasure import _archive
from rapport.release import erase_from_releases, list_releases
from rapport.settings import Settings
from rapport.tombstones import FOLDER
from tests.integration.test_archive import Firm
from tests.integration.test_release_erased import SQL, is_erased
from tests.unit.test_tombstones import buried

REQUESTS = frozenset({"first"})
WHO = "16fd42af1bb4dae66255453fa6d2463f"


def without_a(stream, rows):
    mask = pc.equal(rows["id"], "a")
    return Changed(rows.filter(pc.invert(mask)), pc.sum(mask).as_py() or 0)


@pytest.fixture
def firm(tmp_path):
    """A firm whose archive has somebody who was erased here since."""
    found = Firm(tmp_path)
    found.nights.build(sql=SQL)
    found.nights.publish()
    found.push()
    buried(found.settings.landing_dir)
    landing.rewrite(found.settings.landing_dir, "crm", ["contacts"], without_a, by="first")
    erase_from_releases(found.settings.releases_dir, is_erased, write_report=lambda _: None)
    return found


def test_what_is_stale_is_replaced_and_removed(firm):
    assert count_stale(firm.settings, firm.store, REQUESTS) > 1
    erase_from_archive(firm.settings, firm.store, REQUESTS)
    assert count_stale(firm.settings, firm.store, REQUESTS) == 0
    (release,) = list_releases(firm.settings.releases_dir)
    assert firm.archived() == [release.release_id]
    assert firm.pointer() == release.release_id
    assert all(not problems for _, problems in archive.verify(firm.store))


def test_a_file_of_the_same_size_is_replaced_too(firm):
    (path,) = firm.settings.landing_dir.glob("crm/contacts/load_date=20*/*.parquet")
    name = f"landing/{path.relative_to(firm.settings.landing_dir)}"
    firm.store.write(name, b"a" * path.stat().st_size)
    erase_from_archive(firm.settings, firm.store, REQUESTS)
    assert firm.store.read(name) == path.read_bytes()


def test_the_tombstones_are_in_it_and_their_key_is_not(firm):
    erase_from_archive(firm.settings, firm.store, REQUESTS)
    assert set(firm.store.sizes(f"landing/{FOLDER}")) == {"first.json"}
    there = json.loads(firm.store.read(f"landing/{FOLDER}/first.json"))
    assert there["request"] == "first"


def test_who_may_not_land_again_comes_back_with_the_landing(firm, tmp_path):
    erase_from_archive(firm.settings, firm.store, REQUESTS)
    fresh = replace(firm.settings, home=tmp_path / "fresh")
    archive.restore(fresh, firm.store)
    name = f"{FOLDER}/first.json"
    assert (fresh.landing_dir / name).read_bytes() == (
        firm.settings.landing_dir / name
    ).read_bytes()


class Bucket:
    """What S3 says of versions, in two pages, and what it is told to delete."""

    def __init__(self, versions):
        self.versions, self.deleted, self.marks, self.contents = versions, [], {}, {}

    def call_s3(self, what, **asked):
        if what == "delete_object":
            self.deleted.append((asked["Key"], asked["VersionId"]))
            return {}
        first = "KeyMarker" not in asked
        mine = [v for v in self.versions if v["Key"].startswith(asked["Prefix"])]
        page = {"Versions": mine[:1] if first else mine[1:], "IsTruncated": first and len(mine) > 1}
        return page | {"NextKeyMarker": "k", "NextVersionIdMarker": "v"} | self.marks

    def cat_file(self, path, version_id):
        return self.contents[path, version_id]


def test_every_version_but_the_last_is_found_and_removed(monkeypatch):
    versions = [
        {"Key": "firm/landing/crm/a", "VersionId": "1", "IsLatest": False},
        {"Key": "firm/landing/crm/a", "VersionId": "2", "IsLatest": True},
        {"Key": "firm/releases/r/m", "VersionId": "3", "IsLatest": False},
    ]
    bucket, store = Bucket(versions), archive.Store("s3://bucket/firm")
    monkeypatch.setattr(archive.Store, "_opened", property(lambda _: (bucket, "bucket/firm")))
    assert store.old_versions("landing") == [("landing/crm/a", "1")]
    store.remove_versions(store.old_versions("landing"))
    assert bucket.deleted == [("firm/landing/crm/a", "1")]


def test_an_older_version_of_a_log_goes_if_it_says_something_of_them_and_no_other(
    monkeypatch, tmp_path
):
    """Each version of a log is counted by what it says, not for being there."""
    theirs = buried(tmp_path / "landing", customers=[(WHO, None, None)])
    log, marked = "firm/logs/a.log", "firm/logs/b.log"
    bucket = Bucket([{"Key": log, "VersionId": id_, "IsLatest": False} for id_ in ("1", "2")])
    bucket.marks = {"DeleteMarkers": [{"Key": marked, "VersionId": "9", "IsLatest": True}]}
    bucket.contents = {
        (f"bucket/{log}", "1"): b"nothing yet",
        (f"bucket/{log}", "2"): f"ask {WHO}, and {WHO}".encode(),
    }
    monkeypatch.setattr(archive.Store, "_opened", property(lambda _: (bucket, "bucket/firm")))
    monkeypatch.setattr(archive.Store, "sizes", lambda *_: {})
    settings = replace(Settings.from_env(), home=tmp_path, archive="s3://bucket/firm")
    _, logs = _archive(settings)
    assert logs.count(theirs) == 2
    logs.erase(theirs)
    assert bucket.deleted == [(log, "2")]


@pytest.mark.parametrize(
    ("found", "said"), [(object(), "remove them there"), (Bucket([]), "where it keeps any")]
)
def test_a_store_whose_versions_we_cannot_find_is_not_said_to_have_none(monkeypatch, found, said):
    monkeypatch.setattr(archive.Store, "_opened", property(lambda _: (found, "bucket")))
    for place in _archive(replace(Settings.from_env(), archive="gs://bucket")):
        assert said in place.note
