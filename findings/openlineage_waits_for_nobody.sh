#!/bin/sh
# openlineage-python 1.54.0: an event to a receiver that is not there takes nine seconds, as its HTTP transport asks
# six times with pauses. Airflow's provider sends a task's START before the task's own work begins.
#
# One would expect lineage, which nobody waits for, to be given up at once when the connection is refused. With the
# transport's defaults every task of a DAG begins nine seconds later while the receiver is down.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openlineage-python==1.54.0
"$folder/venv/bin/python" - <<'PYTHON'
import logging
import socket
import time
from importlib.metadata import version

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.uuid import generate_new_uuid

logging.disable(logging.CRITICAL)
with socket.create_server(("127.0.0.1", 0)) as taken:
    url = f"http://127.0.0.1:{taken.getsockname()[1]}"
event = RunEvent(
    eventType=RunState.START,
    eventTime="2018-01-03T02:00:05+00:00",
    run=Run(str(generate_new_uuid())),
    job=Job("default", "task"),
    producer="https://example.org",
)
seconds = {}
for name, more in (("as it is", {}), ("with no retry", {"retry": {"total": 0}})):
    client = OpenLineageClient(config={"transport": {"type": "http", "url": url} | more})
    began = time.monotonic()
    try:
        client.emit(event)
    except OSError as error:
        seconds[name] = time.monotonic() - began
        print(f"{name}: {type(error).__name__} after {seconds[name]:.1f} s")
print("openlineage-python", version("openlineage-python"))
assert seconds["as it is"] > 8 > 2 > seconds["with no retry"], seconds
PYTHON
