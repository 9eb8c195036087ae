"""Rapport on one machine: the sandbox's APIs and Airflow as background processes.

Every process leads a session of its own and is known by a file in ``<home>/run``,
so that `down` ends exactly what `up` started, children included.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from rapport.build.project import docs_path, is_parsed
from rapport.errors import RapportError, SettingsError
from rapport.orchestration.night import Airflow
from rapport.settings import ENVIRONMENT, Settings, make_private
from rapport.sources.declared import FILE as SOURCES_FILE
from rapport.sources.mapped import FOLDER as SOURCES

HOST = "127.0.0.1"
# What a task may read of the caller's environment. Values of the first kind are secret.
CONNECTIONS, OWN_SETTINGS = "AIRFLOW_CONN_", "RAPPORT_"
# Whom Airflow tells of the nights: docs/metrics.md.
TOLD = ("AIRFLOW__METRICS__", "AIRFLOW__OPENLINEAGE__", "OPENLINEAGE_", "OTEL_")
# Whose children read it; the api-server, which starts slowest, is none of them.
READERS = ("scheduler", "dag-processor", "triggerer")
START_SECONDS = 120.0
STOP_SECONDS = 30.0
POOLS = Path(__file__).with_name("pools.json")
# Nothing that runs here reports to anybody.
LOGGING_CONFIG = "rapport.orchestration.logs.LOGGING_CONFIG"
NO_TELEMETRY = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


@dataclass(frozen=True)
class Ports:
    """Where the embedded services listen, all on 127.0.0.1."""

    airflow: int
    sandbox: int

    @classmethod
    def from_env(cls) -> "Ports":
        """Read ``RAPPORT_UI_PORT`` and ``RAPPORT_SANDBOX_PORT``."""
        return cls(
            airflow=ENVIRONMENT["RAPPORT_UI_PORT"].number(),
            sandbox=ENVIRONMENT["RAPPORT_SANDBOX_PORT"].number(),
        )

    @property
    def airflow_url(self) -> str:
        """Base URL of Airflow's UI and API."""
        return f"http://{HOST}:{self.airflow}"

    @property
    def sandbox_url(self) -> str:
        """Base URL of the sandbox."""
        return f"http://{HOST}:{self.sandbox}"


