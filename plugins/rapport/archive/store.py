"""A folder of object storage, as fsspec opens it, whose errors say what to do."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from rapport.errors import ArchiveDenied, ArchiveError

CHUNK = 8 * 2**20
AT_ONCE = 500  # small files that are in memory together
SIDE_BY_SIDE = 16  # versions that are asked for at once
# A store that does not answer is a matter of seconds, not of botocore's minutes.
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 60}},
    "file": {"auto_mkdir": True},
}


class Store:
    """A folder of object storage. Names are relative to it, with slashes.

    Credentials are found as each kind of store has it; for ``s3://`` those are the variables that
    every tool of AWS reads, or the role of the machine.

    Args:
        url: as fsspec writes it: ``s3://bucket/folder``.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Return all that is in a folder: names relative to it, each with its bytes."""
        with self._said(f"listing {folder or 'it'}"):
            fs, root = self._opened
            within = f"{root}/{folder}" if folder else root
            fs.invalidate_cache()  # another process may have written since
            found = fs.find(within, detail=True)
        return {name.removeprefix(f"{within}/"): int(of["size"]) for name, of in found.items()}

    def put(self, files: Mapping[str, Path]) -> int:
        """Copy files into it, side by side; return their bytes once all of them arrived."""
        if not files:
            return 0
        sizes = {name: path.stat().st_size for name, path in files.items()}
        with self._said(f"writing {_some(files)}"):
            fs, root = self._opened
            fs.put([str(path) for path in files.values()], [f"{root}/{name}" for name in files])
        return sum(sizes.values())

    def place(self, name: str, path: Path) -> None:
        """Copy a file into it in one piece: readers see the old one or the new one."""
        with self._said(f"writing {name}"):
            fs, root = self._opened
            target = f"{root}/{name}"
            if not getattr(fs, "local_file", False):  # else an object comes whole by itself
                fs.put_file(str(path), target)
                return
            aside = Path(target).with_name(f".{Path(target).name}.part")
            fs.put_file(str(path), str(aside))
            with aside.open("rb") as written:
                os.fsync(written.fileno())
            aside.replace(target)

    def get(self, files: Mapping[str, Path]) -> int:
        """Copy files out of it, side by side; return their bytes."""
        if not files:
            return 0
        for folder in {path.parent for path in files.values()}:
            folder.mkdir(parents=True, exist_ok=True)
        with self._said(f"reading {_some(files)}"):
            fs, root = self._opened
            fs.get([f"{root}/{name}" for name in files], [str(path) for path in files.values()])
        return sum(path.stat().st_size for path in files.values())

    def write(self, name: str, content: bytes) -> None:
        """Write a small file in one piece: readers see the old one or the new one."""
        with self._said(f"writing {name}"):
            fs, root = self._opened
            fs.pipe_file(f"{root}/{name}", content)

    def read(self, name: str) -> bytes | None:
        """Return a small file; None where there is none."""
        with self._said(f"reading {name}"):
            fs, root = self._opened
            try:
                content: bytes = fs.cat_file(f"{root}/{name}")
            except FileNotFoundError:
                return None
        return content

    def contents(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield small files with what is in them, read side by side; none that went meanwhile."""
        for start in range(0, len(names), AT_ONCE):
            with self._said(f"reading {_some(names[start:])}"):
                fs, root = self._opened
                asked = {f"{root}/{name}": name for name in names[start : start + AT_ONCE]}
                found = fs.cat(list(asked), on_error="return")
                for answer in found.values():
                    if isinstance(answer, Exception) and not isinstance(answer, FileNotFoundError):
                        raise answer
            for path, content in found.items():
                if isinstance(content, bytes):
                    yield asked[path], content

    def sha256(self, name: str) -> str:
        """Read a file and return its digest."""
        digest = hashlib.sha256()
        with self._said(f"reading {name}"):
            fs, root = self._opened
            with fs.open(f"{root}/{name}", block_size=CHUNK) as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
        return digest.hexdigest()

    def remove(self, names: Iterable[str]) -> None:
        """Remove files."""
        with self._said("removing what is too old"):
            fs, root = self._opened
            for name in names:
                fs.rm_file(f"{root}/{name}")

    def old_versions(self, folder: str) -> list[tuple[str, str]]:
        """Return name and id of every version in a folder that is not the last of its object.

        A mark of deletion counts as one. A store that keeps no versions, or of which we know no way
        to ask for them, has none.
        """
        return [(name, version) for name, version, _ in self._old_versions(folder)]

    def old_contents(self, folder: str) -> Iterator[tuple[str, str, bytes]]:
        """Yield name, id and content of each such version that has one, read side by side."""
        versions = [(name, id_) for name, id_, is_mark in self._old_versions(folder) if not is_mark]
        with self._said(f"reading versions of {folder}"):
            fs, root = self._opened
            paths = [f"{root}/{name}" for name, _ in versions]
            with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                for start in range(0, len(versions), AT_ONCE):
                    part = slice(start, start + AT_ONCE)
                    ids = [id_ for _, id_ in versions[part]]
                    read = pool.map(partial(_version_of, fs), paths[part], ids)
                    for (name, id_), content in zip(versions[part], read, strict=True):
                        yield name, id_, content

    @property
    def tells_versions(self) -> bool:
        """Whether versions that it keeps are found; a folder of a disk keeps none."""
        fs, _ = self._opened
        return hasattr(fs, "call_s3") or bool(getattr(fs, "local_file", False))

    def _old_versions(self, folder: str) -> list[tuple[str, str, bool]]:
        """Return the same, and whether each is a mark of deletion."""
        found: list[tuple[str, str, bool]] = []
        with self._said(f"listing versions of {folder}"):
            fs, root = self._opened
            if not hasattr(fs, "call_s3"):
                return found
            bucket, _, prefix = root.partition("/")
            within = f"{prefix}/{folder}/".lstrip("/")
            after: dict[str, str] = {}
            while True:
                page = fs.call_s3("list_object_versions", Bucket=bucket, Prefix=within, **after)
                for is_mark, kind in ((False, "Versions"), (True, "DeleteMarkers")):
                    for each in page.get(kind) or ():
                        if is_mark or not each["IsLatest"]:
                            name = f"{folder}/{each['Key'].removeprefix(within)}"
                            found.append((name, str(each["VersionId"]), is_mark))
                if not page.get("IsTruncated"):
                    return found
                after = {
                    "KeyMarker": page["NextKeyMarker"],
                    "VersionIdMarker": page["NextVersionIdMarker"],
                }

    def remove_versions(self, versions: Iterable[tuple[str, str]]) -> None:
        """Remove versions of objects for good."""
        with self._said("removing versions"):
            fs, root = self._opened
            bucket, _, prefix = root.partition("/")
            for name, version in versions:
                key = f"{prefix}/{name}".lstrip("/")
                fs.call_s3("delete_object", Bucket=bucket, Key=key, VersionId=version)

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        import fsspec

        protocol = self.url.partition("://")[0]
        fs, root = fsspec.core.url_to_fs(self.url, **OPTIONS.get(protocol, {}))
        return fs, root.rstrip("/")

    @contextmanager
    def _said(self, doing: str) -> Iterator[None]:
        """Say of an error what an operator can act on."""
        try:
            yield
        except PermissionError as error:
            raise ArchiveDenied(
                self.url,
                f"{doing}: refused ({_line(error)}). Look at the key (AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY) and at what it may do there: list, get, put, delete",
            ) from None
        except FileNotFoundError as error:
            raise ArchiveError(
                self.url, f"{doing}: {_line(error)}. The bucket must be there; nobody makes it here"
            ) from None
        except (ImportError, ValueError) as error:  # a package, an address
            raise ArchiveDenied(
                self.url,
                f"{doing}: {_line(error)}. Look at the address and AWS_ENDPOINT_URL_S3",
            ) from None
        except Exception as error:
            if type(error).__name__ == "NoCredentialsError":
                raise ArchiveDenied(
                    self.url,
                    f"{doing}: no key. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give "
                    "the machine a role",
                ) from None
            raise ArchiveError(
                self.url,
                f"{doing}: {_line(error)}. If it cannot be reached, look at AWS_ENDPOINT_URL_S3 "
                "and at the way there",
            ) from error


def _version_of(fs: Any, path: str, version: str) -> bytes:
    content: bytes = fs.cat_file(path, version_id=version)
    return content


def _some(files: Mapping[str, Path] | Sequence[str]) -> str:
    first = next(iter(files))
    return f"{first} and {len(files) - 1} more" if len(files) > 1 else first


def _line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
