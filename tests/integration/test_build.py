"""A build by dbt itself, of a project of three models: what it notes, and how it goes on."""

import shutil
from dataclasses import replace
from datetime import date

import duckdb
import pytest

from rapport.build import run
from rapport.build.project import docs_path, write_docs
from rapport.build.record import read_record
from rapport.errors import BuildError, PolicyError, SettingsError
from tests.integration.small_project import settings_of, write_project

NIGHT = date(2018, 1, 2)
FILES = {
    "dbt_project.yml": "name: rapport\nversion: 1.0.0\nprofile: rapport\n"
    "vars: {reporting_time_zone: UTC, firm_themes: []}\n"
    "models: {+materialized: table}\n",
    "policy_schema.yml": "properties:\n"
    "  reporting_time_zone: {type: string, format: time-zone, description: A clock.}\n"
    "  firm_themes: {type: array, description: Words.}\n",
    # When it was built can be told from its row.
    "models/marts/core/dim_first.sql": "select uuid() as built from range(3)",
    "models/marts/core/dim_other.sql": "select uuid() as built, "
    "'{{ var('reporting_time_zone') }}' as zone, {{ var('firm_themes') | length }} as themes",
    "models/marts/core/fct_second.sql": "select * from {{ ref('dim_first') }}",
    # Stands for whatever is wrong for a while: a full disk, memory, a notebook that holds a file.
    "tests/assert_all_is_well.sql": "select built from {{ ref('dim_first') }} "
    "where '{{ env_var('ALL_IS_WELL', 'yes') }}' = 'no'",
}


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    """An installation that has parsed its project and built nothing."""
    folder = tmp_path_factory.mktemp("parsed")
    write_project(folder, FILES)
    return folder


@pytest.fixture(scope="module")
def broken(parsed, tmp_path_factory):
    """The same after a night whose first try failed at a test, and the error."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(parsed, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALL_IS_WELL", "no")
        with pytest.raises(BuildError) as error:
            run.build(settings_of(folder), NIGHT, run_id="night")
    return folder, str(error.value)


@pytest.fixture
def settings(parsed, tmp_path):
    """An installation of the test's own."""
    shutil.copytree(parsed, tmp_path, dirs_exist_ok=True)
    return settings_of(tmp_path)


@pytest.fixture
def failed(broken, tmp_path):
    """An installation of the test's own whose first try failed, and the error."""
    folder, error = broken
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return settings_of(tmp_path), error


def test_dbt_documents_the_project_in_one_page_without_a_warehouse(settings):
    project = settings.dbt_project_dir
    assert not docs_path(project).exists()
    write_docs(project)
    page = docs_path(project).read_text()
    assert "model.rapport.fct_second" in page
    assert "INLINE DATA" not in page
    assert not settings.warehouse_path.exists()


def test_a_night_on_spark_is_whole_and_none_of_duckdb_is_built_upon_it(settings):
    """No model of this project is Spark's, so that none has to run."""
    engines = ["duckdb", "duckdb", "spark", "spark", "duckdb", "duckdb"]
    built = [run.build(replace(settings, engine=engine), NIGHT) for engine in engines]
    assert [each.fresh for each in built] == [True, False, True, True, True, False]
    assert {each.nodes for each in built} == {4}


def names(settings, status):
    """Names of the nodes of the last build with a status."""
    outcomes = read_record(settings.build_record_path).outcomes.values()
    return sorted(each.name for each in outcomes if each.status == status)


def rows(settings, table):
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        return connection.sql(f"select * from main.{table} order by all").fetchall()


def test_a_build_notes_rows_and_seconds_of_every_node(settings):
    built = run.build(settings, NIGHT, run_id="night")
    assert (built.fresh, built.nodes, built.earlier) == (True, 4, 0)
    record = read_record(settings.build_record_path)
    assert (record.ended, record.header.as_of, record.header.run_id) == ("passed", NIGHT, "night")
    first = record.outcomes["model.rapport.dim_first"]
    assert (first.status, first.rows, first.kind) == ("passed", 3, "model")
    assert 0 < first.seconds < 60
    assert set(record.parts) == {"marts.dim_first", "marts.dim_other", "marts.fct_second"}
    assert all(record.has_ended(part) for part in record.parts)


