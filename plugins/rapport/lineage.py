"""What a night reads and makes, as OpenLineage's datasets and events.

::

    hubspot://api.hubapi.com              contacts                      what a source has
    file                                  <landing>/hubspot/contacts    a stream of the landing
    duckdb://<build file>                 rapport_build.marts.<mart>    tables and views of a build
    duckdb://<releases>/current/...       rapport.marts.<mart>          what readers have
    postgres://<host>:<port>              <database>.rapport.<mart>     what BI tools have

Names are OpenLineage's own where it has any for a system, so that what others tell of the shop's
database or of a reader joins up. Each dataset says its columns, what it is and who owns it, how
many rows were written and what was found wrong; names, counts and descriptions, never a value.

Importing this loads OpenLineage's client: who may not need it imports it late.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import (
    DatasetFacet,
    JobFacet,
    RunFacet,
    data_quality_assertions_dataset,
    dataset_version_dataset,
    documentation_dataset,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    ownership_dataset,
    parent_run,
    schema_dataset,
    symlinks_dataset,
)
from openlineage.client.naming.dataset import LocalFileSystem, MySQL, Postgres
from openlineage.client.uuid import generate_new_uuid
from sqlalchemy.engine import URL, make_url

from rapport.build.record import Outcome, Record
from rapport.gate import Looked
from rapport.sources.connection import Connection
from rapport.sources.streams import SHOP, Stream

PRODUCER = "https://pypi.org/project/rapport"
OWNER = "team:data_platform"
CURRENT = "current"

_DATABASES = ("mysql", "postgresql", "sqlite")


@dataclass(frozen=True)
class Touched:
    """What a task read and wrote."""

    inputs: Sequence[InputDataset] = ()
    outputs: Sequence[OutputDataset] = ()


@dataclass(frozen=True)
class _Name:
    """A dataset by OpenLineage's two names, with what is known of it whoever reads or writes it."""

    namespace: str
    name: str
    facets: dict[str, DatasetFacet] = field(default_factory=dict)

    def read(self, *, rows: int | None = None, assertions: Sequence[Any] = ()) -> InputDataset:
        said: dict[str, Any] = {}
        if rows is not None:
            said["inputStatistics"] = (
                input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=rows)
            )
        if assertions:
            said["dataQualityAssertions"] = (
                data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(list(assertions))
            )
        return InputDataset(self.namespace, self.name, inputFacets=said, facets=self.facets)

    def written(self, *, rows: int | None = None, size: int | None = None) -> OutputDataset:
        said: dict[str, Any] = {}
        if rows is not None or size is not None:
            said["outputStatistics"] = (
                output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rows, size)
            )
        return OutputDataset(self.namespace, self.name, outputFacets=said, facets=self.facets)


# --- from the sources to the landing


def pulled(
    connection: Connection,
    streams: Sequence[Stream],
    rows: Mapping[str, int],
    landing_dir: Path,
    compared: Sequence[Stream] = (),
) -> Touched:
    """Say where a pull took its streams from and how many rows of each it landed.

    Args:
        connection: of the source; its host, port and database are named, and nothing else of it.
        streams: of the group that was pulled.
        rows: by name of the stream.
        landing_dir: the landing.
        compared: what a reconciliation compares; what it notes of that, no source has as a table.
    """
    theirs = [stream for stream in streams if not stream.is_book] or compared
    found = [stream for stream in compared if stream not in streams and rows.get(stream.name)]
    return Touched(
        [_at_source(connection, stream).read() for stream in theirs],
        [
            _landed(landing_dir, stream).written(rows=rows.get(stream.name))
            for stream in (*streams, *found)
        ],
    )


def _at_source(connection: Connection, stream: Stream) -> _Name:
    if "://" not in connection.url:  # files on a disk
        return _file(Path(connection.url))
    if stream.source != SHOP and not connection.url.startswith(_DATABASES):
        at = urlsplit(connection.url)
        return _Name(f"{stream.source}://{at.netloc.rpartition('@')[2]}", stream.name)
    url = make_url(connection.url)
    backend, host, database = url.get_backend_name(), url.host or "", url.database or ""
    schema = str(connection.options.get("db_schema") or "")
    if backend == "postgresql":
        return _in_postgres(url, schema or "public", stream.name)
    if backend == "mysql":
        here = MySQL(host, str(url.port or 3306), schema or database, stream.name)
        return _Name(here.get_namespace(), here.get_name())
    return _Name(f"{backend}://{database}", stream.name)  # one file


