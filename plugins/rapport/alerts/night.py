"""What is told of a night that failed, of one that is late, and of a release that is old."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from rapport.activation.account import last_runs
from rapport.alerts.cause import BUILD, GATE_OF, steps_of
from rapport.alerts.message import Alert, Place, Step
from rapport.gate import GATES
from rapport.overview.words import moment
from rapport.pages import age_in_words, counted, day
from rapport.release import ReleaseInfo, readers_release
from rapport.report.words import listed, sentence
from rapport.settings import Settings

PULLS = "extract."
SUBTRACTION = "subtract_opt_outs"
PUBLISHING = "publish_release"
REPORT = "report_night"
NAMED = 3
ACTIVATION = "activate_destination"
FINE = ("done", "running")  # states of an activation that nobody needs to look at


def night_failed(
    settings: Settings,
    place: Place,
    now: datetime,
    *,
    as_of: date | None,
    run_id: str,
    failed: Mapping[str, Mapping[str, Any]],
    published: Mapping[str, Any] | None = None,
    subtracted: Mapping[str, Any] | None = None,
) -> Alert:
    """Compose the one message about a night that failed.

    Args:
        settings: of the installation.
        place: where people reach Airflow.
        now: the moment.
        as_of: the night.
        run_id: its run.
        failed: the tasks that failed, each with what it left of its error; tasks that only show a
            part of the build are none.
        published: what `publish_release` returned.
        subtracted: what `subtract_opt_outs` returned.
    """
    steps = sorted(steps_of(settings, as_of, run_id, failed), key=_place_in_night)
    name = _name(as_of, run_id)
    kind, what = _what_failed(steps)
    release = readers_release(settings.releases_dir)
    if kind == "report_failed":
        opening = f"{sentence(name)} is released and readers have it, but {what}."
    elif kind == "subtraction_failed":
        opening = (
            f"{sentence(name)} failed, and {what}: they are on the lists of the current release. "
            "Mend this before anything is sent."
        )
    else:
        opening = f"{sentence(name)} failed: {what}. {_left(published, release)}"
    return Alert(
        kind,
        f"Rapport, {name.removeprefix('the ')}: {what}",
        opening,
        place,
        now,
        night=as_of,
        run_id=run_id,
        steps=tuple(steps),
        going_on=tuple(_taken_out(subtracted)),
        release=release,
    )


def activation_failed(settings: Settings, place: Place, now: datetime, *, run_id: str) -> Alert:
    """Compose the one message about segments that were not brought to a destination, or not all.

    Args:
        settings: of the installation.
        place: where people reach Airflow.
        now: the moment.
        run_id: of the run that failed.
    """
    runs = [run for run in last_runs(settings.activation_dir) if run["state"] not in FINE]
    steps = [Step(f"{ACTIVATION} {run['destination']}", str(run["reason"])) for run in runs]
    steps = steps or [Step(ACTIVATION)]
    where = listed([str(run["destination"]) for run in runs]) or "a destination"
    return Alert(
        "activation_failed",
        f"Rapport: segments were not brought to {where}, or not all",
        f"Segments were not brought to {where}, or not all of them. What was sent is accounted "
        "for, and what is stopped waits for a person; who said no leaves a stopped list too.",
        place,
        now,
        run_id=run_id,
        steps=tuple(steps),
        release=readers_release(settings.releases_dir),
    )


def night_failed_somehow(
    place: Place, now: datetime, *, as_of: date | None, run_id: str, why: str
) -> Alert:
    """Compose the message about a night of which nothing more could be learned.

    Args:
        place: where people reach Airflow.
        now: the moment.
        as_of: the night.
        run_id: its run.
        why: what kept anybody from learning it.
    """
    name = _name(as_of, run_id)
    return Alert(
        "night_failed",
        f"Rapport, {name.removeprefix('the ')}: it failed",
        f"{sentence(name)} failed. What failed could not be told ({why}): look at the run.",
        place,
        now,
        night=as_of,
        run_id=run_id,
        knows_readers=False,
    )


def release_missing(
    settings: Settings,
    place: Place,
    now: datetime,
    *,
    as_of: date | None,
    run_id: str,
    due: datetime,
    state: str,
    running: Sequence[str] = (),
    failed: Sequence[str] = (),
) -> Alert:
    """Compose the message about a night that has no release by its hour.

    Args:
        settings: of the installation.
        place: where people reach Airflow.
        now: the moment.
        as_of: the night.
        run_id: its run.
        due: the hour.
        state: the run's, in Airflow's words.
        running: tasks under way.
        failed: tasks that failed so far.
    """
    name = _name(as_of, run_id)
    going_on = [("Now", f"the run is {state}" + (f": {_some(running)}" if running else ""))]
    if failed:
        going_on.append(("Failed", _some(failed)))
    return Alert(
        "release_missing",
        f"Rapport, {name.removeprefix('the ')}: no release by {moment(due)} UTC",
        f"{sentence(name)} should have been released by {moment(due)} UTC, and is not.",
        place,
        now,
        night=as_of,
        run_id=run_id,
        going_on=tuple(going_on),
        release=readers_release(settings.releases_dir),
    )


def release_old(settings: Settings, place: Place, now: datetime, *, age_seconds: float) -> Alert:
    """Compose the message about a current release that is older than it may be."""
    age, most = age_in_words(age_seconds), age_in_words(settings.release_max_age_hours * 3600)
    return Alert(
        "release_old",
        f"Rapport: the current release is {age} old",
        f"No night has made a release for {age}; one may be {most} old. Nights may not run at "
        "all: is the DAG switched off, or was a night marked by hand?",
        place,
        now,
        release=readers_release(settings.releases_dir),
    )


def trial(settings: Settings, place: Place, now: datetime) -> Alert:
    """Compose a message that says that it is none, for whoever sets the channels up."""
    return Alert(
        "trial",
        "Rapport: a trial",
        "This is a trial: whoever gets it is told of nights that failed or are late.",
        place,
        now,
        release=readers_release(settings.releases_dir),
    )


def _name(as_of: date | None, run_id: str) -> str:
    return f"the night of {day(as_of)}" if as_of else f"the run {run_id}"


def _place_in_night(step: Step) -> tuple[int, str]:
    """What caused the rest comes first; but what hurts people whatever caused it before that."""
    order = (SUBTRACTION, PULLS, "check_sources", BUILD, "check_release", PUBLISHING, REPORT)
    place = next((n for n, start in enumerate(order) if step.task_id.startswith(start)), len(order))
    return place, step.task_id


def _what_failed(steps: Sequence[Step]) -> tuple[str, str]:
    """Return the kind of the message and what failed, in words."""
    ids = [step.task_id for step in steps]
    pulls = [each.removeprefix(PULLS) for each in ids if each.startswith(PULLS)]
    if SUBTRACTION in ids:
        return "subtraction_failed", "who said no could not be taken out"
    if pulls:
        # A night goes on without a pull, unless its gate says that it must not.
        return "extract_failed", f"the pull of {_some(pulls)} failed"
    for gate_task, gate in GATE_OF.items():
        if gate_task in ids:
            return "gate_closed", f"the gate on {GATES[gate].lower()} is closed"
    if BUILD in ids:
        found = steps[ids.index(BUILD)].found
        first = found[0].partition(":")[0] if found else ""
        return "build_failed", first if "failed" in first.split() else "the build failed"
    if PUBLISHING in ids:
        return "publish_failed", "its release could not be published"
    if REPORT in ids:
        return "report_failed", "its report could not be made"
    return "night_failed", f"{_some(ids)} failed" if ids else "no task says why"


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    shown = list(names[:NAMED]) + ([f"{more} more"] if more > 0 else [])
    return listed(shown)


def _left(published: Mapping[str, Any] | None, release: ReleaseInfo | None) -> str:
    if published:
        return f"Release {published['release_id']} is out all the same."
    return f"Nothing was released{'; the last release stays' if release else ''}."


def _taken_out(subtracted: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if not subtracted or not subtracted.get("release_id"):
        return []
    if not subtracted.get("customers"):
        return [("Opt-outs", "nobody on the lists of the last release said no since")]
    people = counted(subtracted["customers"], "customer")
    were = "was" if subtracted["customers"] == 1 else "were"
    return [("Opt-outs", f"{people} who said no since {were} taken off the lists")]
