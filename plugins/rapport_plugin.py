"""The plugin that Airflow loads: Rapport's page in its UI.

Every process of Airflow reads this file, the api-server alone asks for the app: so the app is
imported when it is asked for.
"""

from functools import cached_property
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from rapport.orchestration.links import URL_PREFIX, URL_ROUTE, page_path


class RapportPlugin(AirflowPlugin):
    """A page in the navigation, which opens inside the UI."""

    name = "rapport"
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Rapport",
            "href": page_path(),
            "destination": "nav",
            "nav_top_level": True,
            "url_route": URL_ROUTE,
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[Any]:
        """The app, mounted under its prefix."""
        from rapport.orchestration.ui import app

        return [{"name": "Rapport", "app": app, "url_prefix": URL_PREFIX}]
