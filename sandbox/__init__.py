"""A company to try Rapport on: look-alike HubSpot and Klaviyo APIs and a shop database."""

from datetime import date, timedelta

from sandbox.building import SIMULATED_DAYS, prepare
from sandbox.company import SIMULATED, Company

FIRST_NIGHT = date(2017, 1, 1)  # of the company whose purchases are real
LAST_NIGHT = date(2018, 1, 2)  # a quiet one: the last order is of the day before

__all__ = ["FIRST_NIGHT", "LAST_NIGHT", "Company", "first_night", "prepare"]


def first_night(company: str) -> date:
    """Return the first night that a company, in its usual length, can be pulled for."""
    simulated = LAST_NIGHT - timedelta(days=SIMULATED_DAYS - 1)
    return simulated if company == SIMULATED else FIRST_NIGHT
