"""What is copied into the archive, in which order, and how it comes back.

The order is what makes an interrupted copy harmless: what lists or names something is written after
it. So the archive never lists a load, nor names a release, of which a file is missing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapport.archive.store import Store
from rapport.errors import ArchiveDenied, ArchiveError
from rapport.killpoints import reach
from rapport.landing import kept, lock_of, locked, names_files
from rapport.release import ReleaseInfo, current_release, list_releases, verify_release
from rapport.release.store import (
    ASIDE,
    CURRENT,
    HISTORY,
    MANIFEST,
    changing,
    fingerprint_of,
    flush,
    place,
    switch,
)
from rapport.settings import Settings
from rapport.tombstones import FOLDER

LANDING, RELEASES = "landing", "releases"
POINTER = f"{RELEASES}/{CURRENT}.json"
BACKWARDS = f"{RELEASES}/{HISTORY}"


@dataclass
class Copied:
    """What one copy moved.

    Attributes:
        files: of the landing and of releases.
        bytes: of these.
        releases: that arrived as a whole.
        removed: releases that went from the archive, as they had gone from the home.
        current: what readers of the copy get from now on.
        damaged: older releases that are damaged here and were not sent, a line each.
    """

    files: int = 0
    bytes: int = 0
    releases: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    current: str | None = None
    damaged: tuple[str, ...] = ()


def push(settings: Settings, store: Store) -> Copied:
    """Bring the archive up to what the home holds; send what is not there yet.

    Args:
        settings: where all is.
        store: the archive.

    Raises:
        ArchiveDenied: the archive refuses, or holds what another installation wrote.
        ArchiveError: it could not be written, or the current release is damaged here. What was
            sent stays, and the next push goes on from there.
    """
    history = _history(settings.releases_dir)
    if not history.startswith(store.read(BACKWARDS) or b""):
        raise ArchiveDenied(
            store.url,
            "holds releases that this home knows nothing of. A home that was lost is brought back "
            "by `rapport archive restore`; another installation needs a RAPPORT_ARCHIVE of its own",
        )
    copied = Copied()
    _push_landing(settings.landing_dir, store, copied)
    _push_releases(settings.releases_dir, store, history, copied)
    return copied


def _push_landing(landing_dir: Path, store: Store, copied: Copied) -> None:
    _push_tombstones(landing_dir, store, copied)
    for folder in sorted(landing_dir.glob("[!.]*/")):
        listed, files = kept(landing_dir, folder.name)
        place_of = f"{LANDING}/{folder.name}"
        there = store.sizes(place_of)
        missing = {
            f"{place_of}/{name}": path
            for name, path in files.items()
            if there.get(name) != path.stat().st_size
        }
        copied.bytes += store.put(missing)
        copied.files += len(missing)
        reach("landing_files_archived")
        for name, content in listed.items():
            if there.get(name) != len(content):
                store.write(f"{place_of}/{name}", content)
                copied.files += 1
                copied.bytes += len(content)


def _push_tombstones(landing_dir: Path, store: Store, copied: Copied) -> None:
    """Send who may not land again; the key stays here, as that of the releases does."""
    tombstones = sorted((landing_dir / FOLDER).glob("*.json"))
    there = store.sizes(f"{LANDING}/{FOLDER}") if tombstones else {}
    for path in tombstones:
        content = path.read_bytes()
        if there.get(path.name) != len(content):
            store.write(f"{LANDING}/{FOLDER}/{path.name}", content)
            copied.files += 1
            copied.bytes += len(content)


def _push_releases(releases_dir: Path, store: Store, history: bytes, copied: Copied) -> None:
    there = store.sizes(RELEASES)
    # As it is now: what a night publishes meanwhile is the next push's.
    infos = sorted(list_releases(releases_dir), key=lambda info: not info.is_current)
    for info in infos:
        if _push_release(info, store, there, copied):
            copied.releases += (info.release_id,)
    if not history:
        return
    if there.get(HISTORY) != len(history):
        store.write(BACKWARDS, history)
    reach("releases_archived")
    for info in infos[:1] if infos and infos[0].is_current else ():
        pointer = {"release_id": info.release_id, "as_of": info.as_of.isoformat()}
        content = json.dumps(pointer).encode() + b"\n"
        if store.read(POINTER) != content:
            store.write(POINTER, content)
        copied.current = info.release_id
    copied.removed = tuple(_remove_older(releases_dir, store, there, history))


def _push_release(info: ReleaseInfo, store: Store, there: dict[str, int], copied: Copied) -> bool:
    """Send one release; whether that was needed."""
    place_of = f"{RELEASES}/{info.release_id}"
    try:
        manifest = (info.path / MANIFEST).read_bytes()
        if (
            f"{info.release_id}/{MANIFEST}" in there
            and store.read(f"{place_of}/{MANIFEST}") == manifest
        ):
            return False
        if problems := verify_release(info.path):
            told = f"release {info.release_id} is damaged here and is not sent: "
            copied.damaged += (told + "; ".join(problems),)
            if info.is_current:
                raise ArchiveError(store.url, copied.damaged[0])
            return False
        sizes = {name: file["bytes"] for name, file in json.loads(manifest)["files"].items()}
        copied.bytes += store.put({f"{place_of}/{name}": info.path / name for name in sizes})
    except (FileNotFoundError, ArchiveError):
        if info.path.is_dir():
            raise
        return False  # it was the oldest, and a night removed it meanwhile
    reach("release_files_archived")
    arrived = store.sizes(place_of)
    if short := sorted(name for name, size in sizes.items() if arrived.get(name) != size):
        raise ArchiveError(store.url, f"{place_of}: did not arrive whole: {', '.join(short)}")
    store.write(f"{place_of}/{MANIFEST}", manifest)
    copied.files += len(sizes) + 1
    return True


def _remove_older(
    releases_dir: Path, store: Store, there: dict[str, int], history: bytes
) -> Iterator[str]:
    """Remove what this home removed, the manifest first; nothing that it does not know of."""
    gone = {
        event.get("release_id")
        for event in _events(history)
        if event.get("event") == "removed" and event.get("release_id")
    }
    for release_id in sorted({name.partition("/")[0] for name in there} & gone):
        if (releases_dir / release_id).exists():  # it was made again
            continue
        names = [name for name in there if name.startswith(f"{release_id}/")]
        names.sort(key=lambda name: not name.endswith(f"/{MANIFEST}"))
        store.remove(f"{RELEASES}/{name}" for name in names)
        yield release_id


def current_in(store: Store) -> str | None:
    """Return the release that the archive's readers open; None where it names none."""
    pointer = store.read(POINTER)
    return str(json.loads(pointer)["release_id"]) if pointer else None


