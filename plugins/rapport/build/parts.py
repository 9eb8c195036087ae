"""Which parts of a build people act on, and which of dbt's nodes belong to each.

A part is what somebody is called for: a source's staging, who is whom, consent, a mart, a segment.
Views, intermediate steps, seeds and audits belong to the part they serve, a test to the part
whose rows it looks at.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rapport.errors import SettingsError

PARTS = "parts.json"
# Intermediate folders that people act on as a whole.
WHOLE_FOLDERS = {"identity": "identity", "preferences": "consent"}
# Layers in which every model is a part of its own, but for the steps to it (`int_...`).
OWN_PARTS = ("marts", "segments", "metrics", "ops", "quarantine")


@dataclass(frozen=True)
class Part:
    """One part of the build.

    Attributes:
        id: ``staging.hubspot``, ``identity``, ``consent``, ``marts.fct_orders``, ...
        nodes: dbt's unique ids of the models, seeds and tests that belong to it.
    """

    id: str
    nodes: tuple[str, ...]


def parts_of(manifest: Mapping[str, Any]) -> list[Part]:
    """Return the parts of a project in an order in which they can be built.

    Every model, seed and data test belongs to exactly one part. A model that is no part by itself
    belongs to the first part that needs it, or, where none does, to the last that it reads from;
    a test to the part of the model it is attached to, else to the last that it reads from.

    Args:
        manifest: dbt's, as in ``manifest.json``.
    """
    nodes = {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in {"model", "seed", "test"}
    }
    order = _build_order(nodes)
    # From the end, as what serves knows only then whom.
    place: dict[str, tuple[int, str]] = {}
    for position in reversed(range(len(order))):
        key = order[position]
        own = _own_part(nodes[key])
        if own:
            place[key] = (position, own)
        elif nodes[key]["resource_type"] != "test":
            served = [place[child] for child in _children(nodes, key) if child in place]
            if served:
                place[key] = min(served)
    for key in order:
        if key not in place:
            attached = nodes[key].get("attached_node")
            read = [place[parent] for parent in _parents(nodes, key) if parent in place]
            if attached in place:
                place[key] = place[attached]
            else:
                place[key] = max(read) if read else (len(order), "checks")
    members: dict[str, list[str]] = {}
    for key in order:
        members.setdefault(place[key][1], []).append(key)
    return [Part(name, tuple(keys)) for name, keys in members.items()]


def parsed_dir(dbt_project_dir: Path) -> Path:
    """Return where the project lies as dbt has parsed it, and its parts with it."""
    return dbt_project_dir / "target" / "parsed"


def save_parts(parts: Sequence[Part], dbt_project_dir: Path) -> None:
    """Write the parts beside the parsed project that they are of."""
    path = parsed_dir(dbt_project_dir) / PARTS
    path.write_text(json.dumps([asdict(part) for part in parts]))


def load_parts(dbt_project_dir: Path) -> list[Part]:
    """Return the parts of the parsed project.

    Raises:
        SettingsError: it was not parsed yet.
    """
    try:
        parts = json.loads((parsed_dir(dbt_project_dir) / PARTS).read_text())
    except FileNotFoundError:
        raise SettingsError(
            "the dbt project is not parsed yet; run `python -m rapport.build`"
        ) from None
    return [Part(part["id"], tuple(part["nodes"])) for part in parts]


def _own_part(node: Mapping[str, Any]) -> str | None:
    """The part that a node is, or is among, by its place in the project."""
    if node["resource_type"] != "model":
        return None
    layer, *folders, name = node["fqn"][1:]
    if layer == "staging":
        return f"staging.{folders[0]}"
    if layer == "intermediate":
        return WHOLE_FOLDERS.get(folders[0])
    if layer in OWN_PARTS and not name.startswith("int_"):
        return f"{layer}.{name}"
    return None


def _build_order(nodes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Nodes, each after what it reads; the same order every time."""
    done: dict[str, None] = {}
    waiting = sorted(nodes)
    while waiting:
        ready = [key for key in waiting if all(p in done for p in _parents(nodes, key))]
        done |= dict.fromkeys(ready)
        waiting = [key for key in waiting if key not in done]
        if not ready:
            raise ValueError(f"dbt's nodes read one another in a circle: {waiting[:5]}")
    return list(done)


def _parents(nodes: Mapping[str, Mapping[str, Any]], key: str) -> list[str]:
    return [parent for parent in nodes[key]["depends_on"].get("nodes", []) if parent in nodes]


def _children(nodes: Mapping[str, Mapping[str, Any]], key: str) -> list[str]:
    return [
        child
        for child, node in nodes.items()
        if key in node["depends_on"].get("nodes", []) and node["resource_type"] != "test"
    ]
