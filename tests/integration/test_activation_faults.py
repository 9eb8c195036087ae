"""Nights that go wrong, against the look-alikes' own record: who is on a list, and who never was.

What is said of every night here: the list ends as it is meant, nobody was added by a call that
began after their no had been served, and nobody started a flow twice that may be entered once.
"""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from rapport.activation import klaviyo
from rapport.errors import RapportError
from rapport.sources import http
from tests.activating import NIGHT
from tests.integration.test_activation_vendors import (
    CALLS,
    WIN_BACK,
    crm,
    ids,
    list_of,
    mailing,
    people,
)

__all__ = ["crm", "mailing", "people"]  # fixtures

TO_KLAVIYO = {"path": "klaviyo/api/lists/.*/relationships/profiles"}
TO_HUBSPOT = {"path": "memberships/add-and-remove"}
# One process that has loaded everything, and forks a run for each line it reads.
FORKING = """
import os, sys
from pathlib import Path
from rapport.activation.klaviyo import KlaviyoLists
from rapport.sources.connection import Connection
from tests.integration.test_activation_vendors import Again, FAST
url, key, folder = sys.argv[1:]
home = Again(Path(folder))
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        options = FAST | {"batch_size": 3}
        to = KlaviyoLists(Connection("rapport_activate_klaviyo", url, key, options))
        home.activate(to, confirmed={"win_back_dormant"})
        os._exit(0)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Nights:
    """Nights of one segment, of which each changes who is meant and may have somebody say no.

    Args:
        home: whose people, by `test_activation_vendors.people`.
        server: the look-alikes.
        seed: of what changes.
    """

    def __init__(self, home, server, seed, segment=WIN_BACK, source="klaviyo"):
        self.home = home
        self.server = server
        self.chance = random.Random(seed)
        self.segment = segment
        self.source = source
        self.night = NIGHT
        self.meant = set(home.names[:12])
        self.gone = set()
        home.on(segment, *self.meant).publish(self.night)

    def next(self):
        """Publish another night, of which a few join and a few leave."""
        self.night += timedelta(days=1)
        away = [name for name in self.home.names if name not in self.meant | self.gone]
        joining = self.chance.sample(away, min(4, len(away)))
        leaving = self.chance.sample(sorted(self.meant), min(3, len(self.meant) - 5))
        self.meant = self.meant | set(joining) - set(leaving)
        self.meant -= set(leaving)
        self.home.off(self.segment, *leaving).on(self.segment, *joining).publish(self.night)

    def say_no(self, name=None):
        """Have somebody say no to the vendor, of whom the release and the landing know nothing."""
        standing = [name for name in self.home.names if name not in self.gone]
        if len(standing) < 15:
            return
        name = name or self.chance.choice(standing)
        self.gone.add(name)
        (key,) = ids(self.home, [name], self.source)
        asked = {"filter": f'any(id,["{key}"])', "additional-fields[profile]": "subscriptions"}
        (found,) = self.server.klaviyo.get("/profiles", params=asked).json()["data"]
        said = found["attributes"]["subscriptions"]
        when = {"timestamp": "2018-01-02T23:00:00+00:00"}
        said["email"]["marketing"] |= {
            "consent": "UNSUBSCRIBED",
            "suppression": [{"reason": "UNSUBSCRIBE", **when}],
        }
        modify = {"change": "modify", "collection": "klaviyo/profile", "id": key}
        self.server.change({**modify, "values": {"subscriptions": said}})

    def hear(self):
        """Have the landing hear of every no."""
        for name in self.gone:
            self.home.says(name, "opted_out")
        self.home.ask()


def as_meant(nights, server):
    """Say what is to hold at the end, by the look-alike's own record."""
    home, source = nights.home, nights.source
    there = list_of(home, nights.segment, source)
    assert server.members(there) == ids(home, nights.meant - nights.gone, source)
    assert server.added_after_opt_out() == []


def started_once(server):
    """Nobody got twice what may be got once, whatever was sent again."""
    started = [each["profile_id"] for each in server.flow_starts()]
    assert started
    assert len(started) == len(set(started))


