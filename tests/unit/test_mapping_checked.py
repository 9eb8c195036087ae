"""The sample of `rapport source check`: the first rows of the files that a pull would list."""

from datetime import timedelta

import pytest

from rapport.mapping.checked import _sample
from rapport.sources.mapped.files import list_files
from tests.declaring import Firm, declaration
from tests.unit.test_mapped_files import zipped

ROWS = "id,placed\n1,2026-11-01\n2,2026-11-02\n3,2026-11-03\n"


@pytest.fixture
def firm(tmp_path):
    return Firm(tmp_path)


@pytest.mark.parametrize("files", [
    ["orders.csv", "more/*.csv"],
    "**/*.csv",
    "**",
    "all.zip/orders/*.csv",
    ["**/*.zip/orders_*.csv", "orders.csv"],
])  # fmt: skip
def test_the_sample_has_the_files_that_a_pull_lists_and_in_its_order(firm, tmp_path, files):
    firm.send("orders.csv", ROWS)
    firm.send("more/orders.csv", ROWS, age=timedelta(hours=2))
    firm.send("more/deep/orders.csv", ROWS, age=timedelta(hours=3))
    firm.send(".hidden.csv", ROWS)
    firm.send("all.zip", zipped({"orders/a.csv": ROWS, "x/orders_1.csv": ROWS}))
    source = firm.declare(declaration(files=files))
    listed = list_files(source, firm.connection)
    with _sample(source, tmp_path / "sample", 2) as sample:
        assert list_files(sample, firm.connection) == listed


@pytest.mark.parametrize(("written", "more"), [
    ("utf-8", {}),
    ("utf-16", {}),
    ("utf-16-be", {"encoding": "utf-16-be"}),
    ("utf-16", {"skip": 2}),
])  # fmt: skip
def test_a_sample_ends_with_a_line_whatever_it_is_written_in(firm, tmp_path, written, more):
    firm.send("orders.csv", ("sep=,\nabove\n" * bool(more.get("skip")) + ROWS).encode(written))
    source = firm.declare(declaration(**more))
    with _sample(source, tmp_path / "sample", 2) as firm.source:
        firm.pull()
    assert firm.rows(select="id, placed") == [("1", "2026-11-01"), ("2", "2026-11-02")]


def test_what_cannot_be_cut_is_taken_whole(firm, tmp_path):
    path = firm.send("orders.csv", ROWS.encode("utf-16") + b"\xd8")
    source = firm.declare(declaration())
    with _sample(source, tmp_path / "sample", 9) as sample:
        (copy,) = tmp_path.glob("sample/*")
        assert (copy.read_bytes(), sample.path) == (path.read_bytes(), str(copy.parent))
