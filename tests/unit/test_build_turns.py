"""In which turns two engines build a night, and how one hands over to the other."""

from dataclasses import replace
from types import SimpleNamespace

import duckdb
import pytest

from rapport.build import turns
from rapport.build.project import load_manifest, parse_if_changed
from rapport.build.turns import build_by_turns, require_spark, turns_of
from rapport.errors import BuildError, SettingsError
from rapport.settings import Settings
from rapport.warehouse import discard


def node(name, *reads, tags=(), kind="model", how="table", language="sql", **more):
    return SimpleNamespace(
        name=name,
        alias=name,
        schema="marts",
        resource_type=kind,
        language=language,
        tags=list(tags),
        depends_on=SimpleNamespace(nodes=list(reads)),
        config=SimpleNamespace(
            materialized=how, contract=SimpleNamespace(enforced=False), persist_docs={}
        ),
        **more,
    )


def spark(name, *reads, **more):
    return node(name, *reads, tags=["spark"], **more)


def told(*nodes):
    """Return engine, nodes, and what is handed over, of each turn."""
    found = turns_of({each.name: each for each in nodes})
    return [(turn.engine, " ".join(turn.nodes), " ".join(turn.handed)) for turn in found]


class TestTurns:
    def test_without_a_tag_there_is_one_turn_and_it_is_duckdb_s(self):
        assert told(node("b", "a"), node("a")) == [("duckdb", "a b", "")]

    def test_identity_lies_between_two_turns_of_spark(self):
        assert told(
            spark("events"),
            node("people", "events"),
            spark("facts", "events", "people"),
            node("list", "facts"),
        ) == [
            ("duckdb", "", ""),
            ("spark", "events", ""),
            ("duckdb", "people", ""),
            ("spark", "facts", "people"),
            ("duckdb", "list", ""),
        ]

    def test_what_waits_for_nothing_is_made_in_the_first_turn_of_its_engine(self):
        made = told(node("late", "facts"), spark("facts", "small"), node("small"), spark("other"))
        assert made == [
            ("duckdb", "small", ""),
            ("spark", "facts other", "small"),
            ("duckdb", "late", ""),
        ]

    def test_what_was_handed_over_once_is_not_again(self):
        made = told(
            node("small"),
            spark("one", "small"),
            node("between", "one"),
            spark("two", "between", "small"),
        )
        assert [handed for engine, _, handed in made if engine == "spark"] == ["small", "between"]

    def test_a_view_with_the_tag_is_made_by_each_engine_that_reads_it(self):
        made = told(
            spark("events"),
            spark("typed", "events", how="view"),
            node("people", "typed"),
            spark("facts", "typed", "people"),
        )
        assert made == [
            ("duckdb", "", ""),
            ("spark", "events", ""),  # nobody of this turn reads the view
            ("duckdb", "people typed", ""),
            ("spark", "facts typed", "people"),
            ("duckdb", "", ""),
        ]

    def test_a_view_without_it_is_handed_over_as_rows(self):
        made = told(node("seen", how="view"), spark("facts", "seen"))
        assert made[1] == ("spark", "facts", "seen")

    def test_tests_are_duckdb_s_even_where_dbt_gives_them_the_tag_of_their_model(self):
        made = told(spark("facts"), spark("not_null", "facts", kind="test"))
        assert made[-1] == ("duckdb", "not_null", "")

    @pytest.mark.parametrize("what", [{"language": "python"}, {"kind": "seed"}])
    def test_what_spark_cannot_make_is_refused_by_name(self, what):
        with pytest.raises(SettingsError, match=r"^scores has the tag spark, and Spark makes SQL"):
            told(spark("scores", **what))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return settings of a home whose warehouse is there; Spark makes what `made` says."""
    settings = replace(Settings.from_env(), home=tmp_path, engine="spark")
    settings.warehouse_path.parent.mkdir(parents=True)
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("create schema ops; create schema marts")
        connection.execute("create table ops.built_loads (source varchar, load_id varchar)")
        connection.execute("create table marts.small as select 1 as n")
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    return settings


def spark_makes(monkeypatch, query, seen=None):
    """Have Spark's part done by DuckDB."""

    def on_spark(settings, arguments, on_event):
        tables = settings.spark_tables_dir
        if seen is not None:
            seen.extend(arguments)
            seen.extend(sorted(str(p.relative_to(tables)) for p in tables.rglob("*.parquet")))
        folder = tables / "marts" / "facts"
        folder.mkdir(parents=True)
        duckdb.sql(f"copy ({query}) to '{folder}/part-0.parquet' (format parquet)")
        return True, ""

    monkeypatch.setattr(turns, "_on_spark", on_spark)


