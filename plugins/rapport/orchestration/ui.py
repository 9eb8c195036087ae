"""Rapport's pages in Airflow's UI: who may see the website may see them, and nobody else.

The dependency stands on the app, so every route has it; a mount (``StaticFiles``) would not, so
there is none, and ``tests/dags/test_ui.py`` asks every route without a login. What a path names is
looked up among what is there, so no path leads out of a folder.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from rapport.build.project import docs_path
from rapport.orchestration.runs import nights_of
from rapport.overview import page_of, runbook_page
from rapport.overview.page import SCRIPT_HASH
from rapport.settings import PROJECT_DIR, Settings

RUNBOOKS = PROJECT_DIR / "docs" / "runbooks"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
        f"script-src {SCRIPT_HASH}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

# dbt's page is a program, with its data in it: it runs apart from Airflow's origin, so that it has
# nobody's login, and asks nobody anything.
DBT_DOCS_POLICY = (
    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline' 'unsafe-eval'; sandbox allow-scripts; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)

app = FastAPI(
    title="Rapport",
    dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
)


@app.middleware("http")
async def guarded(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Say to the browser that nothing is kept, loaded from elsewhere or framed elsewhere."""
    response = await answer(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@app.get("/")
def overview(session: SessionDep) -> HTMLResponse:
    """The page."""
    return HTMLResponse(page_of(Settings.from_env(), nights_of(session), datetime.now(UTC)))


@app.get("/releases/{name}")
def release_page(name: str) -> HTMLResponse:
    """A page beside a release: its report."""
    return _shown(_named(Settings.from_env().releases_dir, name, ".html"), back="../")


@app.get("/data_docs/{name}")
def data_docs(name: str) -> HTMLResponse:
    """The index of Data Docs."""
    return _shown(_named(Settings.from_env().data_docs_dir, name, ".html"), back="../")


@app.get("/data_docs/{gate}/{name}")
def data_docs_of_table(gate: str, name: str) -> HTMLResponse:
    """What a gate found in a table."""
    folder = _named(Settings.from_env().data_docs_dir, gate, "")
    return _shown(_named(folder, name, ".html"), back="../../")


@app.get("/dbt_docs.html")
def dbt_docs() -> FileResponse:
    """Dbt's documentation of the project."""
    path = docs_path(PROJECT_DIR / "dbt_project")
    if not path.is_file():
        raise HTTPException(404, "dbt's documentation is not written; `rapport up` does.")
    return FileResponse(path, headers={"Content-Security-Policy": DBT_DOCS_POLICY})


@app.get("/runbooks/{name}")
def runbook(name: str) -> HTMLResponse:
    """What to do when a task failed."""
    return HTMLResponse(_with_way_back(runbook_page(_named(RUNBOOKS, name, ".md")), "../"))


@app.get("/runbooks/pictures/{name}")
def picture(name: str) -> FileResponse:
    """A picture of a runbook."""
    return FileResponse(_named(RUNBOOKS / "pictures", name, ".png"))


def _named(folder: Path, name: str, ending: str) -> Path:
    """Return what a folder holds by this name; what is hidden or half-made it does not."""
    there = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    if name not in there or name.startswith(".") or not name.endswith(ending):
        raise HTTPException(404, "There is no such page; it may have gone with its release.")
    return there[name]


def _shown(path: Path, *, back: str) -> HTMLResponse:
    try:
        return HTMLResponse(_with_way_back(path.read_text(encoding="utf-8"), back))
    except OSError:  # removed in the meantime, or a folder
        raise HTTPException(404, "There is no such page; it may have gone.") from None


def _with_way_back(page: str, href: str) -> str:
    """Put a link to the overview above a page: Airflow's frame has no way back of its own."""
    bar = f'<p style="margin: 0; padding: 8px 16px"><a href="{href}">Rapport</a></p>'
    return page.replace("<body>", f"<body>\n{bar}", 1)
