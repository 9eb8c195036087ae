"""The dashboards name what is in a release, before any Superset has seen them."""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.dbt.manifest_views import PROJECT, layer, models

FILES = Path(__file__).parents[2] / "bi/superset"


def read(kind: str) -> list[dict]:
    return [yaml.safe_load(path.read_text()) for path in sorted((FILES / kind).rglob("*.yaml"))]


@pytest.fixture(scope="module")
def released(manifest) -> dict[str, set[str]]:
    """The columns of each released table."""
    return {
        node["name"]: set(node["columns"])
        for node in models(manifest)
        if layer(node) in ("marts", "segments", "metrics")
    }


@pytest.fixture(scope="module")
def datasets() -> dict[str, dict]:
    return {each["uuid"]: each for each in read("datasets")}


def read_by(dataset: dict) -> list[str]:
    return re.findall(r"rapport\.(\w+)", dataset.get("sql", f"rapport.{dataset['table_name']}"))


def words(sql: str) -> set[str]:
    return set(re.findall(r"\b[a-z][a-z0-9_]*\b", re.sub(r"'[^']*'", "", sql)))


def used(chart: dict) -> tuple[set[str], set[str]]:
    """The columns and the metrics that a chart asks for."""
    asked = chart["params"]
    metrics = {*asked.get("metrics", []), asked.get("metric"), asked.get("timeseries_limit_metric")}
    columns = {asked.get("x_axis")}
    for key in ("groupby", "groupbyRows", "groupbyColumns", "all_columns"):
        columns |= {asked[key]} if isinstance(asked.get(key), str) else set(asked.get(key, []))
    columns |= {each["subject"] for each in asked["adhoc_filters"] if "subject" in each}
    columns |= {yaml.safe_load(each)[0] for each in asked.get("order_by_cols", [])}
    return columns - {None}, metrics - {None}


def test_every_table_of_a_dashboard_is_released_with_the_columns_it_names(datasets, released):
    for each in datasets.values():
        known = {column for table in read_by(each) for column in released[table]}
        known |= set(re.findall(r"\bas (\w+)", each.get("sql", "")))
        assert {column["column_name"] for column in each["columns"]} <= known, each["table_name"]
        for metric in each["metrics"]:
            assert words(metric["expression"]) <= known, (each["table_name"], metric["metric_name"])


def test_what_the_dashboards_read_is_told_to_whoever_changes_a_table(datasets):
    tables = {table for each in datasets.values() for table in read_by(each)}
    exposures = yaml.safe_load((PROJECT / "models/_exposures.yml").read_text())["exposures"]
    [told] = [each["depends_on"] for each in exposures if each["name"] == "dashboards"]
    assert told == [f"ref('{name}')" for name in sorted(tables)]


def test_every_chart_asks_its_table_for_what_it_has_and_asks_a_question(datasets):
    for chart in read("charts"):
        table = datasets[chart["dataset_uuid"]]
        columns, metrics = used(chart)
        assert columns <= {each["column_name"] for each in table["columns"]}, chart["slice_name"]
        assert metrics <= {each["metric_name"] for each in table["metrics"]}, chart["slice_name"]
        assert chart["slice_name"].endswith("?")


def test_every_chart_is_on_one_dashboard_and_every_id_is_one_thing_s():
    charts = Counter(each["uuid"] for each in read("charts"))
    placed = Counter(
        part["meta"]["uuid"]
        for board in read("dashboards")
        for part in board["position"].values()
        if isinstance(part, dict) and part["type"] == "CHART"
    )
    assert charts == placed
    kinds = ("databases", "datasets", "charts", "dashboards")
    ids = Counter(each["uuid"] for kind in kinds for each in read(kind))
    assert set(ids.values()) == {1}


def test_filters_are_of_columns_that_their_tables_have(datasets):
    for board in read("dashboards"):
        for each in board["metadata"]["native_filter_configuration"]:
            for target in each["targets"]:
                table = datasets[target["datasetUuid"]]
                names = {column["column_name"] for column in table["columns"]}
                assert target["column"]["name"] in names


@pytest.fixture
def importing():
    spec = importlib.util.spec_from_file_location("importing", FILES / "import.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_connection_is_that_of_the_environment_and_its_password_in_no_file(importing):
    files, passwords = importing.contents("postgresql://analyst:hush-4711@db.invalid:5433/crm")
    database = yaml.safe_load(files["databases/rapport.yaml"])
    assert database["sqlalchemy_uri"] == (
        "postgresql+psycopg2://analyst:XXXXXXXXXX@db.invalid:5433/crm"
    )
    assert passwords == {"databases/rapport.yaml": "hush-4711"}
    assert "hush-4711" not in str(files)


@pytest.mark.parametrize(
    "url",
    [
        "db.invalid",
        "postgresql:/analyst:hush-4711@db.invalid/crm",
        "postgresql://analyst:hush-4711@db.invalid:port/crm",
        "postgresql://analyst:hush-4711@db.invalid",
        "mysql://analyst:hush-4711@db.invalid/crm",
    ],
)
def test_what_is_no_address_of_a_database_is_said_without_its_password(importing, url):
    with pytest.raises(SystemExit, match="not of the form postgresql://<login>") as told:
        importing.reach(url)
    assert "hush" not in str(told.value)
