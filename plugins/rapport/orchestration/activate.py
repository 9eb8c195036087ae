"""``rapport activate``: bring the current release to destinations, or show what would go."""

import os
from typing import Annotated

import typer

from rapport.activate_commands import print_ran
from rapport.activation.run import Asked, activate
from rapport.errors import ActivationError, RapportError, SettingsError
from rapport.orchestration import embedded
from rapport.release import readers_release
from rapport.settings import Settings
from rapport.sources.declared import declared


def activate_command(
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="A destination; every connected one by default."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and send nothing.")
    ] = False,
    confirm: Annotated[
        list[str] | None,
        typer.Option("--confirm", help="A segment whose large change, or first fill, is meant."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Undo what somebody else changed on the lists.")
    ] = False,
    go_back: Annotated[
        bool,
        typer.Option("--go-back", help="Bring people of an earlier night than was sent before."),
    ] = False,
    anew: Annotated[
        list[str] | None,
        typer.Option("--anew", help="A segment whose list was deleted and is to be made again."),
    ] = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="Settle on a throw-away list what the vendors do not document; send nothing.",
        ),
    ] = False,
) -> None:
    """Bring the current release's segments to where people work with them; say what came of it."""
    settings = Settings.from_env()
    speak_as_a_task_would(settings, embedded.ports_in_use(settings))
    # After that: Airflow takes its settings when it is loaded.
    from rapport.orchestration.activation import DESTINATIONS, PROBED, connected_destinations
    from rapport.orchestration.connections import activation_connection, is_connected

    names = to or [n for n in connected_destinations() if not probe or n in PROBED]
    if unknown := sorted(set(names) - DESTINATIONS.keys()):
        raise SettingsError(f"--to {unknown[0]}: destinations are {', '.join(DESTINATIONS)}")
    if not names:
        raise SettingsError(
            "there is no connection to a destination here: make one of "
            f"{', '.join(f'rapport_activate_{name}' for name in DESTINATIONS)}"
        )
    if probe:
        for name in names:
            _probe(settings, name)
        return
    asked = Asked(dry_run, frozenset(confirm or ()), repair, go_back, frozenset(anew or ()))
    waits: list[str] = []
    failed: list[str] = []
    for name in names:
        try:
            destination = DESTINATIONS[name](activation_connection(name))
            ran = activate(
                settings, destination, declared=declared(settings, is_connected), asked=asked
            )
        except RapportError as error:
            if len(names) == 1:
                raise
            failed.append(f"{name}: {error}")  # the others are sent all the same
            continue
        print_ran(ran)
        failed += [f"{name}: {ran.unanswered}"] if ran.unanswered else []
        waits += [f"{name}: {each.segment}" for each in ran.stopped if not dry_run]
    if waits:
        failed.append(f"these wait for a person: {', '.join(waits)}")
    if failed:
        raise ActivationError(
            names[0] if len(names) == 1 else "some destinations", "; ".join(failed)
        )


def _probe(settings: Settings, name: str) -> None:
    """Ask one destination, and show what it answered."""
    from rapport.activation.people import asked_again
    from rapport.activation.probe import probe, samples_of
    from rapport.orchestration.activation import PROBED
    from rapport.orchestration.connections import activation_connection, is_connected

    if name not in PROBED:
        raise SettingsError(f"--probe is for {' and '.join(PROBED)}, not for {name}")
    release = readers_release(settings.releases_dir)
    if release is None:
        raise ActivationError(name, "there is no release yet: a night makes the first")
    with asked_again(settings, release, declared(settings, is_connected)) as (path, _):
        samples = samples_of(path, name)
    to = PROBED[name](activation_connection(name))
    typer.echo(f"{name}, on a list that is deleted afterwards:")
    for found in probe(to, settings.activation_dir, samples):
        typer.echo(f"  {found.question}: {found.answer}")


def speak_as_a_task_would(settings: Settings, ports: embedded.Ports) -> None:
    """Take the environment of the embedded Airflow, unless this is another's or there is none."""
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("DBT_QUIET", "true")
    if not is_another(settings) and (settings.airflow_home / "secrets.json").is_file():
        os.environ.update(embedded.environment(settings, ports))


def is_another(settings: Settings) -> bool:
    """Whether an Airflow that `up` did not start runs the nights, as in team mode."""
    home = os.environ.get("AIRFLOW_HOME")
    return "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in os.environ and home != str(
        settings.airflow_home
    )
