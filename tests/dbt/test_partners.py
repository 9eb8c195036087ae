"""What is planted in the sandbox's partners is what the marts say of them, whatever the seed."""

import os
from dataclasses import replace
from datetime import date

import pytest

from rapport.sources.connection import Connection
from rapport.sources.declared import Declared
from rapport.sources.mapped import read_source
from rapport.sources.pull import pull
from sandbox import exports, partners
from tests.dbt.landing_fixture import COLUMNS, land
from tests.dbt.manifest_views import PROJECT

NIGHT = "2018-01-02"
DAYS = 540
SEEDS = range(1, 9)
OWNERS = [f"{number}" for number in range(31, 39)]
DECLARATION = PROJECT.parent / "sandbox" / "sources" / "procurement.yml"


def of_seed(seed: int) -> list[partners.Habits]:
    """The habits, of partners that are this seed's alone."""
    return [replace(each, partner=f"{seed}-{each.partner}") for each in partners.HABITS]


PLANTED = {each.partner: each.planted for seed in SEEDS for each in of_seed(seed)}


@pytest.fixture(scope="module")
def dealt(tmp_path_factory, warehouse):
    """A firm of which only a procurement tool tells; every seed has partners of its own in it."""
    home = tmp_path_factory.mktemp("dealt")
    folder = home / "sandbox"
    folder.mkdir()
    exports.build(
        folder,
        (
            export
            for seed in SEEDS
            for export in partners.exports_of(of_seed(seed), OWNERS, DAYS, seed)
        ),
    )
    exports.show(folder, partners.END)
    for path in folder.glob("exports/*/*.csv"):
        os.utime(path, (0, 0))  # what was written just now is not read before it rests
    source = read_source(DECLARATION, home, PROJECT)
    landing = home / "landing"
    for name in COLUMNS:
        land(landing, name, NIGHT, name, {})
    pull(
        source.name,
        Connection(source.name, url=""),
        as_of=date.fromisoformat(NIGHT),
        landing_dir=landing,
        work_dir=home / "work",
        declared=Declared(()).with_mapped(source),
    )
    made = warehouse(home, landing, mapped_sources=source.variables())
    build = made.build(
        NIGHT,
        *("--select", "+rpt_partner_relationships", "--indirect-selection", "cautious"),
        *("--exclude-resource-type", "unit_test"),
    )
    assert build.success, build.failures()
    return made


def test_the_verdict_of_a_partner_is_the_state_that_was_planted_in_it(dealt):
    verdicts = dict(dealt.rows("select partner_id, verdict from marts.rpt_partner_relationships"))
    said_otherwise = {
        partner: (planted, verdicts[partner])
        for partner, planted in PLANTED.items()
        if verdicts[partner] != planted
    }
    assert said_otherwise == {}


def test_the_open_issues_are_those_that_nobody_settled(dealt):
    cutoff = partners.END
    open_issues = {
        each.partner: sum(
            issue.opened < cutoff and (issue.closed is None or issue.closed >= cutoff)
            for issue in partners.issues(each, DAYS, OWNERS, seed)
        )
        for seed in SEEDS
        for each in of_seed(seed)
    }
    assert sum(open_issues.values()) > 100
    assert open_issues == dict(
        dealt.rows("select partner_id, open_issue_count from marts.rpt_partner_relationships")
    )


def test_who_is_neglected_waits_longest_and_a_machine_s_orders_are_no_human_touch(dealt):
    hours = dict(
        dealt.rows(
            "select split_part(partner_id, '-', 3), median(median_first_response_hours) "
            "from marts.rpt_partner_relationships where partner_kind = 'supplier' "
            "and verdict in ('neglected', 'fine') group by all"
        )
    )
    assert hours.pop("01") > 24 > 12 > max(hours.values())
    wired, others = dealt.rows(
        "select partner_id like '%supplier-06', min(given_human_share), max(given_human_share) "
        "from marts.rpt_partner_relationships where verdict = 'fine' group by all order by all desc"
    )
    assert wired[2] < 0.4
    assert others[1] == 1
