"""What dbt's DuckDB connection knows besides SQL; ``profiles.yml`` names this module."""

from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from rapport.identity.addresses import idna_domain
from rapport.identity.phones import e164, is_valid_number

TEXT = "VARCHAR"


class Plugin(BasePlugin):
    """Adds ``e164(raw, region)``, ``is_valid_number(e164)`` and ``idna(domain)``."""

    def configure_connection(self, conn: Any) -> None:
        """Register the functions; every cursor of the connection sees them."""
        conn.create_function("e164", e164, [TEXT, TEXT], TEXT, null_handling="special")
        conn.create_function("is_valid_number", is_valid_number, [TEXT], "BOOLEAN")
        conn.create_function("idna", idna_domain, [TEXT], TEXT)