def verify(store: Store) -> Iterator[tuple[str, list[str]]]:
    """Read every file of every release in the archive, and compare the landing with its lists.

    Yields:
        What was looked at, and what is wrong with it, a line each.
    """
    there = store.sizes(RELEASES)
    for release_id in _release_ids(there):
        yield release_id, list(_damage_of(store, release_id, there))
    named = current_in(store)
    lost = named and f"{named}/{MANIFEST}" not in there
    yield f"{CURRENT}: {named or 'none'}", ["not in the archive"] if lost else []
    landed = store.sizes(LANDING)
    for source in _sources(landed):
        yield f"{LANDING}/{source}", list(_lost_files(store, source, landed))


def _damage_of(store: Store, release_id: str, there: dict[str, int]) -> Iterator[str]:
    content = store.read(f"{RELEASES}/{release_id}/{MANIFEST}")
    if content is None:
        yield f"{MANIFEST}: missing; its upload was interrupted, the next push finishes it"
        return
    for name, listed in sorted(json.loads(content)["files"].items()):
        path = f"{release_id}/{name}"
        if there.get(path) != listed["bytes"]:
            yield f"{name}: {there.get(path, 'no')} bytes of {listed['bytes']}"
        elif store.sha256(f"{RELEASES}/{path}") != listed["sha256"]:
            yield f"{name}: differs from its checksum"


def _lost_files(store: Store, source: str, there: dict[str, int]) -> Iterator[str]:
    for name in sorted(there):
        if not names_files(name.removeprefix(f"{source}/")):
            continue
        for row in _events(store.read(f"{LANDING}/{name}") or b""):
            for file, size in (row.get("files") or {}).items() if row.get("status") == 0 else ():
                if there.get(f"{source}/{file}") != size:
                    yield f"{file}: {there.get(f'{source}/{file}', 'no')} bytes of {size}"


