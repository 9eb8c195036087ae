"""A table of a release as a file: nothing runs, nothing is lost, nobody else reads it."""

import csv
import stat
import zipfile
from decimal import Decimal
from xml.etree import ElementTree

import duckdb
import pytest
from typer.testing import CliRunner

from rapport import export as exporting
from rapport.errors import ExportError, ReleaseError, SettingsError
from rapport.export import export
from rapport.orchestration.cli import app

RELEASE_ID = "2018-01-02-0123456789ab"
EVERY_TYPE = """
create table marts.types as
    select * from (values
        ('c1', -12.500::decimal(18, 3), 7::bigint, -1.5::double, true, date '2018-01-02',
            timestamp '2018-01-02 09:00:00', ['email', 'a;=b'], {'k': 1}),
        ('', 12345678901234567.890, 9007199254740993, 'inf'::double, false, date '1899-12-31',
            timestamp '2018-01-02 09:00:00.5', []::varchar[], {'k': null}),
        (null, null, null, null, null, null, null, null, null)
    ) as _(text, amount, number, ratio, yes, day, moment, words, pairs)
"""
DANGEROUS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "|calc", "%0", "\t=1", "\r=1", "\n=1", "\0=1"),
    *("＝1", "＋1", "－1", "＠A"),  # noqa: RUF001
    *(" =1", "\u00a0=1", "\u200b=1", "\ufeff=1", "\u202e=1", "\u3000\u200d-1"),
]


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "releases" / RELEASE_ID
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "rapport.duckdb")) as night:
        night.execute(
            "create schema marts; create schema segments; create table main.release (x int)"
        )
        night.execute("create table marts.notes (note_id bigint, note varchar)")
        night.execute("comment on table marts.notes is 'One row per note.'")
        night.execute("comment on column marts.notes.note is '=What they wrote.'")
        night.execute("create table segments.segment_members as select 'c1' as customer_id")
        night.execute(EVERY_TYPE)
    return folder


def notes(release, *texts):
    with duckdb.connect(str(release / "rapport.duckdb")) as night:
        night.executemany("insert into marts.notes values (?, ?)", list(enumerate(texts)))


def as_csv(release, table):
    path = export(release, table, kind="csv", out=release.parent / "out.csv").path
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def as_xlsx(release, table, sheet=1):
    """The cells of a sheet by their names: type, value as it stands in the file, style."""
    path = export(release, table, kind="xlsx", out=release.parent / "out.xlsx").path
    with zipfile.ZipFile(path) as book:
        tree = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{sheet}.xml"))
    return {
        cell.get("r"): (cell.get("t", "n"), "".join(cell.itertext()))
        for cell in tree.iter("{http://schemas.openxmlformats.org/spreadsheetml/2006/main}c")
    }


class TestCsv:
    @pytest.mark.parametrize("text", DANGEROUS)
    def test_a_text_that_begins_like_a_formula_begins_with_an_apostrophe(self, release, text):
        notes(release, text)
        (_, (_, cell)) = as_csv(release, "notes")
        assert cell.startswith("'")
        assert cell.replace("'", "") == text

    @pytest.mark.parametrize("separator", [";", "\t", "\n", "\r"])
    def test_no_part_of_a_text_is_a_formula_where_programs_separate_otherwise(
        self, release, separator
    ):
        notes(release, f"dear{separator}=1+1")
        (_, (_, cell)) = as_csv(release, "notes")
        assert cell == f"dear{separator}'=1+1"

    def test_other_texts_come_as_they_are(self, release):
        texts = [
            'said "hello", and left',
            "a-b=c",
            "3+4",
            "two\nlines",
            "\u0633",
            "'quoted'",
            " a=1",
        ]
        notes(release, *texts)
        assert [note for _, note in as_csv(release, "notes")[1:]] == texts

    def test_every_type_is_written_as_it_is_documented(self, release):
        head, first, second, empty = as_csv(release, "types")
        assert head == [
            "text",
            "amount",
            "number",
            "ratio",
            "yes",
            "day",
            "moment",
            "words",
            "pairs",
        ]
        assert first == [
            *("c1", "-12.500", "7", "-1.5", "true", "2018-01-02", "2018-01-02 09:00:00"),
            *("""["email","a;'=b"]""", '{"k":1}'),
        ]
        assert second == [
            *("", "12345678901234567.890", "9007199254740993", "inf", "false", "1899-12-31"),
            *("2018-01-02 09:00:00.5", "[]", '{"k":null}'),
        ]
        assert empty == [""] * 9

    def test_an_empty_text_is_told_from_null(self, release):
        notes(release, "", None)
        as_csv(release, "notes")
        assert (release.parent / "out.csv").read_text() == 'note_id,"note"\n0,""\n1,\n'

    def test_an_empty_table_is_its_heading(self, release):
        assert as_csv(release, "notes") == [["note_id", "note"]]


