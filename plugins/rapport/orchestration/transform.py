"""How the nightly runs dbt: one build process, one visible task per model."""

from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, ExecutionMode, InvocationMode, LoadMode, TestBehavior

from rapport.orchestration.defaults import WAREHOUSE_POOL
from rapport.settings import Settings
from rapport.warehouse import building, fingerprint

POKE_SECONDS = 2
_build = ExitStack()


def _open_build(context: Any) -> None:
    """Take the warehouse before dbt starts; it is freed when this process ends, however it ends."""
    from rapport.sources.pull import loads_of_night

    settings = Settings.from_env()
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    as_of = context["logical_date"].date()
    loads = loads_of_night(settings.landing_dir, as_of)
    code = fingerprint(settings.dbt_project_dir)
    _build.enter_context(building(settings.warehouse_path, loads=loads, as_of=as_of, code=code))


def _close_build(_: Any, __: Any = None) -> None:
    """Note what was built; only called when every model and test passed."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()  # dbt ran in this process and keeps its own
    _build.close()


def _no_second_run_of_tests(*, task_id: str, task_group: Any, dag: Any, **_: Any) -> EmptyOperator:
    """Stand where Cosmos would run all tests once more, when the build has run them already."""
    return EmptyOperator(task_id="tested", task_group=task_group, dag=dag)


def dbt_build() -> DbtTaskGroup:
    """Build and test every model; a failing test fails the night.

    No part of it is retried or cleared on its own: Cosmos would then start one dbt
    per model, against one another. A failed night is run again as a whole.
    """
    settings = Settings.from_env()
    return DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(
            dbt_project_path=settings.dbt_project_dir,
            manifest_path=settings.dbt_project_dir / "target" / "manifest.json",
            install_dbt_deps=False,
        ),
        profile_config=ProfileConfig(
            profile_name="rapport",
            target_name="build",
            profiles_yml_filepath=settings.dbt_project_dir / "profiles.yml",
        ),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER,  # DuckDB takes one writer at a time
            invocation_mode=InvocationMode.DBT_RUNNER,
            setup_operator_args={
                "pool": WAREHOUSE_POOL,
                # Tests run inside the build, each before what reads its model.
                "dbt_cmd_flags": ["--resource-type", "test"],
                "pre_execute": _open_build,
                "post_execute": _close_build,
            },
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.AFTER_ALL,
            node_converters={DbtResourceType.TEST: _no_second_run_of_tests},
            emit_datasets=False,
            exclude=["resource_type:unit_test"],  # they test the code, not the night's data
        ),
        operator_args={
            "vars": {"as_of_date": "{{ ds }}"},
            "env": settings.dbt_environment(),
            "append_env": True,
            "install_deps": False,
            # Airflow may take a deferred sensor that is queued again quickly for a lost one.
            "deferrable": False,
            "poke_interval": POKE_SECONDS,
            "retries": 0,
        },
        default_args={"retries": 0, "execution_timeout": timedelta(hours=2)},
    )
