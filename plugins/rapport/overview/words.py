"""Words and links of the page. Links are relative, as nobody knows under which path Airflow is."""

import re
from datetime import UTC, datetime
from urllib.parse import quote

from markupsafe import Markup, escape

DAG_PAGE = "../dags/customer_relationship_nightly"
DATA_DOCS = "data_docs/index.html"
DBT_DOCS = "dbt_docs.html"
# Which page says what to do when a task failed, by the beginning of its name.
RUNBOOKS = {
    "extract.": "extract_failed.md",
    "check_sources": "source_gate_failed.md",
    "dbt.": "build_failed.md",
    "check_release": "publish_gate_failed.md",
    "subtract_opt_outs": "subtraction_failed.md",
    "load_bi": "bi_load_failed.md",
    "activate_destination": "activation_failed.md",
}


def link(href: str, text: str) -> Markup:
    """Return a link to a page of ours."""
    return Markup('<a href="{}">{}</a>').format(href, text)


def airflow_link(href: str, text: str) -> Markup:
    """Return a link to a page of Airflow's, which opens around ours and not in its frame."""
    return Markup('<a class="airflow" href="{}">{}</a>').format(href, text)


def run_link(run_id: str, text: str) -> Markup:
    """Return a link to a run in the DAG's grid."""
    return airflow_link(f"{DAG_PAGE}/runs/{quote(run_id, safe='')}", text)


def task_link(run_id: str, task_id: str, text: str = "") -> Markup:
    """Return a link to a task of a run, with its log; a telephone may break its name."""
    run, task = quote(run_id, safe=""), quote(task_id, safe="")
    name = Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(text or task_id))))
    return airflow_link(f"{DAG_PAGE}/runs/{run}/tasks/{task}", name)


def runbook_of(task_id: str) -> str | None:
    """Return the runbook of a task that failed."""
    return next((page for start, page in RUNBOOKS.items() if task_id.startswith(start)), None)


def took(seconds: float) -> str:
    """Return how long something took, to the second where that says something.

    Example:
        >>> took(2.34), took(75), took(7_300)
        ('2.3 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{int(seconds)} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def moment(at: datetime) -> str:
    """Return a moment to the minute: `2018-01-02 03:14`, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
