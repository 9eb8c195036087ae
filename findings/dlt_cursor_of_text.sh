#!/bin/sh
# dlt 1.31.0: `incremental` compares times that come as text as text. A row that is later than the start, but written
# otherwise (` ` for `T`, `+00:00` for `Z`), is taken for an earlier one and dropped; nothing is logged.
#
# One would expect two ISO 8601 times to be compared as times, or to be refused: a start that is a datetime is refused
# beside text. APIs answer in JSON, so their times are text. Whoever begins at `2026-11-01T00:00:00Z` and reads a source
# that writes `2026-11-01 12:00:00+00:00` loses that whole day; so does who asks the API itself for what is new
# (`start_param` of rest_api), since the answer is compared once more.
#
# Reading the cursor into a datetime before it is compared, and starting at a datetime, keeps each row; or the start is
# put into the request alone, without `incremental`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dlt==1.31.0
RUNTIME__DLTHUB_TELEMETRY=false "$folder/venv/bin/python" - <<'PYTHON'
import logging
from datetime import UTC, datetime

import dlt
from dlt.extract.incremental.exceptions import IncrementalCursorInvalidCoercion
from dlt.version import __version__

START = datetime(2026, 11, 1, tzinfo=UTC)
ROWS = [
    {"id": "a", "at": "2026-11-02T00:00:00Z"},
    {"id": "b", "at": "2026-11-01 12:00:00+00:00"},
]
logged = []
listener = logging.Handler()
listener.emit = lambda record: logged.append(record.getMessage())
logging.getLogger("dlt").addHandler(listener)


def read(start, as_times=False):
    rows = dlt.resource(ROWS, name="rows")
    if as_times:
        rows.add_map(lambda row: row | {"at": datetime.fromisoformat(row["at"])})
    rows.add_step(dlt.sources.incremental("at", initial_value=start))
    return [row["id"] for row in rows]


assert all(datetime.fromisoformat(row["at"]) > START for row in ROWS)
text = read("2026-11-01T00:00:00Z")
times = read(START, as_times=True)
try:
    mixed = read(START)
except IncrementalCursorInvalidCoercion as error:
    mixed = f"refused ({type(error).__name__})"
print("dlt", __version__, "reads a and b, both later than the start")
print("text from a text:", text, "and logs", logged)
print("text from a datetime:", mixed)
print("datetimes from a datetime:", times)
assert (text, logged, times) == (["a"], [], ["a", "b"]), (text, logged, times)
assert "refused" in mixed, mixed
PYTHON
