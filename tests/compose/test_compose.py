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
    "RAPPORT_BI_PASSWORD",
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
    assert read_env(env)["COMPOSE_PROFILES"] == "sandbox,workers,storage"
    for part in PARTS:
        assert make_env(tmp_path / part, part).returncode == 0
        assert read_env(tmp_path / part)["COMPOSE_PROFILES"] == part.removeprefix("--")


def test_tasks_run_in_the_scheduler_unless_workers_are_asked_for(tmp_path, env):
    assert make_env(tmp_path / "own").returncode == 0
    for path, executor in ((tmp_path / "own", "LocalExecutor"), (env, "CeleryExecutor")):
        services = yaml.safe_load(compose(path, "config").stdout)["services"]
        assert services["scheduler"]["environment"]["AIRFLOW__CORE__EXECUTOR"] == executor


def test_every_queue_of_the_nightly_has_a_worker_that_sees_the_home():
    from rapport.orchestration.defaults import PULLS_QUEUE, WAREHOUSE_QUEUE

    taken = {}
    for name in WORKERS:
        command = SERVICES[name]["command"]
        taken[command[command.index("--queues") + 1]] = SERVICES[name]["volumes"]
    assert set(taken) == {PULLS_QUEUE, WAREHOUSE_QUEUE}
    assert all("home:/var/lib/rapport" in volumes for volumes in taken.values())


@pytest.mark.parametrize("secret", KEYS)
def test_compose_refuses_an_empty_secret_and_names_it(env, secret):
    env.write_text(re.sub(rf"(?m)^{secret}=.*$", f"{secret}=", env.read_text()))
    done = compose(env, "config")
    assert done.returncode != 0
    assert f"{secret} is empty" in done.stderr


def test_a_firm_may_have_some_sources_only_and_nobody_to_alert(env):
    """A declared source without a connection fails its own pull, which says so."""
    for connection in SOURCES[:2] + ALERTS:
        env.write_text(re.sub(rf"(?m)^{connection}=.*$", "", env.read_text()))
    done = compose(env, "config")
    assert done.returncode == 0, done.stderr
    given = yaml.safe_load(done.stdout)["services"]["scheduler"]["environment"]
    assert {given[connection] for connection in SOURCES[:2] + ALERTS} == {""}
    assert json.loads(given[SOURCES[2]])["conn_type"] == "sqlite"


def test_compose_refuses_the_example_as_it_is():
    assert compose(ROOT / ".env.example", "config").returncode != 0


