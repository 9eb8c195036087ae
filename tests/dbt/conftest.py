"""dbt in this process, on throw-away warehouses; nothing of the machine's own environment."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
import sqlparse

from rapport.build.parts import parsed_dir
from rapport.build.project import load_manifest, parse_if_changed
from rapport.build.run import invoke
from rapport.settings import WAREHOUSE_FILE
from sandbox.simulate.to_landing import land as land_simulated
from tests.dbt.manifest_views import PROJECT
from tests.dbt.opening import opening_parsed
from tests.dbt.simulated_firm import MODELS, NIGHT, PARAMETERS


@dataclass
class Build:
    """What a dbt run said and whether it succeeded."""

    success: bool
    messages: list[str] = field(default_factory=list)

    def failures(self) -> str:
        return "\n".join(line for line in self.messages if re.search("ERROR|FAIL|Error", line))

    def rebuilt(self) -> dict[str, str]:
        """How much an incremental model rebuilt, such as `8 days`, as the log has it."""
        lines = [re.fullmatch(r"(\w+): (.+) to rebuild", line) for line in self.messages]
        return {line[1]: line[2] for line in lines if line}


@pytest.fixture(scope="session")
def dbt(tmp_path_factory) -> Iterator[Callable[..., Build]]:
    """Return a function that runs a dbt command on the parsed project and collects its messages."""
    import dbt.compilation

    parse_if_changed(PROJECT)
    target = tmp_path_factory.mktemp("target")
    quick = SimpleNamespace(parse=opening_parsed, sql=sqlparse.sql, tokens=sqlparse.tokens)

    def run(*arguments: str, environment: dict[str, str]) -> Build:
        messages: list[str] = []
        success, error = invoke(
            PROJECT,
            [
                *("--quiet", "--log-level-file", "none", "--no-write-json", *arguments),
                *("--target-path", str(target), "--log-path", str(target)),
            ],
            environment=environment,
            manifest=load_manifest(PROJECT),
            on_event=lambda event: messages.append(event.info.msg),
        )
        return Build(success, [*messages, error])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt.compilation, "sqlparse", quick)
        yield run


@pytest.fixture(scope="session")
def manifest():
    """What dbt itself says depends on what; no warehouse is opened, no night is given."""
    parse_if_changed(PROJECT)
    return json.loads((parsed_dir(PROJECT) / "manifest.json").read_text())


@dataclass
class Warehouse:
    """One build file over one landing; `policies` are the project's variables but for the night."""

    path: Path
    landing: Path
    dbt: Callable[..., Build]
    policies: dict[str, str] = field(default_factory=dict)
    threads: int = 1  # the tests beside it have the other processor

    def build(self, as_of: str, *arguments: str) -> Build:
        environment = {
            "RAPPORT_WAREHOUSE": str(self.path),
            "RAPPORT_LANDING": str(self.landing),
            "RAPPORT_TEMP_DIR": str(self.path.with_suffix(".tmp")),
            "RAPPORT_MEMORY_LIMIT": "1GB",
            "RAPPORT_THREADS": str(self.threads),
        }
        variables = json.dumps({"as_of_date": as_of, **self.policies})
        return self.dbt("build", "--vars", variables, *arguments, environment=environment)

    def close_build(self, as_of: str) -> None:
        """Record the completed loads of the night as built, as the nightly does afterwards."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("delete from ops.touched_days")
            for loads in self.landing.glob("*/_dlt_loads/*.jsonl"):
                source, load = loads.parts[-3], json.loads(loads.read_text())
                if load["inserted_at"] <= as_of:
                    connection.execute(
                        "insert into ops.built_loads values (?, ?)", [source, load["load_id"]]
                    )

    def rows(self, query: str) -> list[tuple]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.sql(query).fetchall()

    def tables(self, *schemas: str) -> list[str]:
        wanted = ", ".join(f"'{schema}'" for schema in schemas)
        return [
            f"{schema}.{name}"
            for schema, name in self.rows(
                "select table_schema, table_name from information_schema.tables "
                f"where table_schema in ({wanted}) order by all"
            )
        ]


@pytest.fixture(scope="session")
def warehouse(dbt):
    """Return a function that gives a warehouse in a folder."""

    def make(folder: Path, landing: Path, **policies: str) -> Warehouse:
        # One file name for all: the parsed project and the views of a DuckDB file know it.
        return Warehouse(folder / WAREHOUSE_FILE, landing, dbt, policies)

    return make


@pytest.fixture(scope="session")
def simulated(tmp_path_factory, warehouse) -> Warehouse:
    """The simulated firm, landed and built once for all who ask it; nobody writes in it.

    What really happened is beside its landing, in ``sandbox/truth.duckdb``.
    """
    home = tmp_path_factory.mktemp("simulated")
    land_simulated(home, PARAMETERS)
    made = warehouse(home, home / "landing")
    build = made.build(NIGHT, *MODELS)
    assert build.success, build.failures()
    return made
