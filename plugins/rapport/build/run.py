"""Run dbt, in this process: as one build that is noted node by node, or as any other command."""

import gc
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rapport.build.lasting import load_lasting
from rapport.build.parts import load_parts
from rapport.build.project import load_manifest, parse_if_changed, variables_set
from rapport.build.record import Header, Outcome, RecordWriter, Status, read_record
from rapport.build.turns import build_by_turns, require_spark
from rapport.errors import BuildError, DamagedLanding, DamagedWarehouse
from rapport.landing import examine
from rapport.policy import Policies, policies_of
from rapport.settings import Settings, make_private
from rapport.sources.declared import EVERYTHING, Declared
from rapport.sources.known import refused_on
from rapport.sources.pull import declare_streams, loads_of_night
from rapport.warehouse import ASIDE_SECONDS, build_lock, building, discard, is_damage

logger = logging.getLogger(__name__)

WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")  # they test the code, not the night
MOST_NAMED = 10
# What DuckDB says when it cannot read a file, one of the landing among others.
_READING = re.compile(r"parquet|zstd|snappy|decompress|corrupt|IO Error|Invalid Error", re.I)
_STATUSES: dict[str, Status] = {
    "success": "passed",
    "pass": "passed",
    "warn": "warned",
    "error": "failed",
    "fail": "failed",
    "skipped": "skipped",
}


@dataclass(frozen=True)
class LastRelease:
    """The release that a night's lists are compared with.

    Attributes:
        release_id: its name.
        as_of: the night it shows.
        folder: where its parquet files are.
    """

    release_id: str
    as_of: date
    folder: Path

    def variable(self) -> dict[str, str]:
        """Return it as dbt is told of it."""
        told = {"release_id": self.release_id, "as_of_date": self.as_of.isoformat()}
        return {**told, "folder": str(self.folder)}


@dataclass(frozen=True)
class Built:
    """A build that passed.

    Attributes:
        fresh: it started from nothing and not upon the night before.
        nodes: models, seeds and tests of it.
        earlier: how many of them an earlier try had built already.
        warnings: tests that warned.
    """

    fresh: bool
    nodes: int
    earlier: int
    warnings: tuple[str, ...]


def build(
    settings: Settings,
    as_of: date,
    *,
    declared: Declared = EVERYTHING,
    last_release: LastRelease | None = None,
    run_id: str = "",
    arguments: Sequence[str] = (),
) -> Built:
    """Build and test every model of a night; what the record file says grows with it.

    A warehouse that turns out to be damaged is made again from nothing.

    The second try of a run whose first one failed begins at what failed, provided that neither
    the project nor the landing changed in between: what had passed stands, as every model leaves
    its table either as it was or whole.

    Args:
        settings: where the landing, the warehouse and the project are.
        as_of: the night.
        declared: what the firm has; what it lacks is unknown to the models, and not none.
        last_release: what readers had before this night; without one everybody has joined.
        run_id: the run it belongs to.
        arguments: more of ``dbt build``'s, such as ``--select``; then it is never a second try.

    Raises:
        BuildError: another process builds, or a model or test failed; the message names them.
        DamagedLanding: a file of the landing cannot be read; the message names it.
        PolicyError: the firm's policies cannot be used; nothing was touched.
    """
    make_private(settings.logs_dir)
    try:
        return _build(settings, as_of, declared, last_release, run_id, arguments)
    except DamagedWarehouse as error:
        logger.warning("%s; it is built again from nothing", error)
        discard(settings.warehouse_path)
        return _build(settings, as_of, declared, last_release, run_id, arguments)
    except BuildError as error:
        if _READING.search(str(error)) and (damaged := examine(settings.landing_dir, as_of)):
            raise DamagedLanding("\n".join(damaged)) from error
        raise


