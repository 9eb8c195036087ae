"""docker/helm beside docker-compose.yml; test_kubernetes_rendered.py renders the chart with it."""

import re

import pytest
import yaml

from rapport.orchestration.defaults import PULLS_QUEUE, WAREHOUSE_QUEUE
from rapport.settings import ENVIRONMENT
from tests.compose.team import ROOT, make_env, read_env

TEXT = (ROOT / "docker/helm/values.yaml").read_text()
VALUES = yaml.safe_load(TEXT)
CLAIM = yaml.safe_load((ROOT / "docker/helm/home.yaml").read_text())
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
RUNBOOK = (ROOT / "docs/runbooks/kubernetes.md").read_text()

CELERY = VALUES["workers"]["celery"]
SETS = {one["name"]: one for one in CELERY["sets"]}
ENV = {one["name"]: one["value"] for one in VALUES["env"]}
# What the chart calls a part, and what compose does.
PARTS = {
    "apiServer": "api-server",
    "scheduler": "scheduler",
    "dagProcessor": "dag-processor",
    "triggerer": "triggerer",
}
# Compose names another address, or leaves it to the machine.
OWN = {
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://rapport-api-server:8080/execution/",
    "RAPPORT_MEMORY_LIMIT": "9GB",
    "RAPPORT_THREADS": "4",
}


def env_of(part):
    """Names of a part's own variables, and from which secret and key each comes."""
    listed = CELERY["env"] if part == "workers" else VALUES[part].get("env", [])
    refs = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in listed}
    assert len(refs) == len(listed)
    return refs


def default_of(value):
    """What compose gives to a variable that .env does not set."""
    return re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value)


def test_it_is_the_same_image_and_the_same_user():
    image = VALUES["images"]["airflow"]
    assert default_of(SERVICES["scheduler"]["image"]) == f"{image['repository']}:{image['tag']}"
    pod = VALUES["securityContexts"]["pod"]
    assert (
        re.findall(r"(?m)^USER (.+)$", DOCKERFILE)[-1] == f"{pod['runAsUser']}:{pod['runAsGroup']}"
    )
    assert pod["runAsNonRoot"] is True


