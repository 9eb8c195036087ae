"""Pulls that are killed, fill the disk or meet a damaged file: none jams, loses or doubles."""

from contextlib import suppress

import pytest

from rapport import landing
from rapport.errors import DamagedLanding
from rapport.sources.streams import GROUPS
from tests.integration.disturbed_pulls import FAILED, KILLED, NIGHTS, Disturbed, kill_at_random

KILLPOINTS = ("slice written", "slice half in place", "slice in place", "slice listed")
FIRST, SECOND = NIGHTS
# In the order of time, the newest first, whole by list and by order.
KINDS = ("hubspot_contacts", "hubspot_marketing_email", "klaviyo_lists", "shop_orders")


@pytest.fixture(scope="module")
def pulls(tmp_path_factory, _small_server):
    """Two nights of some groups, with the landing before and after each."""
    return Disturbed(tmp_path_factory.mktemp("pulls"), _small_server).prepare(*KINDS)


@pytest.fixture(scope="module")
def all_pulls(tmp_path_factory, _small_server):
    """Two nights of every group."""
    return Disturbed(tmp_path_factory.mktemp("all-pulls"), _small_server).prepare(*GROUPS)


@pytest.mark.parametrize("point", KILLPOINTS)
@pytest.mark.parametrize("group", ["hubspot_contacts"])
def test_a_kill_at_a_named_place(pulls, group, point):
    kill_there(pulls, group, point)


@pytest.mark.slow
@pytest.mark.parametrize("point", KILLPOINTS)
@pytest.mark.parametrize("group", GROUPS)
def test_a_kill_at_every_named_place_of_every_group(all_pulls, group, point):
    kill_there(all_pulls, group, point)


def kill_there(pulls, group, point):
    for as_of in NIGHTS:
        home = pulls.start(as_of, group)
        assert pulls.run(group, as_of, home, killpoint=point, slice_seconds=0) in (0, *KILLED)
        assert pulls.run(group, as_of, home) == 0, pulls.said(home)
        assert pulls.differences(group, as_of, home) == []


def test_kills_at_random_places(pulls):
    tally = kill_at_random(pulls, 6, seed=18, groups=KINDS)
    assert not tally.jams + tally.differences


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_three_hundred_kills_at_random_places_of_every_group(all_pulls):
    tally = kill_at_random(all_pulls, 300, seed=2026)
    print(tally)
    assert not tally.jams + tally.differences
    assert min(tally.kills_by_group[group] for group in GROUPS) > 5


def test_a_full_disk_is_said_and_costs_what_was_not_landed_yet(pulls):
    fill_the_disk(pulls, "hubspot_contacts", 2000)


@pytest.mark.slow
@pytest.mark.parametrize("file_bytes", [1, 700, 3000, 12000])
@pytest.mark.parametrize("group", GROUPS)
def test_a_full_disk_in_every_group(all_pulls, group, file_bytes):
    fill_the_disk(all_pulls, group, file_bytes)


def fill_the_disk(pulls, group, file_bytes):
    home = pulls.start(FIRST, group)
    code = pulls.run(group, FIRST, home, file_bytes=file_bytes, slice_seconds=0)
    assert code in (0, FAILED)
    if code:
        assert pulls.said(home).startswith("LandingError")
        assert "File too large" in pulls.said(home)
    assert pulls.run(group, FIRST, home) == 0, pulls.said(home)
    assert pulls.differences(group, FIRST, home) == []


@pytest.mark.parametrize("group", ["shop_orders"])
def test_a_damaged_file_costs_that_it_is_pulled_again(pulls, group):
    damage(pulls, group)


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_a_damaged_file_in_every_group(all_pulls, group):
    damage(all_pulls, group)


def damage(pulls, group):
    """Damage each file that the first night landed, in turn; the second night makes it good."""
    names = [stream.name for stream in GROUPS[group]]
    source = GROUPS[group][0].source
    folder = pulls.start(SECOND, group) / "landing"
    files = [
        path.relative_to(folder)
        for name in names
        for path in sorted(folder.glob(f"{source}/{name}/load_date={FIRST}/*"))
    ]
    for number, file in enumerate(files):
        home = pulls.start(SECOND, group, links=False)
        path = home / "landing" / file
        data = path.read_bytes()
        # A page, the end, or all of it: what nobody sees by the size, and what everybody does.
        broken = (data[:20] + bytes(30) + data[50:], data[: len(data) // 2], b"")[number % 3]
        path.write_bytes(broken)
        with (
            suppress(DamagedLanding),
            landing.opened(home / "landing", source, names, SECOND) as everything,
        ):  # as the build reads it
            for name in names:
                everything.execute(f'select max(columns(*)) from "{name}"').fetchall()
        assert pulls.run(group, SECOND, home) == 0, pulls.said(home)
        assert pulls.differences(group, SECOND, home, newest_only=True) == []