def _landed(landing_dir: Path, stream: Stream) -> _Name:
    facets = _facets(dict.fromkeys(stream.declared, "string"))  # all of it is text
    return _file(landing_dir / stream.source / stream.name, facets)


def _file(path: Path, facets: dict[str, DatasetFacet] | None = None) -> _Name:
    at = LocalFileSystem(str(path))
    return _Name(at.get_namespace(), at.get_name(), facets or {})


# --- the gates


def came_in(tables: Sequence[Looked], streams: Sequence[Stream], landing_dir: Path) -> Touched:
    """Say what the first gate looked at, and every expectation of it with its verdict.

    Its audits are rows about many streams at once, so their verdicts are on the landing as a whole.
    """
    said = [each for table in tables for each in _assertions(table, f"{table.name}: ")]
    return Touched(
        [
            _file(landing_dir, _facets()).read(assertions=said),
            *(_landed(landing_dir, stream).read() for stream in streams),
        ]
    )


def goes_out(tables: Sequence[Looked], warehouse: Path) -> Touched:
    """Say which tables the last gate looked at, and every expectation with its verdict."""
    return Touched(
        [
            _in_duckdb(warehouse, *_parted(table.name)).read(
                rows=table.rows, assertions=_assertions(table)
            )
            for table in tables
        ]
    )


def _parted(name: str) -> tuple[str, str]:
    schema, _, table = name.partition(".")
    return schema, table


def _assertions(table: Looked, before: str = "") -> list[Any]:
    """Expectations as OpenLineage's assertions, in words, with what was counted."""
    found = []
    for check in table.checks:
        asserted, _, columns = check.title.rstrip(")").partition("(")
        is_of_one = columns != "table" and "," not in columns
        found.append(
            data_quality_assertions_dataset.Assertion(
                assertion=asserted,
                success=check.verdict == "passed",
                column=columns if is_of_one and not before else None,
                severity="warn" if check.severity == "warning" else "error",
                name=f"{before}{check.title}",
                description=check.words,
                actual=check.found,
            )
        )
    return found


# --- the build


def built(record: Record, manifest: Mapping[str, Any], warehouse: Path, landing: Path) -> Touched:
    """Say what a build read of the landing and which of its tables a release is made of.

    How one came of another, its models say: `model_events`.
    """
    sources = [key for key, node in manifest["sources"].items() if _is_landed(node)]
    return Touched(
        [_of_node(manifest, key, warehouse, landing).read() for key in sources],
        [
            _of_node(manifest, key, warehouse, landing).written(rows=each.rows)
            for key, each in record.outcomes.items()
            if each.kind == "model"
            and each.is_good
            and manifest["nodes"].get(key, {}).get("schema") in ("marts", "segments")
        ],
    )


def model_events(
    record: Record,
    manifest: Mapping[str, Any],
    warehouse: Path,
    landing: Path,
    parent: parent_run.ParentRunFacet,
) -> Iterator[RunEvent]:
    """Yield two events per model that a build made, and two for all of its tests.

    Args:
        record: of the build; what an earlier try made has told already.
        manifest: dbt's, as in ``manifest.json``.
        warehouse: the build file.
        landing: the landing.
        parent: the task that built.
    """
    nodes = manifest["nodes"]
    tonight = {
        key: each
        for key, each in record.outcomes.items()
        if key in nodes and not each.is_earlier and each.status != "skipped"
    }
    for key, each in tonight.items():
        if each.kind in {"model", "seed"}:
            read = [
                _of_node(manifest, other, warehouse, landing)
                for other in nodes[key]["depends_on"].get("nodes", [])
                if other in nodes or other in manifest["sources"]
            ]
            made = _of_node(manifest, key, warehouse, landing)
            yield from _events(
                parent,
                each.name,
                each.kind.upper(),
                [name.read() for name in read],
                [made.written(rows=each.rows)] if each.is_good else [],
                began=_began(record, each),
                ended=_ended(record, each),
                passed=each.is_good,
            )
    tests = {key: each for key, each in tonight.items() if each.kind == "test"}
    asserted: dict[str, list[Any]] = {}
    for key, each in tests.items():
        about = nodes[key].get("attached_node") or next(
            (other for other in nodes[key]["depends_on"].get("nodes", []) if other in nodes), None
        )
        if about in nodes:
            asserted.setdefault(str(about), []).append(_tested(nodes[key], each))
    if asserted:
        yield from _events(
            parent,
            "tests",
            "TEST",
            [
                _of_node(manifest, key, warehouse, landing).read(assertions=said)
                for key, said in asserted.items()
            ],
            [],
            began=min(_began(record, each) for each in tests.values()),
            ended=max(_ended(record, each) for each in tests.values()),
            passed=all(each.is_good for each in tests.values()),
        )


