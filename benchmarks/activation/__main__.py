"""200,000 changes in one run against the look-alike: calls, and the share of the vendor's limit.

    python -m benchmarks.activation [--to klaviyo|hubspot] [--changes 200000]

A first night fills the list with half of them; the second, which is measured, takes those off and
brings as many others. The look-alike keeps the vendor's documented limits, in real time.
"""

import argparse
import math
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from benchmarks.activation.crowd import Landed, company, people
from rapport.activation import run
from rapport.activation.hubspot import HubSpotLists
from rapport.activation.klaviyo import KlaviyoLists
from rapport.sources.connection import Connection
from sandbox.server import HUBSPOT_TOKEN, KLAVIYO_KEY
from tests.activating import NIGHT, Home

SEGMENTS = {"klaviyo": "win_back_dormant", "hubspot": "complaint_recovery"}
WRITES = {"klaviyo": "/relationships/profiles", "hubspot": "/memberships/add-and-remove"}
# Of the vendor: calls in a minute that a run of changes is bound by.
PER_MINUTE = {"klaviyo": 150, "hubspot": 600}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", choices=tuple(WRITES), default="klaviyo")
    parser.add_argument("--changes", type=int, default=200_000)
    options = parser.parse_args()
    half, segment = options.changes // 2, SEGMENTS[options.to]
    with (
        tempfile.TemporaryDirectory() as place,
        served(Path(place), 2 * half) as url,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        monkeypatch.setattr(run, "Landed", Landed)
        home = Home(Path(place) / "home", monkeypatch)
        names = people(home, 2 * half)
        controls = httpx.Client(base_url=f"{url}/sandbox", timeout=60)
        controls.put("/faults", json={"rules": []}).raise_for_status()
        home.on(segment, *names[:half]).publish()
        home.activate(destination(options.to, url, calls_per_minute=60_000), confirmed={segment})
        number = len(controls.get("/calls").json())
        limits = {"limits": {"hubspot": {"requests": 100, "seconds": 10}}}
        documented = limits | {"klaviyo_limits_documented": True}
        controls.put("/faults", json=documented).raise_for_status()
        home.off(segment, *names[:half]).on(segment, *names[half:])
        home.publish(NIGHT + timedelta(days=1))
        began, cpu = time.monotonic(), time.process_time()
        to = destination(options.to, url)
        ran = home.activate(to, confirmed={segment})
        whole, cpu = time.monotonic() - began, time.process_time() - cpu
        calls = controls.get("/calls").json()[number:]
    tell(options.to, to, ran, calls, whole, 2 * half)
    print(f"  processor time of the run    {cpu:.1f} s")


def tell(name, to, ran, calls, whole, changes):
    """Print what the look-alike's own record says."""
    told = next(each for each in ran.segments if each.segment == SEGMENTS[name])
    assert (told.counts.sent, told.counts.accepted) == (changes, changes), told.counts
    done = {"added": 0, "removed": 0}
    for call in calls:
        for effect in call["effects"]:
            done[effect["what"]] += len(effect["ids"])
    assert done == {"added": changes // 2, "removed": changes // 2}, done
    writes = [call for call in calls if WRITES[name] in call["path"] and call["method"] != "GET"]
    parts = [changes] if to.mixes else [changes // 2] * 2
    least = sum(math.ceil(part / to.batch_size) for part in parts)
    # What the limit bounds: Klaviyo's membership writes have one of their own, HubSpot's calls
    # share one.
    bound = writes if name == "klaviyo" else calls
    minutes = (bound[-1]["at"] - bound[0]["at"]) / 60
    rate = (len(bound) - 1) / minutes
    print(f"{name}: {changes:,} changes, {to.batch_size:,} ids in a call")
    print(f"  calls that change something  {len(writes):,}, at the least {least:,}")
    print(f"  ratio                        {len(writes) / least:.3f}")
    print(f"  all calls                    {len(calls):,}")
    print(f"  refused by a limit           {sum(call['status'] == 429 for call in calls):,}")
    print(f"  from first to last           {minutes * 60:.1f} s")
    print(f"  calls in a minute            {rate:.1f} of {PER_MINUTE[name]}")
    print(f"  share of the limit           {rate / PER_MINUTE[name]:.3f}")
    print(f"  whole run                    {whole:.1f} s")
    for limit in to.limits():
        print(f"  told: {limit.name}: {limit.calls:,} calls, share {limit.share}")


def destination(name, url, **options):
    """Return a destination at the look-alike, with its own settings unless told otherwise."""
    fast = {"writes_per_minute": 60_000, "reads_per_minute": 60_000} | options if options else {}
    if name == "klaviyo":
        connection = Connection("rapport_activate_klaviyo", f"{url}/klaviyo/api", KLAVIYO_KEY, fast)
        return KlaviyoLists(connection)
    return HubSpotLists(
        Connection("rapport_activate_hubspot", f"{url}/hubspot", HUBSPOT_TOKEN, fast)
    )


@contextmanager
def served(folder, count):
    """Serve a company of so many people from a process of its own."""
    company(folder / "company", count)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sandbox", "serve", "--home", str(folder / "company")]
    server = subprocess.Popen([*command, "--port", str(port)])
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                httpx.get(f"{url}/sandbox/health").raise_for_status()
                break
            except httpx.TransportError:
                if server.poll() is not None:
                    raise RuntimeError("the sandbox did not start") from None
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
