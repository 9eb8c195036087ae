"""What a night says of itself in figures, through Airflow's own metrics.

Whatever Airflow was told to send its metrics by (StatsD or OpenTelemetry, ``[metrics]`` of its
configuration) carries these too; without that nothing is sent. `docs/metrics.md` lists them.

Every one is a gauge: what the last night said. A night happens once a day, so there is no rate to
be had of it, and a gauge is called the same behind StatsD and OpenTelemetry, where a timer is not.
Counts, names and times only: none is about a person.
"""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airflow.sdk import get_current_context
from airflow.sdk.observability import stats

from rapport.build.record import read_record
from rapport.orchestration.failures import harmless
from rapport.settings import Settings

if TYPE_CHECKING:
    from rapport.activation.run import Ran
    from rapport.gate import CheckpointResult

P = ParamSpec("P")
R = TypeVar("R")

PREFIX = "rapport"


@dataclass(frozen=True)
class Metric:
    """A gauge.

    Attributes:
        name: below ``rapport.``.
        unit: of its value.
        tags: what it is told apart by.
        sentence: what it says.
    """

    name: str
    unit: str
    tags: tuple[str, ...]
    sentence: str


METRICS = {
    metric.name: metric
    for metric in (
        Metric("pull.rows", "rows", ("source", "stream"), "Landed by the last pull; 0 is no news."),
        Metric(
            "stream.rows",
            "rows",
            ("source", "stream"),
            "In the landing up to the night, all versions of a record counted.",
        ),
        Metric(
            "stream.quarantined_rows",
            "rows",
            ("source", "stream"),
            "Of these in quarantine: they cannot be what their stream says they are.",
        ),
        Metric(
            "step.seconds", "seconds", ("step",), "How long a task of ours worked, well or not."
        ),
        Metric(
            "build.seconds",
            "seconds",
            ("part",),
            "dbt's time for the models and tests of a part; parts are built side by side.",
        ),
        Metric(
            "gate.checks", "expectations", ("gate",), "Evaluated; 0 where it could look at nothing."
        ),
        Metric("gate.critical", "lines", ("gate",), "What closed the gate; 0 is an open one."),
        Metric("gate.warnings", "lines", ("gate",), "What it let through and reports."),
        Metric("segment.members", "customers", ("segment",), "In the current release."),
        Metric("segment.held_out", "customers", ("segment",), "Of these in the control group."),
        Metric(
            "segment.suppressed",
            "customers",
            ("segment",),
            "Who qualified and is held back: by consent, caps or another segment.",
        ),
        Metric(
            "activation.rows",
            "rows",
            ("destination", "outcome"),
            "Of the last activation: sent, accepted, rejected, unknown, invalid, stopped.",
        ),
        Metric(
            "activation.limit_share",
            "share of 1",
            ("destination", "limit"),
            "Of what a destination lets be called, while it was called.",
        ),
        Metric("release.rows", "rows", ("table",), "Of a table of the current release."),
        Metric("release.bytes", "bytes", (), "Of the current release, on disk."),
        Metric("release.night", "unix seconds", (), "Midnight (UTC) of the night readers have."),
        Metric(
            "release.published",
            "unix seconds",
            (),
            "When it was published or found to be still so; now less this is its age.",
        ),
    )
}


@harmless
def gauge(name: str, value: float, **tags: str) -> None:
    """Send one figure.

    Args:
        name: of `METRICS`.
        value: in the metric's unit.
        tags: a value for each of the metric's tags.
    """
    if set(tags) != set(METRICS[name].tags):
        raise ValueError(f"{name} has the tags {METRICS[name].tags}, not {sorted(tags)}")
    stats.gauge(f"{PREFIX}.{name}", value, tags=tags)


def timed(step: Callable[P, R]) -> Callable[P, R]:
    """Have a step say how long it took, whether it succeeded or not."""

    @functools.wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        began = time.monotonic()
        try:
            return step(*args, **kwargs)
        finally:
            _took(time.monotonic() - began)

    return run


@harmless
def _took(seconds: float) -> None:
    """Say how long the step took that this process runs."""
    gauge("step.seconds", round(seconds, 3), step=str(get_current_context()["ti"].task_id))


def pulled(source: str, rows: Mapping[str, int]) -> None:
    """Say what a pull landed.

    Args:
        source: the streams' source.
        rows: by stream.
    """
    for stream, count in rows.items():
        gauge("pull.rows", count, source=source, stream=stream)


@harmless
def built(settings: Settings) -> None:
    """Say what the build took in and held back, and how long its parts took."""
    record = read_record(settings.build_record_path)
    for part in record.parts if record else ():
        outcomes = record.of_part(part) if record else []
        gauge("build.seconds", round(sum(each.seconds for each in outcomes), 3), part=part)
    rows = _rows(
        settings.warehouse_path,
        "select source, entity, landed_count, quarantined_count from ops.row_conservation",
    )
    for source, stream, landed, quarantined in rows:
        gauge("stream.rows", landed, source=source, stream=stream)
        gauge("stream.quarantined_rows", quarantined, source=source, stream=stream)


def looked(result: "CheckpointResult") -> None:
    """Say what a gate found, whether it closed or not."""
    gate = result.checkpoint
    gauge("gate.checks", result.evaluated, gate=gate)
    gauge("gate.critical", len(result.critical), gate=gate)
    gauge("gate.warnings", len(result.warnings), gate=gate)


def activated(ran: "Ran") -> None:
    """Say what became of the rows of an activation."""
    counts = [each.counts for each in ran.segments]
    for outcome in ("sent", "accepted", "rejected", "unknown", "invalid", "stopped"):
        number = sum(getattr(each, outcome) for each in counts)
        gauge("activation.rows", number, destination=ran.destination, outcome=outcome)
    for limit in ran.limits:
        if limit.share is not None:
            name = limit.name.replace(" ", "_").replace("'", "").replace(",", "")
            gauge("activation.limit_share", limit.share, destination=ran.destination, limit=name)


@harmless
def released(releases_dir: Path) -> None:
    """Say what readers have: the current release and the sizes of its tables and segments."""
    from rapport.release import readers_release
    from rapport.release.store import DATABASE

    info = readers_release(releases_dir)
    if info is None:
        return
    night = datetime.combine(info.as_of, datetime.min.time(), UTC)
    gauge("release.night", int(night.timestamp()))
    if info.published_at:
        gauge("release.published", int(info.published_at.timestamp()))
    gauge("release.bytes", info.size)
    for table, count in info.rows.items():
        gauge("release.rows", count, table=table)
    sizes = _rows(
        info.path / DATABASE,
        "select segment, size, holdout_size, suppressed_count from segments.segments",
    )
    for segment, members, held_out, suppressed in sizes:
        gauge("segment.members", members, segment=segment)
        gauge("segment.held_out", held_out, segment=segment)
        gauge("segment.suppressed", suppressed, segment=segment)


def _rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()
