"""Pulls in processes of their own, which are killed or run into a full disk, and an oracle.

Nights are pulled undisturbed first, and the landing is kept as it was before and after each group.
A disturbed pull starts from the one and must come to the other.
"""

import json
import multiprocessing
import os
import random
import resource
import shutil
import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from rapport import landing
from rapport.errors import RapportError
from rapport.sources.connection import Connection
from rapport.sources.pull import pull
from rapport.sources.streams import AFTER, GROUPS, SOURCE_TOTALS, STREAMS

NIGHTS = (date(2017, 6, 30), date(2017, 7, 1))
KILLED, FAILED = (-9, 137), 3

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["rapport.sources.pull"])


def _run(group, connection, as_of, home, killpoint, file_bytes):
    """The process: it leaves its error's text in the folder."""
    if killpoint:
        os.environ["RAPPORT_KILLPOINT"] = killpoint
    if file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))
    try:
        pull(group, connection, as_of=as_of, landing_dir=home / "landing", work_dir=home / "work")
    except RapportError as error:
        said = f"{type(error).__name__}: {error}"
    except BaseException as error:
        said = f"not ours: {type(error).__name__}: {error}"
    else:
        return
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    (home / "said").write_text(said)
    os._exit(FAILED)


@dataclass
class Disturbed:
    """Undisturbed nights in a folder, and what is tried on copies of them.

    Attributes:
        folder: of everything.
        server: the sandbox.
        seconds: of each undisturbed pull, by night and group.
    """

    folder: Path
    server: object
    seconds: dict[tuple[date, str], float] = field(default_factory=dict)

    def prepare(self, *groups: str, nights: tuple[date, ...] = NIGHTS) -> "Disturbed":
        """Pull the nights, and keep the landing before and after each of the groups.

        Only those and what stands before them is pulled.
        """
        wanted = set(groups)
        while more := {each for group in wanted for each in AFTER.get(group, ())} - wanted:
            wanted |= more
        home = self.folder / "undisturbed"
        home.mkdir(parents=True)
        for as_of in nights:
            self.clock(as_of)
            for group in (each for each in GROUPS if each in wanted):
                if group in groups:
                    _copy(home, self._kept("before", as_of, group))
                began = time.monotonic()
                assert self.run(group, as_of, home) == 0, self.said(home)
                self.seconds[as_of, group] = time.monotonic() - began
                if group in groups:
                    _copy(home, self._kept("after", as_of, group))
        return self

    def clock(self, as_of: date) -> None:
        self.server.set_clock(f"{as_of + timedelta(days=1)}T00:00:00Z")

    def start(self, as_of: date, group: str, *, links: bool = True) -> Path:
        """Return a new home, as it was before the group was pulled."""
        self.clock(as_of)
        home = self.folder / "tried"
        shutil.rmtree(home, ignore_errors=True)
        _copy(self._kept("before", as_of, group), home, links=links)
        return home

    def run(
        self, group, as_of, home, *, killpoint="", file_bytes=0, after=None, slice_seconds=60.0
    ) -> int:
        """Pull in a process, which is killed after so many seconds; return its exit code."""
        process = _processes.Process(
            target=_run,
            args=(
                group,
                self._connection(group, slice_seconds),
                as_of,
                home,
                killpoint,
                file_bytes,
            ),
        )
        process.start()
        process.join(after)
        process.kill()
        process.join()
        return process.exitcode

    def said(self, home: Path) -> str:
        return (home / "said").read_text() if (home / "said").exists() else ""

    def differences(
        self, group: str, as_of: date, home: Path, *, newest_only: bool = False
    ) -> list[str]:
        """Compare a landing with the undisturbed one: what is lost, doubled or left behind.

        What a source said on an earlier night nobody can ask it again: with ``newest_only`` the
        newest version of each record is compared, whenever it was read.
        """
        expected = self._kept("after", as_of, group) / "landing"
        source = GROUPS[group][0].source
        found: list[str] = []
        for stream in (each for each in STREAMS if each.source == source):
            there, here = (
                _contents(each, stream, as_of, newest_only) for each in (expected, home / "landing")
            )
            found += [
                f"{stream.full_name}: {len(rows)} rows {what}"
                for what, rows in (
                    ("lost", there.rows - here.rows),
                    # a stream whose count of an earlier night is lost is counted once more
                    ("that never were", set() if newest_only else here.rows - there.rows),
                    ("doubled", here.doubled - there.doubled),
                )
                if rows
            ]
            if here.whole != there.whole:
                found.append(f"{stream.full_name}: what belongs together is not as it was")
        listed = landing.completed_loads(home / "landing", source)
        files = (home / "landing" / source).glob("*/load_date=2*/*")
        found += [f"left: {path}" for path in files if path.name.rsplit(".", 2)[0] not in listed]
        found += [f"left: {path}" for path in (home / "work").rglob("*") if path.suffix != ".lock"]
        return found

    def _kept(self, when: str, as_of: date, group: str) -> Path:
        return self.folder / when / f"{as_of}-{group}"

    def _connection(self, group: str, slice_seconds: float) -> Connection:
        options = {"searches_per_second": 1000, "slice_seconds": slice_seconds}
        return {
            "hubspot": Connection(
                "rapport_hubspot", self.server.hubspot_url, self.server.hubspot_token, options
            ),
            "klaviyo": Connection(
                "rapport_klaviyo", self.server.klaviyo_url, self.server.klaviyo_key, options
            ),
            "shop": Connection("rapport_shop", f"sqlite:///{self.server.shop_path}", "", options),
        }[GROUPS[group][0].source]