def environment(settings: Settings, ports: Ports) -> dict[str, str]:
    """Return the environment of every embedded process.

    The sandbox brings its own connections; without it they are the caller's, or those that
    were made in Airflow.
    """
    from sandbox.server import HUBSPOT_TOKEN, KLAVIYO_KEY

    home = settings.airflow_home
    keys = _secrets(home)
    sandbox = (
        {}
        if not settings.has_sandbox
        else {
            # The server and the connections must not differ, whatever the caller has set.
            "SANDBOX_HUBSPOT_TOKEN": HUBSPOT_TOKEN,
            "SANDBOX_KLAVIYO_KEY": KLAVIYO_KEY,
            "AIRFLOW_CONN_RAPPORT_HUBSPOT": _connection(
                "http",
                host=f"{ports.sandbox_url}/hubspot",
                password=HUBSPOT_TOKEN,
                extra={"searches_per_second": 1000},  # the look-alike is in no hurry
            ),
            "AIRFLOW_CONN_RAPPORT_KLAVIYO": _connection(
                "http", host=f"{ports.sandbox_url}/klaviyo/api", password=KLAVIYO_KEY
            ),
            "AIRFLOW_CONN_RAPPORT_SHOP": _connection(
                "sqlite", host=str(settings.home / "sandbox" / "shop.sqlite")
            ),
        }
    )
    airflow = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        "AIRFLOW__API__BASE_URL": ports.airflow_url,
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(ports.airflow),
        "AIRFLOW__API__SECRET_KEY": keys["api"],
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project_dir / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{ports.airflow_url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.project_dir / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords_file(settings)),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        # It tells of nights that failed, which a mail server may hold up.
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "120",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(settings.logs_dir / "airflow"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(
            settings.logs_dir / "airflow" / "dag_processor"
        ),
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "RAPPORT_HOME": str(settings.home),
        "RAPPORT_SCHEDULE": os.environ.get("RAPPORT_SCHEDULE", "none"),
        "PYTHONPATH": os.pathsep.join(
            [str(settings.project_dir / "plugins"), str(settings.project_dir)]
        ),
        "PYTHONUNBUFFERED": "1",
        # dbt leaves a lock to the end of its process, which Python says in every build's log.
        "PYTHONWARNINGS": "ignore:resource_tracker:UserWarning",
        # dbt, dlt and airflow are looked up beside the interpreter that runs this.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    if settings.archive:
        airflow["AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS"] = LOGGING_CONFIG
    return dict(os.environ) | sandbox | airflow | NO_TELEMETRY


def login(settings: Settings) -> tuple[str, str]:
    """Return user and password of the embedded Airflow."""
    users = json.loads(_passwords_file(settings).read_text())
    user = next(iter(users))
    return user, users[user]


def up(
    settings: Settings,
    ports: Ports,
    say: Callable[[str], None],
    wait_for: Callable[[str], None] = lambda _: None,
) -> None:
    """Start what is not running yet and wait until it answers.

    Services that read connections or settings which the caller has changed since are started
    again, unless a night is running.

    Args:
        settings: of the installation.
        ports: where the services listen.
        say: told what was done, for good.
        wait_for: told what is being waited for, until the next time.

    Raises:
        SettingsError: a port is taken, a process does not come up, or the home is another
            company's.
    """
    # What the sources say, Airflow's login and its logs are nobody else's.
    for folder in (settings.home, settings.logs_dir, settings.airflow_home, settings.home / "run"):
        try:
            make_private(folder)
        except OSError as error:
            raise SettingsError(
                f"{folder} cannot be made or closed to others: {error.strerror}. Give the home to "
                "the user of nights, or set RAPPORT_HOME to a folder that can be written"
            ) from error
    with _alone(settings, wait_for):
        _claim(settings)
        env = environment(settings, ports)
        if left := _end(settings, ended(settings)):
            say(f"ended what is left of {', '.join(left)}, which had died")
        _end_outdated(settings, ports, env, say)
        services = _services(settings, ports)
        _check_places(settings, services)
        _check_ports([service for service in services if _running(settings, service.name) is None])
        _prepare(settings, ports, services, env, say, wait_for)
        starting = [s for s in services if _running(settings, s.name) is None]
        started = time.monotonic()
        for service in starting:
            _start(settings, service, env)
        for service in services:
            if service in starting:
                at = f" at {service.health_url}" if service.health_url else ""
                wait_for(f"waiting for {service.name}{at}")
            _wait(settings, service)
        if starting:
            names = ", ".join(service.name for service in starting)
            say(f"started {names} ({time.monotonic() - started:.1f} s)")


@contextmanager
def _alone(settings: Settings, wait_for: Callable[[str], None]) -> Iterator[None]:
    """Start things while nobody else does; the kernel frees the lock when the process dies."""
    with (settings.home / "run" / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait_for("another command starts this installation")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare(
    settings: Settings,
    ports: Ports,
    services: "Sequence[_Service]",
    env: Mapping[str, str],
    say: Callable[[str], None],
    wait_for: Callable[[str], None],
) -> None:
    """Have company, dbt project and Airflow's database ready, all three made side by side."""
    jobs = []
    project = settings.dbt_project_dir
    if not (is_parsed(project) and docs_path(project).exists()):
        jobs.append(_Job("dbt project", [sys.executable, "-m", "rapport.build"]))
    if any(s.name != "sandbox" and _running(settings, s.name) is None for s in services):
        module = "rapport.orchestration.database"
        jobs.append(_Job("Airflow's database", [sys.executable, "-m", module, str(POOLS)]))
    for job in jobs:
        job.start(settings, env)
    try:
        if settings.has_sandbox:
            wait_for("preparing the sandbox company")
            _prepare_sandbox(settings, ports, say)
        for job in jobs:
            wait_for(f"preparing: {job.name}")
            job.finish(say)
    finally:
        for job in jobs:
            job.stop()


class _Job:
    """A command that prepares something; what it prints is its result."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._command = command

    def start(self, settings: Settings, env: Mapping[str, str]) -> None:
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            cwd=settings.project_dir,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            umask=0o077,
        )

    def finish(self, say: Callable[[str], None]) -> None:
        printed, errors = self._process.communicate()
        if self._process.returncode:
            raise SettingsError(f"{self.name}: {printed[-2000:]}{errors[-4000:]}")
        say(f"{self.name} ready ({time.monotonic() - self._began:.1f} s)")

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _end_outdated(
    settings: Settings, ports: Ports, env: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """End the services that were started with other connections or settings than the caller's.

    Raises:
        SettingsError: a connection that they were started with is not set any more, so that
            starting them again would lose it.
    """
    now = _digests(settings, env)
    changed: set[str] = set()
    lost: set[str] = set()
    running = [name for name in READERS if _running(settings, name) is not None]
    for service in running:
        known = _known(settings, service)["environment"]
        gone = known.keys() - now.keys()
        lost |= {name for name in gone if name.startswith(CONNECTIONS)}
        changed |= {name for name in gone if not name.startswith(CONNECTIONS)}
        changed |= {name for name, digest in now.items() if known.get(name) != digest}
    if not changed:
        return
    what = ", ".join(sorted(changed))
    if lost:
        raise SettingsError(
            f"{what} changed since Airflow was started, but {', '.join(sorted(lost))} is not set "
            "any more; export it again, or end Airflow with `make down` first"
        )
    with suppress(httpx.HTTPError, RapportError, OSError):
        if Airflow(ports.airflow_url, login(settings)).active_nights():
            say(f"a night is running, so it goes on without the changed {what}")
            return
    say(f"{what} changed: starting again what reads it")
    _end(settings, running)


def _digests(settings: Settings, env: Mapping[str, str]) -> dict[str, str]:
    """What the services read of the caller's environment and files, without the values."""
    key = _secrets(settings.airflow_home)["api"].encode()
    read = {
        name: value
        for name, value in env.items()
        if name.startswith(TOLD)
        or (name.startswith((CONNECTIONS, OWN_SETTINGS)) and not name.endswith("_PORT"))
    }
    # The DAG has the tasks that it says.
    for path in (settings.home / SOURCES_FILE, *(settings.home / SOURCES).glob("*.yml")):
        if path.exists():
            read[str(path.relative_to(settings.home))] = path.read_text(errors="replace")
    return {
        name: hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
        for name, value in read.items()
    }


def _claim(settings: Settings) -> None:
    """Keep the nights of one company out of the landing of another."""
    mark = settings.home / "company"
    if not mark.exists():
        mark.write_text(settings.company)
    elif mark.read_text() != settings.company:
        raise SettingsError(
            f"{settings.home} holds the nights of the company {mark.read_text()!r}; set "
            f"RAPPORT_HOME to another folder for {settings.company!r}"
        )


def _prepare_sandbox(settings: Settings, ports: Ports, say: Callable[[str], None]) -> None:
    """Build the company if it is not there, and end a sandbox that serves an older one."""
    import sandbox

    started = time.monotonic()
    # A part of the company is enough for a test.
    households = ENVIRONMENT["RAPPORT_SANDBOX_HOUSEHOLDS"]
    size = households.number() if households.text() else None
    company = sandbox.prepare(settings.home, size, settings.company)
    say(f"sandbox company ready ({time.monotonic() - started:.1f} s)")
    if _serves_another(ports, company.fingerprint):
        _end(settings, ["sandbox"])


def began(settings: Settings, name: str) -> datetime:
    """Return when a service was started; long ago for one that never was."""
    return datetime.fromtimestamp(_known(settings, name).get("born", 0), UTC)


@dataclass(frozen=True)
class Running:
    """A service that lives.

    Attributes:
        name: of the service.
        since: when it was started.
        url: where it listens; empty for one without a port.
        answers: whether it answers there; None for one without a port.
    """

    name: str
    since: datetime
    url: str
    answers: bool | None


def ports_in_use(settings: Settings) -> Ports:
    """Return where the services listen: as they were started, else as the environment has it."""
    asked = Ports.from_env()
    ports = {each.name: _port(settings, each) for each in _services(settings, asked)}
    return Ports(ports["api-server"] or asked.airflow, ports.get("sandbox") or asked.sandbox)


def running(settings: Settings, ports: Ports) -> list[Running]:
    """Return the services that `up` started and that live; nothing is started or made."""
    return [
        Running(
            service.name,
            began(settings, service.name),
            f"http://{HOST}:{service.port}" if service.port else "",
            _answers(service.health_url) if service.health_url else None,
        )
        for service in _services(settings, ports)
        if _running(settings, service.name) is not None
    ]


def ended(settings: Settings) -> list[str]:
    """Return the services that `up` started and that live no more, although nobody ended them."""
    started = sorted(path.stem for path in (settings.home / "run").glob("*.json"))
    return [name for name in started if _running(settings, name) is None]


def is_set(settings: Settings, connection_id: str) -> bool:
    """Whether a connection is a variable of the environment: of what runs, or else of here."""
    variable = f"{CONNECTIONS}{connection_id.upper()}"
    known = [_known(settings, name) for name in READERS if _running(settings, name) is not None]
    if known:
        return any(variable in each["environment"] for each in known)
    return bool(os.environ.get(variable))


def down(settings: Settings) -> list[str]:
    """End every process that `up` started, with its children; return their names."""
    return _end(settings, sorted(path.stem for path in (settings.home / "run").glob("*.json")))


@dataclass(frozen=True)
class _Service:
    name: str
    command: list[str]
    port: int | None = None
    port_variable: str = ""
    health_url: str = ""


def _services(settings: Settings, ports: Ports) -> list[_Service]:
    airflow = [sys.executable, "-m", "airflow"]
    serve = [sys.executable, "-m", "sandbox", "serve", "--host", HOST]
    serve += ["--company", settings.company]
    sandbox = _Service(
        "sandbox",
        [*serve, "--port", str(ports.sandbox), "--home", str(settings.home)],
        ports.sandbox,
        "RAPPORT_SANDBOX_PORT",
        f"{ports.sandbox_url}/sandbox/health",
    )
    return [
        *([sandbox] if settings.has_sandbox else []),
        _Service(
            "api-server",
            [*airflow, "api-server"],
            ports.airflow,
            "RAPPORT_UI_PORT",
            f"{ports.airflow_url}/api/v2/version",
        ),
        # Logs are read from the disk that all share; their own servers would listen on
        # every interface.
        _Service(
            "scheduler",
            [sys.executable, "-m", "rapport.orchestration.scheduler", "--skip-serve-logs"],
        ),
        _Service("dag-processor", [*airflow, "dag-processor"]),
        _Service("triggerer", [*airflow, "triggerer", "--skip-serve-logs"]),
    ]


def _start(settings: Settings, service: _Service, env: dict[str, str]) -> None:
    with (settings.logs_dir / f"{service.name}.log").open("ab") as log:
        process = subprocess.Popen(
            service.command,
            cwd=settings.project_dir,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    known = {
        "group": process.pid,
        "port": service.port,
        "born": psutil.Process(process.pid).create_time(),
        "environment": _digests(settings, env),
    }
    (settings.home / "run" / f"{service.name}.json").write_text(json.dumps(known))


def _wait(settings: Settings, service: _Service) -> None:
    log = settings.logs_dir / f"{service.name}.log"
    deadline = time.monotonic() + START_SECONDS
    while True:
        if _running(settings, service.name) is None:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise SettingsError(f"{service.name} ended while starting; {log} ends with:\n{tail}")
        if not service.health_url:
            return
        if _answers(service.health_url):
            return
        if time.monotonic() > deadline:
            raise SettingsError(
                f"{service.name} does not answer at {service.health_url} after "
                f"{START_SECONDS:.0f} s; see {log}"
            )
        time.sleep(0.3)


def _answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=2).is_success
    return False


def _end(settings: Settings, names: list[str]) -> list[str]:
    """End services and wait for their last child; return the names of those that ran."""
    groups = {name: group for name in names if (group := _left(settings, name)) is not None}
    for group in groups.values():
        _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and any(any(_members(g)) for g in groups.values()):
        time.sleep(0.2)
    for group in groups.values():
        _signal(group, signal.SIGKILL)
    for name in names:
        (settings.home / "run" / f"{name}.json").unlink(missing_ok=True)
    return list(groups)


def _serves_another(ports: Ports, fingerprint: str) -> bool:
    """Whether a sandbox is up that serves a company which is no longer the one on disk."""
    try:
        health = httpx.get(f"{ports.sandbox_url}/sandbox/health", timeout=2).json()
    except (httpx.HTTPError, ValueError):
        return False
    return bool(health.get("fingerprint") != fingerprint)


def _known(settings: Settings, name: str) -> dict[str, Any]:
    """What was noted of a service when it was started; nothing of one that never was."""
    try:
        found: dict[str, Any] = json.loads((settings.home / "run" / f"{name}.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return {"environment": {}} | found


def _running(settings: Settings, name: str) -> int | None:
    """The session of a service, if the process we started still lives.

    Children that outlive it do its work no more: a scheduler's wait for tasks that nobody sends.
    """
    known = _known(settings, name)
    if not known:
        return None
    leader = _leader(known["group"], known["born"])
    return known["group"] if leader and leader.status() != psutil.STATUS_ZOMBIE else None


def _left(settings: Settings, name: str) -> int | None:
    """The session of a service, if anything of it lives.

    The system gives a number to nobody else while a session is called so: when another process
    has it, ours and all its children are gone.
    """
    known = _known(settings, name)
    if not known or not any(_members(known["group"])):
        return None
    is_taken = psutil.pid_exists(known["group"]) and not _leader(known["group"], known["born"])
    return None if is_taken else known["group"]


def _leader(number: int, born: float) -> psutil.Process | None:
    """The process of a number that began at a time; None where it is gone, or another's."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(number)
        if abs(process.create_time() - born) < 1:
            return process
    return None


def _members(session: int) -> Iterator[int]:
    """Living processes of a session that one of our services leads."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                yield process.pid


def _signal(session: int, number: signal.Signals) -> None:
    """Signal a whole session: children may have made process groups of their own."""
    for pid in _members(session):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _check_places(settings: Settings, services: Sequence[_Service]) -> None:
    """Check that what runs has the port that it is looked for at.

    Raises:
        SettingsError: it was started with another.
    """
    for service in services:
        port = _port(settings, service)
        if port != service.port:
            raise SettingsError(
                f"{service.name} runs at port {port}, not {service.port}; set "
                f"{service.port_variable}={port}, or end it with `make down` first"
            )


def _port(settings: Settings, service: _Service) -> int | None:
    """Where a service listens: where it was started, if it runs, else where it is to be."""
    if _running(settings, service.name) is None:
        return service.port
    noted: int | None = _known(settings, service.name).get("port", service.port)
    return noted


def _check_ports(services: Sequence[_Service]) -> None:
    """Check that the services about to start can have their ports.

    Raises:
        SettingsError: a port is taken; all that are taken are named at once.
    """
    wanted = [service for service in services if service.port]
    taken = {
        service.port_variable: service.port
        for place, service in enumerate(wanted)
        if service.port in [other.port for other in wanted[:place]] or _taken(service.port or 0)
    }
    if not taken:
        return
    are, free, them = "port {} is", "a free port", "it"
    if len(taken) > 1:
        are, free, them = "ports {} are", "free ports", "them"
    raise SettingsError(
        f"{are.format(' and '.join(map(str, taken.values())))} in use by something else; set "
        f"{' and '.join(taken)} to {free}, or end what uses {them}"
    )


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _connection(kind: str, **fields: Any) -> str:
    return json.dumps({"conn_type": kind} | fields)


def _passwords_file(settings: Settings) -> Path:
    return settings.airflow_home / "simple_auth_manager_passwords.json.generated"


def _secrets(home: Path) -> dict[str, str]:
    """Keys of this installation, made once and readable by its owner only."""
    path = home / "secrets.json"
    if not path.exists():
        from cryptography.fernet import Fernet

        home.mkdir(parents=True, exist_ok=True)
        keys = {
            "api": secrets.token_hex(32),
            "fernet": Fernet.generate_key().decode(),
            "jwt": secrets.token_hex(32),
        }
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(keys, file)
    loaded: dict[str, str] = json.loads(path.read_text())
    return loaded
