"""Rapport's pages in Airflow's own app: who may see them, what they answer, where links lead."""

from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from rapport.orchestration.ui import HEADERS, app

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
