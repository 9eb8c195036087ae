"""What is theirs in a text is found and written over; all else is left, byte by byte."""

import gzip
import json

import pytest

from rapport.erasure import texts
from sandbox import canary
from tests.unit.test_tombstones import buried

WHO = "16fd42af1bb4dae66255453fa6d2463f"
OTHER = "00fd42af1bb4dae66255453fa6d2463f"
RECORD = "20001466077"


@pytest.fixture
def theirs(tmp_path):
    return buried(
        tmp_path / "landing",
        customers=[(WHO, None, None)],
        records={"hubspot.contacts": [RECORD], "shop.customers": ["1453"]},
    )


@pytest.mark.parametrize(
    "said",
    [WHO, RECORD, canary.EMAIL, canary.EMAIL.replace("@", "%40"), canary.PHONE_AS_TYPED],
)
def test_what_is_theirs_is_written_over_at_the_same_length(theirs, said):
    text = f"<p>asked for {said}, and for {OTHER}</p>"
    changed = texts.scrubbed(text, theirs)
    assert said not in changed
    assert len(changed) == len(text)
    assert changed.startswith("<p>asked for ")
    assert changed.endswith(f", and for {OTHER}</p>")


def test_json_stays_json(theirs):
    said = {"who": WHO, "record": int(RECORD), "others": [OTHER, 1453, 20001466078]}
    changed = json.loads(texts.scrubbed(json.dumps(said), theirs))
    assert changed["others"] == said["others"]
    assert changed["who"] == "x" * 32
    assert changed["record"] == 11111111111


def test_a_text_without_them_is_the_same(theirs):
    text = f"{OTHER} 1453 a@example.test 2018-01-02 10:11:12.123456 (212) 555-0199"
    assert texts.scrubbed(text, theirs) is text


def test_a_log_that_a_process_has_open_stays_its_log(theirs, tmp_path):
    path = tmp_path / "a.log"
    with path.open("w") as log:
        log.write(f"{WHO}\n")
        log.flush()
        texts.write_over(path, theirs)
        log.write("goes on\n")
    assert path.read_text() == f"{'x' * 32}\ngoes on\n"


def test_what_is_packed_is_unpacked(theirs, tmp_path):
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(f"call {canary.PHONE_AS_TYPED} now".encode()))
    assert texts.count_in(path, theirs) == 1
    texts.write_over(path, theirs)
    assert texts.count_in(path, theirs) == 0
    assert gzip.decompress(path.read_bytes()).startswith(b"call ")


def test_a_long_word_takes_no_longer_than_others(theirs, tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"A" * 2_000_000 + canary.EMAIL.encode())
    assert texts.count_in(path, theirs) == 0  # a mailbox has 64 letters at most
    path.write_bytes(b"A" * 2_000_000 + b" " + canary.EMAIL.encode())
    assert texts.count_in(path, theirs) == 1
