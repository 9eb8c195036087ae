"""House rules that hold for every DAG."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from airflow.sdk import DeadlineReference
from airflow.sdk._shared.module_loading import import_string
from airflow.sdk.exceptions import AirflowSkipException

from rapport.build.parts import load_parts
from rapport.orchestration import activation, embedded
from rapport.orchestration.alerts import (
    ActivationNotifier,
    AlertNotifier,
    note_failure,
    release_is_late,
)
from rapport.orchestration.defaults import daily_schedule, hourly_schedule
from rapport.orchestration.lineage import touched
from rapport.orchestration.night import AFTER_BUILD, BUILD
from rapport.orchestration.watch import PartTrigger
from rapport.sources.declared import Declared
from rapport.sources.hubspot.crm import SEARCHES_PER_SECOND
from rapport.sources.mapped import read_all
from rapport.sources.streams import AFTER, GROUPS
from tests.loaded import loaded_by

ROOT = Path(__file__).parents[2]
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
TIERS = {"tier:1", "tier:2", "tier:3"}
# A company of the sandbox has these sources of its own beside all that Rapport has itself.
THERE = Declared().with_mapped(
    *read_all([ROOT / "sandbox" / "sources"], ROOT, ROOT / "dbt_project", parses=False)
)
STRICT = ("check_release", "publish_release", "report_night")


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


def test_segments_follow_the_release_and_each_destination_is_a_task_of_its_own(dag_bag):
    dag = dag_bag.dags["segment_activation"]
    assert [asset.name for asset in dag.timetable.asset_condition.objects] == ["rapport_release"]
    assert dag.get_task("activate_destination").is_mapped
    assert dag.get_task("activate_destination").upstream_task_ids == {"find_destinations"}
    assert isinstance(dag.on_failure_callback, ActivationNotifier)


def test_an_erasure_releases_even_where_something_is_left_so_that_activation_can_follow(dag_bag):
    dag = dag_bag.dags["privacy_erasure"]
    assert [asset.name for asset in dag.get_task("erase_people").outlets] == ["rapport_release"]
    assert dag.get_task("demand_nothing_left").upstream_task_ids == {"erase_people"}


def test_an_erasure_waits_for_every_step_of_a_night_that_comes_after_its_build(nightly):
    after = nightly.get_task(BUILD).get_flat_relative_ids(upstream=False)
    steps = {task_id for task_id in after if not task_id.startswith("dbt.")}
    assert steps == set(AFTER_BUILD) - {"archive_night"}  # which a firm may have


def test_open_erasures_are_gone_on_with_where_nights_are_scheduled_and_only_there(monkeypatch):
    monkeypatch.setenv("RAPPORT_SCHEDULE", "none")
    assert daily_schedule() is None
    monkeypatch.setenv("RAPPORT_SCHEDULE", "0 2 * * *")
    assert daily_schedule() is not None


def test_without_a_destination_nothing_is_sent_and_it_says_so(monkeypatch):
    monkeypatch.setattr(activation, "is_connected", lambda name: False)
    with pytest.raises(AirflowSkipException, match="none of the connections rapport_activate_hub"):
        activation.find_destinations()
    monkeypatch.setattr(activation, "is_connected", lambda name: name == "activate_klaviyo")
    assert activation.find_destinations() == ["klaviyo"]


@pytest.fixture
def nightly(dag_bag):
    return dag_bag.dags["customer_relationship_nightly"]


def test_one_task_pulls_each_group_of_streams(nightly):
    assert {t.task_id for t in nightly.tasks if t.task_id.startswith("extract.")} == {
        f"extract.{group}" for group in THERE.groups
    }


def test_a_pull_waits_for_those_whose_rows_it_reads_and_for_no_other(nightly):
    for group in THERE.groups:
        waits_for = {f"extract.{earlier}" for earlier in AFTER.get(group, ())}
        assert nightly.get_task(f"extract.{group}").upstream_task_ids == waits_for


def test_no_reconciliation_runs_before_every_pull_of_what_it_counts(nightly):
    for group, streams in GROUPS.items():
        if group.endswith("_reconciliation"):
            upstream = nightly.get_task(f"extract.{group}").get_flat_relative_ids(upstream=True)
            counted = {
                f"extract.{other}"
                for other, others in GROUPS.items()
                if others[0].source == streams[0].source
                and any(s.cursor for s in others)
                # events of its mail the CRM neither changes nor deletes, and tells no total of
                and other != "hubspot_marketing_email"
            }
            assert counted <= upstream


def test_every_pool_that_a_task_waits_for_is_made(nightly):
    pools = json.loads(embedded.POOLS.read_text())
    assert {task.pool for task in nightly.tasks} - {"default_pool"} == pools.keys()
    # Each task that searches keeps its own pace; together they stay below the account's.
    assert pools["hubspot"]["slots"] * SEARCHES_PER_SECOND <= 5


def test_nothing_is_built_before_everything_was_pulled_and_checked(nightly):
    upstream = nightly.get_task("check_sources").get_flat_relative_ids(upstream=True)
    assert upstream == {f"extract.{group}" for group in THERE.groups}
    assert nightly.get_task(BUILD).upstream_task_ids == {"check_sources"}


def test_nothing_is_released_before_the_gate_and_no_gate_before_the_build(nightly):
    """The build fails when a model or test of it fails, and it leaves out none."""
    assert nightly.get_task("publish_release").upstream_task_ids == {"check_release"}
    assert nightly.get_task("check_release").upstream_task_ids == {BUILD}
    assert nightly.get_task(BUILD).trigger_rule == "all_success"


def parts_of_dag(nightly):
    return [task for task in nightly.tasks if task.task_type == "ShownPart"]


def test_one_task_shows_each_part_of_the_build(nightly):
    parts = load_parts(ROOT / "dbt_project")
    shown = {task.task_id for task in parts_of_dag(nightly)}
    assert shown == {f"dbt.{part.id}" for part in parts}
    assert {"dbt.staging.hubspot", "dbt.identity", "dbt.consent", "dbt.marts.fct_orders"} <= shown
    assert {"dbt.segments.seg_win_back_dormant", "dbt.segments.segment_members"} <= shown
    # one per mart, and not one per model
    models = [node for part in parts for node in part.nodes if node.startswith("model.")]
    assert len(shown) < len(models) / 2


def test_a_part_is_shown_while_the_build_runs_and_cleared_with_it(nightly):
    """It begins when the sources passed, and is downstream of the build all the same."""
    for task in parts_of_dag(nightly):
        assert task.upstream_task_ids == {"check_sources", BUILD}
        assert task.trigger_rule == "one_success"


def test_a_part_needs_no_process_of_its_own_and_holds_nothing_back(nightly):
    for task in parts_of_dag(nightly):
        assert task.start_from_trigger
        assert import_string(task.start_trigger_args.trigger_cls) is PartTrigger
        assert task.start_trigger_args.trigger_kwargs == {"part": task.task_id[len("dbt.") :]}
        assert task.downstream_task_ids == set()
        assert not task.on_failure_callback


def test_a_night_that_fails_is_told_by_its_run_and_its_tasks_leave_why(nightly):
    assert isinstance(nightly.on_failure_callback, AlertNotifier)
    steps = [task for task in nightly.tasks if task.task_type != "ShownPart"]
    assert {each for task in steps for each in task.on_failure_callback} == {note_failure}


def test_a_night_is_late_by_when_it_was_queued_and_airflow_can_import_who_tells(nightly):
    """What is called lies in a module: one in the DAG's file is accepted, and never called."""
    (deadline,) = nightly.deadline
    assert deadline.reference == DeadlineReference.DAGRUN_QUEUED_AT
    assert deadline.interval == timedelta(hours=4)
    assert import_string(deadline.callback.path) is release_is_late