def _build(
    settings: Settings,
    as_of: date,
    declared: Declared,
    last_release: LastRelease | None,
    run_id: str,
    arguments: Sequence[str],
) -> Built:
    """Build once; see `build`."""
    policies = policies_of(settings)
    declare_streams(settings.landing_dir, declared)
    code = parse_if_changed(settings.dbt_project_dir, logger.info)
    loads = tuple(sorted(loads_of_night(settings.landing_dir, as_of, declared)))
    code = f"{code} {declared.digest}"  # a mapping is as good as written in the project too
    streams = " ".join(sorted(declared.names))
    last = last_release.release_id if last_release else "none"
    header = Header(run_id, as_of, f"{code} {policies.digest()} {streams} {last}", loads)
    # As good as written in the project: what was built under other policies is not built upon.
    # Those that only touch what is made anew every night change with the night.
    code = f"{code} {policies.digest(load_lasting(settings.dbt_project_dir))}"
    variables = _variables(settings, as_of, policies, declared)
    variables["last_release"] = last_release.variable() if last_release else None
    manifest = load_manifest(settings.dbt_project_dir)
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    on_spark = settings.engine == "spark"  # whose tables are made whole, and so all that follows
    if on_spark:
        require_spark(settings, manifest.nodes)
        code = f"{code} spark"  # what DuckDB only has views of is not built upon
    with building(
        settings.warehouse_path, loads=loads, as_of=as_of, code=code, whole=on_spark
    ) as fresh:
        parts = load_parts(settings.dbt_project_dir)
        nodes = {key: manifest.nodes[key] for part in parts for key in part.nodes}
        earlier = _earlier(settings.build_record_path, header, fresh) if not arguments else {}
        if earlier.keys() >= nodes.keys():
            earlier = {}  # nothing failed that is known, so nothing is known to be right
        if earlier:
            logger.info("%s of %s nodes stand from an earlier try", len(earlier), len(nodes))
            rest = [nodes[key].name for key in nodes if key not in earlier]
            arguments = ("--indirect-selection", "empty", "--select", *rest)
        with RecordWriter(settings.build_record_path, header, parts, earlier.values()) as record:
            notes = _Notes(nodes, record.add, earlier)

            def on_duckdb(selected: Sequence[str], parsed: Any = None) -> tuple[bool, str]:
                return invoke(
                    settings.dbt_project_dir,
                    [
                        *("build", *WITHOUT_UNIT_TESTS),
                        *("--vars", json.dumps(variables)),
                        *("--target-path", str(settings.dbt_log_path.parent / "target")),
                        *selected,
                    ],
                    environment=settings.dbt_environment(),
                    manifest=parsed or load_manifest(settings.dbt_project_dir),
                    on_event=notes.hear,
                )

            if on_spark:
                passed, said = build_by_turns(
                    settings, nodes, variables, on_duckdb=on_duckdb, on_event=notes.hear
                )
            else:
                passed, said = on_duckdb(arguments, manifest)
            failed = [each for each in notes.outcomes.values() if each.status == "failed"]
            if failed or not passed:
                fault = _what_failed(failed, said)
                if is_damage(fault) and not fresh:
                    raise DamagedWarehouse(fault)
                raise BuildError(fault)
    warned = tuple(each.name for each in notes.outcomes.values() if each.status == "warned")
    return Built(fresh, len(nodes), len(earlier), warned)


