"""How many calls a night costs, counted by the look-alikes themselves.

    python benchmarks/calls/calls_per_night.py [HOUSEHOLDS]

Pulls every group of the two APIs for nine nights, one after the other, and prints the calls of
the first night, and of the seven after the second their mean and their most, by what is asked.
Sizes of pages are those of the APIs, so a small company costs the fewest calls of each kind that
there can be; what grows with a company is in `docs/decisions/0027`.
"""

import sys
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rapport.errors import RapportError
from rapport.sources.connection import Connection
from rapport.sources.pull import pull
from rapport.sources.streams import GROUPS
from sandbox import prepare
from sandbox.testing import SandboxServer, serve

FIRST = date(2017, 12, 20)
NIGHTS = 9
# What is counted: the first pattern that is found in path and query.
KINDS = {
    "search": r"hubspot/.*/search\?",
    "history and records by id": r"hubspot/crm/.*objects/.*/batch/read\?",
    "archived records": r"hubspot/crm/.*objects/[\d-]+/\w+\?.*archived=true",
    "live records": r"hubspot/crm/.*objects/[\d-]+/\w+\?.*archived=false",
    "associations": r"hubspot/crm/.*associations",
    "preferences": r"hubspot/communication",
    "marketing e-mails": r"hubspot/marketing",
    "e-mail events": r"hubspot/email",
    "counts by metric and day": r"klaviyo/api/metric-aggregates",
    "events of a day again": r"klaviyo/api/events\?.*metric_id",
    "events": r"klaviyo/api/events\?(?!.*metric_id)",
    "all profiles": r"klaviyo/api/profiles\?.*sort=id",
    "changed profiles": r"klaviyo/api/profiles\?(?!.*sort=id)",
    "lists and members": r"klaviyo/api/lists",
}


def counted(server: SandboxServer, landing: Path, as_of: date) -> dict[str, int]:
    """Pull a night; return the calls by what they ask for."""
    never = {"after": 10**9, "do": {"kind": "status", "code": 500}}
    server.set_faults([{"match": {"path": path}, **never} for path in KINDS.values()])
    server.set_clock(f"{as_of + timedelta(days=1)}T00:00:00Z")
    connections = {
        "hubspot": Connection(
            "hubspot", server.hubspot_url, server.hubspot_token, {"searches_per_second": 1000}
        ),
        "klaviyo": Connection("klaviyo", server.klaviyo_url, server.klaviyo_key),
    }
    for group, streams in GROUPS.items():
        if streams[0].source in connections:
            try:
                connection = connections[streams[0].source]
                work = landing.with_name("work")
                pull(group, connection, as_of=as_of, landing_dir=landing, work_dir=work)
            except RapportError as error:
                print(f"{as_of} {group}: {error}", file=sys.stderr)
    return {kind: rule["matched"] for kind, rule in zip(KINDS, server.faults(), strict=True)}


def main(households: int) -> None:
    """Print the table."""
    nights: dict[str, list[int]] = defaultdict(list)
    with TemporaryDirectory() as home:
        folder = Path(home)
        (folder / "company").mkdir()
        with serve(prepare(folder / "company", households=households)) as server:
            for night in range(NIGHTS):
                found = counted(server, folder / "landing", FIRST + timedelta(days=night))
                for kind, calls in found.items():
                    nights[kind].append(calls)
    print(f"{'calls':<28} {'first night':>12} {'a night':>9} {'at most':>9}")
    nights["all of these"] = [sum(each) for each in zip(*nights.values(), strict=True)]
    for kind, calls in nights.items():
        week = calls[2:]
        print(f"{kind:<28} {calls[0]:>12} {sum(week) / len(week):>9.1f} {max(week):>9}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
