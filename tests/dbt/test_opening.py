"""A unit test's rows stand where dbt's own parsing of the whole model would have put them."""

import pytest
import sqlparse
from dbt import compilation
from dbt.contracts.graph.nodes import InjectedCTE

from tests.dbt.manifest_views import PROJECT
from tests.dbt.opening import opening_parsed

GIVEN = [InjectedCTE("a", "a as (select 1)"), InjectedCTE("b", "b as (select 2)")]
# As dbt has them by then, without what it renders before the first word.
MODELS = [
    path.read_text()[path.read_text().index("\nwith\n") :]
    for path in sorted((PROJECT / "models" / "marts").glob("**/fct_*.sql"))
    if "\nwith\n" in path.read_text()
]


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "\n\n  select * from (with c as (select 1) select * from c)",
        "with c as (select 1) select * from c",
        "-- why\n/* and\nmore */\n\nWITH c as (select 1) select * from c",
        "with -- why\nc as (select 1) select * from c",
        "with recursive c as (select 1) select * from c",
        "with\n\nrecursive\nc as (select 1) select ';' from c",
        "(select 1) union all (select 2)",
        *MODELS,
    ],
)
def test_rows_are_put_where_the_whole_parse_puts_them(sql, monkeypatch):
    monkeypatch.setattr(compilation, "sqlparse", sqlparse)
    whole = compilation.inject_ctes_into_sql(sql, GIVEN)
    monkeypatch.setattr(sqlparse, "parse", opening_parsed)
    assert compilation.inject_ctes_into_sql(sql, GIVEN) == whole
    assert whole != sql