class TestXlsx:
    @pytest.mark.parametrize("text", [t for t in DANGEROUS if t.isprintable()])
    def test_a_text_that_begins_like_a_formula_is_a_cell_of_text(self, release, text):
        notes(release, text)
        assert as_xlsx(release, "notes")["B2"] == ("inlineStr", text)

    def test_no_cell_is_a_formula_or_a_link(self, release):
        notes(release, *DANGEROUS, "https://example.org", "mailto:a@example.org")
        export(release, "notes", kind="xlsx", out=release.parent / "out.xlsx")
        with zipfile.ZipFile(release.parent / "out.xlsx") as book:
            sheets = [book.read(name).decode() for name in book.namelist() if "sheet" in name]
        assert not [sheet for sheet in sheets if "<f>" in sheet or "hyperlink" in sheet]

    def test_every_type_is_written_as_it_is_documented(self, release):
        cells = as_xlsx(release, "types")
        assert [cells[f"{column}2"] for column in "ABCDEFGHI"] == [
            ("inlineStr", "c1"),
            ("n", "-12.500"),
            ("n", "7"),
            ("n", "-1.5"),
            ("b", "1"),
            ("n", "43102"),
            ("n", "43102.375"),
            ("inlineStr", '["email","a;=b"]'),
            ("inlineStr", '{"k":1}'),
        ]

    def test_what_a_spreadsheet_would_round_or_misdate_is_text(self, release):
        cells = as_xlsx(release, "types")
        assert cells["B3"] == ("inlineStr", "12345678901234567.890")
        assert cells["C3"] == ("inlineStr", "9007199254740993")
        assert cells["D3"] == ("inlineStr", "inf")
        assert cells["F3"] == ("inlineStr", "1899-12-31")

    def test_null_is_an_empty_cell(self, release):
        assert not [name for name in as_xlsx(release, "types") if name[1:] == "4"]

    def test_a_second_sheet_says_what_the_columns_mean(self, release):
        cells = as_xlsx(release, "notes", sheet=2)
        assert [cells[name][1] for name in ("A1", "B1", "C1")] == [
            "marts.notes",
            f"release {RELEASE_ID}",
            "One row per note.",
        ]
        assert [cells[name] for name in ("A4", "B4", "C4")] == [
            ("inlineStr", "note"),
            ("inlineStr", "VARCHAR"),
            ("inlineStr", "=What they wrote."),
        ]

    def test_more_rows_than_a_sheet_holds_are_refused_with_the_way_out(self, release, monkeypatch):
        monkeypatch.setattr(exporting, "MOST_ROWS", 2)
        notes(release, "a", "b")
        as_xlsx(release, "notes")
        notes(release, "c")
        with pytest.raises(ExportError, match=r"has 3 rows and a sheet holds 2; --csv takes them"):
            as_xlsx(release, "notes")

    def test_a_text_that_no_cell_holds_is_refused_and_not_cut(self, release):
        notes(release, "x" * 32_768)
        with pytest.raises(ExportError, match=r"marts.notes.note has a text of 32,768 characters"):
            as_xlsx(release, "notes")

    def test_the_same_release_gives_the_same_file(self, release):
        notes(release, "a")
        files = []
        for name in ("one.xlsx", "two.xlsx"):
            path = export(release, "notes", kind="xlsx", out=release.parent / name).path
            with zipfile.ZipFile(path) as book:
                files.append({each: book.read(each) for each in book.namelist()})
        assert files[0] == files[1]


