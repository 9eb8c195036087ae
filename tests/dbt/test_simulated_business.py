"""Deals and tickets of a simulated company, against what the simulator itself made happen."""

import statistics
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.simulate.company import chunks, company
from sandbox.simulate.parameters import DEAL_STAGES, END
from sandbox.simulate.records import DEAL_ID, TICKET_ID
from tests.dbt.simulated_firm import PARAMETERS


def instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).replace(tzinfo=None)


@pytest.fixture(scope="module")
def happened():
    """The simulator's own deals, stages and tickets; no record and no landing in between."""
    with company(PARAMETERS) as db:
        for _ in chunks(db, PARAMETERS):
            stages = db.sql(
                f"select {DEAL_ID}, stage, ms from deal_stages where ms < {END} order by place, ms"
            ).fetchall()
            tickets = db.sql(
                f"select {TICKET_ID}, opened_at, replied_at, closed_at, reopened_at, "
                f"closed_again_at, sentiment from tickets where opened_at < {END}"
            ).fetchall()
        staff = dict(db.sql("select owner_id, skills from owners").fetchall())
    deals = defaultdict(list)
    for deal, stage, ms in stages:
        deals[deal].append((stage, instant(ms)))
    return dict(deals), tickets, staff


def test_every_stay_of_every_deal_is_found(simulated, happened):
    deals, _, _ = happened
    found = defaultdict(list)
    for deal, *stay in simulated.rows(
        "select deal_id, stage, entered_at, left_at, hours_in_stage "
        "from marts.fct_deal_stages order by deal_id, visit_number"
    ):
        found[deal].append(stay)
    assert set(found) == set(deals)
    assert len(deals) > 50
    for deal, stays in deals.items():
        assert [(stage, entered) for stage, entered, *_ in found[deal]] == stays
        for (_, entered, left, hours), (_, until) in zip(found[deal], stays[1:], strict=False):
            assert left == until
            assert hours == pytest.approx((until - entered) / timedelta(hours=1))


def test_the_deepest_stage_of_a_lost_deal_is_where_it_was_lost(simulated, happened):
    deals, _, _ = happened
    found = dict(simulated.rows("select deal_id, deepest_stage from marts.fct_deals"))
    for deal, stays in deals.items():
        assert found[deal] == [stage for stage, _ in stays if stage != "closedlost"][-1]


def test_the_pipeline_counts_what_happened_to_the_deals_of_each_month(simulated, happened):
    deals, _, _ = happened
    entered, advanced, won, hours = (defaultdict(int) for _ in range(4))
    hours = defaultdict(list)
    for stays in deals.values():
        for (stage, at), following in zip(stays, [*stays[1:], None], strict=True):
            cell = (stage, at.date().replace(day=1))
            entered[cell] += 1
            advanced[cell] += bool(following and following[0] != "closedlost")
            won[cell] += stays[-1][0] == "closedwon"
            if following:
                hours[cell].append((following[1] - at) / timedelta(hours=1))
    rows = simulated.rows(
        "select stage, month_date, entered_count, advanced_count, won_count, "
        "median_hours_in_stage from marts.rpt_pipeline where entered_count > 0"
    )
    assert {(stage, month) for stage, month, *_ in rows} == set(entered)
    for stage, month, *counts, median in rows:
        cell = (stage, month)
        assert counts == [entered[cell], advanced[cell], won[cell]], cell
        if hours[cell]:
            assert median == pytest.approx(statistics.median(hours[cell])), cell


def test_conversion_comes_near_the_chances_that_the_simulator_drew_with(simulated):
    """A deal goes on from each stage with a known probability; three standard errors either way."""
    for stage, decided, advanced in simulated.rows(
        "select stage, sum(advanced_count + lost_count), sum(advanced_count) "
        "from marts.rpt_pipeline where stage_outcome = 'open' group by stage"
    ):
        chance = DEAL_STAGES[stage]
        error = (chance * (1 - chance) / decided) ** 0.5
        # recent deals that were lost are decided sooner than those that go on, by little
        assert advanced / decided == pytest.approx(chance, abs=3 * error + 0.02), stage


def test_standing_deals_are_those_that_have_not_ended(simulated, happened):
    deals, _, _ = happened
    standing = defaultdict(int)
    for stays in deals.values():
        if stays[-1][0] not in ("closedwon", "closedlost"):
            standing[stays[-1][0]] += 1
    assert dict(
        simulated.rows(
            "select stage, open_count from marts.rpt_pipeline "
            "where month_date = date '2018-01-01' and open_count > 0"
        )
    ) == dict(standing)


def test_tickets_have_the_hours_reopenings_and_feelings_that_the_simulator_gave_them(
    simulated, happened
):
    _, tickets, _ = happened
    found = {
        row[0]: row[1:]
        for row in simulated.rows(
            "select ticket_id, first_response_hours, resolution_hours, reopened_count, is_closed, "
            "sentiment from marts.fct_tickets"
        )
    }
    assert set(found) == {ticket for ticket, *_ in tickets}
    assert len(found) > 300
    reopenings = 0
    for ticket, opened, *moments, sentiment in tickets:
        replied, closed, reopened, again = (
            ms if ms is not None and ms < END else None for ms in moments
        )
        response, resolution, times, is_closed, felt = found[ticket]
        assert response == (pytest.approx((replied - opened) / 3.6e6) if replied else None)
        end = again if reopened else closed
        assert is_closed == (end is not None)
        assert resolution == (pytest.approx((end - opened) / 3.6e6) if end else None)
        assert times == (1 if reopened else 0)
        assert felt == (sentiment if replied else None)
        reopenings += times
    assert reopenings > 20


def test_staff_have_the_skills_that_their_teams_name(simulated, happened):
    _, _, staff = happened
    found = dict(simulated.rows("select owner_id, skills from intermediate.int_crm__staff"))
    assert {owner: sorted(skills) for owner, skills in staff.items()} == found
