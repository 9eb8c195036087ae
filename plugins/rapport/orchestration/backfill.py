"""``rapport backfill`` and the DAG's task: pull a window of one source again."""

import logging
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rapport.errors import SettingsError
from rapport.settings import Settings, cutoff_of

if TYPE_CHECKING:
    from rapport.sources.connection import Connection
    from rapport.sources.declared import Declared

logger = logging.getLogger(__name__)


def backfill(
    settings: Settings,
    connection: "Connection",
    source: str,
    since: date,
    until: date,
    *,
    declared: "Declared",
) -> dict[str, dict[str, int]]:
    """Pull again what changed in a source on some days; land it beside what landed.

    Nothing is built, released or sent: the next night takes it in. A row that is as it was is a
    repeat, which staging supersedes; so the marts are the same unless something was missing.

    Args:
        settings: where all is.
        connection: to the source.
        source: its name.
        since: the first day (UTC).
        until: the last day.
        declared: what the firm has.

    Returns:
        Rows landed by group and stream.

    Raises:
        SettingsError: the days are none, or lie beyond what has landed.
        SourceError: the source cannot be used as it answers. What came before is landed.
        LandingError: the landing cannot be written, or one of the groups is being pulled.
    """
    from rapport import landing
    from rapport.sources.pull import pull

    if (mapped := declared.mapped_source(source)) and not any(
        t.stream.cursor for t in mapped.tables
    ):
        raise SettingsError(
            f"{source} has no table with a cursor: its tables are read whole when they are due, "
            "and a file that changed is read again"
        )
    night = landing.last_night(settings.landing_dir, [source])
    if source not in declared.sources:
        raise SettingsError(f"the firm has no {source}: {', '.join(sorted(declared.sources))}")
    if night is None:
        raise SettingsError(f"nothing of {source} has landed yet: a night brings all there is")
    if since > until:
        raise SettingsError(f"from {since} to {until} there is no day")
    if until > night:
        raise SettingsError(
            f"{until}: {source} has landed up to the night of {night}, and what comes after it is "
            "a night's to bring"
        )
    window = datetime(since.year, since.month, since.day, tzinfo=UTC), cutoff_of(until)
    landed = {}
    for group, streams in declared.groups.items():
        if streams[0].source != source or not any(stream.cursor for stream in streams):
            continue
        landed[group] = pull(
            group,
            connection,
            as_of=night,
            landing_dir=settings.landing_dir,
            work_dir=settings.work_dir,
            declared=declared,
            window=window,
        )
        told = ", ".join(f"{stream} {count:,}" for stream, count in landed[group].items())
        logger.info("%s: %s", group, told)
    return landed


def backfill_command(
    source: Annotated[
        str, typer.Argument(help="hubspot, klaviyo, shop or one that the firm declares.")
    ],
    since: Annotated[datetime, typer.Argument(metavar="FROM", formats=["%Y-%m-%d"])],
    until: Annotated[
        datetime, typer.Argument(metavar="TO", formats=["%Y-%m-%d"], help="The last day.")
    ],
) -> None:
    """Pull again what changed in a source on some days (UTC); the next night takes it in."""
    from rapport.orchestration import embedded
    from rapport.orchestration.activate import speak_as_a_task_would
    from rapport.orchestration.connections import declared_sources, source_connection

    settings = Settings.from_env()
    speak_as_a_task_would(settings, embedded.ports_in_use(settings))
    there = declared_sources()
    landed = backfill(
        settings,
        source_connection(source, there.mapped_source(source)),
        source,
        since.date(),
        until.date(),
        declared=there,
    )
    for group, rows in landed.items():
        typer.echo(f"{group}: " + ", ".join(f"{name} {count:,}" for name, count in rows.items()))


def backfill_source() -> dict[str, Any]:
    """Pull again what the run's parameters name; return rows by group and stream."""
    from airflow.sdk import get_current_context

    from rapport.orchestration.connections import declared_sources, source_connection
    from rapport.orchestration.failures import no_retry_when_hopeless

    params = get_current_context().get("params") or {}
    with no_retry_when_hopeless():
        source, since, until = params["source"], params["from"], params["to"]
        if not (source and since and until):
            raise SettingsError("say which source, from which day and to which")
        there = declared_sources()
        return backfill(
            Settings.from_env(),
            source_connection(source, there.mapped_source(source)),
            source,
            date.fromisoformat(since),
            date.fromisoformat(until),
            declared=there,
        )
