"""Find, in any text, what a tombstone knows; and write over it.

Nobody's address or name is ever written into logs or pages; ids of customers and records can be.
What is found is written over in its place, character by character: so a file that a process has
open stays the one that it writes, and JSON stays JSON.
"""

import gzip
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from rapport.erasure.people import PERSONS
from rapport.sources.mapped.erased import is_of_contacts
from rapport.tombstones import Tombstones

_CUSTOMER_LENGTH = 32
_CUSTOMER = rb"(?<![0-9a-f])[0-9a-f]{%d}(?![0-9a-f])" % _CUSTOMER_LENGTH
_RECORD = rb"(?<![0-9A-Za-z])(?:[0-9]{9,19}|[0-9A-Z]{26})(?![0-9A-Za-z])"
_PHONE = rb"(?<![0-9A-Za-z])[+(]?[0-9][0-9() .\-]{6,20}[0-9](?![0-9A-Za-z])"
_TOKENS = re.compile(b"|".join((_CUSTOMER, _RECORD, _PHONE)))
# Of an address what is around its sign: to begin at each letter takes for ever in a long word.
_AT = re.compile(rb"@|%40")
_MAILBOX = re.compile(rb"[A-Za-z0-9._%+'\-\x80-\xff]{1,64}\Z")
_DOMAIN = re.compile(rb"[A-Za-z0-9.\-\x80-\xff]+\.[A-Za-z\x80-\xff]{2,}")
_LONGEST = 254


def found_in(content: bytes | mmap.mmap, tombstones: Tombstones) -> Iterator[tuple[int, int]]:
    """Yield where something of theirs stands: begin and end."""
    known: dict[bytes, bool] = {}  # a log says the same thing many times
    for begin, end in _candidates(content):
        token = content[begin:end]
        if token not in known:
            known[token] = _is_theirs(token.decode("utf-8", "replace"), tombstones)
        if known[token]:
            yield begin, end


def _candidates(content: bytes | mmap.mmap) -> Iterator[tuple[int, int]]:
    for sign in _AT.finditer(content):
        start = max(0, sign.start() - _LONGEST)
        mailbox = _MAILBOX.search(content[start : sign.start()])
        domain = _DOMAIN.match(content[sign.end() : sign.end() + _LONGEST])
        if mailbox and domain:
            yield start + mailbox.start(), sign.end() + domain.end()
    for match in _TOKENS.finditer(content):
        yield match.span()


def _is_theirs(text: str, tombstones: Tombstones) -> bool:
    if "@" in text or "%40" in text:
        return tombstones.email_until(text.replace("%40", "@")) is not None
    if tombstones.has_customer(text):
        return True
    if any(tombstones.has_record(stream, text) for stream in _of_persons(tombstones)):
        return len(text) >= 9
    return text[0] in "+(0123456789" and tombstones.phone_until(text) is not None


def _of_persons(tombstones: Tombstones) -> set[str]:
    """What the records of persons are called in some tombstones."""
    known = {stream.full_name for stream in PERSONS.values()}
    named = {stream for tombstone in tombstones.all for stream in tombstone.records}
    return {stream for stream in named if stream in known or is_of_contacts(stream)}


def scrubbed(text: str, tombstones: Tombstones) -> str:
    """Return a text without what is theirs; the text itself if there is nothing."""
    content = text.encode("utf-8", "surrogatepass")
    changed = scrubbed_bytes(content, tombstones)
    return text if changed is content else changed.decode("utf-8", "surrogatepass")


def scrubbed_bytes(content: bytes, tombstones: Tombstones) -> bytes:
    """Return the content of a file without what is theirs; itself if there is nothing."""
    spans = list(found_in(content, tombstones))
    if not spans:
        return content
    changed = bytearray(content)
    for begin, end in spans:
        changed[begin:end] = _written_over(content[begin:end])
    return bytes(changed)


def is_written_over(id_: str) -> bool:
    """Whether a customer's id is what `scrubbed` left of one."""
    return id_ in ("x" * _CUSTOMER_LENGTH, "1" * _CUSTOMER_LENGTH)


def count_in(path: Path, tombstones: Tombstones) -> int:
    """Return how many times something of theirs stands in a file."""
    if path.stat().st_size == 0:
        return 0
    if path.suffix == ".gz":
        return sum(1 for _ in found_in(gzip.decompress(path.read_bytes()), tombstones))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return sum(1 for _ in found_in(content, tombstones))


def write_over(path: Path, tombstones: Tombstones) -> None:
    """Write over what is theirs in a file."""
    if path.suffix == ".gz":
        content = gzip.decompress(path.read_bytes())
        changed = scrubbed_bytes(content, tombstones)
        if changed is not content:
            part = path.with_name(f"{path.name}.part")
            part.write_bytes(gzip.compress(changed))
            part.replace(path)
        return
    mode = path.stat().st_mode
    is_closed = not mode & 0o200
    if is_closed:
        path.chmod(mode | 0o200)
    try:
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
            for begin, end in list(found_in(mapped, tombstones)):
                mapped[begin:end] = _written_over(mapped[begin:end])
            mapped.flush()
    finally:
        if is_closed:
            path.chmod(mode)


def _written_over(found: bytes) -> bytes:
    """As long as it was, and of digits where it was a number."""
    return (b"1" if found.isdigit() else b"x") * len(found)