@contextmanager
def built_aside(
    settings: Settings, as_of: date, models: Sequence[str], *, declared: Declared = EVERYTHING
) -> Iterator[Path]:
    """Build a few models from nothing, and all that they read, in a file that goes again.

    For a question to the landing on a night whose build failed or never began: the build file and
    what the record says of it stay as they are, so that the night can go on from there. Data
    tests are left out: one of them may be what the night failed at.

    Args:
        settings: where the landing, the warehouse and the project are.
        as_of: the night; all completed loads up to it are taken in.
        models: their names.
        declared: what the firm has.

    Yields:
        The DuckDB file, which nobody has open.

    Raises:
        BuildError: a model failed, or another process asks for too long; the message names it.
        DamagedLanding: a file of the landing cannot be read; the message names it.
        PolicyError: the firm's policies cannot be used.
    """
    policies = policies_of(settings)
    declare_streams(settings.landing_dir, declared)
    parse_if_changed(settings.dbt_project_dir, logger.info)
    manifest = load_manifest(settings.dbt_project_dir)
    path = settings.aside_path
    # Destinations ask side by side, and an erasure may want to know who it is meanwhile.
    with build_lock(path, wait_seconds=ASIDE_SECONDS):
        discard(path)
        (path.parent / "tmp").mkdir(exist_ok=True)
        notes = _Notes(manifest.nodes)
        try:
            passed, said = invoke(
                settings.dbt_project_dir,
                [
                    # Whoever asks is not here for dbt's progress; what fails, the error names.
                    *("--quiet", "build", *WITHOUT_UNIT_TESTS, "--exclude-resource-type", "test"),
                    *("--select", *(f"+{model}" for model in models)),
                    *("--vars", json.dumps(_variables(settings, as_of, policies, declared))),
                    *("--target-path", str(settings.dbt_log_path.parent / "target_aside")),
                ],
                environment=settings.dbt_environment(path),
                manifest=manifest,
                on_event=notes.hear,
            )
            failed = [each for each in notes.outcomes.values() if each.status == "failed"]
            if failed or not passed:
                fault = _what_failed(failed, said)
                if _READING.search(fault) and (damaged := examine(settings.landing_dir, as_of)):
                    raise DamagedLanding("\n".join(damaged))
                raise BuildError(fault)
            yield path
        finally:
            discard(path)


@contextmanager
def newest_known(
    settings: Settings, as_of: date, models: Sequence[str], *, declared: Declared = EVERYTHING
) -> Iterator[Path]:
    """Give a file in which models show all that landed up to a night.

    The build file, where a build that passed has taken in just that under the policies of now; it
    is held still meanwhile. Else the models are built aside, see `built_aside`.

    Args:
        settings: where the landing, the warehouse and the project are.
        as_of: the night.
        models: their names.
        declared: what the firm has.

    Yields:
        The DuckDB file, to be read only.

    Raises:
        BuildError: a model failed, or another process asks; the message names it.
        DamagedLanding: a file of the landing cannot be read; the message names it.
        PolicyError: the firm's policies cannot be used.
    """
    with ExitStack() as held:
        try:
            held.enter_context(build_lock(settings.warehouse_path))
            is_shown = _shows(settings, as_of, declared)
        except BuildError:
            is_shown = False  # a build is running
        if is_shown:
            yield settings.warehouse_path
            return
    with built_aside(settings, as_of, models, declared=declared) as path:
        yield path


def _shows(settings: Settings, as_of: date, declared: Declared) -> bool:
    """Whether the build file is of all that landed up to a night, by the project as it is now."""
    last = read_record(settings.build_record_path)
    if last is None or last.ended != "passed" or not settings.warehouse_path.is_file():
        return False
    if not all(map(last.has_ended, last.parts)):  # somebody built a selection
        return False
    code = f"{parse_if_changed(settings.dbt_project_dir, logger.info)} {declared.digest}"
    loads = tuple(sorted(loads_of_night(settings.landing_dir, as_of, declared)))
    of = f"{code} {policies_of(settings).digest()} {' '.join(sorted(declared.names))} "
    header = last.header
    return header.as_of == as_of and header.loads == loads and header.code.startswith(of)


def _variables(
    settings: Settings, as_of: date, policies: Policies, declared: Declared
) -> dict[str, Any]:
    """What dbt is told of the night."""
    refused = {
        name
        for source in declared.sources
        for name in refused_on(settings.landing_dir, source, as_of)
    }
    return {
        "as_of_date": str(as_of),
        "streams_declared": list(declared.names),
        "streams_known": list(declared.known(settings.landing_dir, refused)),
        "mapped_sources": [each for source in declared.all_mapped for each in source.variables()],
        **policies.variables(),
    }


