"""The folder of releases: what is there, whether it is whole, and which one is current."""

import fcntl
import getpass
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

from rapport.errors import RapportError, ReleaseError
from rapport.killpoints import reach
from rapport.release.content import content_hash_of
from rapport.release.signature import problem_with, signed

CURRENT = "current"
MANIFEST = "manifest.json"
DATABASE = "rapport.duckdb"
HISTORY = "history.jsonl"
ERASED = "erased"  # in the history: a release was made anew without somebody, under a new name
ASIDE = ".building-"  # under the lock, whatever has this prefix was left by a dead process
_RELEASE_ID = re.compile(r"(\d{4}-\d{2}-\d{2})-[0-9a-f]{12}")


@dataclass(frozen=True)
class Reduction:
    """What makes a release a reduced one: who had said no by a later night is off its lists.

    Attributes:
        reduced_from: the release that it is a copy of but for that.
        night: the night whose news were taken in.
        customers: how many were taken out.
        taken_out: how many by segment and clause.
    """

    reduced_from: str
    night: date
    customers: int
    taken_out: dict[str, dict[str, int]]

    def as_json(self) -> dict[str, Any]:
        """Return the reduction's entry in the manifest."""
        return asdict(self) | {"night": self.night.isoformat()}

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Reduction | None":
        """Return what a manifest says of it; None for a release as a night made it."""
        entry = manifest.get("reduction")
        if not entry:
            return None
        return cls(**{**entry, "night": date.fromisoformat(entry["night"])})

    def told(self) -> str:
        """Say it in a line."""
        number = f"{self.customers:,} customer{'s' * (self.customers != 1)}"
        return f"reduced from {self.reduced_from}: {number} taken out by the news of {self.night}"


@dataclass(frozen=True)
class ReleaseInfo:
    """One release on disk.

    Attributes:
        release_id: its name.
        as_of: the night it shows.
        path: its folder.
        rows: rows per ``schema.table``.
        is_current: whether readers get it.
        built: whether this publish made it; False when it was already there.
        note: why it is not current, for people; empty otherwise.
        size: bytes of its files; 0 where nobody knows.
        warnings: how many its gate had; None where nobody knows.
        published_at: when a night last made it, or found that it is still so; None where
            nobody knows.
        reduction: who was taken out of it after its night; None for what a night made.
    """

    release_id: str
    as_of: date
    path: Path
    rows: dict[str, int] = field(default_factory=dict)
    is_current: bool = False
    built: bool = False
    note: str = ""
    size: int = 0
    warnings: int | None = None
    published_at: datetime | None = None
    reduction: Reduction | None = None

    @property
    def age_seconds(self) -> float | None:
        """Seconds since it was published."""
        if self.published_at is None:
            return None
        return (datetime.now(tz=UTC) - self.published_at).total_seconds()

    @property
    def night_age_seconds(self) -> float | None:
        """Seconds since its night was published: who was taken out since made it no younger."""
        made = [
            datetime.fromisoformat(event["at"])
            for event in history(self.path.parent)
            if event.get("event") in ("built", "found")
            and str(event.get("release_id")).startswith(f"{self.as_of}-")
        ]
        return (datetime.now(tz=UTC) - max(made)).total_seconds() if made else None

    @property
    def knows_until(self) -> date:
        """The latest night whose opt-outs it respects: its own, unless it was reduced since."""
        return max(self.as_of, self.reduction.night) if self.reduction else self.as_of

    def summary(self) -> dict[str, Any]:
        """Return what XCom and reports need: ids and counts."""
        return {
            "release_id": self.release_id,
            "as_of": self.as_of.isoformat(),
            "path": str(self.path),
            "rows": self.rows,
            "is_current": self.is_current,
            "built": self.built,
            "note": self.note,
        }


def as_of_of(release_id: str) -> date:
    """Return the night that a release shows, from its name.

    Raises:
        ReleaseError: it is not the name of a release.
    """
    match = _RELEASE_ID.fullmatch(release_id)
    try:
        return date.fromisoformat(match[1] if match else "")
    except ValueError:
        raise ReleaseError(
            f"{release_id!r} is not a release id (<as-of date>-<12 hex digits>)"
        ) from None


