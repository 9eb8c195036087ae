"""The archive: a copy that is whole or is not named, whatever interrupts it, and the way back."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import fsspec
import pytest
from typer.testing import CliRunner

from rapport import archive, landing
from rapport.archive_commands import archive_app
from rapport.errors import ArchiveDenied, ArchiveError, SettingsError
from rapport.killpoints import EXIT_CODE
from rapport.release import (
    current_release,
    history,
    list_releases,
    rollback,
    verify_release,
)
from rapport.release.signature import KEY_FILE
from rapport.settings import Settings
from tests.integration.test_release import NIGHT, PLUGINS, Nights
from tests.unit.test_landing import table

OLDER = NIGHT - timedelta(days=1)


class Firm:
    """A home with a landing of one source and releases, and its archive in a folder."""

    def __init__(self, folder):
        self.nights = Nights(folder)
        self.url = f"file://{folder}/archive"
        self.settings = replace(Settings.from_env(), home=folder, archive=self.url)
        self.store = archive.Store(self.url)
        self.land("a", "b")

    def land(self, *ids, as_of=NIGHT):
        pull = ("crm", "crm_contacts", ("contacts",), as_of)
        with landing.Slices(self.settings.landing_dir, self.settings.work_dir, *pull) as slices:
            slices.add("contacts", table(*((each, None) for each in ids)))

    def push(self):
        return archive.push(self.settings, self.store)

    def pointer(self):
        content = self.store.read("releases/current.json")
        return json.loads(content)["release_id"] if content else None

    def archived(self):
        """Releases that are named whole."""
        return sorted(n.split("/")[0] for n in self.store.sizes("releases") if "manifest" in n)

    def problems(self):
        return {what: problems for what, problems in archive.verify(self.store) if problems}

    def elsewhere(self, folder):
        """The same firm after its disk was lost."""
        return replace(self.settings, home=folder / "new_home")


@pytest.fixture
def firm(tmp_path):
    return Firm(tmp_path)


def test_a_night_is_archived_with_all_that_it_was_made_of(firm):
    release = firm.nights.publish()
    copied = firm.push()
    assert copied.releases == (release.release_id,)
    assert copied.current == firm.pointer() == release.release_id
    assert firm.problems() == {}
    assert set(firm.store.sizes(f"releases/{release.release_id}")) == {
        path.name for path in release.path.iterdir()
    }
    assert (
        firm.store.read("releases/history.jsonl")
        == (firm.nights.releases / "history.jsonl").read_bytes()
    )


def test_the_same_night_again_sends_nothing(firm, tmp_path):
    firm.nights.publish()
    firm.push()
    before = written(tmp_path / "archive")
    copied = firm.push()
    assert (copied.files, copied.bytes, copied.releases) == (0, 0, ())
    assert written(tmp_path / "archive") == before


def test_only_what_is_new_is_sent(firm):
    firm.nights.publish()
    firm.push()
    firm.land("c", as_of=NIGHT + timedelta(days=1))
    firm.nights.build(NIGHT + timedelta(days=1))
    release = firm.nights.publish(NIGHT + timedelta(days=1))
    copied = firm.push()
    assert copied.releases == (release.release_id,)
    assert copied.files == len(list(release.path.iterdir())) + 2  # the slice, its line
    assert len(firm.archived()) == 2


def test_a_night_without_a_release_is_archived_too(firm, tmp_path):
    copied = firm.push()
    assert (copied.files, copied.releases, copied.current) == (2, (), None)  # a slice, its line
    restored = firm.elsewhere(tmp_path)
    archive.restore(restored, firm.store)
    assert rows(restored) == rows(firm.settings) == ["a", "b"]


# --- what is seen of it


@pytest.mark.parametrize(
    "killpoint", ["landing_files_archived", "release_files_archived", "releases_archived"]
)
def test_a_killed_push_names_nothing_that_is_not_whole_and_the_next_one_ends_it(
    firm, tmp_path, killpoint
):
    release = firm.nights.publish()
    assert pushed_until(firm, killpoint) == EXIT_CODE
    assert firm.pointer() is None
    assert not [each for each in firm.problems().values() if "interrupted" not in each[0]]
    restored = firm.elsewhere(tmp_path)
    if killpoint == "landing_files_archived":  # a load that no list names does not count
        archive.restore(restored, firm.store)
        assert rows(restored) == []
    assert firm.push().current == firm.pointer() == release.release_id
    assert firm.problems() == {}


def test_a_reader_gets_the_former_night_until_the_new_one_is_whole(firm):
    firm.nights.build(OLDER)
    older = firm.nights.publish(OLDER)
    firm.push()
    firm.nights.build(NIGHT)
    firm.nights.publish()
    assert pushed_until(firm, "releases_archived") == EXIT_CODE
    assert len(firm.archived()) == 2
    assert firm.pointer() == older.release_id


def test_a_file_that_did_not_arrive_whole_is_no_release(firm, monkeypatch):
    release = firm.nights.publish()
    put = archive.Store.put

    def losing(self, files):
        moved = put(self, files)
        for name in files:
            if "dim_days" in name:
                self.write(name, b"cut")
        return moved

    monkeypatch.setattr(archive.Store, "put", losing)
    with pytest.raises(ArchiveError, match=r"did not arrive whole: .*dim_days"):
        firm.push()
    assert firm.archived() == []
    assert firm.pointer() is None
    assert verify_release(release.path) == []


def test_a_release_that_is_damaged_here_is_not_sent(firm):
    release = firm.nights.publish()
    damaged = next(release.path.glob("*.parquet"))
    damaged.chmod(0o644)
    damaged.write_bytes(b"not what it was")
    with pytest.raises(ArchiveError, match="is damaged here and is not sent"):
        firm.push()
    assert firm.archived() == []


def test_an_older_release_that_is_damaged_holds_no_night_back(firm):
    firm.nights.build(OLDER)
    older = firm.nights.publish(OLDER)
    firm.nights.build(NIGHT)
    release = firm.nights.publish()
    damage = next(older.path.glob("*.parquet"))
    damage.chmod(0o644)
    damage.write_bytes(b"not what it was")
    copied = firm.push()
    assert firm.archived() == [firm.pointer()] == [release.release_id]
    assert copied.damaged[0].startswith(f"release {older.release_id} is damaged here")


def test_damage_in_the_archive_is_found(firm):
    release = firm.nights.publish()
    firm.push()
    sizes = firm.store.sizes(f"releases/{release.release_id}")
    name = next(each for each in sizes if each.endswith(".parquet"))
    firm.store.write(f"releases/{release.release_id}/{name}", b"x" * sizes[name])
    slice_ = next(each for each in firm.store.sizes("landing/crm") if "contacts/load_date" in each)
    firm.store.remove([f"landing/crm/{slice_}"])
    assert firm.problems() == {
        release.release_id: [f"{name}: differs from its checksum"],
        "landing/crm": [f"{slice_}: no bytes of {landed_size(firm, slice_)}"],
    }


def test_what_was_removed_here_goes_there_after_the_pointer(firm):
    ids = []
    for day in range(3):
        night = NIGHT + timedelta(days=day)
        firm.nights.build(night)
        ids.append(firm.nights.publish(night, keep=2).release_id)
        copied = firm.push()
    assert copied.removed == (ids[0],)
    assert firm.archived() == ids[1:]
    assert not [name for name in firm.store.sizes("releases") if name.startswith(ids[0])]


def test_a_rollback_reaches_the_readers_of_the_archive(firm):
    firm.nights.build(OLDER)
    older = firm.nights.publish(OLDER)
    firm.nights.build(NIGHT)
    firm.nights.publish()
    firm.push()
    rollback(firm.nights.releases, older.release_id, why="wrong prices")
    copied = firm.push()
    assert (copied.files, firm.pointer()) == (0, older.release_id)


# --- the way back


def test_a_lost_home_comes_back_with_its_releases_its_landing_and_its_history(firm, tmp_path):
    for night in (OLDER, NIGHT):
        firm.nights.build(night)
        firm.nights.publish(night)
    rollback(firm.nights.releases, list_releases(firm.nights.releases)[1].release_id, why="prices")
    firm.push()
    restored = firm.elsewhere(tmp_path)
    copied = archive.restore(restored, firm.store)
    assert sorted(copied.releases) == firm.archived()
    assert current_release(restored.releases_dir) == firm.nights.current
    assert history(restored.releases_dir) == history(firm.nights.releases)
    for info in list_releases(restored.releases_dir):
        assert verify_release(info.path) == []
        assert info.path.stat().st_mode & 0o222 == 0
    # And on it goes: the archive gets them once more, with the signature of the new home's key.
    assert sorted(archive.push(restored, firm.store).releases) == firm.archived()
    assert archive.push(restored, firm.store).files == 0
    assert archive.restore(restored, firm.store).files == 0
    assert rows(restored) == rows(firm.settings) == ["a", "b"]


@pytest.mark.parametrize("killpoint", ["landing_half_restored", "release_renamed"])
def test_a_killed_restore_is_finished_by_the_next(firm, tmp_path, killpoint):
    firm.nights.publish()
    firm.push()
    restored = firm.elsewhere(tmp_path)
    assert run(restored, firm.url, "restore", killpoint) == EXIT_CODE
    assert current_release(restored.releases_dir) is None
    archive.restore(restored, firm.store)
    assert current_release(restored.releases_dir) == firm.nights.current
    assert rows(restored) == rows(firm.settings)
    assert not list(restored.home.rglob("*.part"))


def test_a_new_home_takes_nothing_from_the_archive_of_the_lost_one(firm, tmp_path):
    """A night of a fresh installation must not clear away what is to be restored."""
    firm.nights.publish()
    firm.push()
    before = written(tmp_path / "archive")
    for there in (tmp_path / "second", tmp_path / "empty"):
        there.mkdir()
    second = Firm(tmp_path / "second")
    second.nights.build(NIGHT + timedelta(days=1))
    second.nights.publish(NIGHT + timedelta(days=1))
    for home in (tmp_path / "second", tmp_path / "empty"):
        with pytest.raises(ArchiveDenied, match="this home knows nothing of"):
            archive.push(replace(firm.settings, home=home), firm.store)
    with pytest.raises(ArchiveDenied, match="releases that the archive does not know"):
        archive.restore(second.settings, firm.store)
    assert written(tmp_path / "archive") == before


def test_a_home_that_kept_its_key_sends_nothing_again(firm, tmp_path):
    firm.nights.publish()
    firm.push()
    restored = firm.elsewhere(tmp_path)
    restored.releases_dir.mkdir(parents=True)
    shutil.copy(firm.nights.releases / KEY_FILE, restored.releases_dir / KEY_FILE)
    archive.restore(restored, firm.store)
    assert archive.push(restored, firm.store).files == 0
    assert not [name for name in firm.store.sizes() if KEY_FILE in name]


# --- a store that does not do what it should


def test_a_store_that_nobody_knows_says_what_to_look_at(firm):
    with pytest.raises(ArchiveDenied, match="Look at the address"):
        archive.push(firm.settings, archive.Store("s4://bucket/rapport"))


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (PermissionError("The access key ID does not exist"), ArchiveDenied, "AWS_ACCESS_KEY_ID"),
        (FileNotFoundError("The specified bucket does not exist"), ArchiveError, "must be there"),
        (OSError("Could not connect"), ArchiveError, "AWS_ENDPOINT_URL_S3"),
        (
            type("NoCredentialsError", (Exception,), {})("Unable to locate"),
            ArchiveDenied,
            "AWS_SECRET_ACCESS_KEY",
        ),
    ],
)
def test_a_store_that_refuses_costs_the_copy_and_nothing_else(
    firm, monkeypatch, raised, kind, said
):
    release = firm.nights.publish()

    def refuse(*_, **__):
        raise raised

    monkeypatch.setattr(fsspec.implementations.local.LocalFileSystem, "find", refuse)
    with pytest.raises(ArchiveError, match=said) as caught:
        firm.push()
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"archive {firm.url}: listing landing/crm")
    assert firm.nights.current == release.release_id
    assert verify_release(release.path) == []


# --- the command


def test_the_commands_say_what_was_done(firm, monkeypatch):
    release = firm.nights.publish()
    monkeypatch.setenv("RAPPORT_HOME", str(firm.settings.home))
    with pytest.raises(SettingsError, match="RAPPORT_ARCHIVE is not set"):
        CliRunner().invoke(archive_app, ["push"], catch_exceptions=False)
    monkeypatch.setenv("RAPPORT_ARCHIVE", firm.url)
    pushed = CliRunner().invoke(archive_app, ["push"])
    assert f"current: {release.release_id}" in pushed.stdout
    verified = CliRunner().invoke(archive_app, ["verify"])
    assert (verified.exit_code, verified.stdout.count(": whole")) == (0, 3)
    firm.store.remove([f"releases/{release.release_id}/manifest.json"])
    damaged = CliRunner().invoke(archive_app, ["verify"])
    assert damaged.exit_code == 1
    assert "manifest.json: missing" in damaged.stdout
    monkeypatch.setenv("RAPPORT_HOME", str(firm.settings.home / "lost"))
    restored = CliRunner().invoke(archive_app, ["restore"])
    assert "names " + release.release_id + ", which is not whole" in str(restored.exception)


def pushed_until(firm, killpoint):
    return run(firm.settings, firm.url, "push", killpoint)


def run(settings, url, command, killpoint):
    """Run a command in a process that dies at a place; return its exit code."""
    variables = {
        "RAPPORT_HOME": str(settings.home),
        "RAPPORT_ARCHIVE": url,
        "RAPPORT_KILLPOINT": killpoint,
        "PYTHONPATH": str(PLUGINS),
    }
    code = "from rapport.archive_commands import archive_app; archive_app()"
    done = subprocess.run(
        [sys.executable, "-c", code, command], env=os.environ | variables, check=False
    )
    return done.returncode


def rows(settings):
    """The ids that the landing shows the night."""
    landing.declare(settings.landing_dir, "crm", "contacts", ("id", "updated_at"))
    with landing.opened(settings.landing_dir, "crm", ["contacts"], NIGHT) as connection:
        found = connection.execute("select id from contacts order by id").fetchall()
    return [each for (each,) in found]


def landed_size(firm, name):
    return (firm.settings.landing_dir / "crm" / name).stat().st_size


def written(folder):
    """Every file with the moment at which it was last written."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }
