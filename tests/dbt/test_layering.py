"""Data flows one way: source -> staging -> canonical -> intermediate -> marts -> segments."""

import csv

from rapport.contract import PREFIX, read_contract
from rapport.sources.streams import STREAMS
from tests.dbt.manifest_views import PROJECT, edges, layer, models

# `reference` is what no landed row has a part in: clocks, names of countries.
MAY_READ = {
    "staging": {"source", "staging", "reference"},
    "canonical": {"staging", "canonical", "seed"},
    "intermediate": {"staging", "canonical", "intermediate", "seed"},
    "marts": {"canonical", "intermediate", "marts"},
    "segments": {"marts", "segments", "seed", "reference"},
    "metrics": {"marts", "segments"},
    "quarantine": {"staging"},
    "ops": {"source", "staging", "canonical", "quarantine", "seed", "reference"},
    "audit": {
        "audit",
        "staging",
        "canonical",
        "intermediate",
        "marts",
        "segments",
        "metrics",
        "quarantine",
        "ops",
        "seed",
    },
}

# Beyond the canonical models nobody reads what a vendor says, but for these: who, what, and why.
READS_A_VENDOR = {
    "int_identity__identifiers": (
        {"stg_hubspot__owners", "stg_hubspot__companies"},
        "what names people and firms is in no stream that marts may read",
    ),
    "int_campaigns__flows": ({"stg_klaviyo__flows"}, "no stream is of automations themselves"),
    "int_campaigns__vendor_orders": (
        {"stg_klaviyo__events", "stg_klaviyo__metrics"},
        "which message sold what by the tool's own word, held against ours; no stream is of it",
    ),
    "int_campaigns__with_offers": ({"stg_shop__coupons"}, "no stream is of coupons"),
    "int_journey__offered_categories": ({"stg_shop__coupons"}, "no stream is of coupons"),
    "int_orders__refund_events": (
        {"stg_klaviyo__events", "stg_klaviyo__metrics"},
        "what another than the shop says of its orders; no stream is of hearsay",
    ),
    "int_pressure__control_draws": (
        {"stg_klaviyo__events", "stg_klaviyo__metrics"},
        "no stream is of who got nothing by lot",
    ),
}


def test_every_model_reads_only_from_the_layers_before_it(manifest):
    wrong = [
        f"{node['name']} ({layer(node)}) reads {parent['name']} ({layer(parent)})"
        for node, parent in edges(manifest)
        if layer(parent) not in MAY_READ[layer(node)]
        and not (worked_out_of(node) and layer(parent) == "marts")
        and node["name"] != "source_streams"  # it speaks of what landed, not of what was made of it
        and not ("reference" in MAY_READ[layer(node)] and is_reference(manifest, parent))
    ]
    assert wrong == []


def test_beyond_the_canonical_models_nobody_reads_a_vendor_but_for_stated_reasons(manifest):
    read = {
        (node["name"], parent["name"])
        for node, parent in edges(manifest)
        if layer(node) in {"intermediate", "marts", "segments"}
        and layer(parent) == "staging"
        and parent["fqn"][2] != "sources"
    }
    assert read == {
        (name, parent) for name, (parents, _) in READS_A_VENDOR.items() for parent in parents
    }


def test_what_we_write_to_lists_never_comes_back_as_evidence(manifest):
    """Who is on a list of a tool's was put there by us, or is no more than a list says of them."""
    readers = {
        layer(node)
        for node, parent in edges(manifest)
        if parent["name"] in {"stg_klaviyo__list_members", "base_klaviyo__list_members"}
    }
    assert readers <= {"staging", "quarantine", "ops"}
    with (PROJECT / "seeds" / "klaviyo_metrics.csv").open() as seed:
        (joined,) = [
            row for row in csv.DictReader(seed) if row["metric_name"] == "Subscribed to List"
        ]
    assert joined["is_touchpoint"] == joined["is_marketing_contact"] == "false"
    assert joined["consent_action"] == ""