def restore(settings: Settings, store: Store) -> Copied:
    """Bring back into the home what it lacks; what is there stays as it is.

    The warehouse is not in the archive: the next night makes it from the landing. Nor is the key
    that signs releases: what comes is compared with its checksums and signed with the home's key,
    as it is taken from the archive on the word of whoever restores.

    Args:
        settings: where all is.
        store: the archive.

    Raises:
        ArchiveDenied: the archive refuses, or the home has a history of its own.
        ArchiveError: it could not be read, or a release in it is damaged. What came stays, and
            the next restore goes on from there.
    """
    history = store.read(BACKWARDS) or b""
    if not history.startswith(_history(settings.releases_dir)):
        raise ArchiveDenied(
            store.url,
            f"{settings.releases_dir} has releases that the archive does not know; restore into a "
            "home of its own (RAPPORT_HOME)",
        )
    copied = Copied()
    _restore_landing(settings.landing_dir, store, copied)
    with changing(settings.releases_dir):
        _restore_releases(settings.releases_dir, store, history, copied)
    return copied


def _restore_landing(landing_dir: Path, store: Store, copied: Copied) -> None:
    there = store.sizes(LANDING)
    for name in sorted(there):
        # Before anything else: nobody lands where it is not known who must not.
        if name.startswith(f"{FOLDER}/") and not (landing_dir / name).exists():
            part = landing_dir / f"{name}.part"
            copied.bytes += store.get({f"{LANDING}/{name}": part})
            flush(part)
            part.replace(landing_dir / name)
            copied.files += 1
    for source in _sources(there):
        with locked(lock_of(landing_dir, source)):  # no pull may sweep what is not listed yet
            names = [name for name in there if name.startswith(f"{source}/")]
            lists = [name for name in names if names_files(name.removeprefix(f"{source}/"))]
            for wanted in ([name for name in names if name not in lists], lists):
                missing = [name for name in wanted if not (landing_dir / name).exists()]
                parts = {name: landing_dir / f"{name}.part" for name in missing}
                files = {f"{LANDING}/{name}": path for name, path in parts.items()}
                copied.bytes += store.get(files)
                for name, part in parts.items():
                    if part.stat().st_size != there[name]:
                        raise ArchiveError(store.url, f"{LANDING}/{name}: came in parts only")
                    flush(part)
                    part.replace(landing_dir / name)
                for folder in {part.parent for part in parts.values()}:
                    flush(folder)
                copied.files += len(missing)
                reach("landing_half_restored")


def _restore_releases(releases_dir: Path, store: Store, history: bytes, copied: Copied) -> None:
    there = store.sizes(RELEASES)
    for release_id in _release_ids(there):
        content = store.read(f"{RELEASES}/{release_id}/{MANIFEST}")
        target = releases_dir / release_id
        if content is None or (target.is_dir() and not verify_release(target)):
            continue
        manifest = json.loads(content)
        aside = releases_dir / f"{ASIDE}{release_id}"
        files = {f"{RELEASES}/{release_id}/{name}": aside / name for name in manifest["files"]}
        copied.bytes += store.get(files)
        for name, listed in manifest["files"].items():
            if fingerprint_of(aside / name) != listed:
                raise ArchiveError(
                    store.url, f"{RELEASES}/{release_id}/{name}: differs from its checksum"
                )
        place(aside, target, manifest)
        if problems := verify_release(target):
            raise ArchiveError(
                store.url, f"{RELEASES}/{release_id} is damaged: {'; '.join(problems)}"
            )
        copied.files += len(files) + 1
        copied.releases += (release_id,)
    if history != _history(releases_dir):
        part = releases_dir / f"{ASIDE}{HISTORY}"
        part.write_bytes(history)
        flush(part)
        part.replace(releases_dir / HISTORY)
    if pointer := store.read(POINTER):
        copied.current = json.loads(pointer)["release_id"]
        if not (releases_dir / copied.current).is_dir():
            raise ArchiveError(
                store.url, f"{POINTER} names {copied.current}, which is not whole there"
            )
        if copied.current != current_release(releases_dir):
            switch(releases_dir, copied.current)


def _history(releases_dir: Path) -> bytes:
    path = releases_dir / HISTORY
    return path.read_bytes() if path.exists() else b""


def _events(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _release_ids(there: dict[str, int]) -> list[str]:
    return sorted({name.partition("/")[0] for name in there if "/" in name})


def _sources(there: dict[str, int]) -> list[str]:
    return sorted({name.partition("/")[0] for name in there} - {FOLDER})
