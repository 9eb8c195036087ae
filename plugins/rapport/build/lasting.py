"""Which policies a warehouse keeps the marks of: those that an incremental model is made by.

Under another one of these the warehouse is made again from nothing. All others only touch what
every night makes anew, so that a firm may change its segments without a night of hours.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rapport.build.parts import parsed_dir
from rapport.errors import SettingsError

LASTING = "lasting.json"
_VAR = re.compile(r"""\bvar\(\s*['"](\w+)['"]""")
_WORD = re.compile(r"\w+")


def lasting_of(manifest: Mapping[str, Any]) -> list[str]:
    """Return the names of the vars that any incremental model depends on.

    By what it or a macro says, or a model that it reads, however far back. Macros are
    found by their names in the text, so that one too many may be found and none too few.

    Args:
        manifest: dbt's, as in ``manifest.json``.
    """
    package = manifest["metadata"]["project_name"]
    macros = {
        macro["name"]: macro["macro_sql"]
        for macro in manifest["macros"].values()
        if macro["package_name"] == package
    }
    by_macro = {name: _vars(text, macros) for name, text in macros.items()}
    models = {
        key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"
    }
    own = {
        key: _vars(f"{node['raw_code']} {json.dumps(node['config'])}", macros, by_macro)
        for key, node in models.items()
    }
    waiting = [key for key, node in models.items() if _is_kept(node)]
    seen: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key in own and key not in seen:
            seen.add(key)
            waiting += models[key]["depends_on"]["nodes"]
    return sorted(set().union(*(own[key] for key in seen)))


def save_lasting(names: list[str], dbt_project_dir: Path) -> None:
    """Write the names beside the parsed project that they are of."""
    (parsed_dir(dbt_project_dir) / LASTING).write_text(json.dumps(names))


def load_lasting(dbt_project_dir: Path) -> list[str]:
    """Return the names of the parsed project.

    Raises:
        SettingsError: it was not parsed yet.
    """
    try:
        names: list[str] = json.loads((parsed_dir(dbt_project_dir) / LASTING).read_text())
    except FileNotFoundError:
        raise SettingsError(
            "the dbt project is not parsed yet; run `python -m rapport.build`"
        ) from None
    return names


def _is_kept(node: Mapping[str, Any]) -> bool:
    return bool(node["config"]["materialized"] not in {"view", "table", "ephemeral"})


def _vars(
    text: str, macros: Mapping[str, str], known: Mapping[str, set[str]] | None = None
) -> set[str]:
    """Vars that a text names, by itself or by the macros that it names."""
    found: set[str] = set()
    waiting = [text]
    seen: set[str] = set()
    while waiting:
        text = waiting.pop()
        found |= set(_VAR.findall(text))
        for name in set(_WORD.findall(text)) & macros.keys() - seen:
            seen.add(name)
            if known is None:
                waiting.append(macros[name])
            else:
                found |= known[name]
    return found
