"""What followed loud days, on simulated years in which it is known."""

import pandas as pd
import pytest

from tests.dbt.public_voices import FOREBODING, LEAD_DAYS, LOUD, QUIET, TIMES, Voices, year

SEEDS = range(6)  # of forty it is written in decision 55 what they say
SAID = ["more", "fewer"]


@pytest.fixture(scope="module")
def voices(tmp_path_factory, dbt) -> Voices:
    return Voices(tmp_path_factory.mktemp("voices"), dbt)


@pytest.fixture(scope="module")
def years(voices) -> pd.DataFrame:
    """Some years in which bursts about one topic come three days before twice the tickets."""
    return pd.concat([voices.leads(year(seed)).assign(seed=seed) for seed in SEEDS])


def is_true(rows):
    """All that was said holds what was said about the topic."""
    return (
        rows.signal.isin([FOREBODING, "negative"])
        & (rows.outcome == "tickets")
        & (rows.lag_days == LEAD_DAYS)
    )


def test_the_lag_that_is_there_is_found_with_its_ratio(years):
    found = years[is_true(years) & (years.signal == FOREBODING)]
    assert len(found) == len(SEEDS)
    assert (found.verdict == "more").sum() >= len(SEEDS) - 1
    covered = (found.rate_ratio_low <= TIMES) & (found.rate_ratio_high >= TIMES)
    assert covered.sum() >= len(SEEDS) - 2


def test_no_other_lag_topic_or_outcome_is(years):
    """Tickets that come in heaps have longer tails than the correction reckons with."""
    others = years[~is_true(years)]
    assert LOUD in set(others[others.verdict == "within chance"].signal)
    assert others[others.verdict.isin(SAID)].seed.nunique() <= 2


def test_where_nothing_foretells_anything_few_nights_say_so(voices):
    alarms = [voices.leads(year(1000 + seed, times=1)).verdict.isin(SAID).any() for seed in SEEDS]
    assert sum(alarms) <= 1


def test_a_month_of_listening_and_a_topic_without_bursts_are_too_little(voices, years):
    assert set(voices.leads(year(1, days=30)).verdict) == {"too few days"}
    quiet = years[years.signal == QUIET]
    assert (quiet.verdict == "too few days").any()
    assert quiet[quiet.verdict == "too few days"].rate_ratio.isna().all()
    assert (
        quiet[quiet.verdict == "too few days"]
        .verdict_reason.str.endswith("are too few to tell")
        .all()
    )