def under(settings, text):
    """The night built under a policy.yml: whether from nothing, and what a model was given."""
    settings.home.mkdir(exist_ok=True)
    (settings.home / "policy.yml").write_text(text)
    fresh = run.build(settings, NIGHT).fresh
    [(_, zone, themes)] = rows(settings, "dim_other")
    return fresh, zone, themes


def test_a_firm_s_policies_reach_the_models_and_are_built_from_nothing_where_marks_are_kept(
    settings,
):
    """Nothing parsed knows of them, and no incremental model was made by others."""
    (settings.dbt_project_dir / "models/marts/core/dim_kept.sql").write_text(
        "{{ config(materialized='incremental') }} select '{{ var('reporting_time_zone') }}' as zone"
    )
    assert under(settings, "") == (True, "UTC", 0)
    assert under(settings, "reporting_time_zone: Asia/Tehran") == (True, "Asia/Tehran", 0)
    assert under(settings, "reporting_time_zone: Asia/Tehran") == (False, "Asia/Tehran", 0)
    assert {zone for (zone,) in rows(settings, "dim_kept")} == {"Asia/Tehran"}
    # Of themes only a table knows, which every night makes anew.
    changed = "reporting_time_zone: Asia/Tehran\nfirm_themes: [tea, bread]"
    assert under(settings, changed) == (False, "Asia/Tehran", 2)


def test_a_policy_that_cannot_be_leaves_the_warehouse_as_it_was(settings):
    under(settings, "")
    before = rows(settings, "dim_first")
    with pytest.raises(PolicyError, match=r"policy\.yml, line 1: reporting_time_zone"):
        under(settings, "reporting_time_zone: Nowhere")
    assert rows(settings, "dim_first") == before


def test_a_test_that_fails_is_named_and_what_reads_its_model_says_why_it_was_not_built(failed):
    settings, error = failed
    assert "test assert_all_is_well: Got 3 results" in error
    assert names(settings, "failed") == ["assert_all_is_well"]
    assert names(settings, "passed") == ["dim_first", "dim_other"]
    record = read_record(settings.build_record_path)
    assert record.ended == "failed"
    assert record.outcomes["test.rapport.assert_all_is_well"].failures == 3
    second = record.outcomes["model.rapport.fct_second"]
    assert (second.status, second.message) == ("skipped", "test assert_all_is_well failed")


def test_the_second_try_of_a_run_builds_only_what_failed_and_what_waited_for_it(failed):
    settings, _ = failed
    before = rows(settings, "dim_first"), rows(settings, "dim_other")
    built = run.build(settings, NIGHT, run_id="night")
    assert (built.fresh, built.nodes, built.earlier) == (False, 4, 2)
    assert (rows(settings, "dim_first"), rows(settings, "dim_other")) == before
    assert rows(settings, "fct_second") == before[0]
    record = read_record(settings.build_record_path)
    assert (record.ended, len(record.outcomes)) == ("passed", 4)
    assert record.outcomes["model.rapport.dim_other"].is_earlier


def test_a_second_try_that_fails_leaves_a_third_with_what_both_built(failed, monkeypatch):
    settings, _ = failed
    monkeypatch.setenv("ALL_IS_WELL", "no")
    with pytest.raises(BuildError):
        run.build(settings, NIGHT, run_id="night")
    monkeypatch.delenv("ALL_IS_WELL")
    assert run.build(settings, NIGHT, run_id="night").earlier == 2


def test_a_try_that_was_killed_is_gone_on_with(failed):
    settings, _ = failed
    path = settings.build_record_path
    path.write_text("".join(line for line in path.open() if '"ended"' not in line))
    assert run.build(settings, NIGHT, run_id="night").earlier == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"run_id": "night_2"}, id="another run"),
        pytest.param({"run_id": ""}, id="no run"),
        pytest.param({"as_of": date(2018, 1, 3)}, id="another night"),
        pytest.param({"code": True}, id="other models"),
        pytest.param({"policy": "firm_themes: [tea]"}, id="other policies"),
        pytest.param({"loads": [("shop", "1.1")]}, id="more landed"),
        pytest.param({"warehouse": True}, id="the warehouse is gone"),
    ],
)
def test_nothing_of_an_earlier_try_stands_when_anything_is_different(failed, monkeypatch, change):
    settings, _ = failed
    if "loads" in change:
        monkeypatch.setattr(run, "loads_of_night", lambda *_: change["loads"])
    if "policy" in change:
        (settings.home / "policy.yml").write_text(change["policy"])
    if "code" in change:
        other = settings.dbt_project_dir / "models/marts/core/dim_other.sql"
        other.write_text("select uuid() as built, 2 as version")
    if "warehouse" in change:
        settings.warehouse_path.unlink()
    before = rows(settings, "dim_first") if "warehouse" not in change else []
    built = run.build(settings, change.get("as_of", NIGHT), run_id=change.get("run_id", "night"))
    assert built.earlier == 0
    assert rows(settings, "dim_first") != before


