"""The signature of a manifest: whoever swaps a file and its checksum together is found out.

A checksum beside a file tells damage. It does not tell a change by somebody who writes the checksum
anew, so the whole manifest is signed (HMAC-SHA256, RFC 2104) with a key that is in no release: it
lies beside them, readable to the installation's user only, and is made with the first release.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rapport.errors import ReleaseError
from rapport.keys import make_key, name_of_key, read_key

KEY_FILE = ".signing_key"
_ENTRY = "signature"
_ALGORITHM = "hmac-sha256"


def signed(manifest: Mapping[str, Any], releases_dir: Path) -> dict[str, Any]:
    """Return a manifest with its signature, made by the key of a folder of releases.

    The caller holds the folder's lock: the first signature makes the key.

    Raises:
        ReleaseError: the key cannot be read or is none.
    """
    bare = {name: entry for name, entry in manifest.items() if name != _ENTRY}
    path = releases_dir / KEY_FILE
    key = _read(path) if path.exists() else make_key(path)
    return bare | {
        _ENTRY: {"algorithm": _ALGORITHM, "key": _name_of(key), "value": _value_of(bare, key)}
    }


def problem_with(manifest: Mapping[str, Any], releases_dir: Path) -> str | None:
    """Say what is wrong with the signature of a manifest; None when all of it is as it was signed.

    Args:
        manifest: as it was read from a release.
        releases_dir: the folder of releases whose key counts.
    """
    entry = manifest.get(_ENTRY)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("value"), str):
        return "is not signed"
    path = releases_dir / KEY_FILE
    if not path.exists():
        return f"its signature cannot be checked: there is no {path}"
    try:
        key = _read(path)
    except ReleaseError as error:
        return f"its signature cannot be checked: {error}"
    if entry.get("algorithm") != _ALGORITHM or entry.get("key") != _name_of(key):
        return f"was signed with another key than {path}"
    bare = {name: told for name, told in manifest.items() if name != _ENTRY}
    # as bytes, since compare_digest refuses text that is not ASCII
    if not hmac.compare_digest(entry["value"].encode(), _value_of(bare, key).encode()):
        return "was changed after it had been signed"
    return None


def _value_of(bare: Mapping[str, Any], key: bytes) -> str:
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _name_of(key: bytes) -> str:
    return name_of_key(key, "release")


def _read(path: Path) -> bytes:
    return read_key(
        path,
        ReleaseError,
        "or remove it; what was signed before then counts as damaged, and a night makes its "
        "release anew",
    )
