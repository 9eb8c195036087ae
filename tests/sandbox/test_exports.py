"""Files of other tools, as they are at the clock; and the truth of what they tell."""

import csv
from collections import Counter

import pytest

from sandbox import exports, signals
from sandbox.clock import parse_instant
from sandbox.exports import Export, Row

AT = parse_instant("2017-01-31T12:00:00Z")
DAY = signals.DAY


@pytest.fixture
def shop_list(tmp_path):
    """A list of two, of whom the first goes a day after they came, and a diary by the month."""
    exports.build(
        tmp_path,
        [
            Export(
                "books",
                "people",
                ("id", "name"),
                [Row(AT, (1, "a, b"), AT + DAY), Row(AT + DAY, (2, None))],
                by_month=False,
            ),
            Export(
                "books", "diary", ("id",), [Row(AT, (1,)), Row(AT + 1, (2,)), Row(AT + DAY, (3,))]
            ),
        ],
    )

    def at(now):
        exports.show(tmp_path, now)
        found = sorted((tmp_path / exports.FOLDER).glob("*/*.csv"))
        return {path.stem: path.read_text().splitlines()[1:] for path in found}

    return at


def test_a_file_holds_what_there_was_before_the_clock(shop_list):
    assert shop_list(AT) == {}
    assert shop_list(AT + 1) == {"people": ['1,"a, b"'], "diary_2017-01": ["1"]}
    assert shop_list(AT + DAY + 1) == {
        "people": ["2,"],
        "diary_2017-01": ["1", "2"],
        "diary_2017-02": ["3"],
    }


def test_a_clock_that_goes_back_takes_rows_and_files_away(shop_list):
    shop_list(AT + 2 * DAY)
    assert shop_list(AT + 1) == {"people": ['1,"a, b"'], "diary_2017-01": ["1"]}


def test_a_file_that_stays_the_same_is_not_written_again(shop_list, tmp_path):
    shop_list(AT + 2)
    path = tmp_path / exports.FOLDER / "books" / "diary_2017-01.csv"
    before = path.stat().st_mtime_ns
    shop_list(AT + DAY + 1)
    assert path.stat().st_mtime_ns == before


def test_angry_words_about_one_topic_come_three_days_before_many_tickets():
    tickets = Counter({day: 9 if day % 13 == 0 else 2 for day in range(390)})
    days = signals.bursts(390, tickets)
    told = [day for day in days[signals.FOREBODING] if tickets[day + signals.LEAD_DAYS] == 9]
    chance = [day for day in days[signals.LOUD] if tickets[day + signals.LEAD_DAYS] == 9]
    assert len(told) / len(days[signals.FOREBODING]) > 0.7
    assert len(chance) / len(days[signals.LOUD]) < 0.3


def test_the_company_exports_mentions_and_insights_up_to_its_clock(sandbox_server):
    sandbox_server.set_clock("2017-03-03T00:00:00Z")
    folder = sandbox_server.company.folder / exports.FOLDER
    said = [
        row
        for path in (folder / "listening").glob("mentions_*.csv")
        for row in csv.DictReader(path.open())
    ]
    assert max(row["Updated"] for row in said) < "2017-03-03"
    insights = [
        row["Day"]
        for path in (folder / "page").glob("insights_*.csv")
        for row in csv.DictReader(path.open())
    ]
    assert max(insights) == "2017-03-01"  # of a day the page tells the next morning
