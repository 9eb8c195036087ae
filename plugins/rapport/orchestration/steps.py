"""The nightly's own steps, between the sources and the release.

Each takes the night from the run's logical date and returns counts, names and ids
only: what a task returns is stored by Airflow.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from rapport.errors import SettingsError
from rapport.orchestration import lineage, metrics
from rapport.orchestration.connections import (
    bi_connection,
    declared_sources,
    is_connected,
    source_connection,
)
from rapport.orchestration.failures import no_retry_when_hopeless
from rapport.orchestration.metrics import timed
from rapport.settings import Settings
from rapport.sources.versions import ENDPOINTS, chosen, ending

logger = logging.getLogger(__name__)


def night() -> date:
    """Return the as-of date of the run that the current task belongs to.

    Raises:
        SettingsError: the run was triggered without a logical date.
    """
    logical_date: Any = get_current_context().get("logical_date")
    if logical_date is None:
        raise SettingsError(
            "the run has no logical date, so nobody knows which night is meant; trigger it with one"
        )
    as_of: date = logical_date.date()
    return as_of


@timed
def extract(group: str) -> dict[str, int]:
    """Land one group of streams; return the rows per stream."""
    from rapport.sources.pull import pull

    settings, there = Settings.from_env(), declared_sources()
    source = there.groups[group][0].source
    with no_retry_when_hopeless():
        connection = source_connection(source, there.mapped_source(source))
        rows = pull(
            group,
            connection,
            as_of=night(),
            landing_dir=settings.landing_dir,
            work_dir=settings.work_dir,
            declared=there,
        )
    for stream, count in rows.items():
        logger.info("%s: %s rows landed", stream, f"{count:,}")
    metrics.pulled(source, rows)
    lineage.pulled(connection, there, group, rows, settings.landing_dir)
    return rows


@timed
def check_sources() -> dict[str, Any]:
    """Look at what came in, and what did not; raise GateFailed on anything critical."""
    pulled = get_current_context()["ti"].xcom_pull
    there = declared_sources()
    missing = [group for group in there.groups if pulled(task_ids=f"extract.{group}") is None]
    for group in missing:
        logger.warning("%s: its pull failed; what it brings stays as of its last night", group)
    found = _check(
        "sources",
        there.names,
        landing_dir=Settings.from_env().landing_dir,
        missing=missing,
        consenting=there.consenting,
    )
    return found | {"support_ends": _support_ends(datetime.now(UTC).date())}


def _support_ends(today: date) -> list[str]:
    """Say which versions of the sources' APIs, as they are called, are losing their support."""
    there = declared_sources()
    chose = {
        source: chosen(source, source_connection(source).options if is_connected(source) else {})
        for source in ENDPOINTS
        if source in there.sources
    }
    lines = ending(today, there.names, chose)
    for line in lines:
        logger.warning("%s", line)
    return lines


@timed
def build() -> dict[str, Any]:
    """Build and test every model; return how many nodes, how many of them an earlier try built.

    Raises:
        BuildError: a model or test failed; the message names it.
    """
    from rapport import release
    from rapport.build.run import LastRelease
    from rapport.build.run import build as build_warehouse

    settings = Settings.from_env()
    before = release.release_before(settings.releases_dir, night())
    logger.info("lists are compared with %s", before.release_id if before else "no release")
    lineage.built(settings)
    built = build_warehouse(
        settings,
        night(),
        declared=declared_sources(),
        last_release=LastRelease(before.release_id, before.as_of, before.path) if before else None,
        run_id=str(get_current_context()["run_id"]),
    )
    metrics.built(settings)
    for name in built.warnings:
        logger.warning("test %s warns", name)
    return {
        "nodes": built.nodes,
        "from_an_earlier_try": built.earlier,
        "from_nothing": built.fresh,
        "warnings": list(built.warnings),
    }


@timed
def check_release() -> dict[str, Any]:
    """Look at what would go out; raise GateFailed on anything critical."""
    told = declared_sources().told
    return _check("publish", told, warehouse_path=Settings.from_env().warehouse_path)