def _tested(node: Mapping[str, Any], outcome: Outcome) -> Any:
    told = node.get("test_metadata") or {}
    return data_quality_assertions_dataset.Assertion(
        assertion=told.get("name") or node["name"],
        success=outcome.status == "passed",
        column=node.get("column_name"),
        severity=str(node["config"].get("severity") or "error").lower(),
        name=node["name"],
        description=node.get("description") or None,
        expected="0",
        actual=None if outcome.failures is None else str(outcome.failures),
    )


def _events(
    parent: parent_run.ParentRunFacet,
    name: str,
    kind: str,
    inputs: list[InputDataset],
    outputs: list[OutputDataset],
    *,
    began: datetime,
    ended: datetime,
    passed: bool,
) -> Iterator[RunEvent]:
    job_type = job_type_job.JobTypeJobFacet("BATCH", "DBT", jobType=kind)
    job_facets: dict[str, JobFacet] = {"jobType": job_type}
    run_facets: dict[str, RunFacet] = {"parent": parent}
    job = Job(parent.job.namespace, f"{parent.job.name}.{name}", facets=job_facets)
    run = Run(str(generate_new_uuid()), facets=run_facets)
    yield RunEvent(
        eventType=RunState.START, eventTime=began.isoformat(), run=run, job=job, producer=PRODUCER
    )
    yield RunEvent(
        eventType=RunState.COMPLETE if passed else RunState.FAIL,
        eventTime=ended.isoformat(),
        run=run,
        job=job,
        producer=PRODUCER,
        inputs=inputs,
        outputs=outputs,
    )


def _ended(record: Record, outcome: Outcome) -> datetime:
    return datetime.fromisoformat(outcome.ended_at) if outcome.ended_at else record.began_at


def _began(record: Record, outcome: Outcome) -> datetime:
    return _ended(record, outcome) - timedelta(seconds=outcome.seconds)


def _of_node(manifest: Mapping[str, Any], key: str, warehouse: Path, landing: Path) -> _Name:
    """A model, a seed or a source of dbt's; a source of the landing is the landing's stream."""
    node = manifest["nodes"].get(key) or manifest["sources"][key]
    types = {name: column.get("data_type") for name, column in node["columns"].items()}
    said = {name: column.get("description") for name, column in node["columns"].items()}
    facets = _facets(types, said, node.get("description"), _owner(node))
    if node["resource_type"] == "source" and _is_landed(node):
        return _file(landing / node["source_name"] / node["name"], facets)
    name = node["name"] if node["resource_type"] == "source" else node["alias"]
    return _in_duckdb(warehouse, node["schema"], name, facets)


def _is_landed(node: Mapping[str, Any]) -> bool:
    return bool(node["schema"] == "landing")


def _owner(node: Mapping[str, Any]) -> str:
    return f"team:{node['group']}" if node.get("group") else OWNER


# --- releases, and what goes out of them


def released(releases_dir: Path, manifest: Mapping[str, Any], warehouse: Path) -> Touched:
    """Say of which tables a release was made, and what is in it.

    Args:
        releases_dir: folder of releases; readers go by its ``current``.
        manifest: of the release.
        warehouse: the build file.
    """
    tables = manifest["tables"]
    return Touched(
        [_in_duckdb(warehouse, table["schema"], table["name"]).read() for table in tables],
        [
            _of_release(releases_dir, manifest, table).written(rows=table["rows"])
            for table in tables
        ],
    )