# --- the file, by itself


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_a_container_prints_cannot_fill_the_disk(name):
    assert set(SERVICES[name]["logging"]["options"]) == {"max-size", "max-file"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_port_is_published_on_this_machine_only(name):
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))
def test_a_service_that_stays_has_a_health_check_and_comes_back(name):
    # `sh -c` as a CMD is cut at its blanks by podman, and then says healthy of anything
    assert SERVICES[name]["healthcheck"]["test"][:3] != ["CMD", "sh", "-c"]
    assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["stop_grace_period"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_an_image_is_pinned(name):
    default = re.fullmatch(r"\$\{\w+:-(.+)\}", SERVICES[name]["image"])[1]
    assert re.fullmatch(r"[a-z/]+:\d[\w.-]*", default)


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_container_of_ours_may_do_little(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not {"user", "privileged", "cap_add", "network_mode", "pid"} & set(service)


def test_the_image_runs_as_nobody_special():
    users = re.findall(r"(?m)^USER (.+)$", DOCKERFILE)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_the_image_has_the_runbooks_that_the_page_in_airflow_shows():
    assert "!docs/runbooks" in (ROOT / ".dockerignore").read_text().splitlines()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_secret_stands_in_the_file(name):
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|KEY\b|TOKEN|CONN|KEY_ID|BROKER_URL", variable):
            # What opens something has no default: it is demanded, or not everybody has it.
            ((named, otherwise),) = re.findall(r"\$\{(\w+):(\?|-\})", value)
            assert (otherwise == "?") is (named in KEYS)


def test_who_reads_the_dag_or_runs_its_tasks_knows_the_sources_and_nobody_else():
    for name, service in SERVICES.items():
        known = set(SOURCES) & set(service["environment"])
        assert known == (set(SOURCES) if name in READERS_OF_THE_DAG else set())


def test_who_writes_to_the_archive_or_shows_it_has_its_key_and_nobody_else():
    knowing = {n for n, s in SERVICES.items() if "AWS_SECRET_ACCESS_KEY" in s["environment"]}
    assert knowing == {"api-server", "scheduler", "triggerer", "storage"} | WORKERS
    assert all(SERVICES[name]["environment"].get("RAPPORT_ARCHIVE") for name in OURS - {"sandbox"})


def test_whoever_may_have_to_tell_people_knows_how_and_nobody_else():
    knowing = {n for n, s in SERVICES.items() if set(ALERTS) <= set(s.get("environment", {}))}
    assert knowing == {"triggerer"} | READERS_OF_THE_DAG


def test_the_example_lists_exactly_the_variables_that_are_read():
    read = set(re.findall(r"\$\{(\w+)", TEXT)) | {"COMPOSE_PROFILES"}
    listed = set(re.findall(r"(?m)^(?:# )?([A-Z_0-9]+)=", EXAMPLE))
    assert listed == read


def test_the_example_holds_no_value():
    assert set(read_env(ROOT / ".env.example").values()) == {""}


def test_the_image_reports_to_nobody():
    from rapport.orchestration.embedded import NO_TELEMETRY

    for name, value in NO_TELEMETRY.items():
        assert f"{name}={value}" in DOCKERFILE


def test_only_what_is_named_goes_into_the_image():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert not [rule for rule in rules if re.match(r"!(tests|var|\.|docs(?!/runbooks$))", rule)]


# --- docker/make-env


def test_the_keys_are_fresh_each_time(tmp_path):
    for name in ("one", "two"):
        assert make_env(tmp_path / name).returncode == 0
    one, two = read_env(tmp_path / "one"), read_env(tmp_path / "two")
    for key in KEYS:
        assert one[key] != two[key]
        assert len(one[key]) >= 24
    assert len(base64.urlsafe_b64decode(one["RAPPORT_FERNET_KEY"])) == 32


def test_the_keys_are_for_their_owner_only(env):
    assert env.stat().st_mode & 0o777 == 0o600


def test_no_key_is_shown(tmp_path):
    done = make_env(tmp_path / "env")
    assert not [v for v in read_env(tmp_path / "env").values() if v and v in done.stdout]


def test_an_env_that_is_there_stays_as_it_is(env):
    before = env.read_bytes()
    done = make_env(env)
    assert done.returncode == 1
    assert "stays as it is" in done.stderr
    assert env.read_bytes() == before


def test_without_the_sandbox_the_connections_are_left_to_the_team(tmp_path):
    done = make_env(tmp_path / "env")
    assert "fill in" in done.stdout
    assert {read_env(tmp_path / "env")[name] for name in SOURCES} == {""}


def test_the_keys_can_be_made_without_installing_anything():
    done = subprocess.run([MAKE_ENV, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "--sandbox" in done.stdout


# --- docker/healthy.py


@pytest.fixture(scope="module")
def health():
    """An address that says how two components are."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"scheduler": {"status": "healthy"}, "triggerer": {"status": None}})
            self.send_response(200 if self.path == "/health" else 503)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize(
    ("path", "component", "healthy"),
    [
        ("/health", ["scheduler"], True),
        ("/health", [], True),
        ("/health", ["triggerer"], False),
        ("/health", ["unheard_of"], False),
        ("/down", [], False),
    ],
)
def test_a_component_is_healthy_only_if_it_is_said_to_be(health, path, component, healthy):
    script = ROOT / "docker" / "healthy.py"
    done = subprocess.run(
        [sys.executable, "-I", str(script), health + path, *component], capture_output=True
    )
    assert (done.returncode == 0) is healthy


@pytest.mark.parametrize(
    ("path", "component", "healthy"),
    [
        ("/health", "scheduler", True),
        ("/health", "triggerer", False),
        ("/health", "unheard_of", False),
        ("/down", "scheduler", True),
    ],
)
def test_where_whoever_is_unhealthy_is_restarted_only_an_answer_can_say_so(
    health, path, component, healthy
):
    script = ROOT / "docker" / "healthy.py"
    command = [sys.executable, "-I", str(script), "--if-it-answers", health + path, component]
    assert (subprocess.run(command, capture_output=True).returncode == 0) is healthy


def test_an_address_where_nobody_listens_says_nothing_of_a_component_either():
    script = ROOT / "docker" / "healthy.py"
    command = [sys.executable, "-I", str(script), "--if-it-answers", "http://127.0.0.1:9/", "it"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    command.remove("--if-it-answers")
    assert subprocess.run(command, capture_output=True).returncode != 0