def column(name, data_type, description="", *constraints):
    wanted = [SimpleNamespace(type=each) for each in constraints]
    return SimpleNamespace(
        name=name, data_type=data_type, description=description, constraints=wanted
    )


def build(settings, nodes, on_duckdb=lambda arguments: (True, "")):
    return build_by_turns(
        settings,
        {each.name: each for each in nodes},
        {"as_of_date": "2017-03-02"},
        on_duckdb=on_duckdb,
        on_event=lambda event: None,
    )


def test_one_engine_reads_what_the_other_made(home, monkeypatch):
    seen = []
    spark_makes(monkeypatch, "select 1 as n, date '2017-03-01' as d", seen)
    facts = spark("facts", "small")
    facts.config.contract.enforced = True
    facts.config.persist_docs = {"relation": True, "columns": True}
    facts.description = "What's been done."
    facts.columns = {
        "n": column("n", "integer", "A number.", "not_null"),
        "d": column("d", "date", "A day."),
    }
    asked = []

    def on_duckdb(arguments):
        asked.append(arguments[3:])
        return True, ""

    assert build(home, [node("small"), facts, node("list", "facts")], on_duckdb) == (True, "")
    assert asked == [["small"], ["list"]]
    assert "facts" in seen
    assert seen[-2:] == ["marts/small/rows.parquet", "ops/built_loads/rows.parquet"]
    with duckdb.connect(str(home.warehouse_path)) as connection:
        assert connection.execute("select n from marts.facts").fetchall() == [(1,)]
        comments = connection.execute(
            "select comment from duckdb_views() where view_name = 'facts' union all"
            " select comment from duckdb_columns() where table_name = 'facts' order by all"
        ).fetchall()
    assert comments == [("A day.",), ("A number.",), ("What's been done.",)]


def test_a_column_of_another_type_than_its_contract_s_is_named(home, monkeypatch):
    spark_makes(monkeypatch, "select 1::bigint as n")
    facts = spark("facts")
    facts.config.contract.enforced = True
    facts.columns = {"n": column("n", "integer")}
    with pytest.raises(BuildError, match=r"facts, made by Spark, .*n is BIGINT, not INTEGER"):
        build(home, [facts])


def test_what_spark_made_goes_with_the_build_file(home):
    old = home.spark_tables_dir / "marts" / "facts" / "part-old.parquet"
    old.parent.mkdir(parents=True)
    old.write_text("of the night before")
    discard(home.warehouse_path)
    assert not home.warehouse_path.exists()
    assert not home.spark_tables_dir.exists()


def test_a_null_where_the_contract_wants_none_is_named(home, monkeypatch):
    spark_makes(monkeypatch, "select nullif(i, 3)::integer as n from range(5) as _(i)")
    facts = spark("facts")
    facts.config.contract.enforced = True
    facts.columns = {"n": column("n", "integer", "", "not_null")}
    with pytest.raises(BuildError, match=r"facts, made by Spark, .*n has 1 nulls"):
        build(home, [facts])


def test_a_turn_that_failed_is_the_last(home, monkeypatch):
    spark_makes(monkeypatch, "select 1 as n")
    asked = []

    def on_duckdb(arguments):
        asked.append(arguments[-1])
        return False, "a reason"

    made = build(home, [node("small"), spark("facts", "small")], on_duckdb)
    assert made == (False, "a reason")
    assert asked == ["small"]
    assert not (home.spark_tables_dir / "marts").exists()


def test_without_spark_installed_it_says_what_installs_it(home):
    settings = replace(home, project_dir=home.home)
    with pytest.raises(BuildError, match="make spark installs it"):
        require_spark(settings, {"facts": spark("facts")})
    require_spark(settings, {"small": node("small")})


def test_a_host_means_a_cluster(home, monkeypatch):
    assert home.spark_target == "spark"
    monkeypatch.setenv("RAPPORT_SPARK_HOST", "spark.example.org")
    assert home.spark_target == "spark_cluster"


def test_the_project_s_night_has_five_turns():
    # Spark has two, as who is whom lies between. A third would be one more wait for the other.
    project = Settings.from_env().dbt_project_dir
    parse_if_changed(project)
    nodes = {
        key: each
        for key, each in load_manifest(project).nodes.items()
        if each.resource_type in {"model", "seed", "test"}
    }
    assert [turn.engine for turn in turns_of(nodes)] == ["duckdb", "spark"] * 2 + ["duckdb"]
