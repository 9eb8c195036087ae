"""When something may be sent, beside a plain walk along the clock in Python."""

import random
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import duckdb
import pytest

from rapport.places.clocks import offsets, zone_names

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Wish = tuple[str, date, tuple[int, ...], tuple[str, ...]]


def made_up_wishes(night: date) -> set[Wish]:
    """Zones, pauses, hours and weekdays of all kinds."""
    chance = random.Random(str(night))
    wishes = set()
    for _ in range(150):
        hours = chance.choice(
            [
                sorted(chance.sample(range(24), chance.choice([1, 3, 8, 20, 24]))),
                range(*sorted(chance.sample(range(25), 2))),
            ]
        )
        weekdays = chance.sample(WEEKDAYS, chance.choice([1, 2, 5, 7]))
        pause = night + chance.choice([0, 0, 0, 1, 3, 6, 7]) * DAY
        wishes.add((chance.choice(zone_names()), pause, tuple(hours), tuple(weekdays)))
    return wishes


def walked(night: date, wish: Wish) -> tuple[datetime, datetime] | None:
    """The first stretch after the night; of an hour that comes twice it begins with the second."""
    name, pause, hours, weekdays = wish
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        zone = ZoneInfo.from_file(file)

    def shown(moment: datetime) -> datetime:
        return moment.astimezone(zone).replace(tzinfo=None, fold=0)

    def is_allowed(moment: datetime) -> bool:
        local = shown(moment)
        return (
            max(pause, night) < local.date() <= night + 7 * DAY
            and local.hour in hours
            and WEEKDAYS[local.weekday()] in weekdays
        )

    first = datetime.combine(night + DAY, time(), UTC)
    quarters = [first + number * QUARTER for number in range(8 * 96)]
    since = next((moment for moment in quarters if is_allowed(moment)), None)
    if since is None:
        return None
    until = next(moment for moment in quarters if moment > since and not is_allowed(moment))
    again = [since + number * QUARTER for number in range(1, 9)]
    if shown(since).minute == 0:
        since = next((moment for moment in again if shown(moment) == shown(since)), since)
    return since.replace(tzinfo=None), until.replace(tzinfo=None)


@pytest.mark.parametrize(
    "night",
    ["2017-03-10", "2017-03-24", "2017-10-27", "2017-11-03", "2018-09-14", "2026-11-29"],
)
def test_the_first_stretch_is_where_a_walk_along_the_clock_finds_it(dbt, night):
    """Nights before clocks are changed somewhere, and one after the laws of 2026."""
    compiled = dbt(
        *("compile", "--inline", "{{ first_stretches('wishes') }}"),
        *("--vars", f"{{as_of_date: {night}}}"),
        environment={"RAPPORT_WAREHOUSE": ":memory:"},
    )
    assert compiled.success, compiled.failures()
    (said,) = [message for message in compiled.messages if "int_clocks__offsets" in message]
    query = said[said.index("select") :]
    with duckdb.connect() as connection:
        catalog = query.split('"."intermediate"')[0].rsplit('"', 1)[-1]
        connection.execute(f"attach ':memory:' as {catalog}; use {catalog}")
        connection.register("clocks", offsets())
        connection.execute(
            "create schema intermediate; "
            "create table intermediate.int_clocks__offsets as from clocks; "
            "create table wishes (time_zone varchar, paused_until_date date, "
            "allowed_hours integer[], allowed_weekdays varchar[])"
        )
        wishes = made_up_wishes(date.fromisoformat(night))
        connection.executemany(
            "insert into wishes values (?, ?, ?, ?)",
            [(name, pause, [*hours], [*weekdays]) for name, pause, hours, weekdays in wishes],
        )
        found = {
            (name, pause, tuple(hours), tuple(weekdays)): (since, until)
            for name, pause, hours, weekdays, since, until in connection.sql(query).fetchall()
        }
    expected = {wish: walked(date.fromisoformat(night), wish) for wish in wishes}
    assert found == {wish: stretch for wish, stretch in expected.items() if stretch}
    assert 50 < len(found) < len(wishes)