def test_a_build_that_passed_is_built_anew_when_it_is_asked_for_again(settings):
    run.build(settings, NIGHT, run_id="night")
    assert run.build(settings, NIGHT, run_id="night").earlier == 0


def test_a_model_that_fails_is_named_with_dbt_s_message(settings):
    path = settings.dbt_project_dir / "models/marts/core/dim_other.sql"
    path.write_text("select no_such_column from {{ ref('dim_first') }}")
    with pytest.raises(BuildError, match=r"(?s)dim_other: .*no_such_column"):
        run.build(settings, NIGHT, run_id="night")
    # The rest that does not read it is built.
    assert "fct_second" in names(settings, "passed")


def test_a_project_that_cannot_be_parsed_says_where(settings):
    (settings.dbt_project_dir / "models/marts/core/dim_other.sql").write_text("{{ ref('gone') }}")
    with pytest.raises(SettingsError, match="gone"):
        run.build(settings, NIGHT, run_id="night")
    assert not settings.warehouse_path.exists()


def test_the_file_is_free_when_the_build_is_over(failed):
    settings, _ = failed
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        assert connection.sql("select 1").fetchone() == (1,)


class TestAside:
    """A few models for a question, on a night whose build is not to be touched."""

    def ask(self, settings, *models):
        with (
            run.built_aside(settings, NIGHT, models) as path,
            duckdb.connect(str(path), read_only=True) as asked,
        ):
            tables = asked.sql("select table_name from duckdb_tables() where schema_name = 'main'")
            return path, sorted(name for (name,) in tables.fetchall())

    def test_they_and_what_they_read_are_built_though_a_data_test_fails(self, failed, monkeypatch):
        settings, _ = failed
        monkeypatch.setenv("ALL_IS_WELL", "no")
        path, tables = self.ask(settings, "fct_second")
        assert tables == ["dim_first", "fct_second"]
        assert not path.exists()

    def test_the_night_s_build_goes_on_as_if_nobody_had_asked(self, failed):
        settings, _ = failed
        files = (settings.warehouse_path, settings.build_record_path)
        before = [path.read_bytes() for path in files]
        self.ask(settings, "dim_other")
        assert [path.read_bytes() for path in files] == before
        assert run.build(settings, NIGHT, run_id="night").earlier == 2

    def test_a_model_that_fails_is_named_and_nothing_is_left(self, settings):
        path = settings.dbt_project_dir / "models/marts/core/dim_first.sql"
        path.write_text("select no_such_column from range(3)")
        with pytest.raises(BuildError, match=r"(?s)dim_first: .*no_such_column"):
            self.ask(settings, "fct_second")
        assert not settings.aside_path.exists()


def test_what_is_newest_is_asked_of_the_build_file_if_that_is_just_what_it_shows(
    settings, monkeypatch
):
    run.build(settings, NIGHT, run_id="night")
    with run.newest_known(settings, NIGHT, ["dim_first"]) as path:
        assert path == settings.warehouse_path
        with pytest.raises(BuildError, match="is being built"):  # it is held still meanwhile
            run.build(settings, NIGHT, run_id="another")
    for as_of, loads in ((date(2018, 1, 3), []), (NIGHT, [("shop", "17.5")])):
        monkeypatch.setattr(run, "loads_of_night", lambda *_, found=loads: found)
        with run.newest_known(settings, as_of, ["dim_first"]) as path:
            assert path == settings.aside_path


def test_what_is_newest_is_asked_aside_after_a_build_that_failed_or_of_a_selection(
    broken, tmp_path
):
    folder, _ = broken
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    settings = settings_of(tmp_path)
    with run.newest_known(settings, NIGHT, ["dim_first"]) as path:
        assert path == settings.aside_path
    run.build(settings, NIGHT, arguments=("--select", "dim_first"))
    with run.newest_known(settings, NIGHT, ["dim_first"]) as path:
        assert path == settings.aside_path