def reduced(
    releases_dir: Path, manifest: Mapping[str, Any], streams: Sequence[Stream], landing_dir: Path
) -> Touched:
    """Say that a release was made of an earlier one and of what landed since."""
    tables = manifest["tables"]
    return Touched(
        [
            *(_landed(landing_dir, stream).read() for stream in streams),
            *(_of_release(releases_dir, manifest, table).read() for table in tables),
        ],
        [
            _of_release(releases_dir, manifest, table).written(rows=table["rows"])
            for table in tables
        ],
    )


def given_to_postgres(
    releases_dir: Path, manifest: Mapping[str, Any], connection: Connection, schema: str
) -> Touched:
    """Say under which names BI tools have a release.

    Args:
        releases_dir: folder of releases.
        manifest: of the release that they have.
        connection: to the database; its host, port and name are told, and nothing else of it.
        schema: that tools name.
    """
    url, given = make_url(connection.url), []
    for table in manifest["tables"]:
        same = _of_release(releases_dir, manifest, table).facets
        facets = {facet: same[facet] for facet in same if facet != "symlinks"}
        given.append(_in_postgres(url, schema, table["name"], facets).written(rows=table["rows"]))
    return Touched(
        [_of_release(releases_dir, manifest, table).read() for table in manifest["tables"]], given
    )


def activated(
    releases_dir: Path,
    manifest: Mapping[str, Any],
    tables: Sequence[str],
    destination: Connection,
    source: str,
    resource: str,
    rows: int,
) -> Touched:
    """Say what was sent where.

    Args:
        releases_dir: folder of releases.
        manifest: of the release that was sent from.
        tables: ``schema.table`` of it that say whom to send, such as ``segments.segment_members``.
        destination: how the tool is reached; its host is named, and nothing else of it.
        source: which tool: ``hubspot``, ``klaviyo``.
        resource: what was written there, such as ``lists``.
        rows: how many records.
    """
    at = urlsplit(destination.url).netloc.rpartition("@")[2]
    return Touched(
        [
            _of_release(releases_dir, manifest, table).read()
            for table in manifest["tables"]
            if f"{table['schema']}.{table['name']}" in tables
        ],
        [_Name(f"{source}://{at}", resource).written(rows=rows)],
    )


def _of_release(releases_dir: Path, release: Mapping[str, Any], table: Mapping[str, Any]) -> _Name:
    """A table as readers have it, whichever release that is; its version says which it is."""
    current = releases_dir / CURRENT
    types = {column["name"]: column["type"] for column in table["columns"]}
    said = {column["name"]: column["comment"] for column in table["columns"]}
    parquet = _file(current / table["file"])
    facets = _facets(types, said, table["comment"]) | {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(release["release_id"]),
        "symlinks": symlinks_dataset.SymlinksDatasetFacet(
            [symlinks_dataset.Identifier(parquet.namespace, parquet.name, "FILE")]
        ),
    }
    return _in_duckdb(current / "rapport.duckdb", table["schema"], table["name"], facets)


# --- what all have


def _in_duckdb(
    path: Path, schema: str, name: str, facets: dict[str, DatasetFacet] | None = None
) -> _Name:
    return _Name(f"duckdb://{path}", f"{path.stem}.{schema}.{name}", facets or {})


def _in_postgres(
    url: URL, schema: str, name: str, facets: dict[str, DatasetFacet] | None = None
) -> _Name:
    there = Postgres(url.host or "", str(url.port or 5432), url.database or "", schema, name)
    return _Name(there.get_namespace(), there.get_name(), facets or {})


def _facets(
    types: Mapping[str, str | None] | None = None,
    said: Mapping[str, str | None] | None = None,
    description: str | None = None,
    owner: str = OWNER,
) -> dict[str, DatasetFacet]:
    facets: dict[str, DatasetFacet] = {
        "ownership": ownership_dataset.OwnershipDatasetFacet(
            [ownership_dataset.Owner(owner, "OWNER")]
        )
    }
    if types:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            [
                schema_dataset.SchemaDatasetFacetFields(
                    name, type=kind, description=(said or {}).get(name) or None
                )
                for name, kind in types.items()
            ]
        )
    if description:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(description)
    return facets
