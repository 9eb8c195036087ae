"""Klaviyo's metric aggregates: how many events of a metric there were, by day or hour."""

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.clock import klaviyo_time, parse_instant
from sandbox.klaviyo.asked import Refused, parse_filter
from sandbox.store import Store

HOUR = 3_600_000
INTERVALS = {"day": 24 * HOUR, "hour": HOUR}
LONGEST = 366 * 24 * HOUR
MEASUREMENTS = {"count": "count(*)", "unique": "count(distinct profile_id)"}
KNOWN = {"metric_id", "measurements", "filter", "interval", "timezone", "page_size"}


@dataclass(frozen=True)
class Question:
    """One question, checked: from `start` up to but not including `end`."""

    metric_id: str
    measurements: tuple[str, ...]
    step: int
    start: int
    end: int


def parse(body: bytes) -> Question:
    """Check a request body.

    Raises:
        Refused: Klaviyo would refuse it, or it asks for what the look-alike lacks (other groups,
            intervals and time zones).
    """
    try:
        data = json.loads(body)["data"]
        given: dict[str, Any] = data["attributes"]
        metric_id, measurements = given["metric_id"], given["measurements"]
        filters, kind = given["filter"], data["type"]
    except (ValueError, KeyError, TypeError):
        raise Refused("data with metric_id, measurements and filter is required.") from None
    if kind != "metric-aggregate":
        raise Refused("The type is metric-aggregate.")
    if unknown := {name for name, value in given.items() if value is not None} - KNOWN:
        raise Refused(f"The sandbox does not know {', '.join(sorted(unknown))}.")
    if not measurements or set(measurements) - set(MEASUREMENTS):
        raise Refused(f"Measurements are {', '.join(MEASUREMENTS)}.")
    step = INTERVALS.get(given.get("interval") or "day")
    if step is None:
        raise Refused(f"Intervals are {', '.join(INTERVALS)}.")
    _check_utc(given.get("timezone") or "UTC")
    start, end = _bounds(filters)
    if not start < end <= start + LONGEST:
        raise Refused("The filter must span from an instant to a later one, a year at most.")
    return Question(str(metric_id), tuple(measurements), step, start, end)


def answer(store: Store, asked: Question, now: int) -> dict[str, Any]:
    """Return the resource, without its links: one value per interval, zeros included."""
    first = asked.start - asked.start % asked.step
    columns = ", ".join(MEASUREMENTS[name] for name in asked.measurements)
    found = {
        row[0]: row[1:]
        for row in store.rows(
            f"select at - at % :step, {columns} from events where metric_id = :metric_id "
            "and at >= :start and at < :end and at < :now and visible_from < :now group by 1",
            {
                "step": asked.step,
                "metric_id": asked.metric_id,
                "start": asked.start,
                "end": asked.end,
                "now": now,
            },
        )
    }
    starts = range(first, asked.end, asked.step)
    nothing = (0,) * len(asked.measurements)
    values = {
        name: [found.get(start, nothing)[place] for start in starts]
        for place, name in enumerate(asked.measurements)
    }
    return {
        "type": "metric-aggregate",
        "id": blake2b(repr(asked).encode(), digest_size=12).hexdigest(),
        "attributes": {
            "dates": [klaviyo_time(start) for start in starts],
            "data": [{"dimensions": [], "measurements": values}],
        },
    }


def _bounds(filters: Any) -> tuple[int, int]:
    """Return the interval that the two filters on datetime make."""
    bounds: dict[str, int] = {}
    for each in filters if isinstance(filters, list) else [filters]:
        for operator, name, values in parse_filter(str(each)):
            if name != "datetime" or operator not in ("greater-or-equal", "less-than"):
                raise Refused(f"{operator!r} on {name!r} is not a valid filter here.", "filter")
            try:
                bounds[operator] = parse_instant(_with_offset(values[0]))
            except ValueError:
                raise Refused(f"{values[0]!r} is not an instant.", "filter") from None
    if len(bounds) != 2:
        raise Refused("greater-or-equal and less-than on datetime are required.", "filter")
    return bounds["greater-or-equal"], bounds["less-than"]


def _with_offset(instant: str) -> str:
    """Return an instant with an offset: without one, it is in the time zone of the request."""
    return instant if instant.endswith("Z") or "+" in instant else f"{instant}+00:00"


def _check_utc(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Refused(f"{name!r} is no time zone.") from None
    if name != "UTC":
        raise Refused("The sandbox counts in UTC only.")