def current_release(releases_dir: Path) -> str | None:
    """Return the id of the release that readers get, or None before the first."""
    link = releases_dir / CURRENT
    if not link.is_symlink() or not link.is_dir():
        return None
    return link.readlink().name


def report_path(folder: Path) -> Path:
    """Return where the report of a release is, once it was made: beside the release.

    Not in it: a release is read-only and every file of it has its checksum.
    """
    return folder.with_name(f"{folder.name}.html")


def list_releases(releases_dir: Path) -> list[ReleaseInfo]:
    """Return the releases on disk, the newest night first."""
    current = current_release(releases_dir)
    published: dict[Any, datetime] = {}
    for event in history(releases_dir):
        if event.get("event") in ("built", "found", "reduced"):
            published[event.get("release_id")] = datetime.fromisoformat(event["at"])
        elif event.get("event") == ERASED and event.get("erased_from") in published:
            published[event.get("release_id")] = published[event["erased_from"]]
    found = []
    for folder in releases_dir.iterdir() if releases_dir.is_dir() else ():
        try:
            as_of = as_of_of(folder.name)
        except ReleaseError:
            continue
        if not folder.is_dir():
            continue
        told: dict[str, Any] = {}
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
            told["rows"] = {
                f"{t['schema']}.{t['name']}": int(t["rows"]) for t in manifest["tables"]
            }
            told["reduction"] = Reduction.of(manifest)
            told["size"] = sum(file["bytes"] for file in manifest["files"].values())
            told["warnings"] = len(manifest["gate"]["warnings"])
            order = (folder / MANIFEST).stat().st_mtime_ns
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            told, order = {"note": "manifest is missing or damaged"}, 0
        info = ReleaseInfo(
            folder.name,
            as_of,
            folder,
            is_current=folder.name == current,
            published_at=published.get(folder.name),
            **told,
        )
        found.append((info.as_of, order, info.release_id, info))
    return [info for *_, info in sorted(found, key=lambda entry: entry[:3], reverse=True)]


def readers_release(releases_dir: Path) -> ReleaseInfo | None:
    """Return the release that readers get, or None before the first."""
    return next((info for info in list_releases(releases_dir) if info.is_current), None)


def find_release(releases_dir: Path, release_id: str | None = None) -> ReleaseInfo:
    """Return one release, the current one unless it is named.

    Raises:
        ReleaseError: there is no such release.
    """
    wanted = release_id or current_release(releases_dir)
    for info in list_releases(releases_dir) if wanted else ():
        if info.release_id == wanted:
            return info
    what = f"no release {release_id}" if release_id else "no current release"
    raise ReleaseError(f"there is {what} in {releases_dir}; `rapport releases list` shows all")


