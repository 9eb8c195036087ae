"""House rules that hold for every DAG."""

import json
import re
from pathlib import Path

import pytest

from rapport.orchestration import embedded
from rapport.sources.hubspot.crm import SEARCHES_PER_SECOND
from rapport.sources.streams import AFTER, GROUPS

ROOT = Path(__file__).parents[2]
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
TIERS = {"tier:1", "tier:2", "tier:3"}


def test_every_file_parses(dag_bag):
    assert dag_bag.import_errors == {}


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.name)
def test_one_dag_per_file_named_after_it(dag_bag, path):
    assert [d.dag_id for d in dag_bag.dags.values() if Path(d.fileloc) == path] == [path.stem]


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.name)
def test_no_file_is_named_like_a_dbt_plugin(path):
    """dbt imports every top-level ``dbt_*`` module it can find."""
    assert not path.name.startswith("dbt_")


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.name)
def test_dag_says_what_to_do_at_three_in_the_morning(dag_bag, path):
    dag = dag_bag.dags[path.stem]
    assert "**On failure**" in (dag.doc_md or "")
    assert len(TIERS & set(dag.tags)) == 1
    assert dag.default_args["retries"] >= 2
    assert not dag.catchup
    assert dag.max_active_runs == 1


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.name)
def test_every_runbook_that_a_dag_points_to_is_there(path):
    for name in re.findall(r"docs/runbooks/\w+\.md", path.read_text()):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.name)
def test_every_dag_is_in_the_timetable(path):
    assert f"`{path.stem}`" in (ROOT / "dags" / "README.md").read_text()


@pytest.fixture
def nightly(dag_bag):
    return dag_bag.dags["customer_relationship_nightly"]


def test_one_task_pulls_each_group_of_streams(nightly):
    assert {t.task_id for t in nightly.tasks if t.task_id.startswith("extract.")} == {
        f"extract.{group}" for group in GROUPS
    }


def test_a_pull_waits_for_those_whose_rows_it_reads_and_for_no_other(nightly):
    for group in GROUPS:
        waits_for = {f"extract.{earlier}" for earlier in AFTER.get(group, ())}
        assert nightly.get_task(f"extract.{group}").upstream_task_ids == waits_for


def test_no_reconciliation_runs_before_every_pull_of_what_it_counts(nightly):
    for group, streams in GROUPS.items():
        if group.endswith("_reconciliation"):
            upstream = nightly.get_task(f"extract.{group}").get_flat_relative_ids(upstream=True)
            counted = {
                f"extract.{other}"
                for other, others in GROUPS.items()
                if others[0].source == streams[0].source and any(s.cursor for s in others)
            }
            assert counted <= upstream


def test_every_pool_that_a_task_waits_for_is_made(nightly):
    pools = json.loads(embedded.POOLS.read_text())
    assert {task.pool for task in nightly.tasks} - {"default_pool"} == pools.keys()
    # Each task that searches keeps its own pace; together they stay below the account's.
    assert pools["hubspot"]["slots"] * SEARCHES_PER_SECOND <= 5


def test_nothing_is_built_before_everything_was_pulled_and_checked(nightly):
    upstream = nightly.get_task("check_sources").get_flat_relative_ids(upstream=True)
    assert upstream == {f"extract.{group}" for group in GROUPS}
    assert "check_sources" in nightly.get_task("dbt.dbt_producer_watcher").upstream_task_ids


def test_nothing_is_released_before_the_gate_and_no_gate_before_every_model(nightly):
    assert nightly.get_task("publish_release").upstream_task_ids == {"check_release"}
    upstream = nightly.get_task("check_release").get_flat_relative_ids(upstream=True)
    dbt_tasks = {t.task_id for t in nightly.tasks if t.task_id.startswith("dbt.")}
    assert dbt_tasks <= upstream


def test_the_report_comes_after_the_release_and_nothing_waits_for_it(nightly):
    report = nightly.get_task("report_night")
    assert report.upstream_task_ids == {"publish_release"}
    assert report.downstream_task_ids == set()
    # Who waits for the release has it before there is a picture of it.
    assert nightly.get_task("publish_release").outlets
    assert not report.outlets


@pytest.mark.parametrize("gate", ["check_sources", "check_release"])
def test_a_gate_is_not_tried_twice(nightly, gate):
    assert nightly.get_task(gate).retries == 0


def test_the_build_is_not_retried_in_parts(nightly):
    retries = {t.task_id: t.retries for t in nightly.tasks if t.task_id.startswith("dbt.")}
    assert set(retries.values()) == {0}, retries


def test_writers_take_turns(nightly):
    for task_id in ("dbt.dbt_producer_watcher", "publish_release"):
        assert nightly.get_task(task_id).pool == "warehouse"


def test_every_dbt_test_runs_in_the_night(nightly):
    """Cosmos takes tests out of the build unless it is told to leave them in."""
    producer = nightly.get_task("dbt.dbt_producer_watcher")
    kept = list(zip(producer.dbt_cmd_flags, producer.dbt_cmd_flags[1:], strict=False))
    assert {("--resource-type", kind) for kind in ("model", "seed", "test")} <= set(kept)
    assert "resource_type:test" not in str(producer.exclude)


def test_no_dbt_test_runs_a_second_time_outside_the_build(nightly):
    assert nightly.get_task("dbt.tested").task_type == "EmptyOperator"
    assert not [t.task_id for t in nightly.tasks if "DbtTest" in t.task_type]
