"""The page's part on nights: how the last one went, how long they take, what of it is slow."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import median

from markupsafe import Markup

from rapport.build.record import Record
from rapport.overview.words import moment, run_link, task_link, took
from rapport.pages import NOTHING, counted, day
from rapport.report.drawing import Drawing, box, label, line, svg
from rapport.report.pictures import BLUE, GREY, GRID, MUTED, NARROW, VERMILION, WIDE, Size
from rapport.report.words import Column, Section, Table, short_day

BUILD = "dbt.build"
SHOWN_STEPS = 12
CROSS = "\N{MULTIPLICATION SIGN}"
ACTIVE = ("queued", "running")
OUTCOMES = {
    "success": "ended well",
    "failed": "failed",
    "running": "is running",
    "queued": "waits to begin",
}


@dataclass(frozen=True)
class Run:
    """A run of the nightly DAG.

    Attributes:
        run_id: as Airflow has it.
        as_of: its night; None for a run without a logical date.
        state: Airflow's: ``queued``, ``running``, ``success`` or ``failed``.
        began: when (UTC); None while it waits.
        ended: when (UTC); None before.
    """

    run_id: str
    as_of: date | None
    state: str
    began: datetime | None = None
    ended: datetime | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"the night of {day(self.as_of)}" if self.as_of else f"the run {self.run_id}"

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or runs by now; None while it waits."""
        return ((self.ended or now) - self.began).total_seconds() if self.began else None


@dataclass(frozen=True)
class Task:
    """A task of a run: its state in Airflow's words, and its seconds if it began."""

    task_id: str
    state: str
    seconds: float | None = None


@dataclass(frozen=True)
class Nights:
    """What Airflow knows of the nights.

    Attributes:
        runs: the last ones, the newest first.
        tasks: those of the newest run.
        landed: rows by stream that each pull (``hubspot_contacts``) of the newest run landed.
        is_paused: whether the DAG is switched off.
        next_at: when the scheduler begins the next one (UTC); None where it does not by itself.
    """

    runs: Sequence[Run] = ()
    tasks: Sequence[Task] = ()
    landed: dict[str, dict[str, int]] = field(default_factory=dict)
    is_paused: bool = False
    next_at: datetime | None = None

    @property
    def last(self) -> Run | None:
        """The newest run."""
        return self.runs[0] if self.runs else None

    def named(self, *states: str) -> list[str]:
        """The tasks of the newest run in a state, but for those that only show the build."""
        return [
            task.task_id
            for task in self.tasks
            if task.state in states
            and (task.task_id == BUILD or not task.task_id.startswith("dbt."))
        ]


def nights(told: Nights, now: datetime) -> Section:
    """How long nights take, and which failed."""
    section = ("nights", "Nights: how long they take")
    if not told.last:
        return Section(*section, "No night has run yet.")
    return Section(
        *section,
        _finding(told, now),
        drawings=[_chart(told.runs, now)],
        tables=[_listed(told.runs, now)],
    )


def _finding(told: Nights, now: datetime) -> str:
    ended = [run for run in told.runs if run.state not in ACTIVE]
    if not ended:
        return "No night has ended yet."
    good = [run for run in ended if run.state == "success"]
    said = f"Of the last {counted(len(ended), 'night')}, {len(good)} ended well"
    failed = len(ended) - len(good)
    said += f" and {failed} failed. " if failed else ". "
    times = [seconds for run in good if (seconds := run.seconds(now)) is not None]
    if times:
        said += f"One that ends well takes {took(median(times))}"
        said += f" ({took(min(times))} to {took(max(times))})." if len(times) > 1 else "."
    return said


