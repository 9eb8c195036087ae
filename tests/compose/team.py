"""docker-compose on a made .env, and the engine behind it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE_ENV = ROOT / "docker" / "make-env"
BACKUP = ROOT / "docker" / "backup"
# The caller's own settings would hide what an .env lacks.
PASSED_ON = ("DOCKER_HOST", "HOME", "PATH", "PIP_INDEX_URL", "RAPPORT_BUILD_NETWORK")


def compose_command() -> list[str]:
    """The command under its old or its new name; skips the test where neither is installed."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker") and _run(["docker", "compose", "version"]).returncode == 0:
        return ["docker", "compose"]
    pytest.skip("neither docker-compose nor docker compose is installed")


def compose(env: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run docker-compose on the project's file with the settings of an .env only."""
    return _run([*compose_command(), "--env-file", str(env), *arguments], cwd=ROOT, env=_clean())


def backup(env: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run docker/backup for the installation of an .env."""
    compose_command()  # or skip
    command = [sys.executable, "-I", "-S", str(BACKUP), *arguments, "--env", str(env)]
    return _run(command, env=_clean())


def _clean() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def make_env(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run docker/make-env as a bare machine would: isolated, standard library only."""
    return _run([sys.executable, "-I", "-S", str(MAKE_ENV), *arguments, "--output", str(path)])


def read_env(path: Path) -> dict[str, str]:
    """Names and values of an .env."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def engine() -> httpx.Client | None:
    """The API of the container engine at DOCKER_HOST, if it answers."""
    kind, _, address = os.environ.get("DOCKER_HOST", "").partition("://")
    if kind == "unix":
        client = httpx.Client(
            transport=httpx.HTTPTransport(uds=address), base_url="http://engine", timeout=30
        )
    elif kind == "tcp":
        client = httpx.Client(base_url=f"http://{address}", timeout=30)
    else:
        return None
    try:
        client.get("/_ping").raise_for_status()
    except httpx.HTTPError:
        return None
    return client


def _run(command: list[str], **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options
    )
