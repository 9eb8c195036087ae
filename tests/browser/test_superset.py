"""The dashboards as who reads them sees them: Superset, a release in Postgres, a browser."""

import os
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import duckdb
import httpx
import pytest
import yaml

from rapport import bi
from tests import postgresql
from tests.chromium import CHROMIUM, Page
from tests.integration.test_embedded_night import ROOT, Installation, free_ports

pytestmark = [
    pytest.mark.superset,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium here"),
]
NIGHT = "2017-12-30"
FILES = ROOT / "bi/superset"
DASHBOARDS = {
    each["slug"]: each
    for each in (yaml.safe_load(path.read_text()) for path in (FILES / "dashboards").glob("*.yaml"))
}
# What a chart says, and the release.
FIGURES = {
    ("rapport-portfolio", "How many customers have we?"): """
        select count(*) from marts.dim_customers
    """,
    ("rapport-portfolio", "What is left of the margin after the cost of contact?"): """
        select round(sum(net_amount)) from marts.rpt_relationship_portfolio
        where month_end_date = (select max(month_end_date) from marts.rpt_relationship_portfolio)
    """,
    ("rapport-segments", "How many customers do tonight's lists name?"): """
        select count(distinct customer_id) from segments.segment_members
    """,
    ("rapport-segments", "How many qualify and are held back?"): """
        select count(*) from segments.segment_suppressions
    """,
    ("rapport-pressure", "How many customers had more messages than their cap?"): """
        select count(*) from marts.dim_contact_pressure where saturation = 'oversaturated'
    """,
    ("rapport-pressure", "How many messages may still be sent within everybody's cap?"): """
        select sum(greatest(remaining_30d, 0)) from marts.dim_contact_pressure
    """,
    ("rapport-campaigns-and-flows", "How many messages of campaigns arrived?"): """
        select sum(delivered_count) from marts.rpt_campaign_performance
    """,
    ("rapport-pipeline-and-service", "How many tickets are open?"): """
        select count(*) from marts.fct_tickets where not is_closed
    """,
}
CHARTS = "[...document.querySelectorAll('[data-test-chart-name]')]"
# Each asks for its figures, some twice: once they are laid out anew.
ANSWERS = (
    "performance.getEntriesByType('resource')"
    ".filter(each => each.name.includes('/api/v1/chart/data')).map(each => each.responseStatus)"
)
LOADING = "document.querySelector('[data-test=loading-indicator]')"
WRONG = (
    "[...document.querySelectorAll('[data-test-chart-name] [role=alert], [data-test=error-alert]')]"
    ".map(each => each.innerText)"
)


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """One night of a small company."""
    installation = Installation(tmp_path_factory.mktemp("night"))
    try:
        done = installation.rapport("run", "--as-of", NIGHT)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    finally:
        installation.rapport("down")
    return installation.home / "releases"


@pytest.fixture(scope="module")
def postgres():
    with postgresql.running() as server:
        yield server, server.database()


@pytest.fixture(scope="module")
def superset(releases, postgres, tmp_path_factory):
    """Superset as `make superset` starts it; its address, the admin's password, its folder."""
    server, database = postgres
    bi.load(server.connection(database), releases)
    with server.session(database) as session:
        session.execute(f"create role analyst login in role {bi.READER}")
    home, [port] = tmp_path_factory.mktemp("superset"), free_ports(1)
    environment = os.environ | {
        "RAPPORT_HOME": str(home),
        "RAPPORT_BI_URL": f"postgresql://analyst:hush-4711@127.0.0.1:{server.port}/{database}",
        "SUPERSET_PORT": str(port),
    }
    with (home / "said").open("w+") as said:
        process = subprocess.Popen(
            ["make", "superset"],
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(lambda: process.poll() is not None or healthy(port), 900)
            assert process.poll() is None, Path(said.name).read_text()[-4000:]
            state = home / "superset"
            yield f"http://127.0.0.1:{port}", (state / "password").read_text().strip(), state
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=60)


