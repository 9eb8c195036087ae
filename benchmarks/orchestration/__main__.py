"""What orchestration costs, beside another commit: ``python -m benchmarks.orchestration``.

Clones this repository twice, at its head and at another commit, installs both, and runs the default
company's night in each with `make run`, one installation after the other. Prints wall and processor
seconds of the night that is asked for: the second, when everything is installed and warm. With
``--tests`` it runs `make test` in both instead.

Processor seconds are those of the whole machine, as a night is a dozen processes that come and go:
run nothing beside it. What the machine does by itself is measured first and taken off.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from rapport.settings import PROJECT_DIR

BEFORE = "7cef532"
IDLE_SECONDS = 10.0


@dataclass(frozen=True)
class Cost:
    """Wall and processor seconds of one command."""

    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.orchestration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--before", default=BEFORE, help=f"the other commit ({BEFORE})")
    parser.add_argument(
        "--nights", type=int, default=3, help="nights of each; the first is not told"
    )
    parser.add_argument("--tests", action="store_true", help="`make test` instead of nights")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/rapport-orchestration"))
    options = parser.parse_args()
    commits = {"before": options.before, "after": _git("rev-parse", "--short", "HEAD")}
    shutil.rmtree(options.folder, ignore_errors=True)
    projects = {name: _clone(options.folder / name, commit) for name, commit in commits.items()}
    idle = _idle_share()
    print(f"the machine alone keeps {idle:.2f} of its {psutil.cpu_count()} processors busy\n")
    print(
        f"| {'make test' if options.tests else 'night'} | {options.before} s | cpu s "
        f"| {commits['after']} s | cpu s | wall | cpu |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    run = _test if options.tests else _nights
    measured = {name: run(project, options.nights, idle) for name, project in projects.items()}
    for number, (before, after) in enumerate(zip(*measured.values(), strict=True)):
        print(
            f"| {'' if options.tests else number + 2} | {before.wall:.0f} | {before.cpu:.0f} "
            f"| {after.wall:.0f} | {after.cpu:.0f} "
            f"| {after.wall / before.wall:.2f} | {after.cpu / before.cpu:.2f} |",
            flush=True,
        )


def _nights(project: Path, nights: int, idle: float) -> list[Cost]:
    """Run the same night again and again under one Airflow; leave out the first."""
    try:
        return [_cost(["make", "run"], project, idle) for _ in range(nights)][1:]
    finally:
        _run(["make", "down"], project)


def _test(project: Path, _: int, idle: float) -> list[Cost]:
    _run(["make", ".venv/.dev"], project)
    return [_cost(["make", "test"], project, idle)]


def _cost(command: list[str], project: Path, idle: float) -> Cost:
    began, busy = time.monotonic(), _busy()
    _run(command, project)
    wall = time.monotonic() - began
    return Cost(wall, _busy() - busy - idle * wall)


def _busy() -> float:
    """Processor seconds of the whole machine since it started."""
    times = psutil.cpu_times()
    waited = times.idle + getattr(times, "iowait", 0.0)
    # Guests' seconds are among the users' already.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - waited - guests)


def _idle_share() -> float:
    busy = _busy()
    time.sleep(IDLE_SECONDS)
    return (_busy() - busy) / IDLE_SECONDS


def _clone(folder: Path, commit: str) -> Path:
    _git("clone", "--quiet", str(PROJECT_DIR), str(folder))
    _git("-C", str(folder), "checkout", "--quiet", commit)
    return folder


def _run(command: list[str], project: Path) -> None:
    """Run a command as a user would: in a project of its own and on ports of its own."""
    # Some machines forbid Python to keep what it compiled; a user's does not.
    unwanted = {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL"}
    env = {name: value for name, value in os.environ.items() if name not in unwanted}
    env = {name: value for name, value in env.items() if not name.startswith("RAPPORT_")}
    ports = {"RAPPORT_UI_PORT": "18080", "RAPPORT_SANDBOX_PORT": "18765"}
    log = project.parent / f"{project.name}.log"
    with log.open("a") as file:
        done = subprocess.run(
            command,
            cwd=project,
            env=env | ports,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed in {project}; see {log}")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 18080)) == 0:
            sys.exit("port 18080 is in use; end what uses it")
    main()
