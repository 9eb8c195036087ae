"""Keys that an installation makes for itself: 32 random bytes in a file, for its user only."""

import hashlib
import os
import secrets
from pathlib import Path

from rapport.errors import RapportError

BYTES = 32


def read_key(path: Path, error: type[RapportError], otherwise: str) -> bytes:
    """Return the key in a file.

    Args:
        path: of the file; 64 hexadecimal digits.
        error: what is raised.
        otherwise: what can be done where the key is lost, and what comes of it.

    Raises:
        RapportError: of the kind asked for: it cannot be read, or is no key.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as fault:
        raise error(
            f"{path} cannot be read ({fault.strerror}): put back the one it was, {otherwise}"
        ) from fault
    except ValueError:
        key = b""
    if len(key) != BYTES:
        raise error(
            f"{path} is no key of {BYTES} bytes in hexadecimal digits: put back the one it was, "
            f"{otherwise}"
        )
    return key


def make_key(path: Path) -> bytes:
    """Make a key and put it into a file; the caller keeps others from doing so at the same time."""
    key = secrets.token_bytes(BYTES)
    # Whole or absent: a key that a dying process left half-written would be no key for ever.
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, key.hex().encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    aside.replace(path)
    return key


def name_of_key(key: bytes, what: str) -> str:
    """Return what tells one key from another and nothing of it."""
    return hashlib.sha256(f"rapport {what} key\n".encode() + key).hexdigest()[:12]
