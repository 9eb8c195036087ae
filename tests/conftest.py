"""Shared fixtures. Airflow runs on a throw-away home; nothing reaches the network."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Before the first import of airflow, which reads these once.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="rapport-airflow-")
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(ROOT / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(ROOT / "plugins")
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
sys.path.insert(0, str(ROOT / "plugins"))  # as Airflow does
sys.path.insert(0, str(ROOT))

from sandbox.testing import (  # noqa: E402, F401
    _leads_server,
    _small_server,
    full_company,
    leads_server,
    sandbox_server,
    small_company,
)


def pytest_xdist_make_scheduler(config, log):
    """Keep a file on one worker, and files that share a build on the same."""
    from xdist.scheduler import LoadFileScheduling

    class ByNight(LoadFileScheduling):
        def _split_scope(self, nodeid):
            shared = next((name for name, paths in SHARED.items() if nodeid.startswith(paths)), "")
            return shared or super()._split_scope(nodeid)

    return ByNight(config, log)


# Files that ask one build, which every worker would otherwise make for itself.
SHARED = {
    "golden": ("tests/golden/",),
    "simulated": (
        "tests/dbt/test_attribution.py",
        "tests/dbt/test_built_twice.py",
        "tests/dbt/test_flows.py",
        "tests/dbt/test_simulated_business.py",
    ),
}

# Files by what they cost, the dearest first: seconds of whole nights and builds.
DEAREST = (
    "integration/test_nights.py",
    "integration/test_embedded_night.py",
    "golden/",
    "dbt/test_incremental.py",
    "benchmarks/test_relationship.py",
    "dbt/test_identity_nights.py",
    "integration/test_gate_",
    "integration/test_release.py",
    "integration/test_sources",
    "integration/test_build.py",
    "dbt/test_consent.py",
)


def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that no worker is left alone with it at the end."""
    tests = ROOT / "tests"

    def rank(item):
        name = item.path.relative_to(tests).as_posix()
        return next((n for n, path in enumerate(DEAREST) if name.startswith(path)), len(DEAREST))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def dag_bag():
    """Every DAG of the repository, parsed once."""
    from airflow.dag_processing.dagbag import DagBag

    from rapport.build.project import parse_if_changed

    parse_if_changed(ROOT / "dbt_project")
    return DagBag(dag_folder=str(ROOT / "dags"))
