"""What the night's tasks tell of lineage: names that join up, counts, verdicts, and no secret."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from openlineage.client.facet_v2 import parent_run
from openlineage.client.serde import Serde
from openlineage.client.uuid import generate_new_uuid

from rapport import lineage
from rapport.build.record import Header, Outcome, Record
from rapport.gate import Looked
from rapport.gate.docs import Check
from rapport.sources.connection import Connection
from rapport.sources.streams import GROUPS

HOME = Path("/rapport")
LANDING, WAREHOUSE = HOME / "landing", HOME / "warehouse" / "rapport_build.duckdb"
RELEASES = HOME / "releases"
HUBSPOT = Connection("rapport_hubspot", "https://api.hubapi.com", "the-token")
PARENT = parent_run.ParentRunFacet(
    run=parent_run.Run(str(generate_new_uuid())), job=parent_run.Job("default", "night.dbt.build")
)


def said(datasets):
    """Datasets as they are sent, by their two names."""
    return {(each.namespace, each.name): json.loads(Serde.to_json(each)) for each in datasets}


# --- from the sources to the landing


def test_a_pull_leads_from_the_source_to_the_landing_with_its_rows_and_columns():
    streams = GROUPS["hubspot_deals"]
    told = lineage.pulled(HUBSPOT, streams, {"deals": 7}, LANDING)
    assert list(said(told.inputs)) == [("hubspot://api.hubapi.com", "deals")]
    [landed] = said(told.outputs).values()
    assert (landed["namespace"], landed["name"]) == ("file", "/rapport/landing/hubspot/deals")
    assert landed["outputFacets"]["outputStatistics"]["rowCount"] == 7
    fields = landed["facets"]["schema"]["fields"]
    assert [field["name"] for field in fields] == list(streams[0].declared)
    assert {field["type"] for field in fields} == {"string"}


@pytest.mark.parametrize(
    ("url", "options", "namespace", "orders"),
    [
        (
            "postgresql+psycopg://reader:the-secret@db.example:6432/shop",
            {},
            "postgres://db.example:6432",
            "shop.public.orders",
        ),
        (
            "postgresql+psycopg://reader:the-secret@db.example/shop",
            {"db_schema": "sales"},
            "postgres://db.example:5432",
            "shop.sales.orders",
        ),
        (
            "mysql+pymysql://reader:the-secret@db.example/shop",
            {},
            "mysql://db.example:3306",
            "shop.orders",
        ),
        ("sqlite:////data/shop.sqlite", {}, "sqlite:///data/shop.sqlite", "orders"),
    ],
)
def test_a_shops_table_is_called_as_others_call_it_and_its_login_is_not_told(
    url, options, namespace, orders
):
    shop = Connection("rapport_shop", url, "the-secret", options)
    told = lineage.pulled(shop, GROUPS["shop_orders"], {"orders": 1}, LANDING)
    assert (namespace, orders) in said(told.inputs)
    assert "the-secret" not in str(said(told.inputs))
    assert "reader" not in str(said(told.inputs))


def test_a_reconciliation_reads_what_it_compares_and_lands_what_was_missing():
    compared = GROUPS["shop_orders"]
    books = GROUPS["shop_reconciliation"]
    shop = Connection("rapport_shop", "sqlite:////data/shop.sqlite")
    told = lineage.pulled(shop, books, {"orders": 3, "removals": 1}, LANDING, compared)
    assert {name for _, name in said(told.inputs)} == {stream.name for stream in compared}
    landed = {name.rpartition("/")[2] for _, name in said(told.outputs)}
    assert landed == {"orders", *(stream.name for stream in books)}


# --- the gates


def check(title, severity="critical", problem=None):
    return Check("in words", title, "", severity, "They are hurt.", "2 of 9 rows", problem)


def test_every_expectation_is_an_assertion_with_its_verdict():
    fine = check("expect_column_values_to_be_unique(customer_id)")
    warned = check("expect_table_row_count_to_be_between(table)", "warning", "2 of 9 rows")
    told = lineage.goes_out([Looked("marts.dim_customers", 9, [fine, warned])], WAREHOUSE)
    [table] = said(told.inputs).values()
    assert table["namespace"] == "duckdb:///rapport/warehouse/rapport_build.duckdb"
    assert table["name"] == "rapport_build.marts.dim_customers"
    assert table["inputFacets"]["inputStatistics"]["rowCount"] == 9
    first, second = table["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (first["assertion"], first["column"], first["success"], first["severity"]) == (
        "expect_column_values_to_be_unique",
        "customer_id",
        True,
        "error",
    )
    assert (second["success"], second["severity"], second["actual"]) == (
        False,
        "warn",
        "2 of 9 rows",
    )
    assert "column" not in second


def test_the_first_gates_verdicts_are_on_the_landing_and_its_streams_are_read():
    streams = GROUPS["hubspot_deals"]
    looked = [Looked("landing.streams", 44, [check("expect_column_values_to_be_unique(a)")])]
    told = said(lineage.came_in(looked, streams, LANDING).inputs)
    assert list(told) == [("file", "/rapport/landing"), ("file", "/rapport/landing/hubspot/deals")]
    [assertion] = told["file", "/rapport/landing"]["inputFacets"]["dataQualityAssertions"][
        "assertions"
    ]
    assert assertion["name"] == "landing.streams: expect_column_values_to_be_unique(a)"


# --- the build


def node(kind, name, schema="marts", reads=(), **more):
    return {
        "resource_type": kind,
        "name": name,
        "alias": name,
        "schema": schema,
        "columns": {"id": {"data_type": "string", "description": "Which."}},
        "description": f"About {name}.",
        "group": "data_platform",
        "config": {"severity": "ERROR"},
        "depends_on": {"nodes": list(reads)},
    } | more


STAGED, MART = "model.r.stg_deals", "model.r.fct_deals"
LANDED, TEST = "source.r.hubspot.deals", "test.r.unique"
MANIFEST = {
    "sources": {LANDED: node("source", "deals", "landing", source_name="hubspot")},
    "nodes": {
        STAGED: node("model", "stg_deals", "staging", [LANDED]),
        MART: node("model", "fct_deals", reads=[STAGED]),
        TEST: node(
            "test",
            "unique_fct_deals_id",
            reads=[MART],
            attached_node=MART,
            column_name="id",
            test_metadata={"name": "unique"},
        ),
    },
}
ENDED = "2018-01-03T02:00:05+00:00"


def record(*outcomes):
    return Record(
        Header("night", date(2018, 1, 2), "code", ()),
        datetime(2018, 1, 3, 2, tzinfo=UTC),
        {},
        {each.node: each for each in outcomes},
    )


def outcome(key, status="passed", **more):
    kind, _, name = key.partition(".r.")
    return Outcome(key, name, kind, status, 2.0, ended_at=ENDED, **more)


def events_of(*outcomes):
    """Terminal events by what ran, as they are sent; every run began before it ended."""
    sent = [
        json.loads(Serde.to_json(event))
        for event in lineage.model_events(record(*outcomes), MANIFEST, WAREHOUSE, LANDING, PARENT)
    ]
    began = {event["run"]["runId"]: event for event in sent if event["eventType"] == "START"}
    ended = [event for event in sent if event["eventType"] != "START"]
    assert len(began) == len(ended)
    assert all(began[each["run"]["runId"]]["eventTime"] < each["eventTime"] for each in ended)
    return {each["job"]["name"].removeprefix("night.dbt.build."): each for each in ended}


def test_a_model_tells_what_it_was_made_of_within_the_task_that_built():
    told = events_of(outcome(STAGED), outcome(MART, rows=12))
    assert list(told) == ["stg_deals", "fct_deals"]
    [landed] = told["stg_deals"]["inputs"]
    assert (landed["namespace"], landed["name"]) == ("file", "/rapport/landing/hubspot/deals")
    mart = told["fct_deals"]
    assert mart["run"]["facets"]["parent"]["run"]["runId"] == PARENT.run.runId
    assert mart["job"]["facets"]["jobType"]["jobType"] == "MODEL"
    assert [each["name"] for each in mart["inputs"]] == ["rapport_build.staging.stg_deals"]
    [made] = mart["outputs"]
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 12
    assert made["facets"]["schema"]["fields"] == [
        {"name": "id", "type": "string", "description": "Which.", "fields": []}
    ]
    assert made["facets"]["documentation"]["description"] == "About fct_deals."
    assert made["facets"]["ownership"]["owners"] == [
        {"name": "team:data_platform", "type": "OWNER"}
    ]


def test_a_model_that_failed_made_nothing_and_one_that_was_not_built_says_nothing():
    told = events_of(outcome(STAGED, "failed"), outcome(MART, "skipped"))
    assert list(told) == ["stg_deals"]
    assert told["stg_deals"]["eventType"] == "FAIL"
    assert told["stg_deals"]["outputs"] == []


def test_what_an_earlier_try_built_has_told_already():
    assert list(events_of(outcome(STAGED, is_earlier=True), outcome(MART))) == ["fct_deals"]


@pytest.mark.parametrize(
    ("status", "ends", "passed"),
    [("passed", "COMPLETE", True), ("warned", "COMPLETE", False), ("failed", "FAIL", False)],
)
def test_dbts_tests_are_assertions_on_the_tables_that_they_look_at(status, ends, passed):
    told = events_of(outcome(MART), outcome(TEST, status, failures=0 if passed else 4))["tests"]
    assert (told["eventType"], told["job"]["facets"]["jobType"]["jobType"]) == (ends, "TEST")
    [mart] = told["inputs"]
    assert mart["name"] == "rapport_build.marts.fct_deals"
    [assertion] = mart["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (assertion["assertion"], assertion["column"]) == ("unique", "id")
    assert (assertion["success"], assertion["actual"]) == (passed, "0" if passed else "4")


def test_the_build_itself_leads_from_the_landing_to_the_marts():
    told = lineage.built(record(outcome(STAGED), outcome(MART)), MANIFEST, WAREHOUSE, LANDING)
    assert [each.name for each in told.inputs] == ["/rapport/landing/hubspot/deals"]
    assert [each.name for each in told.outputs] == ["rapport_build.marts.fct_deals"]


# --- releases


RELEASE = {
    "release_id": "2018-01-02-3f2a9c41d07b",
    "tables": [
        {
            "schema": "segments",
            "name": "segment_members",
            "comment": "Who is in.",
            "columns": [{"name": "customer_id", "type": "VARCHAR", "comment": "Who."}],
            "rows": 5,
            "file": "segment_members.parquet",
        }
    ],
}


def test_a_table_of_a_release_is_called_the_same_every_night_and_its_version_says_which():
    told = lineage.released(RELEASES, RELEASE, WAREHOUSE)
    assert [each.name for each in told.inputs] == ["rapport_build.segments.segment_members"]
    [table] = said(told.outputs).values()
    assert table["namespace"] == "duckdb:///rapport/releases/current/rapport.duckdb"
    assert table["name"] == "rapport.segments.segment_members"
    assert table["facets"]["version"]["datasetVersion"] == RELEASE["release_id"]
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 5
    [parquet] = table["facets"]["symlinks"]["identifiers"]
    assert parquet["name"] == "/rapport/releases/current/segment_members.parquet"


def test_a_reduced_release_is_made_of_the_one_before_it_and_of_what_landed():
    told = lineage.reduced(RELEASES, RELEASE, GROUPS["hubspot_deals"], LANDING)
    assert [each.name for each in told.inputs] == [
        "/rapport/landing/hubspot/deals",
        "rapport.segments.segment_members",
    ]


def test_bi_tools_have_the_release_under_the_names_of_their_database():
    bi = Connection("rapport_bi", "postgresql+psycopg://loader:hush-4711@db.invalid/crm")
    told = lineage.given_to_postgres(RELEASES, RELEASE, bi, "rapport")
    assert [each.name for each in told.inputs] == ["rapport.segments.segment_members"]
    [table] = said(told.outputs).values()
    assert table["namespace"] == "postgres://db.invalid:5432"
    assert table["name"] == "crm.rapport.segment_members"
    assert table["facets"]["version"]["datasetVersion"] == RELEASE["release_id"]
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 5
    assert not re.search("hush-4711|loader|parquet", json.dumps(table))


def test_what_is_sent_to_a_tool_comes_of_the_release():
    told = lineage.activated(
        RELEASES, RELEASE, ["segments.segment_members"], HUBSPOT, "hubspot", "lists", 5
    )
    assert [each.name for each in told.inputs] == ["rapport.segments.segment_members"]
    [sent] = said(told.outputs).values()
    assert (sent["namespace"], sent["name"]) == ("hubspot://api.hubapi.com", "lists")
    assert sent["outputFacets"]["outputStatistics"]["rowCount"] == 5
