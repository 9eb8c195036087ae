"""What dbt's DuckDB connection knows besides SQL; ``profiles.yml`` names this module."""

from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from rapport.identity.phones import e164


class Plugin(BasePlugin):
    """Adds ``e164(raw, region)``: a telephone number in E.164, or null."""

    def configure_connection(self, conn: Any) -> None:
        """Register the functions; every cursor of the connection sees them."""
        conn.create_function(
            "e164", e164, ["VARCHAR", "VARCHAR"], "VARCHAR", null_handling="special"
        )