@contextmanager
def runs(server, home):
    """Give a function that starts a run in a process of its own, to be killed or not."""
    command = [sys.executable, "-c", FORKING, server.klaviyo_url, server.klaviyo_key]
    with subprocess.Popen(
        [*command, str(home.settings.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    ) as parent:
        assert parent.stdout.readline() == "ready\n"

        def run(kill_when=None):
            """Start a run; kill it once a function says so; return its exit code."""
            parent.stdin.write("run\n")
            child = int(parent.stdout.readline())
            if kill_when:
                kill_when()
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            return int(parent.stdout.readline())

        yield run
        parent.stdin.close()


def killed_nights(people, mailing, server, kills, seed):
    """Kill so many runs at random between a call and its answer; return how many died so."""
    nights = Nights(people, server, seed)
    people.ask()
    people.activate(mailing(batch_size=3))  # the list is there, and has its first people
    there = list_of(people)
    server.change({"change": "flow", "list_id": there})
    # Each change of the list is carried out at once, and its answer comes late.
    late = {"kind": "delay", "seconds": 0.15, "applied": True}
    server.add_faults({"match": TO_KLAVIYO, "times": None, "do": late})
    died = 0
    with runs(server, people) as run:
        for number in range(kills):
            nights.next()
            if number % 3 == 0:
                nights.say_no()
            before = len(server.calls("relationships/profiles"))
            wanted = before + nights.chance.randint(1, 2)

            def in_the_middle(wanted=wanted):
                until = time.monotonic() + 10
                while time.monotonic() < until:
                    if len(server.calls("relationships/profiles")) >= wanted:
                        time.sleep(nights.chance.random() * 0.15)
                        return
                    time.sleep(0.005)

            died += run(in_the_middle) == -signal.SIGKILL
            if number % 10 == 9:
                nights.hear()
                assert run() == 0
                as_meant(nights, server)
        nights.hear()
        assert run() == 0
        assert run() == 0
    as_meant(nights, server)
    started_once(server)
    return died


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_runs_killed_at_random_end_as_meant(people, mailing, sandbox_server):
    died = killed_nights(people, mailing, sandbox_server, kills=200, seed=2)
    assert died >= 150, died  # the others had ended by then


def test_whom_an_unanswered_call_added_and_who_says_no_is_off_by_the_next_run(
    people, mailing, sandbox_server
):
    """One run, not two: by the next morning they are out everywhere."""
    nights = Nights(people, sandbox_server, 7)
    lost = {"kind": "status", "code": 502, "applied": True}
    sandbox_server.set_faults([{"match": TO_KLAVIYO, "times": None, "do": lost}])
    with suppress(RapportError):
        people.activate(mailing(batch_size=1, max_attempts=1))
    there = list_of(people)
    (first,) = people.told("select customer_id from rows where state = 'unknown' limit 1")[0]
    assert ids(people, [first]) <= sandbox_server.members(there)
    sandbox_server.set_faults([])
    nights.gone.add(first)
    nights.hear()
    people.activate(mailing())
    as_meant(nights, sandbox_server)


@pytest.mark.parametrize("match", [TO_KLAVIYO, TO_HUBSPOT], ids=["klaviyo", "hubspot"])
def test_what_was_carried_out_and_never_answered_is_found_by_reading(
    people, mailing, crm, sandbox_server, monkeypatch, match
):
    monkeypatch.setattr(http, "REQUEST_TIMEOUT_SECONDS", 0.4)
    is_klaviyo = match is TO_KLAVIYO
    made = (mailing if is_klaviyo else crm)(batch_size=10, max_attempts=1)
    source, segment = ("klaviyo", WIN_BACK) if is_klaviyo else ("hubspot", CALLS)
    nights = Nights(people, sandbox_server, 3, segment, source)
    hang = {"kind": "hang", "applied": True}
    sandbox_server.set_faults([{"match": match, "times": 2, "do": hang}])
    people.activate(made)
    people.activate(made)
    as_meant(nights, sandbox_server)


def test_a_storm_of_refusals_for_too_many_calls_loses_nobody(people, mailing, sandbox_server):
    nights = Nights(people, sandbox_server, 4)
    storm = {"kind": "status", "code": 429, "retry_after": 0}
    every = {"match": {"path": "klaviyo/api/lists"}, "after": 2, "times": 25, "do": storm}
    sandbox_server.set_faults([every])
    people.activate(mailing(batch_size=4, max_attempts=30))
    as_meant(nights, sandbox_server)
    assert sandbox_server.faults()[0]["fired"] == 25
    assert sum(call["status"] == 429 for call in sandbox_server.calls()) == 25


def test_of_many_who_changed_since_the_landing_is_asked_for_before_each_batch(
    people, mailing, sandbox_server, monkeypatch
):
    """A no that comes between two batches keeps the second from adding them."""
    monkeypatch.setattr(klaviyo, "MOST_LOOKED_AT", 0)
    nights = Nights(people, sandbox_server, 5)
    to = mailing(batch_size=4)
    early = sandbox_server.klaviyo.get("/profiles?sort=updated&page[size]=1").json()["data"][0]
    since = klaviyo.time_of(early["attributes"]["updated"])
    monkeypatch.setattr(
        "rapport.activation.run.Landed",
        lambda *_: type("Landed", (), {"start": lambda self, stream: since})(),
    )
    send, sent = to.send, []

    def first_then_a_no(batch):
        outcomes = send(batch)
        sent.append(batch)
        if len(sent) == 1:
            nights.say_no(min(nights.meant - {each.customer_id for each in batch.adds}))
        return outcomes

    monkeypatch.setattr(to, "send", first_then_a_no)
    people.activate(to)
    as_meant(nights, sandbox_server)
    assert people.told("select code from dead_letter") == [("opted_out",)]
    looked = [call["path"] for call in sandbox_server.calls("GET /klaviyo/api/profiles?")]
    assert not [path for path in looked if "any(id" in path and "page[size]=100" in path]
    assert [path for path in looked if "suppression.timestamp" in path]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["klaviyo", "hubspot"])
def test_a_month_of_faulty_nights_ends_as_meant(
    people, mailing, crm, sandbox_server, monkeypatch, source
):
    monkeypatch.setattr(http, "REQUEST_TIMEOUT_SECONDS", 0.4)
    made, match = {"klaviyo": (mailing, TO_KLAVIYO), "hubspot": (crm, TO_HUBSPOT)}[source]
    segment = {"klaviyo": WIN_BACK, "hubspot": CALLS}[source]
    nights = Nights(people, sandbox_server, 6, segment, source)
    people.activate(made(batch_size=4), confirmed={segment})
    if source == "klaviyo":
        sandbox_server.change({"change": "flow", "list_id": list_of(people)})
    faults = [
        {"kind": "status", "code": 502, "applied": True},
        {"kind": "status", "code": 504},
        {"kind": "status", "code": 429, "retry_after": 0},
        {"kind": "hang", "applied": True},
        {"kind": "half"},
        {"kind": "half", "code": 400},
        {"kind": "reset"},
        {"kind": "truncate"},
        {"kind": "html"},
    ]
    for number in range(30):
        nights.next()
        if source == "klaviyo" and number % 4 == 0:
            nights.say_no()
        rules = [
            {
                "match": match,
                "after": nights.chance.randrange(2),
                "times": nights.chance.randint(1, 4),
                "do": nights.chance.choice(faults),
            }
            for _ in range(2)
        ]
        sandbox_server.add_faults(*rules)
        with suppress(RapportError):  # a night may fail; the next goes on from there
            people.activate(made(batch_size=4), confirmed={segment})
        assert sandbox_server.added_after_opt_out() == []
    sandbox_server.add_faults()
    nights.hear()
    for _ in range(40):  # what is left of the faults
        with suppress(RapportError):
            people.activate(made(batch_size=4), confirmed={segment})
        if all(rule["fired"] == rule["times"] for rule in sandbox_server.faults()):
            break
    people.activate(made(batch_size=4), confirmed={segment})
    as_meant(nights, sandbox_server)
    if source == "klaviyo":
        started_once(sandbox_server)
