"""Two builds of the same night give the same rows, whichever thread was first.

The second build has four threads, and DuckDB hands them 2,048 rows at a time instead of 122,880, so
that some thousand rows are as disordered as a firm's millions.
"""

import duckdb
import pytest
from dbt.adapters.duckdb.environments import Environment

from tests.dbt.simulated_firm import MODELS, NIGHT

EVERYTHING = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


@pytest.fixture
def disordered(monkeypatch):
    """From here on, threads race for every two thousand rows."""
    before = Environment.initialize_cursor.__func__

    def initialize_cursor(cls, creds, cursor, *rest):
        cursor.execute("pragma verify_parallelism")
        return before(cls, creds, cursor, *rest)

    monkeypatch.setattr(Environment, "initialize_cursor", classmethod(initialize_cursor))


def built_again(warehouse, folder, *arguments):
    """The same night of the same landing, in a folder of its own."""
    folder.mkdir()
    again = type(warehouse)(folder / warehouse.path.name, warehouse.landing, warehouse.dbt)
    again.threads = 4
    done = again.build(NIGHT, *arguments)
    assert done.success, done.failures()
    return again


def differing(one, other):
    """How many rows of a table only one of two builds has, and of how many tables that was asked.

    Views show what tables hold; ``ops`` says when and by what a night was built.
    """
    with duckdb.connect() as connection:
        for name, made in (("one", one), ("other", other)):
            connection.execute(f"attach '{made.path}' as {name} (read_only)")
        tables = {
            name: connection.sql(
                "select schema_name, table_name from duckdb_tables() "
                f"where database_name = '{name}' and schema_name <> 'ops' order by all"
            ).fetchall()
            for name in ("one", "other")
        }
        assert tables["one"] == tables["other"]
        found = {}
        for schema, table in tables["one"]:
            ours, theirs = (f'{name}."{schema}"."{table}"' for name in ("one", "other"))
            (count,) = connection.sql(
                f"select count(*) from ((from {ours} except all from {theirs}) "
                f"union all (from {theirs} except all from {ours}))"
            ).fetchone()
            if count:
                found[f"{schema}.{table}"] = count
        return found, len(tables["one"])


def test_threads_do_race():
    """Otherwise the tests below would prove nothing; doubles show it, and whole numbers do not."""
    with duckdb.connect(config={"threads": 4}) as connection:
        connection.execute("pragma verify_parallelism")
        connection.execute("create table t as select random() as x from range(200_000)")
        sums = [connection.sql("select sum(x), sum(cast(x * 1e6 as bigint)) from t").fetchone()]
        for _ in range(40):
            sums += connection.sql("select sum(x), sum(cast(x * 1e6 as bigint)) from t").fetchall()
    assert len({double for double, _ in sums}) > 1
    assert len({whole for _, whole in sums}) == 1


@pytest.mark.slow  # builds a firm again
def test_a_firms_facts_and_reports_are_the_same_rows(simulated, tmp_path, disordered):
    found, count = differing(simulated, built_again(simulated, tmp_path / "again", *MODELS))
    assert found == {}
    assert count > 50


@pytest.mark.slow  # everything, twice
def test_everything_is_the_same_rows(simulated, tmp_path, request):
    once = built_again(simulated, tmp_path / "once", *EVERYTHING)
    request.getfixturevalue("disordered")
    found, count = differing(once, built_again(simulated, tmp_path / "again", *EVERYTHING))
    assert found == {}
    assert count > 150
