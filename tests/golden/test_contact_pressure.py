"""Contact pressure on the real company, beside a plain computation over its touchpoints."""

from bisect import bisect_left
from collections import defaultdict

import duckdb
import pandas as pd
import pytest

from tests.golden.conftest import NIGHT

WEEK = pd.Timedelta(days=7)
WEIGHTS = {"marketing": 1.0, "pulse": 0.5, "service": 0.2, "transactional": 0.1}


@pytest.fixture(scope="module")
def table(house):
    """Return a function that gives a table of the release."""
    current = house.settings.releases_dir / "current" / "rapport.duckdb"
    with duckdb.connect(str(current), read_only=True) as release:
        yield lambda name: release.sql(f"from marts.{name}").df()


@pytest.fixture(scope="module")
def touchpoints(table):
    found = table("fct_touchpoints")
    found["day"] = pd.to_datetime(found.touchpoint_date).map(pd.Timestamp.toordinal)
    found["about"] = found.campaign_id.fillna(found.message_id)
    return found


@pytest.fixture(scope="module")
def exposures(table):
    found = table("fct_contact_exposures")
    found["day"] = pd.to_datetime(found.exposure_date).map(pd.Timestamp.toordinal)
    found["about"] = found.campaign_id.fillna(found.message_id)
    return found[found.arm == "contact"]


def messages(touchpoints):
    """Everything that reached a customer, with its class; a pulse question once per message."""
    asked = touchpoints[
        (touchpoints.event_type == "answered")
        & touchpoints.question.isin(["too_much", "clear"])
        & touchpoints.message_id.notna()
    ].drop_duplicates(["customer_id", "day", "message_id"])
    served = touchpoints[
        ~touchpoints.is_marketing_contact
        & (touchpoints.direction == "outbound")
        & touchpoints.message_class.isin(["service", "transactional"])
        & touchpoints.event_type.isin(["sent", "delivered"])
    ]
    sold = touchpoints[touchpoints.is_marketing_contact]
    return pd.concat(
        [
            sold.assign(kind="marketing"),
            asked.assign(kind="pulse"),
            served.assign(kind=served.message_class),
        ]
    )


def days_by(frame, *keys):
    """Return the days of each key in order."""
    found = defaultdict(list)
    for *key, day in frame[[*keys, "day"]].itertuples(index=False):
        found[tuple(key)].append(day)
    return {key: sorted(days) for key, days in found.items()}


def moments_by(frame, *keys):
    """Return when each key did something: instants (UTC) and days on the reporting clock."""
    found = defaultdict(list)
    for *key, instant, day in frame[[*keys, "occurred_at", "day"]].itertuples(index=False):
        found[tuple(key)].append((instant, day))
    return found


def is_answered(exposure, moments):
    """Whether any came after the message and within 7 times 24 hours; midnight has no hour."""
    return any(
        exposure.day <= day < exposure.day + 7
        if instant == instant.normalize()
        else exposure.exposed_at <= instant < exposure.exposed_at + WEEK
        for instant, day in moments
    )


def test_windows_and_fatigue_are_sums_over_the_messages(table, touchpoints):
    pressure = table("dim_contact_pressure").set_index("customer_id")
    got = messages(touchpoints)
    age = NIGHT.toordinal() - got.day
    marketing = got.kind.isin(["marketing", "pulse"])
    assert marketing.sum() > 6_000
    for days in (1, 7, 30, 90, 365):
        for channel in (None, "email", "sms", "push", "post"):
            counted = got[marketing & (age < days) & (got.channel.eq(channel) | (channel is None))]
            expected = counted.groupby("customer_id").size().reindex(pressure.index, fill_value=0)
            name = f"{channel + '_' if channel else ''}marketing_contact_count_{days}d"
            assert pressure[name].eq(expected).all(), name
    weighed = (got.kind.map(WEIGHTS) * 2 ** (-age / 14))[age < 365]
    stock = weighed.groupby(got.customer_id).sum().reindex(pressure.index, fill_value=0)
    assert pressure.fatigue_stock.sub(stock).abs().max() < 1e-6


def test_every_message_stands_with_what_came_before_it(touchpoints, exposures):
    days = days_by(touchpoints[touchpoints.is_marketing_contact], "customer_id")
    assert len(exposures) == touchpoints.is_marketing_contact.sum()
    for row in exposures.itertuples():
        before = days[(row.customer_id,)]
        for window, counted in ((28, row.contact_count_28d), (30, row.contact_count_30d)):
            assert counted == bisect_left(before, row.day) - bisect_left(before, row.day - window)


def test_every_message_stands_with_what_came_after_it(touchpoints, exposures):
    theirs = touchpoints[(touchpoints.direction == "inbound") & (touchpoints.actor == "human")]
    named = moments_by(
        theirs[theirs.event_type.isin(["clicked", "redeemed", "replied"])], "customer_id", "about"
    )
    unnamed = moments_by(
        theirs[
            (theirs.event_type == "ordered")
            | (
                theirs.event_type.isin(["redeemed", "replied"])
                & theirs.about.isna()
                & ~theirs.channel.isin(["phone", "chat"])
            )
        ],
        "customer_id",
    )
    answered = 0
    for row in exposures.itertuples():
        is_named = is_answered(row, named[row.customer_id, row.about])
        is_unnamed = is_answered(row, unnamed[(row.customer_id,)])
        assert (row.has_named_response, row.has_unnamed_response) == (is_named, is_unnamed)
        answered += is_named
    assert answered > 500


def test_the_curve_counts_the_messages_whose_week_is_over(table, exposures):
    curve = table("rpt_contact_response_curve").set_index(
        ["relationship_type", "contact_count_28d"]
    )
    over = exposures[exposures.day <= NIGHT.toordinal() - 8]
    points = over.groupby(["relationship_type", over.contact_count_28d.clip(upper=12)])
    assert set(curve.evidence) == {"observational"}  # nobody was left out by lot
    assert curve.exposure_count.to_dict() == points.size().to_dict()
    shares = points.has_named_response.mean().to_dict()
    assert curve.named_response_rate.to_dict() == pytest.approx(shares)
    left = points.has_opt_out.sum().to_dict()
    assert curve.opt_out_count.to_dict() == left
