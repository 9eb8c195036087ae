#!/bin/sh
# dlt 1.31.0: a `Retry-After` that is longer than `request_max_retry_delay` is cut to it; the request is sent
# again while the server has said that it will refuse.
#
# One would expect the bound to be for dlt's own back-off, and the server's word to be kept or to end the
# request. A vendor that asks for an hour is asked again after the bound, as often as there are attempts, and
# then the load fails although the server said when it would answer.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dlt==1.31.0
RUNTIME__DLTHUB_TELEMETRY=false "$folder/venv/bin/python" - <<'PYTHON'
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from dlt.sources.helpers.requests import Client
from dlt.version import __version__

asked = []


class Vendor(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(time.monotonic())
        ready = asked[-1] - asked[0] >= 6
        self.send_response(200 if ready else 429)
        if not ready:
            self.send_header("Retry-After", "6")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
found = {}
for longest in (2, 60):
    asked.clear()
    client = Client(
        raise_for_status=False, request_max_attempts=3, request_max_retry_delay=longest
    )
    status = client.get(url).status_code
    found[longest] = (status, [round(b - a) for a, b in zip(asked, asked[1:])])
server.shutdown()
print("dlt", __version__, "against a server that says `Retry-After: 6` and means it")
for longest, (status, waits) in found.items():
    print(f"request_max_retry_delay={longest}: waited {waits} s, the last answer was {status}")
assert found == {2: (429, [2, 2]), 60: (200, [6])}, found
PYTHON
