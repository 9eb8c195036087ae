"""Links from tasks to what they made, as buttons in Airflow's UI.

They lead to the pages of `rapport.orchestration.ui` inside the UI, and say only a path: under which
host people reach Airflow, a task does not know.
"""

from typing import Any
from urllib.parse import urlsplit

import attrs
from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

URL_PREFIX = "/rapport"
URL_ROUTE = "rapport"


def page_path(page: str = "") -> str:
    """Return the path that the app answers, also where Airflow is below a path of its host.

    Args:
        page: below ``/rapport/``, such as ``data_docs/index.html``.
    """
    return f"{_root()}{URL_PREFIX}/{page}"


def page_url(page: str = "") -> str:
    """Return where a page of ours opens inside the UI."""
    return f"{_root()}/plugin/{URL_ROUTE}{page_path(page)}"


def _root() -> str:
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


@attrs.define()
class PageLink(BaseOperatorLink):
    """A link to one page, whichever run it is of.

    Attributes:
        name: what the button says.
        page: below ``/rapport/``.
    """

    name: str = ""
    page: str = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the link; asked for once the task has ended, well or not."""
        return page_url(self.page)


@attrs.define()
class ReleaseLink(BaseOperatorLink):
    """A link to the report of the release that the run's ``publish_release`` returned."""

    name: str = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the link to the report, or to the overview where nothing was released."""
        from airflow.sdk.execution_time.xcom import XCom

        released = XCom.get_one(
            key="return_value",
            dag_id=ti_key.dag_id,
            task_id="publish_release",
            run_id=ti_key.run_id,
        )
        return page_url(f"releases/{released['release_id']}.html" if released else "")


DATA_DOCS = {
    gate: PageLink("Data Docs", f"data_docs/index.html#{gate}") for gate in ("sources", "publish")
}
RELEASES = PageLink("Releases", "#releases")
REPORT = ReleaseLink()


def linked(made: Any, *links: BaseOperatorLink) -> Any:
    """Give the task that a call of ``task(...)`` made its links; return it."""
    made.operator.operator_extra_links = links
    return made
