"""Two engines read one SQL; what they do not yet read is listed, and the list only shrinks."""

import json

import pytest
import yaml

from rapport.build.project import load_manifest
from rapport.build.run import invoke
from rapport.settings import WAREHOUSE_FILE
from tests.dbt.manifest_views import PROJECT
from tests.dbt.portable import faults_of, macro_files, of_text
from tests.dbt.two_nights import land_first_night

EXCEPTIONS = yaml.safe_load((PROJECT.parent / "tests/dbt/portable_exceptions.yml").read_text())


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, manifest) -> dict[str, tuple[str, str]]:
    """Every SQL model's name, with its SQL as DuckDB gets it and as it is written."""
    folder = tmp_path_factory.mktemp("compiled")
    land_first_night(folder / "landing")
    done, error = invoke(
        PROJECT,
        [
            *("compile", "--quiet", "--log-level-file", "none", "--no-write-json"),
            *("--target-path", str(folder / "target"), "--log-path", str(folder)),
            *("--vars", json.dumps({"as_of_date": "2017-03-01"})),
        ],
        environment={
            "RAPPORT_WAREHOUSE": str(folder / WAREHOUSE_FILE),
            "RAPPORT_LANDING": str(folder / "landing"),
            "RAPPORT_TEMP_DIR": str(folder),
            "RAPPORT_MEMORY_LIMIT": "1GB",
            "RAPPORT_THREADS": "1",
        },
        manifest=load_manifest(PROJECT),
    )
    assert done, error
    root = folder / "target/compiled/rapport"
    return {
        node["name"]: ((root / node["original_file_path"]).read_text(), node["raw_code"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["language"] == "sql"
    }


def test_models_say_what_both_engines_read_but_for_the_listed(compiled):
    assert len(compiled) > 300
    found = {name: sorted(faults_of(*texts)) for name, texts in compiled.items()}
    found = {name: faults for name, faults in found.items() if faults}
    assert found == EXCEPTIONS["models"]


def test_macros_leave_what_engines_say_differently_to_the_engine_macros():
    found = {
        path.relative_to(PROJECT / "macros").as_posix(): sorted(set(of_text(path.read_text())))
        for path in macro_files(PROJECT)
    }
    assert {name: faults for name, faults in found.items() if faults} == EXCEPTIONS["macros"]


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("select * exclude (a) from t", "star with exclude or replace"),
        ("select 1 as a union all by name select 2 as a", "union by name"),
        ("with t as materialized (select 1 as a) select a from t", "hint materialized"),
        ("select a, count(*) as n from t group by all", "group by all"),
        ("select distinct on (a) a, b from t", "distinct on"),
        ("select null as a", "null without a type"),
        ("select round(a, 2) as a from t", "round to digits"),
        ("select row_number() over () as n from t", "row_number without order"),
        ("select max(a) over (order by b) as n from t", "order without nulls first or last"),
        (
            "select array_agg(a order by b nulls first, c) from t",
            "order without nulls first or last",
        ),
        ("select a + interval (b) day as a from t", "interval of an expression"),
        ("select a * 1.5 as a from t", "decimal literal"),
        ("select a from unnest(b) as t(a)", "unnest outside a select"),
        ("select a::date as a from t", "cast by ::"),
        ("select a // 2 as a from t", "division by //"),
        ("select cast(a as varchar) as a from t", "varchar"),
        ("select arg_max(a, b order by c) as a from t", "order without nulls first or last"),
        ("select any_value(a) as a from t", "function any_value"),
        ("select hash(a) as a from t", "function hash"),
        ("select regexp_matches(a, 'b') as a from t", "regexp_matches() by hand"),
        ("select {{ ratio('len(a)', 'b') }} as a from t", "len() by hand"),
        ("select list_transform(a, lambda x: x) as a from t", "lambda by hand"),
        ("select [a, b] as a from t", "list, record or place in a list by hand"),
        ("select a ->> 'b' as a from t", "json by hand"),
        (
            "with recursive t as (select 1 as a union all select max(a) from t) select a from t",
            "recursion with aggregates",
        ),
    ],
)
def test_each_rule_finds_what_it_forbids(sql, fault):
    readable = sql.replace("{{ ratio('len(a)', 'b') }}", "len(a) / b")
    assert fault in faults_of(readable, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select cast(null as string) as a, max_by(a, b) filter (where a is not null) as b from t",
        "select row_number() over (order by b desc nulls last, c nulls first) from t",
        "select a + interval 1 day as a, round(b * 1e2) / 1e2 as b from t",
        "select customer_id, unnest(list) as item from t",
        "with recursive t as (select 1 as a union all select a + 1 from t) select a from t",
        "select cast(0.5 as double) as a, 5e-1 as b from t",
    ],
)
def test_no_rule_forbids_what_both_read(sql):
    assert faults_of(sql, sql.replace("unnest(list)", "{{ unnested('list') }}")) == set()
