#!/bin/sh
# dlt 1.31.0 (RESTClient, rest_api): a `data_selector` that names nothing in the answer gives an empty page. There is no
# error and no warning of it, the load ends well, and a table that is replaced is empty thereafter.
#
# One would expect "there are none" (`{"items": []}`) to be told from "there is no such member" (`{"results": [...]}`):
# the first is an answer, the second a wrong selector, or an API that has been changed. Whoever misspells it, or whose
# vendor renames it, loads nothing on any night, and nothing fails.
#
# A response action that demands the member ends the load instead. (A RESTClient's own `hooks` do as well, but take the
# place of its check of the status, so that they have to call `raise_for_status` themselves.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dlt==1.31.0
RUNTIME__DLTHUB_TELEMETRY=false FOLDER=$folder "$folder/venv/bin/python" - <<'PYTHON'
import gzip
import json
import logging
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dlt
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.rest_api import rest_api_source
from dlt.version import __version__

folder = Path(os.environ["FOLDER"])
answer = {}
logged = []
listener = logging.Handler()
listener.emit = lambda record: logged.append(record.getMessage())
logging.getLogger("dlt").addHandler(listener)


class Vendor(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def demand_items(response, *_args, **_options):
    if response.ok and "items" not in response.json():
        raise ValueError("the answer has no `items`")


server = HTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = {"base_url": f"http://127.0.0.1:{server.server_port}", "paginator": "single_page"}
pipeline = dlt.pipeline(
    "people",
    pipelines_dir=str(folder / "pipelines"),
    destination=dlt.destinations.filesystem(str(folder / "loaded")),
    dataset_name="api",
)


def load(*actions):
    endpoint = {"path": "people", "data_selector": "items", "response_actions": list(actions)}
    people = {"name": "people", "write_disposition": "replace", "endpoint": endpoint}
    pipeline.run(rest_api_source({"client": client, "resources": [people]})).raise_on_failed_jobs()
    files = (folder / "loaded" / "api" / "people").glob("*.gz")
    return [json.loads(line)["id"] for file in files for line in gzip.open(file)]


answer = {"items": [{"id": "a"}, {"id": "b"}]}
named = load(demand_items)
answer = {"results": [{"id": "a"}, {"id": "b"}]}
logged.clear()
try:
    demanded = load(demand_items)
except PipelineStepFailed as error:
    demanded = str(error).strip().splitlines()[-1]
renamed = load()
rest = RESTClient(client["base_url"])
pages = [list(page) for page in rest.paginate("people", data_selector="items")]
server.shutdown()
about = [line for line in logged if "items" in line]
print("dlt", __version__, "selects `items`")
print("rows of the table, the answer has `items`:", named)
print("rows of the table, the answer has `results`:", renamed)
print("pages of the client:", pages, "and logs about it:", about)
print("with a response action that demands `items`:", demanded)
assert (named, renamed, pages, about) == (["a", "b"], [], [[]], []), (named, renamed, pages, about)
assert "the answer has no `items`" in demanded, demanded
PYTHON
