"""Alerts: what is said to people who are not looking, when a night failed or a release is late.

A message says which night, which step, whom it concerns, what readers have meanwhile and what to
do: counts, names and reasons, never a value of a customer. It is composed here; over which
connections it goes, `rapport.orchestration.alerts` knows.
"""

from rapport.alerts.cause import NOTE, cause_of, steps_of
from rapport.alerts.message import Alert, Place, Step
from rapport.alerts.night import (
    activation_failed,
    night_failed,
    night_failed_somehow,
    release_missing,
    release_old,
    trial,
)
from rapport.alerts.told import Told

__all__ = [
    "NOTE",
    "Alert",
    "Place",
    "Step",
    "Told",
    "activation_failed",
    "cause_of",
    "night_failed",
    "night_failed_somehow",
    "release_missing",
    "release_old",
    "steps_of",
    "trial",
]