def verify_release(folder: Path) -> list[str]:
    """Compare a release with its manifest, and the manifest with its signature and its name.

    The key is that of the folder that the release is in.

    Returns:
        What is wrong, one line each; empty when the release is whole.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        files, tables = dict(manifest["files"]), list(manifest["tables"])
        content_hash = content_hash_of(tables)
        expected = {DATABASE, *(table["file"] for table in tables)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{MANIFEST}: missing or damaged ({type(error).__name__})"]
    problems = []
    if folder.name != f"{manifest.get('as_of')}-{content_hash[:12]}":
        problems.append(f"{MANIFEST}: does not belong to {folder.name}")
    if problem := problem_with(manifest, folder.parent):
        problems.append(f"{MANIFEST}: {problem}")
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    problems += [f"{name}: not in the manifest" for name in sorted(present - set(files))]
    problems += [f"{name}: no checksum" for name in sorted(expected - set(files))]
    for name, listed in sorted(files.items()):
        if name not in present:
            problems.append(f"{name}: missing")
        elif fingerprint_of(folder / name) != listed:
            problems.append(f"{name}: differs from its checksum")
    return problems


def fingerprint_of(path: Path) -> dict[str, Any]:
    """Return the manifest entry of a file: bytes and sha256."""
    with path.open("rb") as file:
        return {
            "bytes": path.stat().st_size,
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }


def rollback(
    releases_dir: Path, release_id: str, *, why: str, by: str | None = None
) -> ReleaseInfo:
    """Make another release current, on a person's word.

    The release that was current is withdrawn: publishing the same content again does
    not bring it back, only a rollback to it does.

    Args:
        releases_dir: the folder of releases.
        release_id: the release that readers get from now on.
        why: the reason, kept in the history.
        by: who decided; the user of this process by default.

    Raises:
        ReleaseError: there is no such release, it is damaged, or it is current already.
    """
    with locked(releases_dir):
        current = current_release(releases_dir)
        info = find_release(releases_dir, release_id)
        if release_id == current:
            raise ReleaseError(f"release {release_id} is current already")
        problems = verify_release(info.path)
        if problems:
            raise ReleaseError(f"release {release_id} is damaged: {'; '.join(problems)}")
        # Said before done: a withdrawn release must not return because the log came too late.
        record(releases_dir, "rolled back", release_id, before=current, why=why, by=by)
        switch(releases_dir, release_id)
    return replace(info, is_current=True)


def withdrawn(releases_dir: Path) -> set[str]:
    """Return the releases that a rollback took away from readers and none gave back."""
    gone: set[str] = set()
    for event in history(releases_dir):
        if event.get("event") == "rolled back":
            gone.add(str(event.get("before")))
            gone.discard(str(event.get("release_id")))
        elif event.get("event") == ERASED and event.get("erased_from") in gone:
            gone.add(str(event.get("release_id")))
    return gone


def release_before(releases_dir: Path, night: date) -> ReleaseInfo | None:
    """Return the release that a night's lists are compared with: what readers had before it.

    The newest of the nights before it that readers ever got, whatever they have by now: a night
    that is run again is compared with what it was compared with at first. Of a release and what it
    was reduced to, the latter, as that is what readers had in the end. None of what a rollback
    withdrew, nor of what only a backfill made.

    Args:
        releases_dir: the folder of releases.
        night: the one that is built.

    Returns:
        The release; None if none of those before is on disk.
    """
    had: set[str] = set()
    for event in history(releases_dir):
        if _gave_readers(event) or (
            event.get("event") == ERASED and event.get("erased_from") in had
        ):
            had.add(str(event.get("release_id")))
    had -= withdrawn(releases_dir)
    before = [
        info
        for info in list_releases(releases_dir)
        if info.as_of < night and info.rows and (info.release_id in had or info.is_current)
    ]
    return max(before, key=lambda info: (info.as_of, info.knows_until), default=None)


def _gave_readers(event: Mapping[str, Any]) -> bool:
    """Whether readers had a release after an event of the history."""
    return event.get("event") in ("reduced", "rolled back") or bool(event.get("is_current"))


def history(releases_dir: Path) -> list[dict[str, Any]]:
    """Return what happened to releases, oldest first; a torn last line is left out."""
    path = releases_dir / HISTORY
    events = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events


def record(
    releases_dir: Path, event: str, release_id: str, *, by: str | None = None, **details: Any
) -> None:
    """Add a line to the history and flush it to disk."""
    entry = {
        "at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "event": event,
        "release_id": release_id,
        "by": by or _user(),
    } | details
    with (releases_dir / HISTORY).open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a line that was torn must not swallow this one
                file.write(b"\n")
        file.write(json.dumps(entry).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def locked(releases_dir: Path, wait_seconds: float = 600.0) -> Iterator[None]:
    """Hold the right to change the folder; the kernel frees it when the process dies.

    Raises:
        ReleaseError: the folder cannot be changed, or another process keeps the lock.
    """
    try:
        releases_dir.mkdir(parents=True, exist_ok=True)
        with (releases_dir / ".lock").open("a") as lock:
            _wait_for(lock, releases_dir, wait_seconds)
            yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReleaseError(f"{releases_dir} cannot be changed: {reason}") from error


def _wait_for(lock: IO[str], releases_dir: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ReleaseError(
                    f"another process has been changing {releases_dir} for {wait_seconds:.0f} s; "
                    "wait for it or end it"
                ) from None
            time.sleep(0.1)


@contextmanager
def changing(releases_dir: Path) -> Iterator[None]:
    """Hold the folder for a release that is made or switched; leave nothing half-made.

    Raises:
        ReleaseError: whatever went wrong, as an operator can act on it.
    """
    with locked(releases_dir):
        try:
            remove_leftovers(releases_dir)
            yield
        except RapportError:
            raise
        except Exception as error:
            raise ReleaseError(_reason(error, releases_dir)) from error
        finally:
            with suppress(OSError):  # the next one removes what cannot be removed now
                remove_leftovers(releases_dir)


def _reason(error: Exception, releases_dir: Path) -> str:
    """Say what an operator can act on; the text of a data error may quote a value."""
    import duckdb

    if isinstance(error, OSError):
        what = error.strerror or type(error).__name__
    elif isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
        what = str(error).splitlines()[0]
    else:
        what = type(error).__name__
    readers = current_release(releases_dir) or "no release"
    return f"publishing to {releases_dir} failed: {what}; readers have {readers}"


def place(aside: Path, target: Path, manifest: Mapping[str, Any]) -> None:
    """Complete the files of a release by its manifest, flush them, and rename the folder.

    Args:
        aside: the folder that the files were written in.
        target: where they go; what is there is damaged, and mended.
        manifest: all of it but the checksums of files that it does not name yet, and its signature.
    """
    files = dict(manifest.get("files", {}))
    for path in sorted(aside.iterdir()):
        if path.name not in files:
            files[path.name] = fingerprint_of(path)
    whole = signed({**manifest, "files": files}, target.parent)
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    (aside / MANIFEST).write_text(text, encoding="utf-8")
    for path in aside.iterdir():
        path.chmod(0o444)
        flush(path)
    flush(aside)
    reach("release_written")
    if target.is_dir():
        _mend(target, aside)
    else:
        aside.chmod(0o555)  # a reader cannot leave a write-ahead log in it
        aside.rename(target)
    flush(target.parent)
    reach("release_renamed")


def _mend(target: Path, aside: Path) -> None:
    """Replace the files of a damaged release one by one: `current` never points nowhere."""
    target.chmod(0o755)
    wanted = {path.name for path in aside.iterdir()}
    for name in [*sorted(wanted - {MANIFEST}), MANIFEST]:
        (aside / name).replace(target / name)
        reach("release_half_mended")
    for path in target.iterdir():
        if path.name not in wanted:
            path.unlink()
    target.chmod(0o555)
    flush(target)
    remove_folder(aside)


def switch(releases_dir: Path, release_id: str) -> None:
    """Point ``current`` at a release, in one step that readers see whole or not at all."""
    link = releases_dir / f"{ASIDE}{CURRENT}"
    link.unlink(missing_ok=True)
    link.symlink_to(release_id)
    reach("current_prepared")
    link.replace(releases_dir / CURRENT)
    flush(releases_dir)
    reach("current_switched")


def remove_older(releases_dir: Path, *, keep: int, spare: str) -> list[str]:
    """Remove all but the newest ``keep`` nights; never the current release nor ``spare``.

    Newest by the night they show, not by when they were made: a backfill of old nights
    must not push out the nights one would roll back to. Nor must nights that failed: a reduced
    release is none of those that are kept, and goes with the night that it shows.
    """
    removed = []
    found = list_releases(releases_dir)
    kept = [info for info in found if not info.reduction][:keep]
    nights = {info.as_of for info in kept}
    for info in found:
        stays = info.as_of in nights if info.reduction else info in kept
        if not stays and not info.is_current and info.release_id != spare:
            report_path(info.path).unlink(missing_ok=True)
            aside = releases_dir / f"{ASIDE}{info.release_id}"
            info.path.rename(aside)
            remove_folder(aside)
            record(releases_dir, "removed", info.release_id)
            removed.append(info.release_id)
    return removed


def expire(releases_dir: Path, *, keep: int) -> list[str]:
    """Remove all but the newest ``keep`` nights, as each publication does; return which went.

    Raises:
        ReleaseError: the folder cannot be changed.
    """
    if not releases_dir.is_dir():
        return []
    with changing(releases_dir):
        return remove_older(releases_dir, keep=keep, spare="")


def remove_leftovers(releases_dir: Path) -> None:
    """Remove what a process that died left half-made."""
    for path in releases_dir.glob(f"{ASIDE}*"):
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            remove_folder(path)


def remove_folder(folder: Path) -> None:
    """Remove a folder that may be read-only."""
    folder.chmod(0o755)
    shutil.rmtree(folder)


def flush(path: Path) -> None:
    """Make sure that a file or a folder's entries are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container user without a name
        return f"uid {os.getuid()}"
