"""What the page says of what campaigns caused, and of what silence saves."""

import pytest

from rapport.pages import NOTHING
from rapport.report import uplift
from rapport.report.night import opened
from rapport.report.segments import CLAUSES
from tests.unit.test_report import cells, made


def measured(number, **more):
    """A campaign with a control arm, by a tenth of whose customers more ordered."""
    return {
        "campaign_uplift_id": str(number),
        "campaign_id": f"c{number}",
        "campaign_name": f"Campaign {number}",
        "channel": "email",
        "send_date": f"2017-12-{number:02}",
        "breakdown": "everybody",
        "group_name": "everybody",
        "treated_count": 100,
        "control_count": 300,
        "ordered_uplift": 0.1,
        "ordered_uplift_low": 0.06,
        "ordered_uplift_high": 0.14,
        "sales_uplift_per_customer": 1.0,
        "sales_uplift_per_customer_low": -1.0,
        "sales_uplift_per_customer_high": 3.0,
        "currency_code": "EUR",
        "verdict": "more",
        "unmeasured_reason": None,
    } | more


def refused(number):
    return measured(
        number,
        ordered_uplift=None,
        ordered_uplift_low=None,
        ordered_uplift_high=None,
        verdict="not_measured",
        unmeasured_reason="Nobody was kept out of it by lot.",
    )


def saving(reason, clause, avoided, known, **more):
    return {
        "silence_saving_id": f"{reason}{clause}",
        "segment": "ready_to_buy",
        "silence_reason": reason,
        "clause": clause,
        "silenced_count": 10,
        "avoided_contact_count": avoided,
        "measured_contact_count": known,
        "losing_contact_count": 1,
        "currency_code": "EUR",
        "avoided_cost_amount": 0.4,
        "kept_value_amount": 3,
        "avoided_complaint_cost_amount": 0.1,
        "given_up_margin_amount": 2,
        "given_up_sales_amount": 10,
        "saved_amount": 1.5,
        "expected_avoided_opt_out_count": 0.06,
        "expected_avoided_complaint_count": 0.01,
    } | more


@pytest.fixture
def told(tmp_path):
    """Return a function that gives a part of the page of a release with these rows."""

    def part(which, rows):
        table = "rpt_campaign_uplift" if which is uplift.uplift else "rpt_silence_savings"
        with opened(made(tmp_path, {table: rows})) as night:
            return which(night)

    return part


def test_campaigns_weigh_by_both_arms_and_say_where_they_may_have_done_nothing(told):
    """Arms of 100 and 300 weigh 75, of 300 and 300 twice as much."""
    small = measured(1, ordered_uplift=0.4, ordered_uplift_low=0.3, ordered_uplift_high=0.5)
    section = told(uplift.uplift, [small, measured(2, treated_count=300), refused(3)])
    assert section.finding == (
        "2 campaigns could be measured: of 100 customers they were sent to, +20.0 (+15.7 to +24.3) "
        "ordered because of it; to a customer they brought +1.00 (\N{MINUS SIGN}0.49 to +2.49) EUR "
        "of sales, which may be nothing. 2 of them stand out with more orders and 0 with fewer; of "
        "so many, about 0 would by chance. Of 1 other campaign nobody can say."
    )
    assert section.pictures == []  # of two a table says more


def test_the_forest_is_drawn_of_the_latest_and_of_all_together(told):
    section = told(uplift.uplift, [measured(number) for number in range(1, 24)])
    [forest] = section.pictures
    assert "of 23 campaigns; drawn are the latest 20" in forest.basis
    rows = cells(section, "The latest 20 campaigns with a control arm")
    assert [row["name"] for row in rows][:2] == ["Campaign 23", "Campaign 22"]


def test_a_campaign_without_an_arm_has_its_reason_and_no_figure(told):
    section = told(uplift.uplift, [refused(1), refused(2)])
    assert section.finding == "Of 2 campaigns nobody can say what they caused."
    [row] = section.tables[0].rows
    assert row == {"reason": "Nobody was kept out of it by lot.", "campaigns": "2"}


def test_what_silence_saves_and_gives_up_is_told_of_what_was_measured(told):
    unknown = dict.fromkeys(
        ("kept_value_amount", "avoided_complaint_cost_amount", "given_up_margin_amount",
         "given_up_sales_amount", "saved_amount", "expected_avoided_opt_out_count",
         "expected_avoided_complaint_count"),
    )  # fmt: skip
    section = told(
        uplift.silence,
        [
            saving("cap", "over_cap", 4, 4),
            saving("cap", "over_contacted", 4, 0, losing_contact_count=0, **unknown),
            saving("staff", "workload_limit", 0, 0, avoided_cost_amount=0),
        ],
    )
    assert section.finding == (
        "30 places on tonight's lists stay empty, and with them 8 contacts of 0.80 EUR to send. Of "
        "the 4 that lots tell of, 1 would have lost more than they brought. Expected are 0.1 fewer "
        "opt-outs, 0.0 fewer complaints and 10 EUR of sales given up: silence saves 1.50 EUR in "
        "all."
    )
    had_enough, waiting = cells(section, "Not written to tonight, by reason")
    assert (had_enough["cost"], had_enough["saved"]) == ("0.80", "+1.50")
    assert (waiting["saved"], waiting["kept"]) == (NOTHING, NOTHING)
    assert len(section.pictures) == 1


def test_without_lots_the_cost_alone_is_told(told):
    section = told(uplift.silence, [saving("hold_out", None, 4, 0, saved_amount=None)])
    assert section.finding.endswith("nobody knows what these contacts would have done.")
    assert section.pictures == []
    [row] = cells(section, "Not written to tonight, by segment and clause")
    assert row["clause"] == "held out by lot"


def test_every_reason_that_the_mart_knows_has_words():
    """The mart's contract lists them."""
    from tests.unit.test_report import DBT

    text = (DBT / "models" / "segments" / "_silence__models.yml").read_text()
    [line] = [line for line in text.splitlines() if "&reasons" in line]
    assert set(line.split("[")[1].split("]")[0].split(", ")) == set(uplift.REASONS)
    sql = (DBT / "models" / "segments" / "segment_silences.sql").read_text()
    assert all(f"'{clause}'" in sql for clause in CLAUSES)
