"""Every clock, by the law as the lock's `tzdata` knows it."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import duckdb
import pytest

from rapport.places.clocks import clock_changes, offsets, zone_names

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def clocks():
    return offsets()


def test_every_zone_of_the_package_has_the_offsets_of_the_package_for_ten_years(clocks):
    """Every noon, and the minutes about every change; zones of one content are asked once."""
    periods: dict[str, list[tuple[datetime, int]]] = {}
    for row in clocks.to_pylist():
        since = row["valid_from"].replace(tzinfo=UTC)
        periods.setdefault(row["time_zone"], []).append((since, row["offset_minutes"]))
    assert sorted(periods) == zone_names()
    noons = [datetime(2017, 1, 1, 12, tzinfo=UTC) + number * DAY for number in range(11 * 365)]
    rules: dict[bytes, tuple[ZoneInfo, list[tuple[datetime, int]]]] = {}
    wrong = set()
    for name, known in periods.items():
        file = files("tzdata").joinpath("zoneinfo", *name.split("/"))
        if file.read_bytes() in rules:
            assert known == rules[file.read_bytes()][1], name
            continue
        with file.open("rb") as opened:  # the machine's own may be older
            zone = ZoneInfo.from_file(opened)
        rules[file.read_bytes()] = (zone, known)
        changes = [since for since, _ in known if noons[0] <= since < noons[-1]]
        about = [since + number * MINUTE for since in changes for number in (-60, -1, 0, 1, 60)]
        place = 0
        for moment in sorted(noons + about):
            while place + 1 < len(known) and known[place + 1][0] <= moment:
                place += 1
            if moment.astimezone(zone).utcoffset() != known[place][1] * MINUTE:
                wrong.add((name, moment))
    assert wrong == set()


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("America/Vancouver", -7),
        ("America/Edmonton", -6),
        ("Africa/Casablanca", 0),
        ("America/New_York", -5),
        ("US/Eastern", -5),
    ],
)
def test_clocks_of_the_winter_after_the_laws_of_2026(clocks, name, hours):
    """Three that keep what was summer time or gave it up, one that changes nothing, an alias."""
    found = duckdb.sql(
        f"""
        select offset_minutes from clocks
        where
            time_zone = '{name}'
            and timestamp '2026-12-01' >= valid_from and timestamp '2026-12-01' < valid_to
        """
    ).fetchall()
    assert found == [(hours * 60,)]


def test_periods_follow_each_other_without_gap(clocks):
    gaps = duckdb.sql(
        """
        select time_zone
        from clocks
        window zones as (partition by time_zone order by valid_from)
        qualify
            valid_from >= valid_to
            or valid_from <> lag(valid_to, 1, timestamp '1900-01-01') over zones
            or valid_to > timestamp '2038-01-01'
            or (lead(valid_to) over zones is null and valid_to <> timestamp '2038-01-01')
        """
    ).fetchall()
    assert gaps == []


def test_before_1990_a_clock_is_what_it_was_then(clocks):
    at = "time_zone = 'Europe/London' and timestamp '1961-07-01' between valid_from and valid_to"
    found = duckdb.sql(f"select offset_minutes from clocks where {at}").fetchall()
    assert found == [(0,)]


def test_every_clock_is_whole_quarters_of_an_hour_ahead(clocks):
    """What the send windows are cut into."""
    odd = duckdb.sql(
        "select time_zone from clocks where offset_minutes % 15 <> 0 or second(valid_from) <> 0"
    )
    assert odd.fetchall() == []


def test_a_zones_own_clock_says_since_when_it_has_been_so_far_ahead():
    """What is shown twice is the first of the two, so the old offset holds until it is over."""
    changes = dict(clock_changes("Europe/Berlin"))
    assert changes["2025-03-30 03:00:00"] == 120
    assert changes["2025-10-26 03:00:00"] == 60
    assert clock_changes("UTC") == []
    with pytest.raises(KeyError):
        clock_changes("Europe/Berln")
