"""A company to try Rapport on: look-alike HubSpot and Klaviyo APIs and a shop database."""

from sandbox.company import Company, prepare

__all__ = ["Company", "prepare"]
