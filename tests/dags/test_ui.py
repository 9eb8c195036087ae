"""Rapport's pages in Airflow's own app: who may see them, what they answer, where links lead."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time.xcom import XCom
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from rapport.orchestration import ui
from rapport.orchestration.links import page_url
from rapport.orchestration.night import DAG_ID
from rapport.orchestration.ui import HEADERS, app
from tests.loaded import loaded_by

ROOT = Path(__file__).parents[2]
RELEASE = "2018-01-02-0123456789ab"
NAMES = {"gate": "sources", "name": "index.html", "release_id": RELEASE}


@pytest.fixture(scope="module")
def airflow():
    """Airflow's app as the api-server makes it, with the plugin, on a database of its own."""
    from airflow import settings
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.models import import_all_models
    from airflow.models.base import Base

    purge_cached_app()
    import_all_models()
    Base.metadata.create_all(settings.engine)
    yield create_app(apps="core")
    purge_cached_app()


def client(airflow, role=None):
    """A browser of somebody with a role of Airflow's; of nobody without one."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    made = TestClient(airflow, base_url="http://127.0.0.1", follow_redirects=False)
    if role is not None:
        user = SimpleAuthManagerUser(username="anna", role=role or None)
        made.headers["Authorization"] = f"Bearer {get_auth_manager().generate_jwt(user)}"
    return made


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def viewer(airflow, home):
    return client(airflow, "viewer")


# --- who may see it


def test_every_route_is_one_that_dependencies_reach():
    """A mount or a plain route would answer without asking anybody."""
    assert app.routes
    assert [route for route in app.routes if type(route) is not APIRoute] == []


@pytest.mark.parametrize("path", [route.path for route in app.routes])
def test_no_route_answers_without_a_login_nor_to_who_may_not_see_the_website(airflow, home, path):
    url = "/rapport" + path.format(**NAMES)
    assert client(airflow).get(url).status_code == 401
    assert client(airflow, role="").get(url).status_code == 403
    assert client(airflow, role="viewer").get(url).status_code in {200, 404}


def test_the_plugin_s_app_has_no_documentation_of_its_own(viewer):
    for path in ("docs", "redoc", "openapi.json"):
        assert viewer.get(f"/rapport/{path}").status_code == 404


def test_no_answer_is_kept_framed_elsewhere_or_loads_anything(airflow, home):
    for each in (client(airflow, "viewer").get("/rapport/"), client(airflow).get("/rapport/")):
        assert {name: each.headers[name] for name in HEADERS} == HEADERS


def test_the_ui_is_told_of_one_page_in_its_navigation(airflow):
    told = client(airflow, "admin").get("/api/v2/plugins").json()["plugins"]
    [plugin] = [each for each in told if each["name"] == "rapport"]
    [view] = plugin["external_views"]
    assert (view["destination"], view["url_route"], view["href"]) == ("nav", "rapport", "/rapport/")


# --- what it answers


@pytest.fixture
def there(home):
    """A home with a release's report, half-made and hidden files, and Data Docs of one table."""
    releases = home / "releases"
    (releases / RELEASE).mkdir(parents=True)
    (releases / f"{RELEASE}.html").write_text("<html>\n<body>\nthe report\n</body></html>")
    (releases / ".building-1.html").write_text("half-made")
    (releases / "history.jsonl").write_text("{}\n")
    (home / "secret.html").write_text("<body>secret</body>")
    docs = home / "data_docs" / "sources"
    docs.mkdir(parents=True)
    (docs / "landing.streams.html").write_text("<body>a table</body>")
    (docs / "verdict.json").write_text("{}")
    (docs.parent / "index.html").write_text("<body>the index</body>")
    return home


