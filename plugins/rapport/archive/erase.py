"""Have the archive hold nothing that the home has erased, in no version of any object.

The home is erased first. What is stale then is what differs from it: landing files of loads that
were rewritten (a size may be what it was, so their content is compared), files of loads that the
home has no more, releases that were made anew. A bucket that keeps versions keeps the stale ones
too; they are removed by their version.
"""

from collections.abc import Iterator
from pathlib import Path

from rapport.archive.copies import LANDING, RELEASES, push
from rapport.archive.store import Store
from rapport.landing import kept, listed_loads, names_files
from rapport.release import list_releases
from rapport.release.store import fingerprint_of
from rapport.settings import Settings
from rapport.tombstones import FOLDER


def count_stale(settings: Settings, store: Store, requests: frozenset[str]) -> int:
    """Return how many objects of the archive, or versions of them, the home has erased.

    Args:
        settings: where all is.
        store: the archive.
        requests: whose erasures are looked for.

    Raises:
        ArchiveError: it could not be read.
    """
    replaced, gone = _stale_landing(settings, store, requests)
    return (
        len(replaced)
        + len(gone)
        + len(list(_stale_releases(settings, store)))
        + len(list(_versions(settings, store, requests)))
    )


def erase_from_archive(settings: Settings, store: Store, requests: frozenset[str]) -> None:
    """Send what was rewritten, remove what is stale, and every version of either but the last.

    Raises:
        ArchiveError: it could not be read or written; the next call goes on from there.
    """
    replaced, gone = _stale_landing(settings, store, requests)
    store.put(replaced)
    for folder in sorted(settings.landing_dir.glob("[!.]*/")):
        for name, content in kept(settings.landing_dir, folder.name)[0].items():
            store.write(f"{LANDING}/{folder.name}/{name}", content)
    store.remove(gone)
    push(settings, store)
    store.remove(_stale_releases(settings, store))
    store.remove_versions(_versions(settings, store, requests))


def _rewritten(settings: Settings, requests: frozenset[str]) -> dict[str, Path]:
    """Return the files of loads that some requests rewrote, by their names in the archive."""
    found = {}
    for folder in sorted(settings.landing_dir.glob("[!.]*/")):
        loads = {
            load.load_id
            for load in listed_loads(settings.landing_dir, folder.name)
            if requests & set(load.rewritten_by)
        }
        for name, path in kept(settings.landing_dir, folder.name)[1].items():
            if path.name.rsplit(".", 2)[0] in loads:
                found[f"{LANDING}/{folder.name}/{name}"] = path
    return found


def _stale_landing(
    settings: Settings, store: Store, requests: frozenset[str]
) -> tuple[dict[str, Path], list[str]]:
    """Return what is there otherwise than here, and what is there and here no more."""
    there = store.sizes(LANDING)
    replaced = {
        name: path
        for name, path in _rewritten(settings, requests).items()
        if name.removeprefix(f"{LANDING}/") in there
        and store.sha256(name) != fingerprint_of(path)["sha256"]
    }
    here = {
        f"{folder.name}/{name}"
        for folder in settings.landing_dir.glob("[!.]*/")
        for files in kept(settings.landing_dir, folder.name)
        for name in files
    }
    gone = [
        f"{LANDING}/{name}"
        for name in sorted(there.keys() - here)
        if not name.startswith(f"{FOLDER}/") and not names_files(name.partition("/")[2])
    ]
    return replaced, gone


def _stale_releases(settings: Settings, store: Store) -> Iterator[str]:
    """Yield the objects of releases that the home has not, the manifests first."""
    here = {info.release_id for info in list_releases(settings.releases_dir)}
    names = [
        name for name in store.sizes(RELEASES) if "/" in name and name.partition("/")[0] not in here
    ]
    for name in sorted(names, key=lambda name: (not name.endswith("manifest.json"), name)):
        yield f"{RELEASES}/{name}"


def _versions(
    settings: Settings, store: Store, requests: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yield name and id of each version that is not the last of an object that was stale."""
    here = {info.release_id for info in list_releases(settings.releases_dir)}
    rewritten, there = _rewritten(settings, requests), store.sizes(LANDING)
    for name, version in store.old_versions(LANDING):
        if name in rewritten or name.removeprefix(f"{LANDING}/") not in there:
            yield name, version
    for name, version in store.old_versions(RELEASES):
        inside = name.removeprefix(f"{RELEASES}/")
        if "/" in inside and inside.partition("/")[0] not in here:
            yield name, version
