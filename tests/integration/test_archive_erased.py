"""The archive after an erasure: as the home is, in every version of every object."""

import json

import pyarrow.compute as pc
import pytest

from rapport import archive, landing
from rapport.archive import count_stale, erase_from_archive
from rapport.landing import Changed
from rapport.release import erase_from_releases, list_releases
from rapport.tombstones import FOLDER
from tests.integration.test_archive import Firm
from tests.integration.test_release_erased import SQL, is_erased
from tests.unit.test_tombstones import buried

REQUESTS = frozenset({"first"})


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
    from dataclasses import replace

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
        self.versions, self.deleted = versions, []

    def call_s3(self, what, **asked):
        if what == "delete_object":
            self.deleted.append((asked["Key"], asked["VersionId"]))
            return {}
        first = "KeyMarker" not in asked
        mine = [v for v in self.versions if v["Key"].startswith(asked["Prefix"])]
        page = {"Versions": mine[:1] if first else mine[1:], "IsTruncated": first and len(mine) > 1}
        return page | {"NextKeyMarker": "k", "NextVersionIdMarker": "v"}


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