def test_the_age_of_the_release_is_looked_at_where_nights_are_scheduled_and_only_there(
    monkeypatch,
):
    monkeypatch.setenv("RAPPORT_SCHEDULE", "none")
    assert hourly_schedule() is None
    monkeypatch.setenv("RAPPORT_SCHEDULE", "0 2 * * *")
    assert hourly_schedule() is not None


def test_the_report_comes_after_the_release_and_nothing_waits_for_it(nightly):
    report = nightly.get_task("report_night")
    assert report.upstream_task_ids == {"publish_release"}
    assert report.downstream_task_ids == set()
    # Who waits for the release has it before there is a picture of it.
    assert nightly.get_task("publish_release").outlets
    assert not report.outlets


def test_who_said_no_is_taken_out_on_every_night_without_a_release_and_on_no_other(nightly):
    subtraction = nightly.get_task("subtract_opt_outs")
    # Whatever failed before it, the release has failed with it; and only then.
    assert subtraction.upstream_task_ids == {"publish_release"}
    assert subtraction.trigger_rule == "all_failed"
    rules = {task_id: nightly.get_task(task_id).trigger_rule for task_id in (BUILD, *STRICT)}
    assert set(rules.values()) == {"all_success"}, rules
    assert subtraction.outlets == nightly.get_task("publish_release").outlets


def test_a_night_without_a_release_has_failed_whatever_was_taken_out(nightly):
    """The state of a run is that of its last tasks: one of them fails with the release."""
    report = nightly.get_task("report_night")
    assert report.trigger_rule == "all_success"
    assert report.downstream_task_ids == set()
    # What follows that gives BI tools what became current; it ends no night well.
    assert nightly.get_task("subtract_opt_outs").downstream_task_ids == {"load_bi"}