def test_every_canonical_model_is_a_stream_held_to_its_contract_in_columns_and_rows(manifest):
    streams = {
        f"{PREFIX}{stream.name}": stream for stream in read_contract(PROJECT) if stream.sources
    }
    found = {node["name"]: node for node in models(manifest) if node["name"].startswith(PREFIX)}
    assert set(found) == set(streams)
    tested = {
        node["attached_node"].rpartition(".")[2]
        for node in manifest["nodes"].values()
        if (node.get("test_metadata") or {}).get("name") == "as_contracted"
    }
    assert tested == set(streams)
    for name, node in found.items():
        assert node["contract"]["enforced"], name
        assert [column["data_type"] for column in node["columns"].values()] == [
            column.type for column in streams[name].columns
        ]


def worked_out_of(node: dict) -> str | None:
    """Whose marts it works something out of: journeys (decision 21), value, programme, voice."""
    if layer(node) != "intermediate":
        return None
    folder = node["fqn"][2]
    return folder if folder in {"journey", "pressure", "programme", "relationship", "value", "voice"} else None


def test_what_is_worked_out_of_marts_is_read_by_the_marts_of_the_same_matter_alone(manifest):
    wrong = [
        f"{node['name']} reads {parent['name']}"
        for node, parent in edges(manifest)
        if (matter := worked_out_of(parent))
        and worked_out_of(node) != matter
        and node["fqn"][1:3] != ["marts", matter]
        and not is_reference(manifest, parent)
    ]
    assert wrong == []


def is_reference(manifest: dict, node: dict) -> bool:
    """Whether an intermediate model is made of packages and seeds alone."""
    parents = [manifest["nodes"].get(parent) for parent in node["depends_on"]["nodes"]]
    return layer(node) == "intermediate" and all(
        parent and (layer(parent) == "seed" or is_reference(manifest, parent)) for parent in parents
    )


def test_only_base_models_read_the_landing(manifest):
    """Except the one model that counts the raw files against what became of them."""
    readers = {node["name"] for node, parent in edges(manifest) if layer(parent) == "source"}
    assert {name for name in readers if not name.startswith("base_")} == {"row_conservation"}


def test_every_landed_stream_is_staged_counted_and_searched_for_bad_rows(manifest):
    """The sources' own list against dbt's: a stream that nobody stages would be lost in silence."""
    landed = {stream.full_name for stream in STREAMS}
    known = {
        f"{source['source_name']}.{source['name']}": key
        for key, source in manifest["sources"].items()
        if source["name"] not in {"completed_loads", "built_loads"}
    }
    assert set(known) == landed
    nodes = {node["name"]: node for node in models(manifest)}
    counted = nodes["row_conservation"]["depends_on"]["nodes"]
    assert set(known.values()) <= set(counted)
    bases = {
        name: node["depends_on"]["nodes"]
        for name, node in nodes.items()
        if name.startswith("base_")
    }
    assert {source for read in bases.values() for source in read} >= set(known.values())
    searched = nodes["quarantined_rows"]["depends_on"]["nodes"]
    assert set(searched) == {nodes[base]["unique_id"] for base in bases}


def test_every_base_model_has_its_staging_model(manifest):
    staging = {node["name"] for node in models(manifest) if layer(node) == "staging"}
    # What is mapped is read by the canonical stream of its name, and is nothing of a source's own.
    staging = {name for name in staging if not name.startswith("base_mapped__")}
    bases = {name.removeprefix("base_") for name in staging if name.startswith("base_")}
    # What a source refused waits in quarantine, every row of it.
    waiting = {"stg_sources__refusals"}
    assert staging == {f"{kind}_{name}" for name in bases for kind in ("base", "stg")} - waiting


def test_beyond_the_mappings_only_removals_and_bad_rows_come_from_base_models(manifest):
    """Base models still hold bad rows and old versions."""
    readers = {
        node["name"]
        for node, parent in edges(manifest)
        if parent["name"].startswith("base_")
        and layer(node) not in {"staging", "canonical", "audit"}
    }
    assert readers == {
        "int_identity__holdings",
        "quarantined_fields",
        "quarantined_rows",
        "row_conservation",
    }


def test_no_model_asks_the_clock(manifest):
    clocks = ("current_date", "current_timestamp", "now()", "today()", "run_started_at")
    reading = [
        node["name"]
        for node in models(manifest)
        if any(clock in node["raw_code"].lower() for clock in clocks)
    ]
    assert reading == []
