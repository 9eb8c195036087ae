"""How the tests look at dbt's manifest."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


def layer(node: dict) -> str:
    """``source``, ``seed``, or the first folder under ``models/``."""
    return node["fqn"][1] if node["resource_type"] == "model" else node["resource_type"]


def models(manifest: dict) -> list[dict]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def edges(manifest: dict) -> list[tuple[dict, dict]]:
    """Pairs of a model and something it reads."""
    nodes = manifest["nodes"] | manifest["sources"]
    return [
        (node, nodes[parent]) for node in models(manifest) for parent in node["depends_on"]["nodes"]
    ]