def test_bi_tools_are_given_what_became_current_on_either_kind_of_night(nightly):
    load = nightly.get_task("load_bi")
    assert load.upstream_task_ids == {"publish_release", "subtract_opt_outs"}
    assert load.trigger_rule == "one_success"
    assert load.downstream_task_ids == set()


def test_no_night_of_a_firm_s_data_lies_before_the_dag_s_start(nightly):
    """Airflow calls a run of an earlier date a success and runs nothing."""
    policies = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text())["vars"]
    assert str(nightly.start_date.date()) <= policies["earliest_plausible_date"]
    assert not nightly.catchup


@pytest.mark.parametrize("gate", ["check_sources", "check_release"])
def test_a_gate_is_not_tried_twice(nightly, gate):
    assert nightly.get_task(gate).retries == 0


def test_the_build_is_not_tried_twice_by_itself(nightly):
    retries = {t.task_id: t.retries for t in nightly.tasks if t.task_id.startswith("dbt.")}
    assert set(retries.values()) == {0}, retries


def test_writers_take_turns(nightly):
    for task_id in (BUILD, "publish_release", "subtract_opt_outs"):
        assert nightly.get_task(task_id).pool == "warehouse"


def test_pulls_have_a_queue_of_their_own_and_the_warehouse_one_with_all_else(nightly):
    queues = {task.task_id: task.queue for task in nightly.tasks if task.task_type != "ShownPart"}
    pulls = {f"extract.{group}" for group in THERE.groups} | {"check_sources"}
    assert queues == {task_id: "pulls" if task_id in pulls else "warehouse" for task_id in queues}


def test_a_firm_without_an_archive_has_no_task_for_it(nightly):
    assert not nightly.has_task("archive_night")


def test_the_archive_takes_every_night_and_colours_none(monkeypatch):
    monkeypatch.setenv("RAPPORT_ARCHIVE", "s3://bucket/rapport")
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(ROOT / "dags" / "customer_relationship_nightly.py")
    nightly = bag.dags["customer_relationship_nightly"]
    archived = nightly.get_task("archive_night")
    assert archived.upstream_task_ids == {"publish_release", "subtract_opt_outs"}
    assert archived.trigger_rule == "all_done"
    # A night without a release is red all the same: the state of a run is that of its last tasks.
    assert nightly.get_task("report_night").downstream_task_ids == set()
    assert nightly.get_task("report_night").trigger_rule == "all_success"


def test_reading_the_dags_loads_no_library_that_only_their_tasks_need():
    """They are read every few minutes, and each by every task of its own before it starts."""
    modules = (
        *("dbt", "dlt", "duckdb", "great_expectations", "pandas", "altair"),
        *("scipy", "splink", "sandbox", "pyarrow"),
        *("rapport.landing", "rapport.release", "rapport.activation.run", "rapport.erasure"),
    )
    assert loaded_by(modules, *(f"dags/{path.name}" for path in DAG_FILES)) == []


@pytest.fixture
def read_with(tmp_path):
    """Return a function that reads the DAG of a firm: its pulls, and the import error, if any."""

    def read(text=None, **environment):
        if text is not None:
            (tmp_path / "sources.yml").write_text(text)
        script = (
            "from airflow.dag_processing.dagbag import DagBag\n"
            "bag = DagBag(dag_folder='dags/customer_relationship_nightly.py')\n"
            "tasks = [t.task_id for dag in bag.dags.values() for t in dag.tasks]\n"
            "import json; print(json.dumps([tasks, list(bag.import_errors.values())]))"
        )
        home = {"RAPPORT_HOME": str(tmp_path), "RAPPORT_COMPANY": "own"}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW_CONN")}
        path = {"PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}"}
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=inherited | path | home | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        tasks, errors = json.loads(done.stdout.splitlines()[-1])
        return {t for t in tasks if t.startswith("extract.")}, "\n".join(errors)

    return read


def test_only_what_the_firm_declares_has_a_task(read_with):
    assert read_with("shop: true\n") == (
        {"extract.shop_catalog", "extract.shop_orders", "extract.shop_reconciliation"},
        "",
    )


def test_a_faulty_sources_yml_is_an_import_error_that_says_the_line(read_with):
    tasks, error = read_with("shop: true\nhubspt: true\n")
    assert tasks == set()
    assert "sources.yml, line 2: hubspt is no source; the nearest is hubspot" in error


def test_without_a_file_a_firm_has_what_has_a_connection(read_with):
    connection = '{"conn_type": "http", "password": "-"}'
    tasks, error = read_with(
        AIRFLOW_CONN_RAPPORT_KLAVIYO=connection, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="sqlite://"
    )
    assert error == ""
    assert {task.partition("_")[0] for task in tasks} == {"extract.klaviyo"}


def test_every_task_of_the_nightly_tells_what_it_touched(dag_bag):
    for task in dag_bag.dags["customer_relationship_nightly"].tasks:
        assert task.get_openlineage_facets_on_complete is touched, task.task_id
