"""``rapport status``: what runs, which release readers have, what the gates said last."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any

import httpx
import typer

from rapport.errors import RapportError
from rapport.gate import GATES, last_verdicts
from rapport.orchestration import embedded
from rapport.orchestration.night import DONE, Airflow
from rapport.pages import age_in_words, gate_in_words
from rapport.release import readers_release
from rapport.settings import Settings

UNKNOWN = "Airflow does not answer, so nobody knows whether a night runs"


def status_command(
    as_data: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show what runs, the current release and its age, the gates' last verdicts, a night under way.

    It only looks: nothing is started or made, and an installation without a night has a status too.
    """
    found = status(Settings.from_env(), embedded.Ports.from_env())
    typer.echo(json.dumps(found, indent=2) if as_data else "\n".join(_lines(found)))


def status(settings: Settings, ports: embedded.Ports) -> dict[str, Any]:
    """Return the state of an installation as JSON can hold it.

    Returns:
        ``services``: those that run, with ``since`` (UTC), ``url`` and whether it ``answers`` (null
        for those without a port). ``nights``: those that wait or run, with their tasks; null when
        nobody knows. ``release``: the current one with ``published_at`` (UTC), ``age_hours`` and
        ``warnings`` of its gate, or null. ``gates``: the last verdict of each, maybe of a later
        night than the release.
    """
    services = embedded.running(settings, ports)
    release = None
    if info := readers_release(settings.releases_dir):
        published, age = info.published_at, info.age_seconds
        release = {
            "release_id": info.release_id,
            "as_of": info.as_of.isoformat(),
            "published_at": published.isoformat() if published else None,
            "age_hours": None if age is None else round(age / 3600, 2),
            "warnings": info.warnings,
            "path": str(info.path),
        }
    return {
        "version": version("rapport"),
        "company": settings.company,
        "home": str(settings.home),
        "has_home": settings.home.is_dir(),
        "services": [asdict(s) | {"since": s.since.isoformat()} for s in services],
        "nights": _nights(settings, ports, [s.name for s in services if s.answers is not False]),
        "release": release,
        "gates": [
            {
                "gate": said["gate"],
                "as_of": said["as_of"],
                "verdict": said["verdict"],
                "critical": len(said["critical"]),
                "warnings": len(said["warnings"]),
            }
            for said in last_verdicts(settings.data_docs_dir)
        ],
        "data_docs": str(settings.data_docs_dir / "index.html"),
    }


def _nights(
    settings: Settings, ports: embedded.Ports, answering: list[str]
) -> list[dict[str, Any]] | None:
    """The nights under way; none where no scheduler could run one, None where Airflow is mute."""
    if "scheduler" not in answering:
        return []
    try:
        airflow = Airflow(ports.airflow_url, embedded.login(settings))
        return [_night(airflow, run_id) for run_id in airflow.active_nights()]
    except (httpx.HTTPError, RapportError, OSError, ValueError, KeyError):
        return None


def _night(airflow: Airflow, run_id: str) -> dict[str, Any]:
    _, steps = next(airflow.follow(run_id))
    return {
        "run_id": run_id,
        "tasks": len(steps),
        "done": sum(step.state in DONE for step in steps),
        "failed": [step.task_id for step in steps if step.state == "failed"],
        "running": [step.task_id for step in steps if step.state == "running"],
    }


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    yield f"Rapport   {found['version']}, company {found['company']}"
    there = "" if found["has_home"] else " (not there yet; the first night makes it)"
    yield f"Home      {found['home']}{there}"
    for heading, each in _headed("Services", found["services"]):
        since = datetime.fromisoformat(each["since"])
        age = age_in_words((datetime.now(UTC) - since).total_seconds())
        said = "runs" if each["answers"] is not False else "runs but does not answer"
        yield f"{heading}{each['name']:<14} {said}, for {age}  {each['url']}".rstrip()
    if not found["services"]:
        yield "Services  nothing runs here; `make up` starts it"
    for heading, each in _headed("Night", found["nights"] or []):
        now = f"; now {', '.join(each['running'][:4])}" if each["running"] else ""
        failed = f"; failed {', '.join(each['failed'])}" if each["failed"] else ""
        yield f"{heading}{each['run_id']}: {each['done']} of {each['tasks']} tasks{now}{failed}"
    if not found["nights"]:
        yield f"Night     {UNKNOWN if found['nights'] is None else 'none runs'}"
    release = found["release"]
    if release:
        hours = release["age_hours"]
        age = "of unknown age" if hours is None else f"{age_in_words(hours * 3600)} old"
        yield f"Release   {release['release_id']}, {age}, gate {gate_in_words(release['warnings'])}"
    else:
        yield "Release   none yet"
    for heading, each in _headed("Gates", found["gates"]):
        why = [
            f"{each[kind]} {word}"
            for kind, word in (("critical", "critical"), ("warnings", "to look at"))
            if each[kind]
        ]
        said = f"{each['verdict']}{', ' if why else ''}{', '.join(why)}"
        yield f"{heading}{GATES.get(each['gate'], each['gate'])}: {said} (night of {each['as_of']})"
    if found["gates"]:
        yield f"Data Docs {found['data_docs']}"
    else:
        yield "Gates     have looked at nothing yet"


def _headed(heading: str, rows: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows with what stands before them: the heading, then blanks."""
    for number, row in enumerate(rows):
        yield f"{'' if number else heading:<10}", row
