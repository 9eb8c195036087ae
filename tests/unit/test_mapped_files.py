"""Files of a firm: each read once, row for row, and what does not fit kept with its line."""

import gzip
import io
import json
import logging
import os
import zipfile
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rapport.errors import SourceDenied, UnusableTable
from rapport.sources.mapped import files, reading
from rapport.sources.probe import probe
from tests.declaring import NIGHT, ORDERS, Firm, declaration

NEXT = NIGHT + timedelta(days=1)
SAID = "id, placed, _file, _line"


@pytest.fixture
def firm(tmp_path):
    there = Firm(tmp_path)
    there.declare(declaration(key=["id"]))
    return there


def zipped(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


# --- what is read, and how often


def test_a_file_is_read_once(firm):
    firm.send("a.csv", "id,placed\n1,x\n")
    assert firm.pull()["orders"] == 1
    assert firm.pull(NEXT)["orders"] == 0
    assert firm.rows(select=SAID) == [("1", "x", "a.csv", "2")]
    assert firm.rows("files_read", "stream, file, bytes, row_count, refused_count, read_on") == [
        ("orders", "a.csv", "14", "1", "0", "2026-11-29")
    ]


def test_a_file_that_grew_or_changed_is_read_again_and_its_rows_are_later_ones(firm):
    firm.send("a.csv", "id,placed\n1,x\n")
    firm.pull()
    firm.send("a.csv", "id,placed\n1,y\n", age=timedelta(minutes=30))
    firm.pull(NEXT)
    assert [row[0] for row in firm.rows(select="placed")] == ["x", "y"]


def test_a_file_that_was_only_touched_lands_nothing(firm):
    path = firm.send("a.csv", "id,placed\n1,x\n")
    firm.pull()
    os.utime(path, (1.7e9, 1.7e9))
    assert firm.pull(NEXT)["orders"] == 0
    assert firm.pull(NEXT)["files_read"] == 0, "and is not looked into again"


def test_the_oldest_file_lands_first_each_in_a_load_of_its_own(firm):
    firm.send("b.csv", "id,placed\n1,old\n", age=timedelta(hours=2))
    firm.send("a.csv", "id,placed\n1,new\n")
    firm.pull()
    rows = firm.rows(select="placed, _dlt_load_id")
    assert [row[0] for row in rows] == ["old", "new"]
    assert rows[0][1] < rows[1][1]


def test_a_file_that_is_being_written_waits_for_the_next_night(firm, monkeypatch, caplog):
    path = firm.send("a.csv", "id,placed\n1,x\n", age=timedelta(0))
    monkeypatch.setattr(files.time, "sleep", lambda _: path.write_text("id,placed\n1,x\n2,y\n"))
    with caplog.at_level(logging.WARNING):
        assert firm.pull()["orders"] == 0
    assert "a.csv is still being written" in caplog.text
    os.utime(path, (1.7e9, 1.7e9))
    assert firm.pull(NEXT)["orders"] == 2


def test_a_file_that_came_just_now_and_stays_as_it_is_does_not_wait(firm, monkeypatch):
    monkeypatch.setattr(files, "QUIET_SECONDS", 0.05)
    firm.send("a.csv", "id,placed\n1,x\n", age=timedelta(0))
    assert firm.pull()["orders"] == 1


def test_without_any_file_or_folder_it_says_where_it_looked(firm):
    with pytest.raises(UnusableTable, match=r"table orders: there is no file \*.csv in .*exports"):
        firm.pull()
    firm.exports.rmdir()
    with pytest.raises(SourceDenied, match=r"no folder .*exports; correct path in .*web_shop.yml"):
        firm.pull()


def test_the_probe_says_how_many_files_there_are_and_lands_nothing(firm):
    firm.send("a.csv", "id,placed\n1,x\n")
    assert probe("web_shop", firm.connection, firm.source) == "is there, and has files: 1 of orders"
    firm.declare(declaration(key=["id"], files="b.csv"))
    with pytest.raises(UnusableTable, match=r"there is no file b\.csv"):
        probe("web_shop", firm.connection, firm.source)
    assert not firm.landing_dir.exists()


# --- CSV


@pytest.mark.parametrize(("content", "more"), [
    ("id;placed\r\n1;x\r\n", {}),
    ("id\tplaced\n1\tx", {}),
    ("sep=|\nid|placed\n1|x\n", {}),
    ("\n\nid,placed\n\n1,x\n\n,\n", {}),
    ('"id","placed","a, b"\n"1","x","1,2"\n', {}),
    ("id,placed,\n1,x,\n", {}),
    (" ID , placed \n1,x,,,\n", {}),
    ("id^placed\n1^x", {"delimiter": "^"}),
    ("id,placed\n1,x\n".encode("utf-8-sig"), {}),
    ("id\tplaced\n1\tx\n".encode("utf-16"), {}),
], ids=[
    "semicolons and CRLF", "tabs", "Excel's own mark", "empty lines", "quoted", "a last empty name",
    "blanks and empty cells beyond the header", "said", "UTF-8 with a mark", "UTF-16",
])  # fmt: skip
def test_a_csv_of_any_kind_is_read(firm, content, more):
    firm.declare(declaration(key=["id"], **more))
    firm.send("a.csv", content)
    firm.pull()
    assert firm.rows(select="id, placed") == [("1", "x")]


def test_all_lands_as_text_as_it_stands_and_an_empty_cell_as_null(firm):
    firm.send("a.csv", 'id,placed,zip,note\n007, 1.50 ,\'90210,"a ""b""\nc"\n2,,,\n')
    firm.pull()
    assert firm.rows(select="id, placed, zip, note, _line") == [
        ("007", " 1.50 ", "'90210", 'a "b"\nc', "2"),
        ("2", None, None, None, "4"),
    ]


def test_a_second_column_of_one_name_gets_a_number_and_no_column_of_ours_is_taken(firm):
    firm.send("a.csv", "id,placed,Email,email,_file,_line,\n1,x,a,b,c,d,e\n")
    firm.pull()
    assert firm.rows(select="Email, email_2, _file_2, _line_2, column_7, _file") == [
        ("a", "b", "c", "d", "e", "a.csv")
    ]


def test_a_column_lands_as_the_mapping_spells_it(firm):
    firm.send("a.csv", "ID,Placed\n1,x\n")
    firm.pull()
    assert firm.rows(select="columns('.*')")[0][:2] == ("1", "x")
    assert firm.pull(NEXT)["orders"] == 0


def test_what_does_not_fit_is_refused_with_its_line_and_nothing_around_it_is_lost(firm, caplog):
    firm.send(
        "a.csv",
        'id,placed\n1,x\n2\n3,y,z\n4,"open\n5,"a"b\n6,"two\nlines"\n7,last\n',
    )
    assert firm.pull()["refusals"] == 4
    assert firm.rows(select="id, _line") == [("1", "2"), ("6", "7"), ("7", "9")]
    assert firm.rows("refusals", "stream, id, reason, record") == [
        ("orders", "a.csv:3", "has 1 cells where the header has 2", "2"),
        ("orders", "a.csv:4", "has 3 cells where the header has 2", "3,y,z"),
        ("orders", "a.csv:5", "a quote in it is not closed, or stands alone", '4,"open'),
        ("orders", "a.csv:6", "a quote in it is not closed, or stands alone", '5,"a"b'),
    ]
    assert "a.csv: 4 records do not fit" in caplog.text
    assert "open" not in caplog.text


def test_a_quote_that_is_never_closed_costs_its_line_however_long_the_file(firm, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST_RECORD", 1_000)
    lines = "".join(f"{number},x\n" for number in range(2_000))
    firm.send("a.csv", 'id,placed\n-1,"open\n' + lines)
    assert firm.pull()["refusals"] == 1
    rows = firm.rows(select="id, _line")
    assert (len(rows), rows[0], rows[-1]) == (2_000, ("0", "3"), ("1999", "2002"))


def test_rows_that_belong_together_land_together_wherever_they_stand(firm):
    firm.declare(declaration(key=["id"], whole_by=["id"]))
    firm.send("a.csv", "id,placed\n2,a\n1,b\n2,c\n1,d\n")
    firm.pull()
    assert firm.rows(select=SAID.replace(", _file", "")) == [
        ("1", "b", "3"), ("1", "d", "5"), ("2", "a", "2"), ("2", "c", "4"),
    ]  # fmt: skip


@pytest.mark.parametrize(("content", "more", "said"), [
    ("id,plced\n1,x\n", {}, "has no column 'placed', which table orders needs; the nearest is "
     "'plced'; there are id, plced. Correct the mapping, or name it under optional"),
    ("", {}, "is empty"),
    ('"id,placed\n1,x', {}, "its first line is no header"),
    ("id,placed\n1,x\n2,Zo\xeb".encode("cp1252"), {}, "line 3: is not UTF-8; say the table's enc"),
    ("id,placed\n1,\x81".encode("latin-1"), {"encoding": "cp1252"}, "line 2: is not CP1252"),
], ids=["a column", "nothing", "a header", "encoding", "another encoding"])  # fmt: skip
def test_a_file_that_cannot_be_used_is_one_line_and_all_others_land(firm, content, more, said):
    firm.declare(declaration(key=["id"], **more))
    firm.send("a.csv", content, age=timedelta(hours=3))
    firm.send("b.csv", "id,placed\n1,x\n")
    with pytest.raises(UnusableTable) as error:
        firm.pull()
    assert len(error.value.problems) == 1
    assert f"exports/a.csv: {said}" in str(error.value)
    assert firm.rows(select="_file") == [("b.csv",)]
    firm.send("a.csv", "id,placed\n2,y\n")
    assert firm.pull()["orders"] == 1


def test_an_optional_column_may_be_lacking_and_is_null_then(firm):
    firm.declare(declaration(key=["id"], optional=["placed"]))
    firm.send("a.csv", "id\n1\n")
    firm.pull()
    assert firm.rows(select="id, placed") == [("1", None)]


# --- packed, and other forms


def test_packed_files_are_read_as_what_is_in_them(firm):
    firm.declare(declaration(key=["id"], files=["*.csv.gz", "*.zip"]))
    firm.send("a.csv.gz", gzip.compress(b"id,placed\n1,x\n"), age=timedelta(hours=3))
    members = {"orders.csv": "id,placed\n2,y\n", "deep/more.csv": "id,placed\n3,z\n"}
    firm.send("b.zip", zipped(members | {"__MACOSX/orders.csv": "no", "READ.ME": "no"}))
    firm.pull()
    assert sorted(firm.rows(select="id, _file")) == [
        ("1", "a.csv"), ("2", "b.zip/orders.csv"), ("3", "b.zip/deep/more.csv"),
    ]  # fmt: skip


def test_several_members_of_one_archive_may_be_meant(firm):
    firm.declare(declaration(key=["id"], files=["*.zip/a*.csv", "*.zip/b*.csv"]))
    firm.send("x.zip", zipped({f"{n}1.csv": f"id,placed\n{n},x\n" for n in "abc"}))
    firm.pull()
    assert firm.rows(select="id") == [("a",), ("b",)]


@pytest.mark.parametrize(("name", "content"), [
    ("a.csv.gz", gzip.compress(b"id,placed\n" * 99)[:-20]),
    ("a.csv.gz", b"id,placed\n"),
    ("a.zip", zipped({"a.csv": "id,placed\n1,x\n"})[:-30]),
], ids=["gzip cut off", "no gzip", "zip cut off"])  # fmt: skip
def test_an_archive_that_is_cut_off_is_one_line(firm, name, content):
    firm.declare(declaration(key=["id"], files=["*.gz", "*.zip"]))
    firm.send(name, content)
    with pytest.raises(UnusableTable, match=r"is a damaged .*; send it again"):
        firm.pull()


RECORDS = [
    {"id": 1, "placed": "x", "lines": [{"sku": "a"}], "is_paid": True, "buyer": {"zip": "007"}},
    {"id": 2, "placed": None, "total": 12.5},
]


@pytest.mark.parametrize("content", [
    json.dumps(RECORDS),
    json.dumps({"count": 2, "results": RECORDS}),
    "\n".join(map(json.dumps, RECORDS)),
    json.dumps(RECORDS, indent=1),
], ids=["a list", "an answer", "lines", "on many lines"])  # fmt: skip
def test_json_lands_with_what_is_nested_as_json(firm, content):
    firm.declare(declaration(key=["id"], files="*.json"))
    firm.send("a.json", content)
    firm.pull()
    assert firm.rows(select="id, placed, lines, is_paid, buyer, total, _line") == [
        ("1", "x", '[{"sku":"a"}]', "true", '{"zip":"007"}', None, "1"),
        ("2", None, None, None, None, "12.5", "2"),
    ]


def test_a_line_that_is_no_json_is_refused_and_those_around_it_land(firm):
    firm.declare(declaration(key=["id"], files="*.jsonl"))
    firm.send(
        "a.jsonl", '{"id": 1, "placed": "x"}\n{"id": 2, "pl\n\n[3]\n{"id": 4, "placed": ""}\n'
    )
    firm.pull()
    assert firm.rows(select="id, placed, _line") == [("1", "x", "1"), ("4", None, "5")]
    assert firm.rows("refusals", "id, record") == [
        ("a.jsonl:2", '{"id": 2, "pl'), ("a.jsonl:4", "[3]"),
    ]  # fmt: skip


def test_a_column_that_no_record_ever_had_is_missing_and_one_that_some_had_is_not(firm):
    firm.declare(declaration(key=["id"], files="*.jsonl"))
    firm.send("a.jsonl", '{"id": 1}\n')
    with pytest.raises(UnusableTable, match="has no column 'placed'"):
        firm.pull()
    firm.send("a.jsonl", '{"id": 1, "placed": "x"}\n')
    firm.pull()
    firm.send("b.jsonl", '{"id": 2}\n')
    assert firm.pull(NEXT)["orders"] == 1


def test_parquet_lands_as_text_times_as_iso_8601_and_what_is_nested_as_json(firm):
    firm.declare(declaration(key=["id"], files="*.parquet"))
    at = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    table = pa.table(
        {
            "id": pa.array([1], pa.int64()),
            "placed": pa.array([at], pa.timestamp("us", "UTC")),
            "day": pa.array([date(2026, 1, 2)], pa.date32()),
            "naive": pa.array([at.replace(tzinfo=None)], pa.timestamp("ns")),
            "price": pa.array([12.5]),
            "paid": pa.array([True]),
            "params": pa.array([[{"key": "a", "value": {"int": 1}}]]),
            "name": pa.array([b"Zo\xc3\xab"], pa.binary()),
        }
    )
    content = io.BytesIO()
    pq.write_table(table, content)
    firm.send("a.parquet", content.getvalue())
    firm.pull()
    assert firm.rows(select="id, placed, day, naive, price, paid, params, name, _line") == [
        (
            *("1", "2026-01-02T03:04:05.000678Z", "2026-01-02", "2026-01-02T03:04:05.000678"),
            *("12.5", "true", '[{"key":"a","value":{"int":1}}]', "Zoë", "1"),
        )
    ]


def test_a_parquet_file_that_is_none_is_one_line(firm):
    firm.declare(declaration(key=["id"], files="*.parquet"))
    firm.send("a.parquet", "PAR1 and then nothing")
    with pytest.raises(UnusableTable, match=r"a\.parquet: is no parquet"):
        firm.pull()


def test_each_table_reads_its_own_files(firm):
    said = declaration(key=["id"])
    said["tables"]["returns"] = {"files": "r_*.csv", "streams": ORDERS}
    said["tables"]["orders"]["files"] = "o_*.csv"
    firm.declare(said)
    firm.send("o_1.csv", "id,placed\n1,x\n")
    firm.send("r_1.csv", "id,placed\n2,x\n")
    assert {k: v for k, v in firm.pull().items() if v} == {
        "orders": 1, "returns": 1, "files_read": 2,
    }  # fmt: skip


def test_a_table_that_is_due_every_other_day_is_read_on_these(firm):
    firm.declare(declaration(key=["id"], every=2))
    firm.send("a.csv", "id,placed\n1,x\n")
    firm.pull()
    firm.send("b.csv", "id,placed\n2,x\n")
    assert firm.pull(NIGHT)["orders"] == 1, "the same night again"
    firm.send("c.csv", "id,placed\n3,x\n")
    assert firm.pull(NEXT)["orders"] == 0
    assert firm.pull(NEXT + timedelta(days=1))["orders"] == 1
