#!/bin/sh
# dlt 1.31.0 (RESTClient, rest_api): without a `paginator`, pages are guessed at, and a wrong guess is a warning in the
# log and no error. An API that says in words dlt does not know that there is more (`page_count`, `has_more`) is read
# for its first page alone. One that counts pages from 1 and says `pages` or `total_pages` is read wrongly: the page
# that came is taken for page 0, so that the first page is read twice and the last one never.
#
# One would expect a load to fail where dlt does not know whether it has read everything. The first of the two warnings
# comes for each answer that is whole on one page too, so that nobody heeds it. Whoever relies on the guess gets a part
# of the records, some of them twice, from a load that succeeded; a test account with one page shows neither fault.
#
# A paginator that is named reads each page once; `single_page` says that there is one.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dlt==1.31.0
RUNTIME__DLTHUB_TELEMETRY=false "$folder/venv/bin/python" - <<'PYTHON'
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.rest_api import rest_api_resources
from dlt.version import __version__

PAGES = ["a", "b", "c"]
asked, logged = [], []
listener = logging.Handler()
listener.emit = lambda record: logged.append(
    (record.levelname, record.getMessage().split("`")[0].strip())
)
logging.getLogger("dlt").handlers = [listener]


class Vendor(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        page = int(parse_qs(url.query).get("page", ["1"])[0])
        asked.append(page)
        said = url.path.strip("/")
        answer = {
            "results": [{"id": name} for name in PAGES[page - 1 : page]],
            "page": page,
            said: page < len(PAGES) if said == "has_more" else len(PAGES),
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"


def by_client(said):
    return [row["id"] for page in RESTClient(url).paginate(said) for row in page]


def by_rest_api(said, **named):
    endpoint = {"path": said, **named}
    [resource] = rest_api_resources(
        {"client": {"base_url": url}, "resources": [{"name": "rows", "endpoint": endpoint}]}
    )
    return [row["id"] for row in resource]


def read(how, said, **named):
    asked.clear()
    logged.clear()
    return how(said, **named), list(asked), list(logged)


print("dlt", __version__, "reads an API of three pages, a, b and c, counted from 1")
unknown = (["a"], [1], [("WARNING", "Fallback")])
from_zero = (["a", "a", "b"], [1, 1, 2], [("WARNING", "Please verify the")])
for said, expected in (
    ("page_count", unknown),
    ("has_more", unknown),
    ("pages", from_zero),
    ("total_pages", from_zero),
):
    for how in (by_client, by_rest_api):
        rows, pages, warned = found = read(how, said)
        print(f"`{said}` {how.__name__}: rows {rows}, pages asked for {pages}, {len(warned)} warning")
        assert found == expected, found
for said, ends in (
    ("page_count", {"total_path": "page_count"}),
    ("has_more", {"total_path": None, "has_more_path": "has_more"}),
    ("pages", {"total_path": "pages"}),
    ("total_pages", {"total_path": "total_pages"}),
):
    paginator = {"type": "page_number", "base_page": 1, **ends}
    rows, pages, warned = read(by_rest_api, said, paginator=paginator)
    print(f"`{said}` with a paginator that is named: rows {rows}, pages asked for {pages}")
    assert (rows, pages, warned) == (["a", "b", "c"], [1, 2, 3], []), (rows, pages, warned)
server.shutdown()
PYTHON
