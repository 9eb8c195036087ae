"""Files: everybody on a segment, in a folder or an object store.

::

    <address>/<segment>/
      members.csv        for people; text is in quotes, and none of it is a formula
      members.parquet    for machines
      README.txt         what the files are, and what a spreadsheet may do to them
      manifest.json      which night they show, and the sha256 of each; written last

Each file is whole or absent: a store takes an object in one piece, and in a folder it is written
aside and moved. A reader who must have files of one night compares them with the manifest.
Customers are named by ``customer_id``; columns are those of ``segments.segment_members`` that say
what they get.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapport.activation.destination import Batch, Destination, List, Member, Outcome, Segment
from rapport.activation.people import FACTS
from rapport.archive.store import Store
from rapport.errors import ActivationError, ArchiveDenied, ArchiveError, SourceDenied
from rapport.export import write_for_people
from rapport.sources.connection import Connection

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_SIZE = 100_000
CSV, PARQUET, MANIFEST, README = "members.csv", "members.parquet", "manifest.json", "README.txt"
NOTE = """\
{segment}: {description}
Owner: {owner}. {rows:,} customers, as of {as_of}.

members.csv is for people: UTF-8, a comma between columns, one line per customer, the most urgent
first. A text that begins like a formula has an apostrophe before it, so that no spreadsheet runs
it. Excel can lose the apostrophe when it saves the file again: do not pass on what it saved, take
this file anew.
members.parquet is for machines and has the texts as they are.
manifest.json is written last and has the sha256 of both.
Times are UTC. Nobody is added or removed by editing these files; the next night writes them anew.
"""


class Files(Destination):
    """A folder or an object store as a destination.

    Args:
        connection: ``url`` a folder, or a place as fsspec writes it: ``s3://bucket/folder``, whose
            credentials are found as the archive's are.
    """

    name = "files"
    batch_size = BATCH_SIZE

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        url = connection.url
        self._store = Store(url if "://" in url else f"file://{Path(url).absolute()}")

    def open(self, segment: Segment, kept: str | None, *, make: bool) -> List | None:
        """Return the segment itself: its files are written when all is known."""
        return List(segment.name, f"{self._store.url}/{segment.name}", is_new=kept is None)

    def send(self, batch: Batch) -> Sequence[Outcome]:
        """Take the rows; the files come once all of a segment's are known."""
        return batch.outcomes("accepted")

    def finish(self, batch: Batch, standing: Iterable[Member]) -> None:
        """Write everybody who is on the segment, also where nothing changed.

        Raises:
            SourceDenied: the store refuses.
            ActivationError: it cannot be written; files that are there stay, and the next run
                writes them.
        """
        table = _table(standing)
        with tempfile.TemporaryDirectory(prefix="rapport-") as folder, self._said():
            written = _written(Path(folder), batch, table)
            for name, path in written.items():
                self._store.place(f"{batch.segment.name}/{name}", path)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except ArchiveDenied as error:
            raise SourceDenied(self._connection.id, error.said) from None
        except ArchiveError as error:
            raise ActivationError(self.name, error.said) from None


def _table(standing: Iterable[Member]) -> "pa.Table":
    """Return members with what they get, the most urgent first."""
    import pyarrow as pa

    types = {
        "urgency": pa.float64(),
        "allowed_from_at": pa.timestamp("us"),
        "allowed_until_at": pa.timestamp("us"),
    }
    members = sorted(standing, key=_by_urgency)
    columns: dict[str, list[Any]] = {"customer_id": [each.customer_id for each in members]}
    columns |= {name: [each.facts.get(name) for each in members] for name in FACTS}
    return pa.table(
        {n: pa.array(values, types.get(n, pa.string())) for n, values in columns.items()}
    )


def _by_urgency(member: Member) -> tuple[bool, float, str]:
    urgency = member.facts.get("urgency")
    return urgency is None, -(urgency or 0.0), member.customer_id


def _written(folder: Path, batch: Batch, table: "pa.Table") -> dict[str, Path]:
    """Write the files into a folder of ours; the manifest is the last of them."""
    import pyarrow.parquet as pq

    paths = {name: folder / name for name in (CSV, PARQUET, README, MANIFEST)}
    write_for_people(table, paths[CSV])
    pq.write_table(table, paths[PARQUET], compression="zstd")
    segment = batch.segment
    note = NOTE.format(
        segment=segment.name,
        description=segment.description,
        owner=segment.owner,
        rows=len(table),
        as_of=batch.as_of,
    )
    paths[README].write_text(note, encoding="utf-8")
    told = {
        "segment": segment.name,
        "release_id": batch.release_id,
        "as_of_date": batch.as_of.isoformat(),
        "run_id": batch.run_id,
        "rows": len(table),
        "columns": {field.name: str(field.type) for field in table.schema},
        "sha256": {
            name: hashlib.sha256(paths[name].read_bytes()).hexdigest() for name in (CSV, PARQUET)
        },
    }
    paths[MANIFEST].write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return paths
