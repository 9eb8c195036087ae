"""A company to try Rapport on: look-alike HubSpot and Klaviyo APIs and a shop database."""

from datetime import date

from sandbox.company import Company, prepare

FIRST_NIGHT = date(2017, 1, 1)
LAST_NIGHT = date(2018, 1, 2)  # a quiet one: the last order is of the day before

__all__ = ["FIRST_NIGHT", "LAST_NIGHT", "Company", "prepare"]