@dataclass
class _Contents:
    rows: set[tuple]
    doubled: set[tuple]
    whole: list[tuple]


def _contents(landing_dir: Path, stream, as_of: date, newest_only: bool) -> _Contents:
    """What a landing says: every version, those that one load has twice, what belongs together."""
    left_out = {"method", *(("read_on", "noticed_on") if newest_only else ())}
    columns = ", ".join(f'"{name}"' for name in stream.columns if name not in left_out)
    with landing.opened(landing_dir, stream.source, [stream.name], as_of) as connection:
        versions = f'select {columns} from "{stream.name}"'
        if stream == SOURCE_TOTALS[stream.source]:  # the newest of a day is the one that counts
            versions += (
                " qualify row_number() over (partition by stream, checked_on"
                " order by _dlt_load_id desc) = 1"
            )
            versions += f" and checked_on = '{as_of}'" if newest_only else ""
        elif newest_only and not stream.whole_by:
            last = "archived desc" if "archived" in stream.columns else "1"
            versions += (
                f" qualify row_number() over (partition by {', '.join(stream.key)}"
                f" order by load_date desc, _dlt_load_id desc, {last}) = 1"
            )
        rows = set(connection.execute(versions).fetchall())
        doubled = connection.execute(
            f'select {columns} from "{stream.name}" '
            f"group by {columns}, _dlt_load_id having count(*) > 1"
        ).fetchall()
        if not stream.whole_by:
            return _Contents(rows, set(doubled), [])
        keys = ", ".join(stream.whole_by)
        whole = connection.execute(
            f'select {columns} from "{stream.name}" qualify (load_date, _dlt_load_id) = '
            f"max((load_date, _dlt_load_id)) over (partition by {keys}) order by all"
        ).fetchall()
    return _Contents(rows, set(doubled), whole)


def _copy(home: Path, target: Path, *, links: bool = True) -> None:
    """Copy a home; files are never changed in place, so a link will do unless one is damaged."""
    if home.exists():
        shutil.copytree(home, target, copy_function=os.link if links else shutil.copy2)
    else:
        target.mkdir(parents=True)


@dataclass
class Tally:
    """What came of many random kills."""

    kills: int = 0
    jams: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    kills_by_group: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return json.dumps(vars(self))


def kill_at_random(pulls: Disturbed, kills: int, seed: int, groups=tuple(GROUPS)) -> Tally:
    """Kill pulls, one to three times in a row, and let the next one come to its end."""
    chance, tally = random.Random(seed), Tally()
    while tally.kills < kills:
        group = groups[tally.kills % len(groups)]
        as_of = chance.choice(NIGHTS)
        home = pulls.start(as_of, group)
        trial = f"{group} of {as_of}, kill {tally.kills + 1}"
        for _ in range(chance.choice((1, 1, 2, 3))):
            killed = pulls.run(
                group,
                as_of,
                home,
                after=chance.uniform(0, pulls.seconds[as_of, group]),
                slice_seconds=chance.choice((0, 0, 0.05, 60)),
            )
            if killed in KILLED:
                tally.kills += 1
                tally.kills_by_group[group] = tally.kills_by_group.get(group, 0) + 1
            elif killed:
                tally.jams.append(f"{trial}: {pulls.said(home)}")
        if pulls.run(group, as_of, home):
            tally.jams.append(f"{trial}: {pulls.said(home)}")
        tally.differences += [f"{trial}: {each}" for each in pulls.differences(group, as_of, home)]
    return tally
