"""Lineage by Airflow's OpenLineage provider: which datasets a task of ours read and made.

The provider sends an event when a task begins and ends, if, and only if, a transport is configured
(``[openlineage] transport``, or OpenLineage's own variables); it asks the task which datasets it
touched. A step notes how to tell that, in its process, and it is worked out when the task is over:
a release never waits for it. `docs/metrics.md` says how to configure it.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapport.build.parts import parsed_dir
from rapport.build.record import read_record
from rapport.orchestration.failures import harmless
from rapport.settings import Settings
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared
from rapport.sources.streams import Stream

if TYPE_CHECKING:
    from rapport.activation.run import Ran
    from rapport.gate import Looked
    from rapport.lineage import Touched

logger = logging.getLogger(__name__)

# Of the time that the provider gives the end of a task.
SHARE_OF_TIME = 0.6

_noted: "list[Callable[[Any], Touched]]" = []


def traced(dag: Any) -> Any:
    """Have the provider ask each task of a DAG what it touched; return the DAG."""
    for task in dag.tasks:
        task.get_openlineage_facets_on_complete = touched
    return dag


def note(tell: "Callable[[Any], Touched]") -> None:
    """Have something told of the task that runs, once it is over.

    Args:
        tell: given the task instance, returns what the task touched.
    """
    _noted.append(tell)


def touched(task_instance: Any) -> Any:
    """Return what the task that ran in this process touched, in the provider's words."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    found = [tell(task_instance) for tell in _noted]
    return OperatorLineage(
        inputs=[each for one in found for each in one.inputs],
        outputs=[each for one in found for each in one.outputs],
    )


# --- what the steps note


def pulled(
    connection: Connection,
    there: Declared,
    group: str,
    rows: Mapping[str, int],
    landing_dir: Path,
) -> None:
    """Note what the pull of a group landed."""

    def tell(_: Any) -> "Touched":
        from rapport import lineage

        compared = [stream for each in there.after.get(group, ()) for stream in there.groups[each]]
        return lineage.pulled(connection, there.groups[group], rows, landing_dir, compared)

    note(tell)


def came_in(tables: "Sequence[Looked]", streams: Sequence[Stream], landing_dir: Path) -> None:
    """Note what the first gate looked at."""

    def tell(_: Any) -> "Touched":
        from rapport import lineage

        return lineage.came_in(tables, streams, landing_dir)

    note(tell)


def goes_out(tables: "Sequence[Looked]", warehouse: Path) -> None:
    """Note what the last gate looked at."""

    def tell(_: Any) -> "Touched":
        from rapport import lineage

        return lineage.goes_out(tables, warehouse)

    note(tell)


def built(settings: Settings) -> None:
    """Note that a build ended, well or not; each of its models tells of itself."""

    def tell(task_instance: Any) -> "Touched":
        began = time.monotonic()
        from rapport import lineage

        record = read_record(settings.build_record_path)
        if record is None or record.header.run_id != task_instance.run_id:
            return lineage.Touched()
        text = (parsed_dir(settings.dbt_project_dir) / "manifest.json").read_text()
        project, of = json.loads(text), (settings.warehouse_path, settings.landing_dir)
        send(lineage.model_events(record, project, *of, parent_of(task_instance)), began)
        return lineage.built(record, project, *of)

    note(tell)


def released(settings: Settings, release_id: str) -> None:
    """Note what a release was made of."""

    def tell(_: Any) -> "Touched":
        from rapport import lineage
        from rapport.release.store import MANIFEST

        manifest = json.loads((settings.releases_dir / release_id / MANIFEST).read_text())
        return lineage.released(settings.releases_dir, manifest, settings.warehouse_path)

    note(tell)


def given_to_postgres(settings: Settings, release_id: str, connection: Connection) -> None:
    """Note which release BI tools have."""

    def tell(_: Any) -> "Touched":
        from rapport import lineage
        from rapport.bi import SCHEMA
        from rapport.release.store import MANIFEST

        manifest = json.loads((settings.releases_dir / release_id / MANIFEST).read_text())
        return lineage.given_to_postgres(settings.releases_dir, manifest, connection, SCHEMA)

    note(tell)


def reduced(settings: Settings, release_id: str, streams: Sequence[Stream]) -> None:
    """Note what a reduced release was made of."""

    def tell(_: Any) -> "Touched":
        from rapport import lineage
        from rapport.release.store import MANIFEST

        manifest = json.loads((settings.releases_dir / release_id / MANIFEST).read_text())
        return lineage.reduced(settings.releases_dir, manifest, streams, settings.landing_dir)

    note(tell)


def activated(
    settings: Settings,
    connection: Connection,
    ran: "Ran",
    resource: str,
    tables: Sequence[str],
) -> None:
    """Note what was sent where."""

    def tell(_: Any) -> "Touched":
        from rapport import lineage
        from rapport.release.store import MANIFEST

        manifest = json.loads((settings.releases_dir / ran.release_id / MANIFEST).read_text())
        return lineage.activated(
            *(settings.releases_dir, manifest, tables, connection, ran.destination, resource),
            rows=sum(each.counts.accepted for each in ran.segments),
        )

    note(tell)


@harmless
def send(events: Iterable[Any], began: float) -> None:
    """Send events of what a task did within, as long as there is time for its own event too.

    Past the provider's own way of sending, which would try and log each of hundreds: the first
    that is not taken is the last.

    Args:
        events: in the order that they are sent in.
        began: when the provider asked (`time.monotonic`).
    """
    from airflow.providers.openlineage import conf
    from airflow.providers.openlineage.plugins.listener import get_openlineage_listener

    client = get_openlineage_listener().adapter.get_or_create_openlineage_client()
    until = began + SHARE_OF_TIME * conf.execution_timeout()
    for number, event in enumerate(events):
        if time.monotonic() > until:
            logger.warning("lineage: time is up after %s events; the others are not told", number)
            return
        client.emit(event)


def parent_of(task_instance: Any) -> Any:
    """Return the facet by which a run within a task names the task and its night."""
    from airflow.providers.openlineage.plugins import macros
    from openlineage.client.facet_v2 import parent_run

    return parent_run.ParentRunFacet(
        run=parent_run.Run(macros.lineage_run_id(task_instance)),
        job=parent_run.Job(macros.lineage_job_namespace(), macros.lineage_job_name(task_instance)),
        root=parent_run.Root(
            run=parent_run.RootRun(macros.lineage_root_run_id(task_instance)),
            job=parent_run.RootJob(
                macros.lineage_root_job_namespace(task_instance),
                macros.lineage_root_job_name(task_instance),
            ),
        ),
    )