class TestFile:
    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_only_its_owner_reads_it_whatever_the_umask_and_what_was_there(self, release, kind):
        out = release.parent / f"out.{kind}"
        out.write_text("as it was")
        out.chmod(0o644)
        export(release, "notes", kind=kind, out=out)
        assert stat.S_IMODE(out.stat().st_mode) == 0o600

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_what_was_there_stays_when_the_table_cannot_be_written(
        self, release, kind, monkeypatch
    ):
        def torn(*_arguments):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(exporting, f"_write_{kind}", torn)
        out = release.parent / f"out.{kind}"
        out.write_text("as it was")
        with pytest.raises(ExportError, match="No space left on device"):
            export(release, "notes", kind=kind, out=out)
        assert out.read_text() == "as it was"
        assert [path.name for path in release.parent.iterdir() if path.is_file()] == [out.name]

    def test_it_is_named_after_the_table_and_the_night(self, release, monkeypatch):
        monkeypatch.chdir(release.parent)
        done = export(release, "segment_members", kind="csv")
        assert str(done.path) == "segment_members_2018-01-02.csv"
        assert (done.table, done.rows) == ("segments.segment_members", 1)

    @pytest.mark.parametrize("out", ["", "nowhere/out.csv"])
    def test_a_file_that_cannot_be_is_one_clear_line(self, release, out):
        with pytest.raises(ExportError, match=r"is a folder|No such file"):
            export(release, "notes", kind="csv", out=release.parent / out)

    def test_a_release_that_cannot_be_read_is_one_clear_line(self, release):
        (release / "rapport.duckdb").write_bytes(b"torn")
        with pytest.raises(ExportError, match=f"release {RELEASE_ID} cannot be read"):
            export(release, "notes", kind="csv")

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("note", "the nearest is notes"),
            ("NOTES", "the nearest is notes"),
            ("marts.note", "the nearest is marts.notes"),
            ("main.release", "has no table main.release"),
            ("zzz", "there are marts.notes, marts.types, segments.segment_members"),
        ],
    )
    def test_a_table_that_is_not_released_is_met_with_the_nearest_name(self, release, name, said):
        with pytest.raises(ExportError, match=said):
            export(release, name, kind="csv")


class TestCommand:
    @pytest.fixture
    def run(self, release):
        (release / "manifest.json").write_text("{}")
        (release.parent / "current").symlink_to(release.name)

        def run(*arguments):
            where = ["--dir", str(release.parent), "--out", str(release.parent / "out")]
            return CliRunner().invoke(app, ["export", *arguments, *where])

        return run

    def test_it_reads_the_current_release_and_says_what_it_wrote(self, run, release):
        notes(release, "a", "b")
        done = run("notes", "--csv")
        assert done.exit_code == 0
        assert f"{release.parent / 'out'}: 2 rows of marts.notes" in done.output

    def test_another_release_can_be_named(self, run):
        assert run("notes", "--xlsx", "--release", RELEASE_ID).exit_code == 0
        assert isinstance(run("notes", "--xlsx", "--release", "nix").exception, ReleaseError)

    @pytest.mark.parametrize("kinds", [[], ["--csv", "--xlsx"]])
    def test_it_asks_what_the_file_is_to_be(self, run, kinds):
        assert isinstance(run("notes", *kinds).exception, SettingsError)


def test_numbers_of_fifteen_digits_stay_numbers():
    assert exporting._is_number_of_a_sheet(Decimal("123456789012.345000"))
    assert exporting._is_number_of_a_sheet(-(10**20))
    assert not exporting._is_number_of_a_sheet(Decimal("1234567890123.4567"))
    assert not exporting._is_number_of_a_sheet(float("nan"))
