"""What a table of which each read brings all there is lands: what changed, and who is gone."""

from datetime import timedelta

import pytest

from rapport.errors import UnusableTable
from tests.declaring import NIGHT, Firm, declaration

NIGHTS = [NIGHT + timedelta(days=day) for day in range(5)]


@pytest.fixture
def firm(tmp_path):
    there = Firm(tmp_path)
    there.declare(declaration(key=["id"], whole=True))
    return there


@pytest.fixture
def night(firm):
    """Return a function that pulls a night in which the export holds some records, as id: value."""

    def of(number, records):
        rows = "".join(f"{id_},{value}\n" for id_, value in records.items())
        age = timedelta(hours=9 - number)  # each later than the one before
        firm.send("customers.csv", "id,placed\n" + rows, age=age)
        return firm.pull(NIGHTS[number])

    return of


def gone(firm):
    return [row[:2] for row in sorted(firm.rows("removals", "noticed_on, id, object_type"))]


def test_only_what_is_otherwise_lands_again(firm, night):
    assert night(0, {"1": "x", "2": "y"})["orders"] == 2
    assert night(1, {"1": "x", "2": "z", "3": "new"})["orders"] == 2
    assert [row[0] for row in firm.rows(select="placed")] == ["x", "y", "z", "new"]


def test_who_does_not_come_is_gone_and_comes_back(firm, night):
    night(0, {"1": "x", "2": "y", "3": "z"})
    night(1, {"1": "x", "3": "z"})
    assert gone(firm) == [(str(NIGHTS[1]), "2")]
    assert night(2, {"1": "x", "2": "y", "3": "z"})["orders"] == 1, "as it was, and yet it lands"
    night(3, {"1": "x", "2": "y", "3": "z", "4": "w"})
    assert gone(firm) == [(str(NIGHTS[1]), "2")]
    night(4, {"1": "x", "3": "z", "4": "w"})
    assert gone(firm) == [(str(NIGHTS[1]), "2"), (str(NIGHTS[4]), "2")]


def test_the_total_says_how_many_there_are(firm, night):
    night(0, {"1": "x", "2": "y"})
    assert firm.rows("source_totals", "stream, source_total, landed_total, method") == [
        ("orders", "2", "2", "everything")
    ]


@pytest.mark.parametrize(("before", "after"), [(12, 5), (3, 0)])
def test_half_an_export_takes_nobody_away_until_somebody_says_so(firm, night, before, after):
    there = {str(number): "x" for number in range(before)}
    night(0, there)
    left = dict(list(there.items())[:after])
    lost = before - after
    with pytest.raises(UnusableTable) as error:
        night(1, left)
    assert f"{lost} of {before} records did not come" in str(error.value)
    assert f"say shrinks_on: {NIGHTS[1]}" in str(error.value)
    assert gone(firm) == []
    firm.declare(declaration(key=["id"], whole=True, shrinks_on=str(NIGHTS[1])))
    night(1, left)
    assert len(gone(firm)) == lost


def test_a_few_may_go_without_asking(firm, night):
    night(0, {"1": "x", "2": "y", "3": "z"})
    night(1, {"1": "x"})
    assert [id_ for _, id_ in gone(firm)] == ["2", "3"]


def test_where_a_record_cannot_be_read_nobody_is_gone(firm, night):
    night(0, {"1": "x", "2": "y"})
    with pytest.raises(UnusableTable, match=r"1 records do not fit .* none was taken for gone"):
        night(1, {"1": "x", "2": "y,too,many"})
    assert gone(firm) == []


def test_a_key_of_several_columns_is_a_list(firm, night):
    firm.declare(declaration(key=["id", "placed"], whole=True))
    night(0, {"1": "x", "2": "y", "3": "z"})
    night(1, {"1": "x", "2": "y"})
    assert [id_ for _, id_ in gone(firm)] == ['["3","z"]']


def test_of_several_files_that_each_bring_all_there_is_the_newest_holds(firm):
    firm.send("day_1.csv", "id,placed\n1,x\n2,y\n", age=timedelta(hours=9))
    firm.send("day_2.csv", "id,placed\n1,x\n3,z\n", age=timedelta(hours=8))
    firm.pull()
    assert gone(firm) == [(str(NIGHT), "2")]
    assert sorted(firm.rows(select="id")) == [("1",), ("2",), ("3",)]
