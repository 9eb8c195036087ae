"""What a program takes and all that it starts, model by model: dbt on one engine or the other.

A JVM outlives the Python that started it for a moment, and is then a child of nobody's; so this
process adopts what its children leave, and waits for it. Processor seconds are thus the kernel's
own count of everything, and those of a model what the count rose by while it ran.
"""

import ctypes
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_ADOPT = 36  # man 2 prctl, PR_SET_CHILD_SUBREAPER
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Taken:
    """What something took.

    Attributes:
        wall: seconds.
        cpu: processor seconds, user and system.
        peak: gigabytes of memory, the most at a time of all processes together.
        spilled: gigabytes on disk, the most at a time.
    """

    wall: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0
    spilled: float = 0.0


@dataclass
class Run:
    """What one run of dbt took.

    Attributes:
        whole: all of it.
        start: from the command to the first model, which is the engine's start and dbt's parsing.
        models: by their names, in the order they were made.
    """

    whole: Taken = field(default_factory=Taken)
    start: Taken = field(default_factory=Taken)
    models: dict[str, Taken] = field(default_factory=dict)


def dbt(
    command: Sequence[str], folder: Path, *, environment: Mapping[str, str], spill: Path
) -> Run:
    """Run dbt, one model after the other.

    Args:
        command: dbt's program and what it is told but for where it logs.
        folder: where it logs, and where it runs.
        environment: added to this process's own.
        spill: where the engine puts what does not fit into memory.

    Raises:
        RuntimeError: it failed; the message is the last error.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_ADOPT, 1, 0, 0, 0)
    folder.mkdir(parents=True, exist_ok=True)
    others = _children()
    run, meter, error = Run(), _Meter(spill, others), ""
    with (
        (folder / "errors.log").open("w") as said,
        subprocess.Popen(
            [*command, "--threads", "1", "--log-format", "json", "--log-path", str(folder)],
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            cwd=folder,
            env=os.environ | environment,
        ) as process,
    ):
        for line in process.stdout or ():
            if not line.startswith("{"):
                continue
            event = json.loads(line)
            if event["info"]["level"] == "error":
                error = event["info"]["msg"]
            if event["info"]["name"] == "LogStartLine":
                if not run.models:
                    run.start = meter.since_start()
                meter.begin()
            if event["info"]["name"] == "LogModelResult":
                run.models[event["data"]["node_info"]["node_name"]] = meter.since_begin()
        code = process.wait()
        _wait_for(lambda: _children() - others)
    run.whole = meter.stop()
    if code:
        raise RuntimeError(f"{error or 'dbt failed'}: see {folder}")
    return run


class _Meter:
    """Watches this process's children and theirs, ten times a second."""

    def __init__(self, spill: Path, others: set[int]) -> None:
        self._spill = spill
        self._others = others
        self._peaks = {"whole": [0.0, 0.0], "part": [0.0, 0.0]}
        self._from = {"whole": (time.monotonic(), _reaped()), "part": (0.0, 0.0)}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def begin(self) -> None:
        self._from["part"] = time.monotonic(), self._seconds()
        self._peaks["part"] = [0.0, 0.0]

    def since_begin(self) -> Taken:
        return self._taken("part", self._seconds())

    def since_start(self) -> Taken:
        return self._taken("whole", self._seconds())

    def stop(self) -> Taken:
        """Return what the whole took, when all are gone."""
        self._is_over.set()
        self._thread.join()
        return self._taken("whole", _reaped())

    def _taken(self, which: str, seconds: float) -> Taken:
        began, before = self._from[which]
        peak, spilled = self._peaks[which]
        return Taken(time.monotonic() - began, seconds - before, peak / 1e9, spilled / 1e9)

    def _seconds(self) -> float:
        return _reaped() + sum(_seconds_of(process) for process in self._processes())

    def _processes(self) -> list[Path]:
        """Return this process's children and theirs, but for those that were there before."""
        parents = _parents()
        mine, found = set(), {os.getpid()}
        while found:
            found = {each for each, parent in parents.items() if parent in found} - self._others
            mine |= found
        return [Path("/proc") / str(each) for each in mine]

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            memory = sum(_memory_of(process) for process in self._processes())
            spilled = _size_of(self._spill)
            for peak in self._peaks.values():
                peak[:] = max(peak[0], memory), max(peak[1], spilled)


def _reaped() -> float:
    """Return processor seconds of the children that are gone, and of theirs."""
    times = os.times()
    return times.children_user + times.children_system


def _parents() -> dict[int, int]:
    parents = {}
    for place in Path("/proc").iterdir():
        if place.name.isdecimal() and (fields := _stat_of(place)):
            parents[int(place.name)] = int(fields[1])
    return parents


def _seconds_of(process: Path) -> float:
    """Return its own and of its children that are gone."""
    fields = _stat_of(process)
    return sum(int(each) for each in fields[11:15]) / _TICKS if fields else 0.0


def _memory_of(process: Path) -> float:
    fields = _stat_of(process)
    return float(int(fields[21]) * _PAGE) if fields else 0.0


def _stat_of(process: Path) -> list[str]:
    """Return the fields from the state on (man 5 proc); none of a process that is gone."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _size_of(folder: Path) -> float:
    size = 0
    for place, _, files in os.walk(folder):
        for name in files:
            try:
                size += (Path(place) / name).stat().st_size
            except OSError:
                continue
    return float(size)


def _children() -> set[int]:
    return {each for each, parent in _parents().items() if parent == os.getpid()}


def _wait_for(adopted: Callable[[], set[int]]) -> None:
    """Wait for what was left behind, and for what that leaves."""
    while left := adopted():
        for each in left:
            os.waitpid(each, 0)
