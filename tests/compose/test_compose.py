"""docker-compose.yml and what belongs to it, read; test_team_mode.py runs it."""

import base64
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from tests.compose.team import MAKE_ENV, ROOT, compose, make_env, read_env

TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES = yaml.safe_load(TEXT)["services"]
EXAMPLE = (ROOT / ".env.example").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()

KEYS = (
    "RAPPORT_ADMIN_PASSWORD",
    "RAPPORT_API_SECRET",
    "RAPPORT_FERNET_KEY",
    "RAPPORT_JWT_SECRET",
    "RAPPORT_POSTGRES_PASSWORD",
)
SOURCES = tuple(f"AIRFLOW_CONN_RAPPORT_{name}" for name in ("HUBSPOT", "KLAVIYO", "SHOP"))
ALERTS = tuple(f"AIRFLOW_CONN_RAPPORT_ALERTS_{name}" for name in ("SMTP", "WEBHOOK"))
WORKERS = {"worker-pulls", "worker-warehouse"}
READERS_OF_THE_DAG = {"scheduler", "dag-processor"} | WORKERS
ONE_SHOT = {"airflow-init"}
OURS = {name for name, service in SERVICES.items() if "RAPPORT_IMAGE" in service["image"]}
PARTS = ("--sandbox", "--workers", "--storage")


@pytest.fixture
def env(tmp_path):
    """An .env for the sandbox and all that can be had beside it."""
    path = tmp_path / "env"
    assert make_env(path, *PARTS).returncode == 0
    return path


# --- the file, as compose reads it


def test_compose_accepts_the_file_with_a_made_env(env):
    done = compose(env, "config")
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert set(services) == set(SERVICES)
    connection = services["scheduler"]["environment"]["AIRFLOW_CONN_RAPPORT_HUBSPOT"]
    assert json.loads(connection)["password"] == read_env(env)["SANDBOX_HUBSPOT_TOKEN"]


def test_what_not_everybody_has_runs_only_when_asked(tmp_path, env):
    assert make_env(tmp_path / "own").returncode == 0
    assert "COMPOSE_PROFILES" not in read_env(tmp_path / "own")
    asked = {name: profile for name, s in SERVICES.items() for profile in s.get("profiles", ())}
    workers = dict.fromkeys(WORKERS | {"broker"}, "workers")
    assert asked == workers | {"sandbox": "sandbox", "storage": "storage"}
