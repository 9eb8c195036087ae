"""Releases from which somebody is erased: whole, signed, without them, whatever interrupts it."""

import os
import subprocess
import sys
from datetime import timedelta

import duckdb
import pytest

from rapport.errors import ReleaseError
from rapport.killpoints import EXIT_CODE
from rapport.release import (
    count_erased,
    current_release,
    erase_from_releases,
    history,
    list_releases,
    release_before,
    report_path,
    rollback,
    verify_release,
)
from tests.integration.test_release import NIGHT, PLUGINS, Nights

BEFORE = NIGHT - timedelta(days=1)
SQL = """
alter table marts.fct_orders add column customer_id varchar;
alter table marts.fct_orders add column buyer_kind varchar;
update marts.fct_orders set customer_id = if(order_id = 'o1', 'them', 'other'), buyer_kind = 'known';
create table marts.dim_customers as
    select unnest(['them', 'other', 'once']) as customer_id, 3 as order_count;
create table marts.customer_aliases as
    select 'former' as alias_customer_id, 'them' as customer_id;
create table marts.fct_tickets as
    select 't1' as ticket_id, 'them' as customer_id, null::varchar as company_id
    union all select 't2', 'them', 'c1' union all select 't3', 'other', null;
drop table segments.segment_members;
create table segments.segment_members as
    select 'a' as segment, unnest(['them', 'other']) as customer_id, 'treatment' as arm;
create table segments.segment_suppressions as select 'a' as segment, 'them' as customer_id;
create table segments.segments as
    select 'a' as segment, 3::bigint as qualified_count, 2::bigint as size,
        2::bigint as treatment_size, 0::bigint as holdout_size, 1::bigint as suppressed_count;
"""  # noqa: E501


@pytest.fixture
def nights(tmp_path):
    """Releases of two nights, the older with a page."""
    found = Nights(tmp_path)
    for night in (BEFORE, NIGHT):
        found.build(night, sql=SQL)
        found.publish(night)
    report_path(release(found, BEFORE).path).write_text("a page of them")
    return found


def release(nights, night=NIGHT):
    (found,) = [each for each in list_releases(nights.releases) if each.as_of == night]
    return found


def is_erased(customer_id, night):
    return customer_id == "them" or (customer_id == "once" and night < NIGHT)


def erase(nights):
    return erase_from_releases(
        nights.releases, is_erased, write_report=lambda f: report_path(f).write_text("a new page")
    )


def ask(nights, sql, night=NIGHT):
    path = release(nights, night).path / "rapport.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql(sql).fetchall()


def test_rows_of_theirs_go_from_every_release_and_all_others_stay(nights):
    # per night: an order, themselves, an alias, two tickets, a member, a suppression
    assert count_erased(nights.releases, is_erased) == 2 * 7 + 1
    assert len(erase(nights)) == 2
    assert count_erased(nights.releases, is_erased) == 0
    assert ask(nights, "select customer_id from marts.dim_customers order by all") == [
        ("once",),
        ("other",),
    ]
    assert ask(nights, "select customer_id from marts.dim_customers", BEFORE) == [("other",)]
    assert ask(nights, "from marts.customer_aliases") == []


def test_an_order_stays_a_guests_and_a_ticket_its_companys(nights):
    sold = "select count(*), sum(sales_amount) from marts.fct_orders"
    before = ask(nights, sold)
    erase(nights)
    assert ask(nights, sold) == before
    told = "select customer_id, buyer_kind from marts.fct_orders where order_id = 'o1'"
    assert ask(nights, told) == [(None, "guest")]
    assert ask(nights, "select ticket_id, customer_id from marts.fct_tickets order by all") == [
        ("t2", None),
        ("t3", "other"),
    ]


def test_the_sizes_of_lists_are_those_of_their_rows(nights):
    erase(nights)
    assert ask(nights, "from segments.segments") == [("a", 1, 1, 1, 0, 0)]