def test_a_container_may_do_as_little_as_in_compose():
    assert VALUES["securityContexts"]["containers"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert VALUES["allowPodLaunching"] is False


def test_the_chart_is_told_the_airflow_of_the_image():
    (locked,) = re.findall(
        r"(?m)^apache-airflow==(\S+)", (ROOT / "requirements/team.lock").read_text()
    )
    assert VALUES["airflowVersion"] == locked


def test_a_variable_of_all_parts_has_composes_value(tmp_path):
    given = SERVICES["scheduler"]["environment"]
    shared = {name for name in ENV if name not in OWN and name != "AIRFLOW__CORE__PARALLELISM"}
    assert {name: ENV[name] for name in shared} == {
        name: default_of(given[name]) for name in shared
    }
    assert {name: ENV[name] for name in OWN} == OWN
    assert make_env(tmp_path / "env", "--workers").returncode == 0
    assert ENV["AIRFLOW__CORE__PARALLELISM"] == read_env(tmp_path / "env")["RAPPORT_PARALLELISM"]


def test_a_variable_of_rapports_is_one_that_it_reads():
    assert {name for name in ENV if name.startswith("RAPPORT_")} <= set(ENVIRONMENT)


def test_kubernetes_sets_no_variable_that_rapport_could_take_for_its_own():
    """For a service rapport-spark, RAPPORT_SPARK_PORT would be tcp://10.0.0.1:10000."""
    assert VALUES["enableServiceLinks"] is False


@pytest.mark.parametrize("part", ["apiServer", "dagProcessor", "triggerer", "workers"])
def test_a_part_knows_the_connections_and_keys_that_it_knows_in_compose(part):
    def secrets(names):
        return {n for n in names if re.match(r"AIRFLOW_CONN_|AWS_.*KEY", n)}

    service = SERVICES[PARTS.get(part, "worker-pulls")]
    assert set(env_of(part)) == secrets(service["environment"])


def test_the_scheduler_runs_no_task_and_so_knows_no_connection():
    assert env_of("scheduler") == {}


def test_what_a_firm_may_not_have_may_be_missing_in_its_secret():
    for part in (*PARTS, "workers"):
        for name, ref in env_of(part).items():
            # An erasure must reach Airflow's database.
            assert ref.get("optional", False) is (name != "AIRFLOW_CONN_RAPPORT_AIRFLOW")


def test_no_secret_stands_in_the_file_and_the_chart_makes_none():
    assert not [name for name in ENV if re.search(r"PASSWORD|SECRET|KEY|TOKEN|CONN", name)]
    assert VALUES["createUserJob"]["enabled"] is False
    named = ("fernetKey", "apiSecretKey", "jwt")
    assert {VALUES[f"{one}SecretName"] for one in named} == {"rapport-keys"}
    assert set(VALUES["data"]) == {"metadataSecretName", "brokerUrlSecretName"}
    for other in ("flower", "pgbouncer", "postgresql", "redis", "statsd"):
        assert VALUES[other] == {"enabled": False}


def test_the_runbook_makes_every_secret_with_every_key():
    asked = {"rapport-keys": {"fernet-key", "api-secret-key", "jwt-secret"}}
    asked |= {VALUES["data"][one]: {"connection"} for one in VALUES["data"]}
    asked["rapport-admin"] = {"password"}
    for part in (*PARTS, "workers"):
        for ref in env_of(part).values():
            asked.setdefault(ref["name"], set()).add(ref["key"])
    made = {}
    for secret, given in re.findall(r"create secret generic (\S+)((?:[^\n]*\\\n)*[^\n]*)", RUNBOOK):
        made[secret] = set(re.findall(r"--from-(?:literal|file)=([\w-]+)=", given))
    assert made == asked


@pytest.mark.parametrize("part", [*PARTS, "migrateDatabaseJob"])
def test_a_part_is_given_memory_and_cannot_take_more_than_its_limit(part):
    resources = VALUES[part]["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}


# --- commands and probes


@pytest.mark.parametrize("part", ["dagProcessor", "triggerer"])
def test_a_part_runs_what_it_runs_in_compose(part):
    assert VALUES[part]["args"] == SERVICES[PARTS[part]]["command"]


def test_the_scheduler_loads_nothing_for_tasks_that_it_does_not_run():
    """In compose, those of the LocalExecutor are forked from it."""
    composes = SERVICES["scheduler"]["command"]
    assert composes == ["python", "-m", "rapport.orchestration.scheduler", "--skip-serve-logs"]
    assert VALUES["scheduler"]["args"] == ["airflow", "scheduler", "--skip-serve-logs"]


@pytest.mark.parametrize("name", ["pulls", "warehouse"])
def test_a_worker_runs_what_it_runs_in_compose(name):
    assert SETS[name]["args"] == SERVICES[f"worker-{name}"]["command"]
    assert SETS[name]["args"][-3] == SETS[name]["queue"]
    assert set(SETS[name]["resources"]["limits"]) == {"memory"}


def test_every_queue_of_the_nightly_has_a_worker():
    assert {one["queue"] for one in SETS.values()} == {PULLS_QUEUE, WAREHOUSE_QUEUE}
    assert CELERY["enableDefault"] is False


def test_there_are_never_two_workers_of_the_warehouse():
    """A Deployment would start the next while the last still ends, for the grace period."""
    assert SETS["warehouse"]["replicas"] == 1
    assert SETS["warehouse"]["persistence"]["enabled"] is True  # the chart's word for a StatefulSet
    assert "strategy" not in SETS["warehouse"]
    assert CELERY["persistence"]["enabled"] is False


def test_duckdb_knows_the_memory_and_processors_of_its_worker():
    resources = SETS["warehouse"]["resources"]
    limit = int(resources["limits"]["memory"].removesuffix("Gi"))
    assert ENV["RAPPORT_MEMORY_LIMIT"] == f"{limit * 0.6:.0f}GB"
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    assert ENV["RAPPORT_THREADS"] == str(resources["requests"]["cpu"])


@pytest.mark.parametrize("part", ["scheduler", "dagProcessor", "triggerer"])
def test_a_part_is_looked_at_as_in_compose_but_not_restarted_for_another(part):
    composes = SERVICES[PARTS[part]]["healthcheck"]["test"][1:]
    script = composes.index("docker/healthy.py") + 1
    asked = [one.replace("//api-server:", "//rapport-api-server:") for one in composes]
    asked.insert(script, "--if-it-answers")
    assert VALUES[part]["livenessProbe"]["command"] == asked
    assert VALUES[part].get("startupProbe", {"command": asked})["command"] == asked


def test_a_worker_is_looked_at_as_in_compose():
    assert CELERY["livenessProbe"]["command"] == SERVICES["worker-pulls"]["healthcheck"]["test"][1:]


def test_a_script_that_is_named_is_in_the_image():
    named = set(re.findall(r"docker/[\w.-]+\.(?:sh|py)", TEXT))
    assert named == {"docker/answers.sh", "docker/healthy.py", "docker/init.sh"}
    assert all((ROOT / one).is_file() for one in named)
    assert "!docker" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_database_is_made_ready_as_in_compose():
    (*_, script) = VALUES["migrateDatabaseJob"]["args"]
    assert script.endswith(f"exec {' '.join(SERVICES['airflow-init']['command'])}")
    (volume,) = VALUES["migrateDatabaseJob"]["extraVolumes"]
    (mount,) = VALUES["migrateDatabaseJob"]["extraVolumeMounts"]
    assert volume["secret"] == {"secretName": "rapport-admin"}
    assert f"$(cat {mount['mountPath']}/password)" in script


# --- the home


def test_every_part_sees_the_home_whatever_its_node():
    volumes = {one["name"]: one for one in VALUES["volumes"]}
    mounts = {one["name"]: one["mountPath"] for one in VALUES["volumeMounts"]}
    assert mounts == {"home": "/var/lib/rapport", "tmp": "/tmp"}
    claim = volumes["home"]["persistentVolumeClaim"]["claimName"]
    assert claim == CLAIM["metadata"]["name"]
    assert CLAIM["spec"]["accessModes"] == ["ReadWriteMany"]
    assert f"RAPPORT_HOME={mounts['home']}" in DOCKERFILE
    assert "HOME=/tmp" in DOCKERFILE