@pytest.fixture(scope="module")
def page(superset, tmp_path_factory):
    """A browser that has logged in."""
    address, password, _ = superset
    with Page(tmp_path_factory.mktemp("profile")) as made:
        made.go(f"{address}/login/")
        until(lambda: made.evaluate("document.querySelector('input#username')?.tagName"))
        made.type("input#username", "admin")
        made.type("input#password", password)
        made.evaluate("document.querySelector('button[type=submit]').click()")
        until(lambda: made.evaluate("location.pathname.includes('/welcome')"))
        yield made


def healthy(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def until(found, seconds=240):
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.5)
    return value


def opened(page, superset, slug):
    """Open a dashboard until nothing of it loads; return the text of each chart by its title."""
    charts = [each for each in DASHBOARDS[slug]["position"].values() if "meta" in each]
    expected = {each["meta"]["sliceName"] for each in charts if each["type"] == "CHART"}
    page.resize(1440, 3000)  # what is out of sight is not drawn
    page.go(f"{superset[0]}/superset/dashboard/{slug}/")
    until(lambda: page.evaluate(f"{CHARTS}.length") == len(expected))
    until(
        lambda: (
            page.evaluate(f"{ANSWERS}.length") >= len(expected)
            and not page.evaluate(
                "document.querySelector('[data-test=loading-indicator]')?.tagName"
            )
        )
    )
    told = page.evaluate(
        f"{CHARTS}.map(each => [each.getAttribute('data-test-chart-name'), each.innerText])"
    )
    assert {title for title, _ in told} == expected
    return dict(told)


def faults(page):
    """What is wrong with the dashboard that is open: refused answers, and what charts say of it."""
    return [each for each in page.evaluate(ANSWERS) if each != 200] + page.evaluate(WRONG)


@pytest.mark.parametrize("slug", sorted(DASHBOARDS))
def test_every_chart_of_a_dashboard_is_drawn(page, superset, slug):
    opened(page, superset, slug)
    assert faults(page) == []


def test_figures_are_those_of_the_release(page, superset, releases):
    database = (releases / "current").resolve() / "rapport.duckdb"
    with duckdb.connect(str(database), read_only=True) as night:
        for slug in sorted({slug for slug, _ in FIGURES}):
            told = opened(page, superset, slug)
            for (where, title), sql in FIGURES.items():
                if where == slug:
                    [(figure,)] = night.execute(sql).fetchall()
                    assert f"{figure:,.0f}" in told[title].split("\n"), title


def test_imported_again_what_somebody_changed_is_as_it_was_and_nothing_is_there_twice(superset):
    state = superset[2]
    kinds = ("dashboards", "slices", "tables", "dbs")
    with closing(sqlite3.connect(state / "superset.db")) as metadata:

        def counts():
            return [metadata.execute(f"select count(*) from {kind}").fetchone() for kind in kinds]

        before = counts()
        metadata.execute("update slices set slice_name = 'changed'")
        metadata.commit()
        environment = os.environ | {
            "SUPERSET_HOME": str(state),
            "SUPERSET_SECRET_KEY": (state / "key").read_text().strip(),
            "SUPERSET_CONFIG_PATH": str(FILES / "superset_config.py"),
        }
        done = subprocess.run(
            [ROOT / ".superset/bin/python", FILES / "import.py"],
            env=environment,  # and without the connection, which stays
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert counts() == before
        asked = "select count(*) from slices where slice_name = 'changed'"
        assert metadata.execute(asked).fetchone() == (0,)


def test_a_chart_that_cannot_be_drawn_is_noticed(page, superset, postgres):
    server, database = postgres
    with server.session(database) as session:
        session.execute("alter table rapport.segment_suppressions rename column clause to reasons")
    told = opened(page, superset, "rapport-segments")
    assert re.search("clause", told["Which clause holds them back?"])
    assert faults(page) != []