def test_every_release_is_whole_signed_and_named_by_what_it_holds_now(nights):
    old = {info.release_id for info in list_releases(nights.releases)}
    made = erase(nights)
    assert set(made) == {info.release_id for info in list_releases(nights.releases)}
    assert not old & set(made)
    for info in list_releases(nights.releases):
        assert verify_release(info.path) == []
        assert info.published_at is not None
    assert current_release(nights.releases) == release(nights).release_id


def test_no_byte_of_the_old_release_is_left(nights):
    erase(nights)
    left = [path for path in nights.releases.rglob("*") if path.is_file()]
    assert not [path for path in left if b"them" in path.read_bytes()]


def test_its_page_is_made_again_where_there_was_one(nights):
    erase(nights)
    assert report_path(release(nights, BEFORE).path).read_text() == "a new page"
    assert not report_path(release(nights).path).exists()


def test_again_is_nothing(nights):
    erase(nights)
    before = history(nights.releases)
    assert erase(nights) == []
    assert history(nights.releases) == before


def test_what_readers_had_before_a_night_is_found_under_its_new_name(nights):
    erase(nights)
    assert release_before(nights.releases, NIGHT).release_id == release(nights, BEFORE).release_id


def test_what_a_rollback_withdrew_stays_withdrawn(nights):
    rollback(nights.releases, release(nights, BEFORE).release_id, why="a try")
    erase(nights)
    assert current_release(nights.releases) == release(nights, BEFORE).release_id
    assert release_before(nights.releases, NIGHT + timedelta(days=1)).as_of == BEFORE


def test_a_damaged_release_goes_but_not_the_one_that_readers_have(nights):
    damaged = release(nights, BEFORE).path / "dim_customers.parquet"
    damaged.chmod(0o644)
    damaged.write_bytes(b"no parquet")
    erase(nights)
    assert [info.as_of for info in list_releases(nights.releases)] == [NIGHT]
    damaged = release(nights).path / "dim_customers.parquet"
    damaged.chmod(0o644)
    damaged.write_bytes(b"no parquet")
    with pytest.raises(ReleaseError, match="which readers have, is damaged"):
        erase(nights)


@pytest.mark.parametrize(
    "killpoint",
    [
        "release_written",
        "release_renamed",
        "current_switched",
        "release_erased_beside",
        "release_reported_anew",
    ],
)
def test_a_process_that_dies_leaves_whole_releases_and_the_next_one_finishes(nights, killpoint):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.integration import test_release_erased as tests\n"
        "class Nights: releases = Path(sys.argv[1])\n"
        "tests.erase(Nights)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(nights.releases)],
        env=os.environ
        | {"RAPPORT_KILLPOINT": killpoint, "PYTHONPATH": f"{PLUGINS}:{PLUGINS.parent}"},
        check=False,
    )
    assert done.returncode == EXIT_CODE
    current = nights.releases / "current"
    assert verify_release(current.resolve()) == []
    erase(nights)
    assert count_erased(nights.releases, is_erased) == 0
    assert len(list_releases(nights.releases)) == 2
    assert verify_release(current.resolve()) == []
    assert report_path(release(nights, BEFORE).path).read_text() == "a new page"
    assert [path.name for path in nights.releases.glob("*.html")] == [
        f"{release(nights, BEFORE).release_id}.html"
    ]


def test_one_that_readers_were_given_back_meanwhile_is_not_taken_from_them(nights):
    old = release(nights, BEFORE)

    def write(folder):
        report_path(folder).write_text("a new page")
        if current_release(nights.releases) != old.release_id:
            rollback(nights.releases, old.release_id, why="in between")

    with pytest.raises(ReleaseError, match="made current again meanwhile"):
        erase_from_releases(nights.releases, is_erased, write_report=write)
    assert verify_release((nights.releases / "current").resolve()) == []
    erase(nights)
    assert count_erased(nights.releases, is_erased) == 0
    assert current_release(nights.releases) == release(nights, BEFORE).release_id