def invoke(
    dbt_project_dir: Path,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    manifest: Any = None,
    on_event: Callable[[Any], None] | None = None,
) -> tuple[bool, str]:
    """Run a dbt command in this process and leave no connection open.

    Args:
        dbt_project_dir: the project.
        arguments: the command and its flags, without folders of the project.
        environment: what ``profiles.yml`` reads, and dbt's own settings.
        manifest: the parsed project; dbt parses it if it is left out.
        on_event: called with each of dbt's events, in the thread that it happened in.

    Returns:
        Whether it succeeded, and the error if dbt could not run at all.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner

    folders = ["--project-dir", str(dbt_project_dir), "--profiles-dir", str(dbt_project_dir)]
    callbacks = [on_event] if on_event else []
    with variables_set(environment), _garbage_left():
        result = dbtRunner(manifest=manifest, callbacks=callbacks).invoke(
            ["--no-use-colors", *arguments, *folders]
        )
    if DuckDBConnectionManager._ENV is not None:  # it outlives the command, and holds the file
        DuckDBConnectionManager._ENV.close()
        DuckDBConnectionManager.close_all_connections()
    reset_adapters()
    return result.success, str(result.exception or "")


@contextmanager
def _garbage_left() -> Iterator[None]:
    """Leave garbage uncollected for as long as the block lasts.

    Looking for it takes a fifth of a small build's time. What is left is bounded by the number of
    nodes: 0.3 GB for 500, measured.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _earlier(path: Path, header: Header, fresh: bool) -> dict[str, Outcome]:
    """What passed in a try before this one of the same run, if all else is as it was then."""
    last = read_record(path)
    if fresh or last is None or not header.run_id or last.header != header:
        return {}
    if last.ended == "passed":
        return {}
    return {key: outcome for key, outcome in last.outcomes.items() if outcome.is_good}


class _Notes:
    """Turns dbt's events into outcomes."""

    def __init__(
        self,
        nodes: Mapping[str, Any],
        note: Callable[[Outcome], None] = lambda _: None,
        earlier: Mapping[str, Outcome] | None = None,
    ) -> None:
        self.outcomes: dict[str, Outcome] = dict(earlier or {})
        self._nodes = nodes
        self._note = note
        self._lock = threading.Lock()

    def hear(self, event: Any) -> None:
        if event.info.name != "NodeFinished":
            return
        key = event.data.node_info.unique_id
        if key not in self._nodes:
            return  # a hook
        node, result = self._nodes[key], event.data.run_result
        status = _STATUSES.get(result.status, "failed")
        is_table = node.config.materialized in {"seed", "table", "incremental"}
        rows = _rows_of(node) if is_table and status == "passed" else None
        with self._lock:
            message = result.message if status in {"failed", "warned"} else ""
            outcome = Outcome(
                node=key,
                name=node.name,
                kind=str(node.resource_type),
                status=status,
                seconds=round(result.execution_time, 3),
                rows=rows,
                failures=result.num_failures if node.resource_type == "test" else None,
                message=self._why_skipped(node) if status == "skipped" else message.strip(),
                ended_at=datetime.now(UTC).isoformat(),
            )
            self.outcomes[key] = outcome
            self._note(outcome)

    def _why_skipped(self, node: Any) -> str:
        """Name what failed before it: a model that it reads, or a test of one."""
        reads = set(node.depends_on.nodes)
        for key, outcome in self.outcomes.items():
            if outcome.is_good:
                continue
            is_test = outcome.kind == "test"
            if key in reads or (is_test and reads & set(self._nodes[key].depends_on.nodes)):
                if outcome.status == "skipped":
                    return outcome.message
                return f"{'test ' * is_test}{outcome.name} failed"
        return ""


def _rows_of(node: Any) -> int | None:
    """How many rows a table has; DuckDB knows without reading it.

    Not to know is no reason to fail: dbt would call the model broken.
    """
    import duckdb
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is None:
        return None  # it was made by another engine
    try:
        handle = DuckDBConnectionManager.env().handle()
        try:
            table = f'"{node.schema}"."{node.alias}"'
            row = handle.cursor().execute(f"select count(*) from {table}").fetchone()
            return int(row[0])
        finally:
            handle.close()
    except duckdb.Error:
        return None


def _what_failed(failed: Sequence[Outcome], said: str) -> str:
    lines = [f"{'test ' * (each.kind == 'test')}{each.name}: {each.message}" for each in failed]
    if not lines:
        return f"dbt could not run: {said}" if said else "dbt could not run; see its log"
    more = [f"... and {len(lines) - MOST_NAMED} more"] if len(lines) > MOST_NAMED else []
    return "\n".join(["the build failed:", *lines[:MOST_NAMED], *more])
