"""A night that two engines build: Spark what grows with events, DuckDB all the rest, by turns.

A model with the tag `spark` is Spark's. A turn is what one engine can make before it has to wait
for the other: DuckDB types what is small, Spark the long streams, DuckDB finds out who is whom,
Spark makes the facts of events and what follows by customer, DuckDB segments and what is shown.

What goes from one to the other is parquet, ``<schema>/<table>`` in one folder. Spark's tables stay
there, and the warehouse has views of them; what Spark reads of the warehouse is copied to there.
Views with the tag hold no rows: each engine has them where it reads them. Tests are DuckDB's.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from rapport.errors import BuildError, SettingsError
from rapport.settings import Settings

TAG = "spark"
_LEDGER = ("ops", "built_loads")  # which loads earlier builds have seen


@dataclass(frozen=True)
class Turn:
    """What one engine makes before the other goes on.

    Attributes:
        engine: whose turn it is.
        nodes: dbt's unique ids; views with the tag may be in several turns.
        handed: ids of the DuckDB tables and views that a turn of Spark is the first to read.
    """

    engine: Literal["duckdb", "spark"]
    nodes: tuple[str, ...]
    handed: tuple[str, ...] = ()


def turns_of(nodes: Mapping[str, Any]) -> list[Turn]:
    """Return the turns of a night in their order; DuckDB has the first and the last.

    Every node is made as early as it can be, so there are as few turns as there can be.

    Args:
        nodes: models, seeds and data tests of dbt's manifest by their unique ids.

    Raises:
        SettingsError: a model that Spark cannot make has the tag.
    """
    places: dict[str, int] = {}
    for key in _in_order(nodes):
        node = nodes[key]
        if _is_sparks(node) and (node.resource_type != "model" or node.language != "sql"):
            raise SettingsError(f"{node.name} has the tag {TAG}, and Spark makes SQL models only")
        before = max((places[parent] for parent in _parents(nodes, key)), default=0)
        # DuckDB's turns are the even ones.
        places[key] = before + (before % 2 != _is_sparks(node))
    turns: list[Turn] = []
    there: set[str] = set()
    last = max(places.values(), default=0)
    for place in range(last + 1 + last % 2):  # DuckDB has what Spark made last
        mine = {key for key, its in places.items() if its == place}
        if place % 2:
            mine = _with_views({key for key in mine if not _is_view(nodes[key])}, nodes)
            read = {parent for key in mine for parent in _parents(nodes, key)}
            handed = {key for key in read - there if not _is_sparks(nodes[key])}
            there |= handed
            turns.append(Turn("spark", tuple(sorted(mine)), tuple(sorted(handed))))
        else:
            views = {key for key, its in places.items() if its == place - 1}
            mine |= {key for key in views if _is_view(nodes[key])}
            turns.append(Turn("duckdb", tuple(sorted(mine))))
    return turns


def require_spark(settings: Settings, nodes: Mapping[str, Any]) -> None:
    """Ask for Spark before anything of the last night is touched.

    Args:
        settings: where Spark is.
        nodes: models, seeds and data tests of dbt's manifest by their unique ids.

    Raises:
        BuildError: a model is Spark's, and Spark is not installed.
    """
    python = settings.spark_python
    if not python.exists() and any(_is_sparks(node) for node in nodes.values()):
        raise BuildError(f"the engine is spark, and {python} is not there: make spark installs it")


def build_by_turns(
    settings: Settings,
    nodes: Mapping[str, Any],
    variables: Mapping[str, Any],
    *,
    on_duckdb: Callable[[Sequence[str]], tuple[bool, str]],
    on_event: Callable[[Any], None],
) -> tuple[bool, str]:
    """Build a night with both engines, whole.

    Args:
        settings: where the warehouse, the landing and Spark are.
        nodes: models, seeds and data tests of dbt's manifest by their unique ids.
        variables: what dbt is told of the night.
        on_duckdb: has dbt build with these arguments on DuckDB, and returns the same as this.
        on_event: called with each of dbt's events on Spark.

    Returns:
        Whether all turns succeeded, and the error if dbt could not run at all.

    Raises:
        BuildError: what an engine made is not as the other needs it.
    """
    for turn in turns_of(nodes):
        if not turn.nodes:
            continue
        names = [nodes[key].name for key in turn.nodes]
        arguments = ["--indirect-selection", "empty", "--select", *names]
        if turn.engine == "duckdb":
            passed, said = on_duckdb(arguments)
        else:
            _hand_over(settings, [_place(nodes[key]) for key in turn.handed])
            passed, said = _on_spark(
                settings, [*arguments, "--vars", json.dumps(variables)], on_event
            )
            if passed:
                _take_back(settings, [nodes[key] for key in turn.nodes if not _is_view(nodes[key])])
        if not passed:
            return False, said
    return True, ""


def _on_spark(
    settings: Settings, arguments: Sequence[str], on_event: Callable[[Any], None]
) -> tuple[bool, str]:
    """Have dbt build on Spark, in a process and an environment of its own."""
    python, logs = settings.spark_python, settings.dbt_log_path.parent / "spark"
    logs.mkdir(parents=True, exist_ok=True)
    project = str(settings.dbt_project_dir)
    # -P: else this folder's modules would be found before others of their names.
    command = [str(python), "-P", str(Path(__file__).with_name("spark_dbt.py"))]
    # That a node has finished is told to who asks for all.
    command += ["--log-format", "json", "--log-level", "debug", "--log-path", str(logs)]
    command += ["build", *arguments]
    command += ["--project-dir", project, "--profiles-dir", project, "--target-path", str(logs)]
    # Whatever a cluster still knows of another night is not built upon.
    command += ["--target", settings.spark_target, "--full-refresh"]
    error = ""
    with (
        (logs / "spark.log").open("w") as said,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            cwd=logs,  # Spark leaves files where it runs
            env=os.environ | settings.spark_environment(),
        ) as process,
    ):
        for line in process.stdout or ():
            if not line.startswith("{"):
                continue
            event = json.loads(line, object_hook=lambda members: SimpleNamespace(**members))
            if event.info.level == "error":
                error = event.info.msg
            on_event(event)
    return process.returncode == 0, error or f"see {logs}"


def _hand_over(settings: Settings, relations: Iterable[tuple[str, str]]) -> None:
    """Copy what Spark reads of the warehouse."""
    import duckdb

    with duckdb.connect(str(settings.warehouse_path), config=_limits(settings)) as connection:
        connection.execute(f"set file_search_path = '{settings.landing_dir}'")
        for schema, name in {*relations, _LEDGER}:
            folder = settings.spark_tables_dir / schema / name
            folder.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f'copy "{schema}"."{name}" to \'{folder / "rows.parquet"}\' (format parquet)'
            )


def _take_back(settings: Settings, models: Iterable[Any]) -> None:
    """Give the warehouse views of what Spark made, described as DuckDB's own tables are.

    Raises:
        BuildError: a column has another type than the model's contract says, or nulls.
    """
    import duckdb

    with duckdb.connect(str(settings.warehouse_path), config=_limits(settings)) as connection:
        for model in models:
            schema, name = _place(model)
            view, files = f'"{schema}"."{name}"', settings.spark_tables_dir / schema / name
            connection.execute(f'create schema if not exists "{schema}"')
            connection.execute(
                f"create or replace view {view} as select * from read_parquet('{files}/*.parquet')"
            )
            if model.config.contract.enforced:
                _check_types(connection, view, model)
                _check_nulls(connection, files, model)
            if model.config.persist_docs.get("relation"):
                _comment(connection, f"view {view}", model.description)
                for column in model.columns.values():
                    _comment(connection, f'column {view}."{column.name}"', column.description)


def _check_types(connection: Any, view: str, model: Any) -> None:
    found = {row[0]: row[1] for row in connection.execute(f"describe {view}").fetchall()}
    asked = ", ".join(f'cast(null as {c.data_type}) as "{c.name}"' for c in model.columns.values())
    told = connection.execute(f"describe select {asked}").fetchall()
    odd = [
        f"{row[0]} is {found.get(row[0])}, not {row[1]}"
        for row in told
        if found.get(row[0]) != row[1]
    ]
    if odd or len(found) != len(told):
        raise BuildError(
            f"{model.name}, made by Spark, breaks its contract: {odd or sorted(found)}"
        )


def _check_nulls(connection: Any, files: Path, model: Any) -> None:
    """Refuse a null where the contract wants none; parquet says how many there are."""
    wanted = {
        column.name
        for column in model.columns.values()
        if any(each.type == "not_null" for each in column.constraints)
    }
    odd = [
        f"{name} has {nulls} nulls"
        for name, nulls in connection.execute(
            "select path_in_schema, sum(stats_null_count)"
            f" from parquet_metadata('{files}/*.parquet') group by all order by all"
        ).fetchall()
        if name in wanted and nulls
    ]
    if odd:
        raise BuildError(f"{model.name}, made by Spark, breaks its contract: {odd}")


def _comment(connection: Any, what: str, text: str) -> None:
    connection.execute(f"comment on {what} is '{text.replace(chr(39), chr(39) * 2)}'")


def _limits(settings: Settings) -> dict[str, Any]:
    return {"memory_limit": settings.memory_limit, "temp_directory": str(settings.temp_dir)}


def _place(node: Any) -> tuple[str, str]:
    return node.schema, node.alias


def _is_sparks(node: Any) -> bool:
    return node.resource_type != "test" and TAG in node.tags


def _is_view(node: Any) -> bool:
    return _is_sparks(node) and bool(node.config.materialized == "view")


def _with_views(models: set[str], nodes: Mapping[str, Any]) -> set[str]:
    """Models, and the views that they read of."""
    found, waiting = set(models), list(models)
    while waiting:
        views = {parent for parent in _parents(nodes, waiting.pop()) if _is_view(nodes[parent])}
        waiting += views - found
        found |= views
    return found


def _parents(nodes: Mapping[str, Any], key: str) -> list[str]:
    reads = getattr(nodes[key].depends_on, "nodes", [])  # a seed reads nothing
    return [parent for parent in reads if parent in nodes]


def _in_order(nodes: Mapping[str, Any]) -> list[str]:
    return list(TopologicalSorter({key: _parents(nodes, key) for key in nodes}).static_order())
