"""What the page says of what is said in public, and of what follows loud days."""

import pytest

from rapport.report.night import opened
from rapport.report.voice import voice
from tests.unit.test_report import cells, made


def said(day, mentions, against, topic=None, **more):
    return {
        "voice_date": f"2017-12-{day:02}",
        "source": "listening",
        "platform": "forum",
        "what": "all" if topic is None else "topic",
        "topic": topic,
        "mention_count": mentions,
        "scored_count": mentions,
        "negative_count": against,
        "mean_sentiment": -0.5,
        "reach_count": 100,
    } | more


def followed(lag, verdict, signal="freshness", **more):
    is_told = verdict != "too few days"
    return {
        "source": "listening",
        "signal_kind": "topic",
        "signal": signal,
        "outcome": "tickets",
        "lag_days": lag,
        "loud_day_count": 26,
        "loud_count": 50,
        "loud_expected_count": 25.2,
        "rate_ratio": 2.0 if is_told else None,
        "rate_ratio_low": 1.5 if is_told else None,
        "rate_ratio_high": 2.6 if is_told else None,
        "chance": 0.0001 if is_told else None,
        "corrected_chance": {"within chance": 1.0, "too few days": None}.get(verdict, 0.01),
        "verdict": verdict,
    } | more


@pytest.fixture
def told(tmp_path):
    """Return a function that gives the part of a release with these rows."""

    def part(days=(), leads=(), pages=()):
        tables = {
            "rpt_public_voice": list(days),
            "rpt_public_voice_leads": list(leads),
            "rpt_page_signals": list(pages),
        }
        with opened(made(tmp_path, tables)) as night:
            return voice(night)

    return part


def test_where_nobody_listens_nothing_is_known(told):
    section = told()
    assert section.finding.startswith("Nothing is known of it")
    assert (section.pictures, section.tables, section.note) == ([], [], "")


def test_what_is_said_is_told_by_topic_beside_the_weeks_before(told):
    section = told([
        *(said(day, 10, 4) for day in range(20, 28)),
        said(27, 6, 4, "freshness"), said(26, 4, 1, "prices"), said(1, 8, 0, "prices"),
    ])  # fmt: skip
    assert section.finding == (
        "In the last 28 days 80 mentions of us, 40% of the scored ones against us, most of them "
        "about freshness."
    )
    rows = cells(section, "What is said, in the last 28 days")
    assert [(row["topic"], row["mentions"], row["before"], row["against"]) for row in rows] == [
        ("everything", "80", "0", "40%"),
        ("freshness", "6", "0", "67%"),
        ("prices", "4", "8", "25%"),
    ]
    assert len(section.pictures) == 1  # of eight days


def test_of_each_signal_the_surest_lag_is_told_and_no_cause(told):
    section = told(
        [said(27, 1, 1)],
        [
            followed(3, "more"),
            followed(4, "more", corrected_chance=0.04),
            followed(5, "within chance", rate_ratio=1.1),
            followed(3, "within chance", "prices"),
            followed(3, "too few days", "recipes"),
        ],
    )
    assert (
        "3 days after loud days about freshness there were more tickets than after others (2.00, "
        "1.50 to 2.60 times as many). 4 combinations were looked at, and the verdicts are "
        "corrected for that." in section.finding
    )
    [row] = cells(section, "What followed loud days, where it is more than chance")
    assert (row["lag"], row["count"], row["expected"]) == ("3", "50", "25")
    assert "because" not in section.finding
    assert "recipes" not in section.pictures[0].text


def test_where_nothing_stands_out_the_page_says_so(told):
    section = told([said(27, 1, 1)], [followed(3, "within chance")])
    assert "Of 1 combination of signal, outcome and days between none stands out" in section.finding
    assert not any("followed" in table.title for table in section.tables)


def test_too_few_loud_days_tell_nothing(told):
    section = told([said(27, 1, 1)], [followed(3, "too few days")])
    assert "Of too few loud days it is known what followed them." in section.finding
    assert section.pictures == []


def test_what_a_page_counts_is_added_up_and_a_level_is_the_latest(told):
    page = {"source": "page", "platform": "instagram", "page_id": "page:1"}
    values = {"reach": (7, 10, 20), "followers": (100, 110, 120)}
    counted = [
        page | {"signal_date": f"2017-12-{day:02}", "signal": signal, "value": value}
        | {"is_level": signal == "followers"}
        for signal, of_days in values.items()
        for day, value in zip((1, 26, 27), of_days, strict=True)
    ]  # fmt: skip
    section = told(pages=counted)
    rows = cells(section, "What the pages count, in the last 28 days")
    assert [tuple(row.values()) for row in rows] == [
        ("instagram", "followers, at the end", "120", "100"),
        ("instagram", "reach", "30", "7"),
    ]