@pytest.mark.parametrize(
    ("path", "text", "back"),
    [
        (f"releases/{RELEASE}.html", "the report", "../"),
        ("data_docs/index.html", "the index", "../"),
        ("data_docs/sources/landing.streams.html", "a table", "../../"),
        ("runbooks/build_failed.md", "<h1>", "../"),
    ],
)
def test_pages_that_the_night_made_and_runbooks_are_shown_with_a_way_back(
    viewer, there, path, text, back
):
    answer = viewer.get(f"/rapport/{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert text in answer.text
    assert f'<a href="{back}">Rapport</a>' in answer.text


def test_dbt_s_page_runs_apart_from_airflow_s_origin_and_asks_nobody(viewer, tmp_path, monkeypatch):
    monkeypatch.setattr(ui, "docs_path", lambda _: tmp_path / "docs.html")
    assert viewer.get("/rapport/dbt_docs.html").status_code == 404
    (tmp_path / "docs.html").write_text("<script>run()</script>")
    answer = viewer.get("/rapport/dbt_docs.html")
    policy = dict(
        part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; ")
    )
    assert answer.text == "<script>run()</script>"
    assert policy["sandbox"] == "allow-scripts"  # with no origin it has no cookie of Airflow's
    assert policy["default-src"] == "'none'"
    assert answer.headers["cache-control"] == "no-store"


def test_a_picture_of_a_runbook_is_shown(viewer):
    answer = viewer.get("/rapport/runbooks/pictures/build_failed.png")
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "path",
    [
        "releases/..%2fsecret.html",
        "releases/%2e%2e%2fsecret.html",
        "releases/..%5csecret.html",
        "releases/.building-1.html",
        "releases/history.jsonl",
        f"releases/{RELEASE}",
        "releases/2018-01-01-000000000000.html",
        "data_docs/..%2fsecret.html",
        "data_docs/%2e%2e/secret.html",
        "data_docs/..%2f/secret.html",
        "data_docs/sources/..%2findex.html",
        "data_docs/sources/verdict.json",
        "data_docs/sources",
        "data_docs/index.html/index.html",
        "runbooks/..%2fglossary.md",
        "runbooks/pictures",
        "runbooks/pictures/..%2fbuild_failed.md",
    ],
)
def test_no_path_leads_to_what_is_no_page_of_its_folder(viewer, there, path):
    answer = viewer.get(f"/rapport/{path}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.fixture
def nights(airflow):
    """Return a function that notes a run of the nightly in Airflow's database, with its tasks."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import delete, insert

    models = (XComModel, TaskInstance, DagRun)

    def note(state, *, days_ago=0, tasks=(), returned=()):
        began = datetime(2018, 1, 3, 2, tzinfo=UTC) - timedelta(days=days_ago)
        run_id = f"night_{days_ago}"
        of_run = {"dag_id": DAG_ID, "run_id": run_id}
        with create_session() as session:
            run = of_run | {
                "logical_date": began - timedelta(days=1),
                "run_after": began,
                "start_date": began,
                "end_date": None if state == "running" else began + timedelta(minutes=4),
                "run_type": "manual",
                "state": state,
            }
            run_number = session.execute(insert(DagRun).values(**run)).inserted_primary_key[0]
            for task_id, task_state, seconds in tasks:
                task = of_run | {"task_id": task_id, "state": task_state, "duration": seconds}
                session.execute(insert(TaskInstance).values(**task, pool="p", pool_slots=1))
            for task_id, value in returned:
                told = of_run | {"task_id": task_id, "key": "return_value", "value": value}
                session.execute(insert(XComModel).values(**told, dag_run_id=run_number))

    yield note
    with create_session() as session:
        for model in models:
            session.execute(delete(model))


def test_the_page_tells_the_nights_tasks_and_rows_that_airflow_knows(viewer, nights):
    tasks = [("extract.shop_orders", "success", 61.0), ("check_release", "failed", 2.0)]
    nights("success", days_ago=1)
    nights("failed", tasks=tasks, returned=[("extract.shop_orders", {"orders": 1234})])
    page = viewer.get("/rapport/").text
    assert "Of the last 2 nights, 1 ended well and 1 failed." in page
    assert "after 4 min 0 s: check_release." in page
    assert "../dags/customer_relationship_nightly/runs/night_0/tasks/extract.shop_orders" in page
    assert "orders 1,234" in page


def test_a_night_that_runs_is_the_newest_and_says_so(viewer, nights):
    nights("success", days_ago=1)
    nights("running", tasks=[("dbt.build", "running", None)])
    page = viewer.get("/rapport/").text
    assert "is running, for " in page
    assert "Before it, " in page


# --- links from tasks


def page_behind(url):
    """The path that Airflow's frame opens for an address of its UI."""
    assert url.startswith("/plugin/rapport/rapport/")
    return url.removeprefix("/plugin/rapport").partition("#")[0]


@pytest.mark.parametrize(
    ("task_id", "gate"), [("check_sources", "sources"), ("check_release", "publish")]
)
def test_a_gate_leads_to_what_it_says_in_data_docs(dag_bag, viewer, there, task_id, gate):
    task = dag_bag.dags[DAG_ID].get_task(task_id)
    [link] = task.operator_extra_links
    url = link.get_link(task, ti_key=None)
    assert link.name == "Data Docs"
    assert url.endswith(f"#{gate}")
    assert viewer.get(page_behind(url)).status_code == 200


@pytest.mark.parametrize("task_id", ["publish_release", "report_night"])
def test_a_release_and_its_report_lead_to_the_report(dag_bag, viewer, there, monkeypatch, task_id):
    key = SimpleNamespace(dag_id=DAG_ID, run_id="night")
    returned = {"publish_release": {"release_id": RELEASE}}
    monkeypatch.setattr(XCom, "get_one", lambda task_id, **_: returned.get(task_id))
    task = dag_bag.dags[DAG_ID].get_task(task_id)
    links = {link.name: link for link in task.operator_extra_links}
    answer = viewer.get(page_behind(links["Report"].get_link(task, ti_key=key)))
    assert "the report" in answer.text
    returned.clear()  # nothing was released: the overview says why
    assert page_behind(links["Report"].get_link(task, ti_key=key)) == "/rapport/"


def test_a_link_leads_into_the_ui_also_where_airflow_is_below_a_path(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.com/flows/")
    assert page_url("x.html") == "/flows/plugin/rapport/flows/rapport/x.html"


def test_airflow_s_api_gives_the_links_that_tasks_noted(dag_bag):
    """They are kept by name and key, and read by whoever shows the task."""
    from airflow.serialization.serialized_objects import DagSerialization

    tasks = DagSerialization.to_dict(dag_bag.dags[DAG_ID])["dag"]["tasks"]
    links = {task["__var"]["task_id"]: task["__var"].get("_operator_extra_links") for task in tasks}
    assert links["check_release"] == {"Data Docs": "_link_PageLink"}
    assert links["publish_release"] == {"Releases": "_link_PageLink", "Report": "_link_ReleaseLink"}


def test_reading_the_plugin_loads_no_web_framework_which_every_process_of_airflow_would():
    modules = ("fastapi", "duckdb", "rapport.orchestration.ui")
    assert loaded_by(modules, "plugins/rapport_plugin.py") == []
