"""What exports need beyond one row: the rows that belong together, and the lines above a header."""

import pytest

from rapport.errors import SourcesError
from rapport.settings import PROJECT_DIR
from rapport.sources.mapped.declaration import read_source
from rapport.sources.mapped.expressions import read_expression
from rapport.sources.mapped.reading import read_file

ORDERS = """
kind: files
path: exports
tables:
  orders:
    files: "*.csv"
    {whole_by}
    streams:
      orders:
        {where}
        columns:
          order_id: '"Name"'
          currency_code: {currency}
          ordered_at: '"Created at"'
"""


def declared(home, *, whole_by="whole_by: [Name]", where="", currency):
    (home / "sources").mkdir(exist_ok=True)
    path = home / "sources" / "web_shop.yml"
    path.write_text(ORDERS.format(whole_by=whole_by, where=where, currency=currency))
    return read_source(path, home, PROJECT_DIR / "dbt_project")


class TestWhole:
    def test_a_column_may_read_the_rows_that_belong_together(self, tmp_path):
        [told] = declared(tmp_path, currency="""'max("Currency") over whole'""").variables()
        assert told["whole_by"] == ["Name"]
        assert told["columns"]["currency_code"] == 'max("Currency") over whole'

    def test_the_columns_that_a_window_reads_are_those_of_the_table(self):
        read = read_expression(
            'sum(cast("Price" as double)) over (whole order by cast(_line as int))'
        )
        assert (read.columns, read.is_of_whole) == (("Price", "_line"), True)

    def test_an_expression_without_a_window_is_of_its_row_alone(self):
        assert not read_expression('upper("Currency")').is_of_whole

    @pytest.mark.parametrize(
        ("sql", "fault"),
        [
            ('max("Currency") over (partition by "Name")', "over other rows than `over whole`"),
            ('max("Currency") over ()', "over other rows than `over whole`"),
            ('array_agg("Currency") over whole', "array_agg() has no place here"),
            ('max("Currency")', "max() has no place here: it is made of several rows"),
        ],
    )
    def test_no_other_window_and_no_bare_aggregate_passes(self, sql, fault):
        assert fault in read_expression(sql)

    def test_a_table_has_to_say_which_rows_belong_together(self, tmp_path):
        with pytest.raises(SourcesError, match=r"line 13: .*currency_code .*whole_by"):
            declared(tmp_path, whole_by="", currency="""'max("Currency") over whole'""")

    def test_which_rows_are_taken_each_row_says_by_itself(self, tmp_path):
        where = """where: 'max("Currency") over whole is not null'"""
        with pytest.raises(SourcesError, match="only a column may"):
            declared(tmp_path, where=where, currency="""'"Currency"'""")


class TestAbove:
    def table(self, home, skip):
        (home / "sources").mkdir()
        path = home / "sources" / "page.yml"
        path.write_text(f"uses: page_insights\npath: exports\ntables: {{insights: {skip}}}\n")
        [table] = read_source(path, home, PROJECT_DIR / "dbt_project").tables
        return table

    def rows(self, tmp_path, skip, text, encoding="utf-16"):
        path = tmp_path / "Visits.csv"
        path.write_text(text, encoding=encoding, newline="")
        refused = []
        read = read_file(path, "Visits.csv", self.table(tmp_path, skip), refused.append)
        return [row for rows in read for row in rows.to_pylist()], refused

    def test_lines_above_the_header_are_known_to_each_row_and_count_as_lines(self, tmp_path):
        """As Meta Business Suite writes it: UTF-16 with a mark, and what is counted in line 2."""
        text = 'sep=,\r\n"Facebook visits"\r\n"Date","Primary"\r\n"2025-09-30T00:00:00","7"\r\n'
        [row], refused = self.rows(tmp_path, "{skip: 2}", text)
        assert refused == []
        assert row == {
            "Date": "2025-09-30T00:00:00",
            "Primary": "7",
            "_file": "Visits.csv",
            "_line": "4",
            "_above": 'sep=,\n"Facebook visits"',
        }

    def test_a_table_that_says_none_reads_the_first_line_as_the_header(self, tmp_path):
        [row], _ = self.rows(tmp_path, "{skip: null}", "Date,Primary\n2025-09-30,7\n", "utf-8")
        assert (row["_line"], "_above" in row) == ("2", False)
