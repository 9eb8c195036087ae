"""The page as somebody on call sees it: an embedded Airflow, a night, and a real browser."""

import pytest

from tests.chromium import CHROMIUM, Page
from tests.integration.test_embedded_night import Installation

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium here"),
]
NIGHT = "2017-12-30"
FRAME = "document.querySelector('iframe').contentDocument"


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    made = Installation(tmp_path_factory.mktemp("browsed"))
    yield made
    made.rapport("down")


@pytest.fixture(scope="module")
def page(installation, tmp_path_factory):
    """A browser that has logged in, on the page, after one night."""
    done = installation.rapport("run", "--as-of", NIGHT)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    user, password = installation.login()
    with Page(tmp_path_factory.mktemp("profile")) as made:
        made.go(f"{installation.ports.airflow_url}/plugin/rapport")
        made.wait_for("document.querySelector('input[name=username]')")
        made.type("input[name=username]", user)
        made.type("input[name=password]", password)
        made.evaluate("document.querySelector('button[type=submit]').click()")
        made.wait_for("document.querySelector('iframe')")
        yield made


@pytest.fixture(autouse=True)
def overview(installation, page):
    page.resize(1440, 1000)
    page.go(f"{installation.ports.airflow_url}/plugin/rapport")
    page.wait_for(f"{FRAME}.querySelector('.state')")


def seen(page):
    return page.evaluate(f"{FRAME}.body.innerText")


def test_the_page_opens_inside_the_ui_and_tells_the_night(installation, page):
    told = seen(page)
    assert f"Readers have release {installation.current()}" in told
    assert "The night of 30 December 2017 ended well" in told
    assert "loyal high value" in told
    links = page.evaluate("[...document.querySelectorAll('a')].map(link => link.innerText)")
    assert "Rapport" in links


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_of_the_page_is_wider_than_its_frame(page, width):
    page.resize(width, 900)
    page.wait_for(f"{FRAME}.documentElement.scrollWidth <= {FRAME}.documentElement.clientWidth")


def test_a_link_to_the_grid_opens_airflow_s_own_page_and_not_one_inside_the_frame(page):
    page.evaluate(f"{FRAME}.querySelector('.state a.airflow').click()")
    page.wait_for(f"location.pathname.endsWith('/runs/night_{NIGHT}')")
    page.wait_for("!document.querySelector('iframe')")


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("releases/", "Relationship report"),
        ("data_docs/", "Data Docs"),
        ("runbooks/build_failed", "The build failed"),
    ],
)
def test_pages_open_in_the_frame_and_lead_back(page, link, told):
    page.evaluate(f"{FRAME}.querySelector('a[href^=\"{link}\"]').click()")
    page.wait_for(f"{FRAME}.querySelector('h1').innerText.includes('{told}')")
    page.evaluate(f"{FRAME}.querySelector('a').click()")
    page.wait_for(f"{FRAME}.querySelector('.state')")


def test_dbt_s_page_draws_itself_apart_from_airflow_s_origin(page):
    page.evaluate(f"{FRAME}.querySelector('a[href=\"dbt_docs.html\"]').click()")
    page.wait_for("document.querySelector('iframe').contentDocument === null")


def test_a_gate_s_button_leads_to_data_docs_inside_the_ui(installation, page):
    run = f"/dags/customer_relationship_nightly/runs/night_{NIGHT}"
    page.go(f"{installation.ports.airflow_url}{run}/tasks/check_release/details")
    button = "[...document.querySelectorAll('a')].find(link => link.innerText == 'Data Docs')"
    page.wait_for(button)
    page.evaluate(f"{button}.click()")
    page.wait_for(f"{FRAME}.querySelector('h1').innerText == 'Data Docs'")
