"""From the touches of ended journeys to what is owed to whom, month by month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from rapport.journey.attribution import MODELS, Credits, Policy, attribute
from rapport.journey.paths import Journeys, Paths

if TYPE_CHECKING:
    import pyarrow

NONE = "none"
"""Stands where a channel would, for conversions without a touch."""

IMPRESSIONS = {"counted": "true", "ignored": "not is_impression"}
"""Which touches count: all, or what customers did themselves."""

_DIGITS = 9  # a thousand rows of a month still add up within 1e-6

# One row per distinct path: DuckDB counts, and what comes out is arrays one after another. Codes
# are given by the caller's `units`, a touch is its unit's code, twice, and whether it was direct.
_WALKED = """
with
units as (
    select unit, row_number() over (order by unit) - 1 as code
    from (select distinct {unit} as unit from touches where {is_known})
),
walked as (
    select
        touches.journey_id,
        md5_number_lower(any_value(touches.customer_id)) as customer,
        any_value(touches.is_converted) as is_converted,
        coalesce(any_value(touches.conversion_value), 0) as value,
        list(
            {code} * 2 + cast(touches.is_direct as integer) order by touches.touch_number
        ) filter (where {counts}) as path,
        list(touches.hours_before_end order by touches.touch_number) filter (where {counts}) as hours
    from touches
    left join units on touches.{unit} = units.unit
    where touches.ended_month = date '{month}'
    group by touches.journey_id
),
ended as (
    select
        coalesce(path, {empty_path}) as path,
        struct_pack(
            customer := customer,
            journey_id := journey_id,
            is_converted := is_converted,
            value := case when is_converted then value else 0 end,
            hours := case when is_converted then coalesce(hours, {empty_hours}) else [] end
        ) as journey
    from walked
)
select cast(path as integer[]) as path, list(journey order by journey) as journeys
from ended
group by path
order by path
"""


@dataclass(frozen=True)
class Walked:
    """What ended in a month, and the names of the codes in it."""

    names: list[str]
    paths: Paths
    journeys: Journeys


def channel_credits(
    touches: Any, policy: Policy, impressions: Sequence[str] = tuple(IMPRESSIONS)
) -> "pyarrow.Table":
    """Return what channels are owed, by every model.

    Args:
        touches: DuckDB relation of ``int_journey__touches``.
        policy: what the firm decided.
        impressions: some of ``IMPRESSIONS``.

    Returns:
        One row per month in which journeys ended, ``IMPRESSIONS``, channel and model: credit in
        conversions and in money with its interval, and the journeys that the channel touched.
    """
    return _credits(touches, "channel", NONE, policy, MODELS, impressions)


def campaign_credits(touches: Any, policy: Policy, models: Sequence[str]) -> "pyarrow.Table":
    """Return the same of campaigns; touches of none, and conversions without one, are a null."""
    return _credits(touches, "campaign_id", None, policy, models, tuple(IMPRESSIONS))


def walked(touches: Any, month: date, unit: str, counts: str, *, is_whole: bool) -> Walked:
    """Return what ended in a month.

    Args:
        touches: DuckDB relation of ``int_journey__touches``.
        month: its first day.
        unit: column whose values earn credit.
        counts: condition on touches; a key of ``IMPRESSIONS``.
        is_whole: whether touches without a unit are touches too, of a code of their own, the last;
            a journey without a touch then has one of these.
    """
    is_known = f"{unit} is not null and touch_number > 0 and ended_month = date '{month}'"
    names = touches.query(
        "touches", f"select distinct {unit} from touches where {is_known} order by 1"
    ).fetchall()
    is_touch = "true" if is_whole else "touches.touch_number > 0"
    found = touches.query(
        "touches",
        _WALKED.format(
            unit=unit,
            is_known=is_known,
            month=month,
            counts=f"{is_touch} and {IMPRESSIONS[counts]}",
            code=f"coalesce(units.code, {len(names)})",
            empty_path=f"[{2 * len(names)}]" if is_whole else "[]",
            empty_hours="[0.0]" if is_whole else "[]",
        ),
    ).to_arrow_table()
    path = found["path"].combine_chunks()
    journeys = found["journeys"].combine_chunks()
    ended = journeys.flatten()
    symbols = np.asarray(path.flatten(), dtype=np.int64)
    return Walked(
        [name for (name,) in names],
        Paths(symbols // 2, symbols % 2 == 1, np.asarray(path.value_lengths(), dtype=np.int64)),
        Journeys(
            np.repeat(np.arange(len(path)), np.asarray(journeys.value_lengths())),
            np.asarray(ended.field("customer"), dtype=np.uint64),
            ended.field("is_converted").to_numpy(zero_copy_only=False).astype(np.bool_),
            np.asarray(ended.field("value"), dtype=np.float64),
            np.asarray(ended.field("hours").flatten(), dtype=np.float64),
        ),
    )


def _credits(
    touches: Any,
    unit: str,
    none: str | None,
    policy: Policy,
    models: Sequence[str],
    impressions: Sequence[str],
) -> "pyarrow.Table":
    import pyarrow

    months = touches.query(
        "touches", "select distinct ended_month from touches order by 1"
    ).fetchall()
    parts = [_empty(unit)]
    for (month,) in months:
        for counts in impressions:
            of_month = walked(touches, month, unit, counts, is_whole=none is None)
            names = [*of_month.names, none]
            channels = len(of_month.names) + (none is None)
            credits = attribute(of_month.paths, of_month.journeys, channels, policy, models)
            parts.append(_table(month, counts, unit, names, credits))
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


def _empty(unit: str) -> "pyarrow.Table":
    return _schema(unit).empty_table()


def _table(
    month: date, counts: str, unit: str, names: list[str | None], credits: Credits
) -> "pyarrow.Table":
    """Rows of a month, without those whom no journey touched."""
    import pyarrow

    model, place = np.nonzero(np.tile(credits.journeys[: len(names)] > 0, (len(credits.models), 1)))

    def of_rows(figure: Any) -> Any:
        return np.round(figure[model, place], _DIGITS) + 0.0  # no negative zero

    size = len(model)
    columns = [
        [month] * size,
        [counts] * size,
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
