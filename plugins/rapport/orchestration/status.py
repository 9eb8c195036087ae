"""``rapport status``: what runs, which release readers have, what the gates said last."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any

import httpx
import typer

from rapport.alerts import Told
from rapport.errors import RapportError
from rapport.gate import GATES, last_verdicts
from rapport.orchestration import embedded
from rapport.orchestration.night import DONE, Airflow
from rapport.pages import age_in_words, gate_in_words
from rapport.release import readers_release
from rapport.settings import Settings

UNKNOWN = "Airflow does not answer, so nobody knows whether a night runs"
# By connection, as rapport.orchestration.channels has them, which needs Airflow to be imported.
ALERTS = {"rapport_alerts_smtp": "mail", "rapport_alerts_webhook": "webhook"}
CRITICAL = 2  # as Nagios has it
MUTE = (httpx.HTTPError, RapportError, OSError, ValueError, KeyError)


def status_command(
    as_data: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    as_check: Annotated[
        bool, typer.Option("--check", help="One line, and exit code 2 when somebody must look.")
    ] = False,
) -> None:
    """Show what runs, the current release and its age, the gates' last verdicts, a night under way.

    It only looks: nothing is started or made, and an installation without a night has a status too.
    """
    if as_check:
        wrong, told = _checked()
        typer.echo(f"{'CRITICAL' if wrong else 'OK'}: {told}")
        raise typer.Exit(CRITICAL if wrong else 0)
    settings = Settings.from_env()
    found = status(settings, embedded.ports_in_use(settings))
    typer.echo(json.dumps(found, indent=2) if as_data else "\n".join(_lines(found)))


def status(settings: Settings, ports: embedded.Ports) -> dict[str, Any]:
    """Return the state of an installation as JSON can hold it.

    Returns:
        ``services``: those that run, with ``since`` (UTC), ``url`` and whether it ``answers`` (null
        for those without a port). ``ended``: those that were started and live no more, although
        nobody ended them. ``nights``: those that wait or run, with their tasks; null when
        nobody knows. ``release``: the current one with ``published_at`` (UTC), ``age_hours`` and
        ``warnings`` of its gate, or null. ``gates``: the last verdict of each, maybe of a later
        night than the release. ``alerts``: the ``connections`` over which people are told, as far
        as can be seen from here, and the ``last`` message.
    """
    services = embedded.running(settings, ports)
    answering = [service.name for service in services if service.answers is not False]
    airflow = _asked(settings, ports, answering)
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
        "ended": embedded.ended(settings),
        "nights": _nights(airflow, answering),
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
        "alerts": _alerts(settings, airflow),
        "data_docs": str(settings.data_docs_dir / "index.html"),
    }


def _checked() -> tuple[bool, str]:
    """Whether somebody must look, and a line; who cannot even look must."""
    try:
        settings = Settings.from_env()
        wrong = what_is_wrong(settings)
        release = readers_release(settings.releases_dir)
    except (RapportError, OSError) as error:
        return True, str(error)
    return bool(wrong), "; ".join(wrong) or f"release {release.release_id if release else ''}"


def what_is_wrong(settings: Settings) -> list[str]:
    """Return why somebody must look, for whoever watches from outside; nothing when all is well.

    It asks no service of anything, so it tells also where none of them lives.
    """
    wrong = [f"{name} was started and has ended" for name in embedded.ended(settings)]
    release = readers_release(settings.releases_dir)
    if release is None:
        return ["there is no release yet", *wrong]
    age = release.night_age_seconds
    if age is None:
        return [f"nobody knows how old release {release.release_id} is", *wrong]
    if age > settings.release_max_age_hours * 3600:
        most = age_in_words(settings.release_max_age_hours * 3600)
        said = f"release {release.release_id} is {age_in_words(age)} old, and may be {most}"
        return [said, *wrong]
    return wrong


def _nights(airflow: Airflow | None, answering: list[str]) -> list[dict[str, Any]] | None:
    """The nights under way; none where no scheduler could run one, None where Airflow is mute."""
    if "scheduler" not in answering:
        return []
    try:
        return [_night(airflow, run_id) for run_id in airflow.active_nights()] if airflow else None
    except MUTE:
        return None


def _asked(settings: Settings, ports: embedded.Ports, answering: list[str]) -> Airflow | None:
    """The Airflow that runs here; None where there is none, or it is mute."""
    with suppress(*MUTE):
        if "api-server" in answering:
            return Airflow(ports.airflow_url, embedded.login(settings))
    return None


def _alerts(settings: Settings, airflow: Airflow | None) -> dict[str, Any]:
    """Over which connections people are told, as far as can be seen from here, and what last."""
    there = [name for name in ALERTS if embedded.is_set(settings, name)]
    with suppress(*MUTE):
        there += [
            name
            for name in ALERTS
            if name not in there and airflow and airflow.has_connection(name)
        ]
    return {"connections": there, "last": Told(settings.home).last()}


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
    for name in found["ended"]:
        yield f"          {name:<14} was started and has ended; `make up` starts it again"
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
    yield f"Alerts    {_alerts_in_words(found['alerts'])}"
    if found["gates"]:
        yield f"Data Docs {found['data_docs']}"
    else:
        yield "Gates     have looked at nothing yet"


def _alerts_in_words(alerts: dict[str, Any]) -> str:
    ways = [f"{ALERTS[name]} ({name})" for name in alerts["connections"]]
    if not ways:
        return f"nobody is told: no connection {' or '.join(ALERTS)} is seen from here"
    last = alerts["last"]
    told = f"; last {last['kind'].replace('_', ' ')} at {last['at'][:16]}" if last else ""
    return f"by {' and '.join(ways)}{told}"


def _headed(heading: str, rows: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows with what stands before them: the heading, then blanks."""
    for number, row in enumerate(rows):
        yield f"{'' if number else heading:<10}", row
