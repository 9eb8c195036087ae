"""A Spark cluster on this machine, of what the wheel brings: master, two workers, Thrift server."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rapport.settings import PROJECT_DIR

_PYTHON = PROJECT_DIR / ".spark" / "bin" / "python"
_DEPLOY = "org.apache.spark.deploy"
_SERVER = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
_SECONDS = 180.0


@contextmanager
def a_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Run one as long as the block lasts; gives the settings by which a night finds it."""
    folder.mkdir(parents=True)
    found = [str(_PYTHON), "-c", "import pyspark; print(pyspark.__path__[0])"]
    home = subprocess.run(found, capture_output=True, text=True, check=True).stdout.strip()
    java, submit = f"{home}/bin/spark-class", f"{home}/bin/spark-submit"
    master, thrift = _free_port(), _free_port()
    url = f"spark://127.0.0.1:{master}"
    at = ["--host", "127.0.0.1"]
    with ExitStack() as running:
        deploy = [java, f"{_DEPLOY}.master.Master", *at, "--port", str(master)]
        _start(running, folder, "master", [*deploy, "--webui-port", str(_free_port())])
        _wait(master, folder)
        for number in (1, 2):
            worker = [java, f"{_DEPLOY}.worker.Worker", *at, url]
            worker += ["--cores", "1", "--memory", "1g", "--webui-port", str(_free_port())]
            _start(running, folder, f"worker_{number}", worker)
        server = [submit, "--master", url, "--class", _SERVER]
        for name, value in {
            "spark.driver.memory": "2g",
            "spark.driver.host": "127.0.0.1",
            "spark.executor.memory": "1g",
            "spark.sql.catalogImplementation": "in-memory",
            # A Thrift server takes none of these from who connects.
            "spark.sql.ansi.enabled": "true",
            "spark.sql.ansi.doubleQuotedIdentifiers": "true",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.timestampType": "TIMESTAMP_NTZ",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.ui.enabled": "false",
            "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
            "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
        }.items():
            server += ["--conf", f"{name}={value}"]
        server += ["spark-internal", "--hiveconf", f"hive.server2.thrift.port={thrift}"]
        _start(running, folder, "thrift", server)
        _wait(thrift, folder)
        yield {"RAPPORT_SPARK_HOST": "127.0.0.1", "RAPPORT_SPARK_PORT": str(thrift)}


def _start(running: ExitStack, folder: Path, name: str, command: list[str]) -> None:
    said = running.enter_context((folder / f"{name}.log").open("w"))
    at = os.environ | {"SPARK_HOME": str(Path(command[0]).parents[1])}
    process = subprocess.Popen(command, stdout=said, stderr=said, cwd=folder, env=at)

    def end() -> None:
        process.terminate()
        process.wait(60)

    running.callback(end)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(port: int, folder: Path) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise AssertionError({path.name: path.read_text()[-1500:] for path in folder.glob("*.log")})
