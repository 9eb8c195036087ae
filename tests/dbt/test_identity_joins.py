"""Whoever asks the contact map who a record is must not gain rows by it."""

from tests.dbt.manifest_views import edges, layer, models

COUNTING = {"no_more_rows_than", "as_many_rows_as", "unique", "unique_together"}


def test_every_join_to_the_contact_map_ends_in_a_table_whose_rows_are_counted(manifest):
    counted = {
        parent
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (
            node.get("test_metadata", {}).get("name") in COUNTING
            or node["name"] == "assert_identity_adds_no_row_to_a_fact"
        )
        for parent in node["depends_on"]["nodes"]
    }
    readers = {parent["unique_id"]: set() for _, parent in edges(manifest)}
    for node, parent in edges(manifest):
        readers[parent["unique_id"]].add(node["unique_id"])

    def ends_counted(model: str) -> bool:
        return model in counted or any(map(ends_counted, readers.get(model, ())))

    # an audit counts distinct customers, and so does a view that no table is made of
    counting_people = {
        node["unique_id"]
        for node in models(manifest)
        if layer(node) == "audit"
        or (node["config"]["materialized"] == "view" and node["unique_id"] not in readers)
    }
    joining = readers["model.rapport.int_identity__contact_map"] - counting_people
    assert len(joining) > 4
    assert [model for model in joining if not ends_counted(model)] == []


def test_the_contact_map_names_each_record_once(manifest):
    """Every join above rests on this one test."""
    tests = [
        node["test_metadata"]["kwargs"]["columns"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node.get("attached_node") == "model.rapport.int_identity__contact_map"
        and node["test_metadata"]["name"] == "unique_together"
    ]
    assert tests == [["source", "source_record_id"]]
    assert "int_identity__contact_map" in {node["name"] for node in models(manifest)}
