"""Files of the landing that are rewritten: whole at every instant, counted, finished later."""

import os
import subprocess
import sys
from datetime import date

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from rapport import landing
from rapport.errors import LandingError
from rapport.killpoints import EXIT_CODE
from rapport.landing import Changed
from tests.landing_of_dlt import land_as_dlt_did
from tests.unit.test_landing import NIGHT, Landing, table

KILLPOINTS = (
    "landing_rewritten_beside",
    "landing_rewrite_listed",
    "landing_half_rewritten",
    "landing_rewritten",
)


def without_two(stream, rows):
    """Take the record 2 out."""
    mask = pc.equal(rows["id"], "2")
    return Changed(rows.filter(pc.invert(mask)), pc.sum(mask).as_py() or 0)


@pytest.fixture
def crm(tmp_path):
    found = Landing(tmp_path)
    found.land(("1", "2018-01-01"), ("2", "2018-01-01"), ("3", "2018-01-01"))
    found.land(("2", "2018-01-02"))
    found.land(("4", "2018-01-02"))
    return found


def rewrite(crm):
    return landing.rewrite(crm.dir, "crm", ["contacts"], without_two, by="a request")


def erased(crm):
    return sum(load.erased.get("contacts", 0) for load in landing.listed_loads(crm.dir, "crm"))


def test_rows_go_and_all_others_stay_in_their_order_in_their_loads(crm):
    loads = crm.loads()
    assert landing.count(crm.dir, "crm", ["contacts"], without_two) == 2
    assert rewrite(crm) == 2
    assert [pq.read_table(path)["id"].to_pylist() for path in crm.files()] == [
        ["1", "3"],
        [],
        ["4"],
    ]
    assert crm.loads() == loads
    assert landing.damaged_files(crm.dir, "crm", NIGHT, thorough=True) == {}


def test_what_was_erased_stays_counted_and_who_asked_is_said(crm):
    rewrite(crm)
    loads = landing.listed_loads(crm.dir, "crm")
    assert [load.erased for load in loads] == [{"contacts": 1}, {"contacts": 1}, {}]
    assert [load.rewritten_by for load in loads] == [("a request",), ("a request",), ()]


def test_a_file_that_holds_nothing_of_it_is_not_touched(crm):
    untouched = crm.files()[2]
    before = untouched.stat()
    rewrite(crm)
    assert untouched.stat().st_mtime_ns == before.st_mtime_ns


def test_again_is_nothing(crm):
    rewrite(crm)
    before = {path: path.read_bytes() for path in crm.dir.rglob("*") if path.is_file()}
    assert rewrite(crm) == 0
    assert {path: path.read_bytes() for path in crm.dir.rglob("*") if path.is_file()} == before


def test_what_dlt_landed_is_rewritten_too(tmp_path):
    crm = Landing(tmp_path)
    land_as_dlt_did(crm.dir, "crm", "contacts", NIGHT, table(("1", "a"), ("2", "b")))
    assert rewrite(crm) == 1
    assert crm.ids() == ["1"]
    assert erased(crm) == 1


def test_a_pull_lands_after_it_as_before(crm):
    rewrite(crm)
    crm.land(("5", "2018-01-03"))
    assert crm.ids() == ["1", "3", "4", "5"]


def test_what_a_pull_leaves_out_is_counted_though_no_row_lands(tmp_path):
    crm = Landing(tmp_path)
    with crm.pull() as slices:
        slices.leave_out("contacts", 3)
    assert erased(crm) == 3
    with crm.pull(date(2018, 1, 3)) as slices:
        slices.leave_out("contacts", 0)
    assert len(landing.listed_loads(crm.dir, "crm")) == 1


@pytest.mark.parametrize("killpoint", KILLPOINTS)
def test_a_process_that_dies_leaves_nothing_half_and_the_next_one_finishes(crm, killpoint):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from rapport import landing\n"
        "from tests.unit.test_landing_rewriting import without_two\n"
        "landing.rewrite(Path(sys.argv[1]), 'crm', ['contacts'], without_two, by='a request')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(crm.dir)],
        env=os.environ | {"RAPPORT_KILLPOINT": killpoint, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == EXIT_CODE
    assert landing.damaged_files(crm.dir, "crm", NIGHT, thorough=True) == {}
    crm.land(("5", "2018-01-03"))
    rewrite(crm)
    assert crm.ids() == ["1", "3", "4", "5"]
    assert erased(crm) == 2
    assert not list(crm.dir.rglob("*.part"))
    assert not any(load.becoming for load in landing.listed_loads(crm.dir, "crm"))


def test_a_file_that_cannot_be_read_is_named(crm):
    crm.files()[0].write_bytes(b"no parquet")
    with pytest.raises(LandingError, match=r"cannot be read .*: run a night"):
        rewrite(crm)
