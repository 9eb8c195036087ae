"""Releases: immutable, versioned copies of marts and segments that readers open.

::

    releases/
      2018-01-02-3f2a9c41d07b/    <as-of date>-<first 12 digits of the content hash>
        rapport.duckdb            schemas marts and segments; table `release` says which night
        <table>.parquet           the same tables, sorted; equal content gives equal bytes
        manifest.json             checksums, bytes, rows, columns, gate, provenance; signed
      2018-01-02-3f2a9c41d07b.html  its report; made after it, removed with it
      current -> 2018-01-02-3f2a9c41d07b
      .signing_key                for the signatures of manifests; not for readers
      history.jsonl               who published, rolled back and removed what, and when

A release is built aside, flushed to disk and renamed into place as a whole; `current` is
switched by one rename after that. The name is the content: publishing the same night
again finds its release already there.

A night that ends without a release may still have heard somebody say no: they are taken off the
lists of the current release, which a reduced one then replaces (`rapport.release.reduce`).

**Reading.** Resolve ``current`` once per unit of work, open what it points to, and stay
with that folder for every table of the unit::

    folder = (releases_dir / "current").resolve()
    with duckdb.connect(str(folder / "rapport.duckdb"), read_only=True) as night:
        ...

So all tables are of one night, also while a newer release is published. Opening
``releases/current/rapport.duckdb`` twice may give two nights. A release stays on disk
until ``keep`` newer ones were published; a reader that has it open keeps it longer.
"""

from rapport.release.erase import count_erased, erase_from_releases
from rapport.release.publish import publish_release
from rapport.release.reduce import reduce_release, subtract_opt_outs
from rapport.release.store import (
    Reduction,
    ReleaseInfo,
    current_release,
    expire,
    find_release,
    history,
    list_releases,
    readers_release,
    release_before,
    report_path,
    rollback,
    verify_release,
)

__all__ = [
    "Reduction",
    "ReleaseInfo",
    "count_erased",
    "current_release",
    "erase_from_releases",
    "expire",
    "find_release",
    "history",
    "list_releases",
    "publish_release",
    "readers_release",
    "reduce_release",
    "release_before",
    "report_path",
    "rollback",
    "subtract_opt_outs",
    "verify_release",
]
