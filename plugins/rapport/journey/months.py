"""From the touches of ended journeys to what is owed to whom, month by month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from rapport.journey.attribution import MODELS, RULES, Credits, Policy, attribute
from rapport.journey.paths import Journeys, Paths, distinct

if TYPE_CHECKING:
    import pyarrow

NONE = "none"
"""Stands where a channel would, for conversions without a touch."""

_NAME = "attributed_touches"  # what queries call the relation

_DIGITS = 9  # a thousand rows of a month still add up within 1e-6

# A touch per row, those of one journey after those of another: nothing but a sort, which spills.
# A journey begins at number 1, or at 0 where it has no touch.
_OF_MONTH = f"""
with
of_month as (
    select *
    from {_NAME}
    where ended_month = date '{{month}}' and impressions = '{{impressions}}'
),
units as (
    select unit, row_number() over (order by unit) - 1 as code
    from (select distinct {{unit}} as unit from of_month where {{is_known}})
)
select
    of_month.touch_number,
    coalesce(units.code, {{rest}}) as code,
    of_month.is_direct,
    of_month.hours_before_end,
    case
        when of_month.touch_number <= 1 then md5_number_lower(of_month.customer_id)
        else cast(0 as ubigint)
    end as customer,
    of_month.is_converted,
    of_month.conversion_value
from of_month
left join units on of_month.{{unit}} = units.unit
order by of_month.journey_id, of_month.touch_number
"""


@dataclass(frozen=True)
class Walked:
    """What ended in a month, and the names of the codes in it."""

    names: list[str]
    paths: Paths
    journeys: Journeys


def policy(decided: Any) -> Policy:
    """Return the one row of ``int_journey__attribution_policy`` as the models want it.

    The level of the intervals is that of so many standard errors of a normal distribution on
    either side, as of all intervals of Rapport.
    """
    from scipy.special import ndtr

    (row,) = decided.fetchall()
    given = dict(zip(decided.columns, row, strict=True))
    level = 2 * float(ndtr(given.pop("confidence_z"))) - 1
    return Policy(**given, level=level)


def channel_credits(touches: Any, policy: Policy) -> "pyarrow.Table":
    """Return what channels are owed, by every model.

    Args:
        touches: DuckDB relation of ``int_journey__touches``.
        policy: what the firm decided.

    Returns:
        One row per month in which journeys ended, way of counting impressions, channel and model:
        credit in conversions and in money with its interval, and the journeys that the channel
        touched. ``NONE`` is a channel where conversions had no touch.
    """
    return _credits(touches, "channel", policy, MODELS, none=NONE)


def campaign_credits(touches: Any, policy: Policy) -> "pyarrow.Table":
    """Return the same of campaigns, by the rules.

    Touches of no campaign, and conversions without a touch, are one row of null. A chain or a game
    of hundreds of campaigns, most of them seen by few, would be of chance alone.
    """
    return _credits(touches, "campaign_id", policy, RULES, none=None)


def walked(touches: Any, month: date, impressions: str, unit: str, *, is_whole: bool) -> Walked:
    """Return what ended in a month.

    Args:
        touches: DuckDB relation of ``int_journey__touches``.
        month: its first day.
        impressions: `counted` or `ignored`.
        unit: column whose values earn credit.
        is_whole: whether what has no unit is a touch too, of a code of its own, the last; otherwise
            only what has a number is one.
    """
    is_of_month = f"ended_month = date '{month}' and impressions = '{impressions}'"
    is_known = f"{unit} is not null and touch_number > 0"
    names = touches.query(
        _NAME,
        f"select distinct {unit} from {_NAME} where {is_of_month} and {is_known} order by 1",
    ).fetchall()
    found = touches.query(
        _NAME,
        _OF_MONTH.format(
            month=month, impressions=impressions, unit=unit, is_known=is_known, rest=len(names)
        ),
    ).fetchnumpy()
    begins = found["touch_number"] <= 1
    is_touch = np.ones(len(begins), dtype=np.bool_) if is_whole else found["touch_number"] > 0
    journey = np.cumsum(begins) - 1
    walks = Paths(
        found["code"][is_touch].astype(np.int64),
        found["is_direct"][is_touch],
        np.bincount(journey[is_touch], minlength=int(begins.sum())),
    )
    paths, path = distinct(walks)
    is_converted = found["is_converted"][begins]
    return Walked(
        [name for (name,) in names],
        paths,
        Journeys(
            path,
            found["customer"][begins],
            is_converted,
            np.where(is_converted, found["conversion_value"][begins], 0.0),
            found["hours_before_end"][is_touch & found["is_converted"]],
        ),
    )


def _credits(
    touches: Any, unit: str, policy: Policy, models: Sequence[str], none: str | None
) -> "pyarrow.Table":
    import pyarrow

    views = touches.query(
        _NAME, f"select distinct ended_month, impressions from {_NAME} order by 1, 2"
    ).fetchall()
    is_whole = none is None
    parts = [_schema(unit).empty_table()]
    for month, impressions in views:
        ended = walked(touches, month, impressions, unit, is_whole=is_whole)
        names = [*ended.names, none]
        channels = len(ended.names) + is_whole
        credits = attribute(ended.paths, ended.journeys, channels, policy, models)
        parts.append(_table(month, impressions, unit, names, credits))
    return pyarrow.concat_tables(parts)


def _schema(unit: str) -> "pyarrow.Schema":
    import pyarrow

    figures = ["count", "count_low", "count_high", "amount", "amount_low", "amount_high"]
    return pyarrow.schema(
        [
            ("ended_month", pyarrow.date32()),
            ("impressions", pyarrow.string()),
            (unit, pyarrow.string()),
            ("model", pyarrow.string()),
            ("journey_count", pyarrow.int64()),
            ("converted_journey_count", pyarrow.int64()),
            *((f"credit_{figure}", pyarrow.float64()) for figure in figures),
        ]
    )


def _table(
    month: date, impressions: str, unit: str, names: list[str | None], credits: Credits
) -> "pyarrow.Table":
    """Rows of a month, without those whom no journey touched."""
    import pyarrow

    model, place = np.nonzero(np.tile(credits.journeys[: len(names)] > 0, (len(credits.models), 1)))

    def of_rows(figure: Any) -> Any:
        return np.round(figure[model, place], _DIGITS) + 0.0  # no negative zero

    size = len(model)
    columns = [
        [month] * size,
        [impressions] * size,
        [names[at] for at in place],
        [credits.models[at] for at in model],
        credits.journeys[place],
        credits.converted_journeys[place],
        of_rows(credits.count),
        of_rows(credits.count_low),
        of_rows(credits.count_high),
        of_rows(credits.amount),
        of_rows(credits.amount_low),
        of_rows(credits.amount_high),
    ]
    return pyarrow.table(columns, schema=_schema(unit))
