"""The page's part on sources: what is read, how fresh it is, what landed in the last night."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from rapport.landing import newest_files
from rapport.overview.nights import Nights
from rapport.overview.words import moment, task_link, took
from rapport.pages import NOTHING, age_in_words, number
from rapport.report.words import Column, Section, Table, listed
from rapport.sources.streams import BOOKS, GROUPS, Stream


def sources(
    manifest: Mapping[str, Any] | None, landing_dir: Path, told: Nights, now: datetime
) -> Section:
    """What the firm has, how far it goes, and what the newest night landed.

    Args:
        manifest: of the current release; None where there is none that can be read.
        landing_dir: the landing.
        told: what Airflow knows.
        now: the moment that ages are told from.
    """
    section = ("sources", "Sources: what is read, and how fresh it is")
    said = (manifest or {}).get("sources") or {}
    streams = _streams(said, landing_dir, now)
    tables = [each for each in (_landed(told), streams) if each]
    if not said:
        unsaid = "No release tells what the firm has; rapport sources says what is declared."
        return Section(*section, unsaid, tables=tables)
    return Section(*section, _finding(said), tables=tables)


def _finding(said: Mapping[str, Any]) -> str:
    found = f"Read from {listed(said['read'])}." if said["read"] else "No source is read."
    if said["not_declared"]:
        found += f" The firm has no {listed(said['not_declared'])}."
    if said["switched_off"]:
        found += f" Switched off in sources.yml: {', '.join(said['switched_off'])}."
    for stream, scope in said["refused"].items():
        found += f" Left out, as the source refused the key: {stream}, which needs {scope}."
    if not said["switched_off"] and not said["refused"]:
        found += " Nothing of it is left out."
    return found


def _landed(told: Nights) -> Table | None:
    """What each pull of the newest night landed, or that it has not."""
    pulls = [task for task in told.tasks if task.task_id.startswith("extract.")]
    if not told.last or not pulls:
        return None
    rows = []
    for task in pulls:
        group = task.task_id.removeprefix("extract.")
        counts = told.landed.get(group)
        rows.append(
            {
                "pull": task_link(told.last.run_id, task.task_id, group),
                "rows": NOTHING if counts is None else number(sum(counts.values())),
                "took": NOTHING if task.seconds is None else took(task.seconds),
                "state": "left out: its pull failed" if task.state == "failed" else task.state,
                "streams": ", ".join(
                    f"{stream} {number(count)}" for stream, count in (counts or {}).items() if count
                )
                or NOTHING,
            }
        )
    return Table(
        f"What {told.last.name} landed",
        (
            Column("pull", "pull"),
            Column("rows", "rows", "number"),
            Column("took", "took", "number"),
            Column("outcome", "state"),
            Column("of it", "streams", "words"),
        ),
        rows,
        folded=False,
    )


@dataclass(frozen=True)
class _Fresh:
    KEYS: ClassVar = ("load", "ago", "newest")

    landed_at: datetime
    newest: datetime | None

    def told(self, now: datetime) -> dict[str, str]:
        return {
            "load": moment(self.landed_at),
            "ago": age_in_words((now - self.landed_at).total_seconds()),
            "newest": moment(self.newest) if self.newest else NOTHING,
        }


def _streams(said: Mapping[str, Any], landing_dir: Path, now: datetime) -> Table | None:
    rows = []
    by_source = _own(landing_dir)
    for stream in (each for group in GROUPS.values() for each in group if not each.is_book):
        by_source.setdefault(stream.source, []).append(stream)
    for source, streams in sorted(by_source.items()):
        if source in (said.get("not_declared") or ()):
            continue
        loads = newest_files(landing_dir, source, [stream.name for stream in streams])
        for stream in streams:
            fresh = _fresh(landing_dir / source, stream, loads.get(stream.name, []))
            if said or fresh:
                rows.append({"stream": stream.full_name, "state": _state(said, stream)})
                rows[-1] |= fresh.told(now) if fresh else dict.fromkeys(_Fresh.KEYS, NOTHING)
    if not rows:
        return None
    return Table(
        "How fresh each stream is",
        (
            Column("stream", "stream"),
            Column("state", "state"),
            Column("last rows landed (UTC)", "load"),
            Column("ago", "ago", "number"),
            Column("newest record (UTC)", "newest"),
        ),
        rows,
        reading="A pull that finds nothing new lands nothing. Streams without a time that they are "
        "pulled by have no newest record.",
    )


def _own(landing_dir: Path) -> dict[str, list[Stream]]:
    """What landed of sources that the firm declares itself, by source."""
    known = {streams[0].source for streams in GROUPS.values()}
    return {
        folder.name: [
            Stream(folder.name, stream.name, key=(), columns=())
            for stream in sorted(folder.glob("[!_]*/"))
            if stream.name not in BOOKS
        ]
        for folder in landing_dir.glob("[!.]*/")
        if folder.name not in known
    }


def _state(said: Mapping[str, Any], stream: Stream) -> str:
    if stream.full_name in (said.get("switched_off") or ()):
        return "switched off in sources.yml"
    if stream.full_name in (said.get("refused") or {}):
        return f"left out: the key lacks {said['refused'][stream.full_name]}"
    return "read"


def _fresh(folder: Path, stream: Stream, files: Sequence[Path]) -> _Fresh | None:
    """When rows of a stream landed last, and the newest time that they are pulled by."""
    if not files:
        return None
    landed_at = datetime.fromtimestamp(float(files[0].name.rsplit(".", 2)[0]), UTC)
    newest = [
        found
        for path in files
        if stream.cursor and (found := _newest(folder / path, stream.cursor))
    ]
    return _Fresh(landed_at, max(newest, default=None))


@lru_cache(maxsize=512)
def _newest(path: Path, column: str) -> datetime | None:
    """The newest time in a file of the landing, from its footer: a landed file never changes.

    One beyond the next day of its night is garbage from the source and tells nothing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    night = datetime.fromisoformat(path.parent.name.removeprefix("load_date=")).replace(tzinfo=UTC)
    try:
        footer = pq.read_metadata(path)
        place = footer.schema.to_arrow_schema().get_field_index(column)
        found = [
            datetime.fromisoformat(str(statistics.max))
            for number in range(footer.num_row_groups)
            if (statistics := footer.row_group(number).column(place).statistics)
            and statistics.has_min_max
        ]
    except (OSError, ValueError, IndexError, pa.ArrowException):
        return None
    times = [each if each.tzinfo else each.replace(tzinfo=UTC) for each in found]
    return max((each for each in times if each < night + timedelta(days=2)), default=None)
