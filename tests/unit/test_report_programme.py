"""The night's report on the programme itself: which figures are bad signs, and of what."""

from datetime import date

from rapport.report import programme
from rapport.report.night import opened
from tests.unit.test_report import made

NOTHING = "\N{EN DASH}"


def figure(measure: str, month: int, counted: int, total: int, **columns) -> dict:
    """A row of `rpt_programme_health`, of 2017."""
    share = counted / total
    return {
        "measure": measure,
        "month_start_date": date(2017, month, 1),
        "scope": "events",
        "area": "kept",
        "unit": "share",
        "cause": "poor_planning",
        "question": f"How of {measure}?",
        "is_higher_better": True,
        "counted": counted,
        "total": total,
        "figure": share,
        "figure_low": share,
        "figure_high": share,
        "figure_before": None,
        "trend": None,
        "bound": 0.9,
        "is_beyond_bound": share < 0.9,
        **columns,
    }


def section(tmp_path, *rows):
    with opened(made(tmp_path, {"rpt_programme_health": list(rows)})) as night:
        return programme.health(night)


def test_bad_signs_are_counted_by_the_cause_they_are_signs_of(tmp_path):
    said = section(
        tmp_path,
        figure("callbacks_kept", 11, 95, 100),
        figure("callbacks_kept", 12, 50, 100, trend="worse", figure_before=0.95),
        figure("strained_spoken_to", 12, 1, 10, area="reached", cause="missing_skills"),
        figure("within_treatment", 12, 99, 100, area="reached", cause="inertia"),
    )
    assert said.finding == (
        "2 of 3 figures are bad signs: of poor planning (1), missing skills (1). 1 got worse."
    )
    assert said.tables[0].rows[0] == {
        "area": "kept",
        "question": "How of callbacks_kept?",
        "whole": NOTHING,
        "whole_total": NOTHING,
        "figure": "50%",
        "total": "100",
        "before": "95%",
        "trend": "worse",
        "bound": "below 90%",
        "cause": "poor planning",
    }
    assert [row["cause"] for row in said.tables[0].rows] == ["poor planning", "missing skills", ""]


def test_what_there_is_tonight_stands_beside_what_came_lately_and_its_trend(tmp_path):
    said = section(
        tmp_path,
        figure("declared_topics", 11, 20, 100, scope="cohort", area="asked"),
        figure("declared_topics", 12, 40, 100, scope="cohort", area="asked", trend="better"),
        figure("declared_topics", 12, 17, 1000, scope="stock", area="asked", is_month_over=False),
    )
    [row] = said.tables[0].rows
    assert (row["whole"], row["whole_total"]) == ("2%", "1,000")
    assert (row["figure"], row["total"], row["trend"]) == ("40%", "100", "better")


def test_a_month_that_still_runs_is_no_news(tmp_path):
    said = section(
        tmp_path,
        figure("callbacks_kept", 11, 95, 100),
        figure("callbacks_kept", 12, 0, 3, is_month_over=False),
    )
    assert said.finding == "None of 1 figure is a bad sign. Nothing got worse."
    assert said.tables[0].rows[0]["total"] == "100"


def test_a_figure_of_a_handful_is_told_and_not_drawn(tmp_path):
    few = [figure("callbacks_kept", month, 2, 4) for month in (10, 11, 12)]
    many = [figure("within_treatment", month, 50, 100) for month in (10, 11, 12)]
    said = section(tmp_path, *few, *many)
    assert len(said.tables[0].rows) == 2
    [picture] = said.pictures
    assert picture.text == "In the last month: within treatment 50% of 100."
    assert not section(tmp_path / "few", *few).pictures


def test_what_nobody_counted_is_said_so(tmp_path):
    said = section(tmp_path)
    assert said.finding == "No month is over yet in which anything could be counted."
    assert not said.tables


def test_what_is_no_share_is_told_as_a_number_and_a_bound_that_is_not_there_as_none(tmp_path):
    said = section(
        tmp_path, figure("notes", 12, 5, 4, unit="per_customer", bound=None, is_beyond_bound=None)
    )
    [row] = said.tables[0].rows
    assert (row["figure"], row["bound"], row["cause"]) == ("1.25", NOTHING, "")