def _check(checkpoint: str, declared: Collection[str], **looked_at: Any) -> dict[str, Any]:
    from rapport.gate import CheckpointResult, Looked, run_checkpoint

    settings, there = Settings.from_env(), declared_sources()

    def tell(result: CheckpointResult, tables: Sequence[Looked]) -> None:
        metrics.looked(result)
        if checkpoint == "sources":
            lineage.came_in(tables, there.streams, settings.landing_dir)
        else:
            lineage.goes_out(tables, settings.warehouse_path)

    return run_checkpoint(
        checkpoint,
        expectations_dir=settings.expectations_dir,
        data_docs_dir=settings.data_docs_dir,
        as_of=night(),
        declared=declared,
        tell=tell,
        **looked_at,
    ).summary()


@timed
def publish_release() -> dict[str, Any]:
    """Release what the gate passed; return the release's id and whether readers now get it."""
    from rapport import release

    settings = Settings.from_env()
    pulled = get_current_context()["ti"].xcom_pull
    info = release.publish_release(
        warehouse_path=settings.warehouse_path,
        releases_dir=settings.releases_dir,
        as_of=night(),
        gate=pulled(task_ids="check_release"),
        came_in=pulled(task_ids="check_sources"),
        keep=settings.keep_releases,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    )
    metrics.released(settings.releases_dir)
    lineage.released(settings, info.release_id)
    return {"release_id": info.release_id, "is_current": info.is_current, "note": info.note}


@timed
def subtract_opt_outs() -> dict[str, Any]:
    """Take out of the current release who said no since; return which is current and how many.

    Raises:
        BuildError: who said no cannot be told; the message names what failed.
    """
    from rapport import release
    from rapport.report import write_report

    settings, there = Settings.from_env(), declared_sources()
    with no_retry_when_hopeless():
        info = release.subtract_opt_outs(settings, night(), declared=there)
    if info is None or info.reduction is None:
        current = release.current_release(settings.releases_dir)
        logger.info(
            "nobody is to be taken out of %s",
            f"release {current}" if current else "a release, as there is none yet",
        )
        return {"release_id": current, "customers": 0}
    logger.warning("%s: %s", info.release_id, info.reduction.told())
    for segment, clauses in info.reduction.taken_out.items():
        logger.warning("%s: %s", segment, ", ".join(f"{n:,} {c}" for c, n in clauses.items()))
    if info.built or not release.report_path(info.path).exists():
        write_report(info.path, memory_limit=settings.memory_limit, threads=settings.threads)
    metrics.released(settings.releases_dir)
    lineage.reduced(settings, info.release_id, there.streams)
    return {"release_id": info.release_id, **info.reduction.as_json()}


@timed
def load_bi() -> dict[str, Any]:
    """Let Postgres follow the current release; return which one BI tools have now.

    Raises:
        BiError: they could not be given it; they have what they had.
        SourceError: the database refuses, or cannot be reached; likewise.
        AirflowSkipException: there is no connection ``rapport_bi``, or no release yet.
    """
    from rapport.orchestration.bi import follow

    settings = Settings.from_env()
    with no_retry_when_hopeless():
        connection = bi_connection()
        if connection is None:
            raise AirflowSkipException("there is no connection rapport_bi")
        release_id = follow(settings, connection)
    if release_id is None:
        raise AirflowSkipException("there is no release yet")
    logger.info("BI tools have release %s", release_id)
    lineage.given_to_postgres(settings, release_id, connection)
    return {"release_id": release_id}


@timed
def report_night() -> dict[str, Any]:
    """Make the page beside the release; return which release and how large it is."""
    from rapport.report import write_report

    settings = Settings.from_env()
    release_id = get_current_context()["ti"].xcom_pull(task_ids="publish_release")["release_id"]
    page = write_report(
        settings.releases_dir / release_id,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    )
    logger.info("the report is %s", page)
    return {"release_id": release_id, "bytes": page.stat().st_size}


@timed
def archive_night() -> dict[str, Any]:
    """Send what the archive lacks; return how much it was and what its readers get."""
    from rapport import archive

    settings = Settings.from_env()
    if settings.archive is None:
        raise SettingsError("RAPPORT_ARCHIVE is not set, so there is no archive")
    with no_retry_when_hopeless():
        copied = archive.push(settings, archive.Store(settings.archive))
    for line in copied.damaged:
        logger.warning("%s", line)
    return {
        "files": copied.files,
        "bytes": copied.bytes,
        "releases": list(copied.releases),
        "removed": list(copied.removed),
        "current": copied.current,
    }