def steps(told: Nights, build: Record | None) -> Section | None:
    """The slowest steps of the newest night: tasks, and of the build the parts by dbt's seconds.

    None before any has ended.
    """
    run = told.last
    if not run:
        return None
    parts = build if build and build.header.run_id == run.run_id else None
    timed = []
    for task in told.tasks:
        is_part = task.task_id.startswith("dbt.") and task.task_id != BUILD
        seconds = task.seconds or 0.0
        if is_part:
            outcomes = parts.of_part(task.task_id.removeprefix("dbt.")) if parts else []
            seconds = sum(outcome.seconds for outcome in outcomes)
        if seconds:
            timed.append((seconds, task, f"part of {BUILD}" if is_part else ""))
    if not timed:
        return None
    timed.sort(key=lambda each: -each[0])
    table = Table(
        f"The slowest of {run.name}{', so far' * (run.state in ACTIVE)}",
        (
            Column("step", "step"),
            Column("took", "took", "number"),
            Column("outcome", "state"),
            Column("", "of"),
        ),
        [
            {
                "step": task_link(run.run_id, task.task_id),
                "took": took(seconds),
                "state": task.state.replace("_", " "),
                "of": of,
            }
            for seconds, task, of in timed[:SHOWN_STEPS]
        ],
        folded=False,
    )
    return Section(
        "steps",
        "Steps: what of the last night was slow",
        f"Tasks by what Airflow measured; parts of {BUILD}, several of which are made at once, by "
        "dbt's own seconds.",
        tables=[table],
    )


def _listed(runs: Sequence[Run], now: datetime) -> Table:
    return Table(
        "Every night of the drawing",
        (
            Column("run", "run"),
            Column("night", "night"),
            Column("began (UTC)", "began"),
            Column("took", "took", "number"),
            Column("outcome", "state"),
        ),
        [
            {
                "run": run_link(run.run_id, run.run_id),
                "night": short_day(run.as_of) if run.as_of else NOTHING,
                "began": moment(run.began) if run.began else NOTHING,
                "took": NOTHING if (seconds := run.seconds(now)) is None else took(seconds),
                "state": OUTCOMES.get(run.state, run.state),
            }
            for run in runs
        ],
    )


def _chart(runs: Sequence[Run], now: datetime) -> Drawing:
    """A bar per night, the oldest first; a failed one differs in colour and by a cross."""
    timed = [(run, seconds) for run in reversed(runs) if (seconds := run.seconds(now)) is not None]
    failed = sum(run.state == "failed" for run, _ in timed)
    wide, narrow = (_bars(timed, size, failed) for size in (WIDE, NARROW))
    return Drawing(
        "How long each night took",
        f"{counted(len(timed), 'night')}, in the order in which they ran",
        "A blue bar ended well, a red one with a cross failed, a grey one is running.",
        wide,
        narrow,
    )


def _bars(timed: Sequence[tuple[Run, float]], size: Size, failed: int) -> Markup:
    height, left, bottom = 170, 46, 140
    longest = max([seconds for _, seconds in timed], default=0) or 1
    top = _round_up(longest)
    step = (size.width - left) / max(len(timed), 12)
    parts: list[Markup] = []
    for share in (0, 0.5, 1):
        y = bottom - 116 * share
        parts.append(line(left, y, size.width, y, GRID))
        parts.append(label(left - 6, y, _clock(top * share), anchor="end", fill=MUTED, size=11))
    for place, (run, seconds) in enumerate(timed):
        x, tall = left + place * step, max(116 * seconds / top, 1)
        colour = {"failed": VERMILION, "success": BLUE}.get(run.state, GREY)
        width = max(min(step - 2, 26), 1)
        parts.append(box(x + 1, bottom - tall, width, tall, colour))
        if run.state == "failed":
            middle, above = x + 1 + width / 2, bottom - tall - 8
            parts.append(label(middle, above, CROSS, anchor="middle", fill=VERMILION, bold=True))
    for place in sorted({0, len(timed) - 1} if timed else ()):
        run = timed[place][0]
        at = left + place * step
        anchor = "start" if place == 0 else "end" if len(timed) > 10 else "start"
        text = short_day(run.as_of) if run.as_of else run.run_id
        if place == 0 or len(timed) > (4 if not size.narrow else 6):
            x = at + (step if anchor == "end" else 0)
            parts.append(label(x, bottom + 16, text, anchor=anchor, fill=MUTED, size=11))
    text = f"{len(timed)} nights, {failed} failed, the longest took {took(longest)}."
    return svg(size.width, height, text, parts)


def _round_up(seconds: float) -> float:
    """The end of the scale: a number that people divide by two."""
    steps = (2, 10, 20, 60, 120, 240, 360, 600, 1200, 2400, 3600, 7200, 14400, 28800, 43200)
    return next((step for step in steps if step >= seconds), -(-seconds // 86400) * 86400)


def _clock(seconds: float) -> str:
    if not seconds:
        return "0"
    if seconds < 120:
        return f"{seconds:g} s"
    if seconds < 7200:
        return f"{seconds / 60:g} min"
    return f"{seconds / 3600:g} h"
