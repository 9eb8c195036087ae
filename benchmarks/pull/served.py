"""A look-alike in a process of its own, so that it does not take its client's time."""

import time
from pathlib import Path
from typing import Any

from sandbox.building import prepare
from sandbox.testing import serve


def run_server(home: Path, households: int, told: Any) -> None:
    """Serve a company until the process is ended; tell where and with which keys."""
    with serve(prepare(home, households=households)) as server:
        told.put((server.hubspot_url, server.hubspot_token, server.klaviyo_url, server.klaviyo_key))
        time.sleep(1e9)
