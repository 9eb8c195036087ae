"""What pulling costs beside bare HTTP and parquet, and what a million contacts take at first.

    python -m benchmarks.pull               # side by side, through the look-alikes
    python -m benchmarks.pull --million     # calls and hours, from the vendors' documented limits

Side by side: Rapport pulls a group, and every request that it sends is written down. Then the same
requests are sent again by a bare client that does nothing but parse the answers and write their
records to parquet, as id and document. Where Rapport finds the ids that it asks for in what landed,
the bare client reads all ids there are, and sends those that it is handed. The two take turns; the
ratio is of the medians, of time by the clock and of what the process computed (the look-alike's
work is in neither the one's nor the other's).
"""

import argparse
import json
import multiprocessing
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import requests
from requests.adapters import HTTPAdapter

from benchmarks.pull.million import tell
from benchmarks.pull.served import run_server
from rapport.sources.connection import Connection
from rapport.sources.hubspot.types import ASSOCIATIONS
from rapport.sources.pull import pull
from rapport.sources.streams import GROUPS

NIGHT = date(2018, 1, 2)
# The long ones; a group stands behind those that it reads from the landing.
MEASURED = (
    "hubspot_contacts",
    "hubspot_engagements",
    "hubspot_associations",
    "klaviyo_profiles",
    "klaviyo_events",
)


@dataclass
class Served:
    """A look-alike in a process of its own."""

    hubspot: Connection
    klaviyo: Connection

    def of(self, group: str) -> Connection:
        return self.hubspot if GROUPS[group][0].source == "hubspot" else self.klaviyo


@dataclass(frozen=True)
class Sent:
    """A request as it was sent."""

    method: str
    url: str
    body: bytes | str | None
    headers: dict[str, str]


class Recorder:
    """Writes down what any client of this process sends."""

    def __enter__(self) -> list[Sent]:
        self.sent: list[Sent] = []
        self.send = HTTPAdapter.send

        def send(adapter: HTTPAdapter, request: Any, *args: Any, **kwargs: Any) -> Any:
            headers = dict(request.headers)
            self.sent.append(Sent(request.method, request.url, request.body, headers))
            return self.send(adapter, request, *args, **kwargs)

        HTTPAdapter.send = send  # type: ignore[method-assign]
        return self.sent

    def __exit__(self, *_: object) -> None:
        HTTPAdapter.send = self.send  # type: ignore[method-assign]


def bare(sent: list[Sent], path: Path, asked: list[Path]) -> int:
    """Send requests, parse the answers and write their records; return how many there were.

    Args:
        sent: the requests.
        path: to write.
        asked: files whose ids are read first.
    """
    for file in asked:
        pq.read_table(file, columns=["id"])["id"].to_pylist()
    ids: list[str | None] = []
    documents: list[str] = []
    with requests.Session() as session:
        for each in sent:
            answer = session.request(each.method, each.url, data=each.body, headers=each.headers)
            body = answer.json()
            for record in body.get("results") or body.get("data") or body.get("events") or []:
                ids.append(str(record.get("id")))
                documents.append(json.dumps(record))
    table = pa.table({"id": pa.array(ids, pa.string()), "document": pa.array(documents)})
    pq.write_table(table, path, compression="zstd")
    return len(ids)


class Watch:
    """Seconds by the clock and seconds computed, of each round."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.computed: list[float] = []

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        clock, computed = self._began
        self.clock.append(time.perf_counter() - clock)
        self.computed.append(time.process_time() - computed)

    @property
    def medians(self) -> tuple[float, float]:
        """Without the first round, which warms."""
        return statistics.median(self.clock[1:]), statistics.median(self.computed[1:])


def asked_of(group: str, landing: Path) -> list[Path]:
    """Return the files in which a group finds the ids that it asks for."""
    if group != "hubspot_associations":
        return []
    kinds = {kind.stream.name for kind, _ in ASSOCIATIONS}
    return [file for kind in sorted(kinds) for file in landing.glob(f"hubspot/{kind}/*/*.parquet")]


def measure(served: Served, home: Path, rounds: int) -> None:
    """Print the table."""
    kept = home / "before"
    kept.mkdir()
    print(
        "| group | calls | records | Rapport s | bare s | bare / Rapport | Rapport computes s "
        "| bare computes s | bare / Rapport |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    sums = [0.0] * 4
    for group in MEASURED:
        connection = served.of(group)
        ours, theirs, rows = Watch(), Watch(), 0
        for _ in range(rounds + 1):
            work = home / "round"
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(kept, work)
            asked = asked_of(group, work / "landing")
            with Recorder() as sent, ours:
                landed = pull(
                    group,
                    connection,
                    as_of=NIGHT,
                    landing_dir=work / "landing",
                    work_dir=work / "work",
                )
            rows = sum(landed.values())
            with theirs:
                bare(sent, home / "bare.parquet", asked)
        shutil.rmtree(kept)
        shutil.copytree(home / "round", kept)
        (clock, computed), (bare_clock, bare_computed) = ours.medians, theirs.medians
        found = clock, bare_clock, computed, bare_computed
        sums = [before + now for before, now in zip(sums, found, strict=True)]
        print(f"| {group} | {len(sent)} | {rows:,} | {_shown(*found)}", flush=True)
    print(f"| all | | | {_shown(*sums)}")


def _shown(*found: float) -> str:
    a, b, c, d = found
    return f"{a:.2f} | {b:.2f} | {b / a:.2f} | {c:.3f} | {d:.3f} | {d / c:.2f} |"


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks.pull", description=__doc__)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--households", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.million:
        tell()
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        context = multiprocessing.get_context("spawn")
        told = context.Queue()
        server = context.Process(
            target=run_server, args=(home / "company", options.households, told)
        )
        server.start()
        try:
            hubspot, token, klaviyo, key = told.get(timeout=300)
            quick = {"searches_per_second": 1000}
            served = Served(
                Connection("rapport_hubspot", hubspot, token, quick),
                Connection("rapport_klaviyo", klaviyo, key, {}),
            )
            measure(served, home, options.rounds)
        finally:
            server.kill()


if __name__ == "__main__":
    main()
