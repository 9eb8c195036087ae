"""Which parts of a build people see, and what belongs to each."""

import graphlib
import json
from pathlib import Path

import pytest

from rapport.build.parts import load_parts, parsed_dir, parts_of
from rapport.build.project import parse_if_changed
from rapport.errors import SettingsError

PROJECT = Path(__file__).parents[2] / "dbt_project"


def model(path: str, *reads: str) -> dict:
    name = path.split("/")[-1]
    return {
        "resource_type": "model",
        "name": name,
        "fqn": ["rapport", *path.split("/")],
        "depends_on": {"nodes": [f"model.{read}" for read in reads]},
    }


def check(name: str, *reads: str, attached: str | None = None) -> dict:
    return {
        "resource_type": "test",
        "name": name,
        "fqn": ["rapport", name],
        "depends_on": {"nodes": [f"model.{read}" for read in reads]},
        "attached_node": attached and f"model.{attached}",
    }


def places(*nodes: dict) -> dict[str, str]:
    """Name of a node -> part that it belongs to."""
    manifest = {"nodes": {f"{node['resource_type']}.{node['name']}": node for node in nodes}}
    return {key.split(".")[1]: part.id for part in parts_of(manifest) for key in part.nodes}


def test_a_source_s_staging_is_one_part_and_a_mart_one_of_its_own():
    assert places(
        model("staging/shop/base/base_shop__orders"),
        model("staging/shop/stg_shop__orders", "base_shop__orders"),
        model("marts/core/fct_orders", "stg_shop__orders"),
        model("marts/value/dim_customer_value", "fct_orders"),
    ) == {
        "base_shop__orders": "staging.shop",
        "stg_shop__orders": "staging.shop",
        "fct_orders": "marts.fct_orders",
        "dim_customer_value": "marts.dim_customer_value",
    }


def test_a_step_in_between_belongs_to_the_first_part_that_needs_it():
    found = places(
        model("intermediate/orders/int_orders__lines"),
        model("marts/core/fct_orders", "int_orders__lines", "dim_first"),
        model("marts/core/dim_first", "int_orders__lines"),
    )
    assert found["int_orders__lines"] == "marts.dim_first"


def test_what_nothing_needs_belongs_to_the_last_part_it_reads():
    found = places(
        model("marts/core/dim_first"),
        model("marts/core/fct_second", "dim_first"),
        model("audit/order_flow", "fct_second", "dim_first"),
    )
    assert found["order_flow"] == "marts.fct_second"


def test_who_is_whom_and_consent_are_parts_as_a_whole():
    assert places(
        model("intermediate/identity/int_identity__links"),
        model("intermediate/preferences/int_consent__events", "int_identity__links"),
    ) == {"int_identity__links": "identity", "int_consent__events": "consent"}


def test_a_test_belongs_to_the_model_it_is_attached_to_else_to_the_last_it_reads():
    found = places(
        model("marts/core/dim_first"),
        model("marts/core/fct_second", "dim_first"),
        check("unique_first", "dim_first", attached="dim_first"),
        check("every_second_has_a_first", "fct_second", "dim_first", attached="dim_first"),
        check("assert_sums_agree", "dim_first", "fct_second"),
    )
    assert found["unique_first"] == found["every_second_has_a_first"] == "marts.dim_first"
    assert found["assert_sums_agree"] == "marts.fct_second"


def test_a_test_that_reads_no_model_is_shown_all_the_same():
    assert places(model("marts/core/dim_first"), check("assert_policy"))["assert_policy"]


def test_models_in_a_circle_are_named_and_not_lost():
    with pytest.raises(ValueError, match=r"circle.*dim_a"):
        parts_of(
            {
                "nodes": {
                    "model.dim_a": model("marts/core/dim_a", "dim_b"),
                    "model.dim_b": model("marts/core/dim_b", "dim_a"),
                }
            }
        )


@pytest.fixture(scope="module")
def project():
    """The real project: its manifest and its parts."""
    parse_if_changed(PROJECT)
    manifest = json.loads((parsed_dir(PROJECT) / "manifest.json").read_text())
    return manifest, load_parts(PROJECT)


def test_every_model_seed_and_data_test_of_the_project_is_in_one_part(project):
    manifest, parts = project
    shown = [node for part in parts for node in part.nodes]
    assert len(shown) == len(set(shown)) > 450
    assert set(shown) == {
        key
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in {"model", "seed", "test"}
    }


def test_no_part_of_the_project_waits_for_itself(project):
    """Else no order of the parts could be shown."""
    manifest, parts = project
    place = {node: part.id for part in parts for node in part.nodes}
    graph = graphlib.TopologicalSorter({part.id: () for part in parts})
    for key, node in manifest["nodes"].items():
        for parent in node["depends_on"].get("nodes", []):
            if node["resource_type"] != "test" and place.get(parent, place[key]) != place[key]:
                graph.add(place[key], place[parent])
    assert len(list(graph.static_order())) == len(parts)


def test_nothing_in_the_parsed_project_depends_on_the_night_or_on_the_landing(project):
    """It is parsed for 1970-01-01 and built for every other night."""
    manifest, _ = project
    for key, node in (manifest["nodes"] | manifest["sources"]).items():
        parsed = {name: value for name, value in node.items() if name != "raw_code"}
        assert "1970-01-01" not in json.dumps(parsed), key
        assert "landing/" not in json.dumps(parsed.get("meta", {})), key


def test_a_project_that_was_never_parsed_says_how_to(tmp_path):
    with pytest.raises(SettingsError, match=r"python -m rapport\.build"):
        load_parts(tmp_path)
