"""Files: for people without a formula in them, for machines, each whole, and a manifest."""

import csv
import hashlib
import json
from dataclasses import replace
from datetime import date, datetime

import fsspec
import pyarrow.parquet as pq
import pytest

from rapport.activation.destination import Batch, Member, Segment
from rapport.activation.files import Files
from rapport.errors import ActivationError
from rapport.sources.connection import Connection

NIGHT = Batch(
    key="",
    run_id="20180103T020000-files-1a2b3c",
    release_id="2018-01-02-0123456789ab",
    as_of=date(2018, 1, 2),
    segment=Segment("needs_human_call", "To be called.", "Store managers"),
    list_id="needs_human_call",
)


def member(customer_id, **facts):
    return Member(customer_id, customer_id, facts)


MEMBERS = [
    member("c1", reason='=HYPERLINK("x")', urgency=0.5),
    member("c2", reason='said "yes"', urgency=12.25, owner_id="71000001"),
    member(
        "c3",
        reason="\u200b+1",
        send_window="tue 10-12",
        allowed_from_at=datetime(2018, 1, 3, 9),  # noqa: DTZ001
    ),
]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "segments" / "needs_human_call"


@pytest.fixture
def files(folder):
    return Files(Connection("rapport_activate_files", str(folder.parent)))


def test_everybody_is_written_for_people_the_most_urgent_first(files, folder):
    files.finish(NIGHT, MEMBERS)
    content = (folder / "members.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\r\n")
    assert lines[0] == (
        b'"customer_id","reason","lane","treatment","channel","owner_id",urgency,"send_window",'
        b'"allowed_from_at","allowed_until_at"'
    )
    assert lines[1] == b'"c2","said ""yes""",,,,"71000001",12.25,,,'
    assert lines[2].startswith(b'"c1","\'=HYPERLINK(""x"")",')
    assert lines[3] == ('"c3","\'\u200b+1",,,,,,"tue 10-12","2018-01-03 09:00:00",'.encode())
    assert lines[4:] == [b""]


def test_machines_get_texts_as_they_are_with_their_types(files, folder):
    files.finish(NIGHT, MEMBERS)
    table = pq.read_table(folder / "members.parquet")
    assert table["reason"].to_pylist() == ['said "yes"', '=HYPERLINK("x")', "\u200b+1"]
    assert str(table.schema.field("urgency").type) == "double"
    assert str(table.schema.field("allowed_from_at").type) == "timestamp[us]"
    files.finish(NIGHT, [])  # nobody: the same columns and types
    assert pq.read_schema(folder / "members.parquet") == table.schema


def test_the_manifest_names_the_night_and_fits_the_files(files, folder):
    files.finish(NIGHT, MEMBERS)
    told = json.loads((folder / "manifest.json").read_text())
    assert told["release_id"] == "2018-01-02-0123456789ab"
    assert (told["as_of_date"], told["rows"]) == ("2018-01-02", 3)
    for name, digest in told["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert set(told["sha256"]) == {"members.csv", "members.parquet"}


def test_a_note_beside_them_says_that_excel_may_lose_the_apostrophe(files, folder):
    files.finish(NIGHT, MEMBERS)
    note = (folder / "README.txt").read_text()
    assert "Excel can lose the apostrophe" in note
    assert "3 customers, as of 2018-01-02" in note


def test_the_same_night_gives_the_same_files(files, folder):
    files.finish(NIGHT, MEMBERS)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    files.finish(NIGHT, MEMBERS[::-1])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not [name for name in before if name.endswith(".part")]


def test_a_file_that_cannot_be_written_leaves_the_one_that_was_there(files, folder, monkeypatch):
    files.finish(NIGHT, MEMBERS)
    before = (folder / "members.csv").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rapport.archive.store.os.fsync", full)
    with pytest.raises(ActivationError, match="No space left"):
        files.finish(replace(NIGHT, as_of=date(2018, 1, 3)), MEMBERS[:1])
    assert (folder / "members.csv").read_bytes() == before


def test_an_object_store_takes_them_too():
    files = Files(Connection("rapport_activate_files", "memory://crm/segments"))
    files.finish(NIGHT, MEMBERS)
    store = fsspec.filesystem("memory")
    assert sorted(path.rsplit("/", 1)[1] for path in store.find("/crm/segments")) == [
        "README.txt",
        "manifest.json",
        "members.csv",
        "members.parquet",
    ]
    with store.open(
        "/crm/segments/needs_human_call/members.csv", "r", encoding="utf-8-sig"
    ) as text:
        assert [row["customer_id"] for row in csv.DictReader(text)] == ["c2", "c1", "c3"]
    store.rm("/crm", recursive=True)


def test_rows_are_taken_one_by_one_into_the_account(files):
    batch = replace(NIGHT, adds=tuple(MEMBERS[:2]), removes=(MEMBERS[2],))
    assert [(each.key, each.operation, each.status) for each in files.send(batch)] == [
        ("c1", "add", "accepted"),
        ("c2", "add", "accepted"),
        ("c3", "remove", "accepted"),
    ]
