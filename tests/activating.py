"""A home with a small release, and what the landing says of these people by now.

What dbt would build is written by hand: who says what is a line of a test, and a night of it takes
a second. Segments are those of the project, so that its policy holds.
"""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa

from rapport.activation import run, sending
from rapport.activation.account import opened
from rapport.activation.run import Asked, activate
from rapport.gate import stamp_of
from rapport.policy import policies_of
from rapport.release import publish_release, reduce_release
from rapport.settings import WAREHOUSE_FILE, Settings
from rapport.sources.declared import EVERYTHING

NIGHT = date(2018, 1, 2)
MADE = datetime(2017, 1, 1, tzinfo=UTC)
FROM, UNTIL = datetime(2018, 1, 3, 9, tzinfo=UTC), datetime(2018, 1, 3, 18, tzinfo=UTC)
ROOT = Path(__file__).parents[1]
# name, destination, takes_slot, message_class, channel, topic, most_per_owner
SEGMENTS = [
    ("win_back_dormant", "klaviyo", True, "marketing", "email", "offers", None),
    ("loyal_high_value", "klaviyo", True, "marketing", "email", None, None),
    ("over_contacted_rest", "klaviyo", False, None, None, None, None),
    ("complaint_recovery", "hubspot", True, "service", "phone", None, 10),
]
CHANNELS = {name: channel for name, _, _, _, channel, *_ in SEGMENTS}


@lru_cache
def policies_in(text, settings):
    """The policies of a text, which take half a second to read, once."""
    return policies_of(settings)


class Home:
    """An installation whose nights are written by hand.

    Args:
        folder: for it.
        monkeypatch: pytest's, which gives activation the news in dbt's place.
        policy: of the firm, as text; by default nobody must stay or stay away.
    """

    def __init__(self, folder, monkeypatch, policy=None):
        self.settings = replace(
            Settings.from_env(),
            home=folder,
            project_dir=ROOT,
            company="own",
            policy_path=None,
            threads=2,
            memory_limit="1GB",
        )
        self.members = []
        self.suppressed = []
        self.records = {}
        self.said = {}
        self.now = {}
        self.night = NIGHT
        folder.mkdir(exist_ok=True)
        free = "".join(
            f"  {name}: {{minimum_stay_days: 0, minimum_absence_days: 0}}\n"
            for name, *_ in SEGMENTS
        )
        (folder / "policy.yml").write_text(policy or f"segments:\n{free}")
        monkeypatch.setattr(run, "asked_again", self._asked_again)
        monkeypatch.setattr(run, "policies_of", self._policies_of)
        monkeypatch.setattr(sending, "PAUSE_SECONDS", 0.001)

    def _policies_of(self, settings):
        return policies_in((settings.home / "policy.yml").read_text(), settings)

    @contextmanager
    def _asked_again(self, settings, release, declared):
        yield self.ask(), max(self.night, release.knows_until)

    # --- who is who

    def person(self, name, klaviyo=(), hubspot=(), made=MADE):
        """Know somebody by records of theirs."""
        self.records[name] = [
            *(("klaviyo", key, made) for key in klaviyo),
            *(("hubspot", key, made) for key in hubspot),
        ]
        return self

    def on(self, segment, *names, arm="treatment"):
        """Put people on a segment."""
        self.members += [(name, segment, arm) for name in names]
        return self

    def off(self, segment, *names, clause=None):
        """Take people off a segment, for a clause if one holds them back."""
        gone = set(names)
        self.members = [m for m in self.members if m[1] != segment or m[0] not in gone]
        self.suppressed += [(name, segment, clause) for name in names if clause]
        return self

    def says(self, name, clause, channel="email"):
        """Have somebody say no since the release."""
        self.said[name, channel] = clause
        return self

    def erased(self, name):
        """Have nothing lead to somebody any more."""
        self.records.pop(name)
        self.now[name] = None
        return self

    def merged(self, name, into):
        """Have the records of one customer be another's by now."""
        self.records[into] = self.records.pop(name) + self.records[into]
        self.now[name] = into
        return self

    # --- nights

    def publish(self, night=None):
        """Release a night of whoever is on segments."""
        self.night = night or self.night
        path = self.settings.warehouse_path
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                f"""
                create schema marts; create schema segments; create schema ops;
                create table ops.build_state as
                    select date '{self.night}' as as_of_date, 'abc' as fingerprint;
                create table marts.dim_customers as select 'ann' as customer_id;
                create table segments.segment_members (customer_id varchar, segment varchar,
                    reason varchar, lane varchar, treatment varchar, channel varchar,
                    owner_id varchar, urgency double, send_window varchar,
                    allowed_from_at timestamp, allowed_until_at timestamp, arm varchar);
                create table segments.segment_suppressions (customer_id varchar, segment varchar,
                    reason varchar, lane varchar, clause varchar, clause_reason varchar);
                create table segments.segments (segment varchar, description varchar,
                    owner varchar, destination varchar, takes_slot boolean, message_class varchar,
                    channel varchar, treatment varchar, topic varchar, most_per_owner bigint,
                    size bigint, treatment_size bigint, holdout_size bigint,
                    suppressed_count bigint);
                """
            )
            rows = [
                (name, segment, "Buys.", "plain", "note", CHANNELS[segment], None, 1.0, "9-18",
                 FROM, UNTIL, arm)
                for name, segment, arm in self.members
            ]  # fmt: skip
            self._fill(connection, "segments.segment_members", rows)
            for name, segment, clause in self.suppressed:
                connection.execute(
                    "insert into segments.segment_suppressions values (?, ?, 'Buys.', 'plain', ?, "
                    "'So it is.')",
                    [name, segment, clause],
                )
            for name, destination, slot, kind, channel, topic, most in SEGMENTS:
                count = sum(segment == name for _, segment, _ in self.members)
                held = sum(segment == name for _, segment, _ in self.suppressed)
                connection.execute(
                    f"insert into segments.segments values ({', '.join('?' * 14)})",
                    [name, "Somebody.", "Retention", destination, slot, kind, channel, "note",
                     topic, most, count, count, 0, held],
                )  # fmt: skip
        return publish_release(
            warehouse_path=path,
            releases_dir=self.settings.releases_dir,
            as_of=self.night,
            gate={
                "as_of": self.night.isoformat(),
                "evaluated": 9,
                "warnings": [],
                "stamp": stamp_of(path),
            },
        )

    def reduce(self, night):
        """Take who said no since out of the current release."""
        return reduce_release(
            asked_path=self.ask(), releases_dir=self.settings.releases_dir, night=night
        )

    def ask(self):
        """Write the file that dbt would build of the newest night, and return its path."""
        path = self.settings.home / "asked" / WAREHOUSE_FILE
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                """
                create schema intermediate;
                create table intermediate.int_identity__former_ids (former_customer_id varchar,
                    customer_id varchar, valid_from date, valid_to date);
                create table intermediate.int_identity__customers (customer_id varchar,
                    has_mailing_profile boolean, has_crm_contact boolean);
                create table intermediate.int_identity__contact_map (source varchar,
                    source_record_id varchar, customer_id varchar);
                create table intermediate.int_identity__contacts (source varchar,
                    source_record_id varchar, is_record boolean, is_archived boolean,
                    is_removed boolean, email varchar, created_at timestamp);
                create table intermediate.int_segments__refusals (customer_id varchar,
                    channel varchar, clause varchar, service_clause varchar,
                    refused_topics varchar[], is_paused boolean);
                """
            )
            ids = [(name, name) for name in self.records]
            ids += [(former, now) for former, now in self.now.items() if now]
            self._fill(
                connection, "intermediate.int_identity__former_ids", [(*i, None, None) for i in ids]
            )
            people = self.records.items()
            self._fill(
                connection,
                "intermediate.int_identity__customers",
                [
                    (name, *(any(of == source for of, *_ in records) for source in
                             ("klaviyo", "hubspot")))
                    for name, records in people
                ],
            )  # fmt: skip
            self._fill(
                connection,
                "intermediate.int_identity__contact_map",
                [(source, key, name) for name, records in people for source, key, _ in records],
            )
            self._fill(
                connection,
                "intermediate.int_identity__contacts",
                [
                    (source, key, True, False, False, "x", made)
                    for _, records in people
                    for source, key, made in records
                ],
            )
            refusals = []
            for name in self.records:
                for channel in ("email", "phone"):
                    clause = self.said.get((name, channel))
                    service = clause if clause in ("opted_out", "channel_not_allowed") else None
                    refusals.append((name, channel, clause, service, [], False))
            self._fill(connection, "intermediate.int_segments__refusals", refusals)
        return path

    def _fill(self, connection, table, rows):
        """Insert rows all at once, which takes DuckDB a hundredth of the time of one by one."""
        if rows:
            given = pa.table(
                [pa.array(column) for column in zip(*rows, strict=True)],
                names=[f"c{place}" for place in range(len(rows[0]))],
            )
            connection.register("given", given)
            connection.execute(f"insert into {table} select * from given")
            connection.unregister("given")

    # --- activation

    def activate(self, destination, **asked):
        """Bring the current release to a destination."""
        return activate(
            self.settings, destination, declared=EVERYTHING, asked=Asked(**asked) if asked else None
        )

    @contextmanager
    def account(self, destination="klaviyo"):
        with opened(self.settings.activation_dir, destination) as account:
            yield account

    def told(self, sql):
        """Return rows of the account."""
        with self.account() as account:
            return [tuple(row.values()) for row in account.query(sql)]


class Told:
    """A destination in memory, which can be told to misbehave.

    Args:
        name: whose records it has; of a destination of its own, None.
        batch_size: most rows of a call.
        **how: attributes of a destination, such as `reads`.
    """

    def __init__(self, name="klaviyo", batch_size=100, **how):
        self.name = name
        self.record_source = name if name in ("hubspot", "klaviyo") else None
        self.batch_size = batch_size
        self.mixes = name == "hubspot"
        self.reads = True
        self.lists = {}
        self.sent = []
        self.remarks = {}
        self.answer = None
        self.described = {}
        self.finished = []
        vars(self).update(how)

    def open(self, segment, kept, *, make):
        from rapport.activation.destination import List, ListGone

        list_id = kept or f"list-{segment.name}"
        if kept and kept not in self.lists:
            raise ListGone(f"the list {kept} is gone")
        if list_id not in self.lists:
            if not make:
                return None
            self.lists[list_id] = set()
        return List(list_id, segment.name, **self.described)

    def members(self, list_id):
        from rapport.activation.destination import ListGone

        if list_id not in self.lists:
            raise ListGone(f"the list {list_id} is gone")
        return [(key, None) for key in self.lists[list_id]]

    def look_again(self, segment, known):
        return {key: remark for key, remark in self.remarks.items() if key in known}

    def send(self, batch):
        from rapport.activation.destination import Outcome

        self.sent.append(batch)
        if self.answer and (told := self.answer(self, batch)) is not None:
            return told
        self.apply(batch)
        status = {"klaviyo": ("accepted", "accepted")}.get(self.name, ("added", "removed"))
        return [
            *(Outcome(each.key, "add", status[0]) for each in batch.adds),
            *(Outcome(each.key, "remove", status[1]) for each in batch.removes),
        ]

    def apply(self, batch):
        """Do what a batch says."""
        there = self.lists.setdefault(batch.list_id, set())
        there |= {each.key for each in batch.adds}
        there -= {each.key for each in batch.removes}

    def finish(self, batch, standing):
        self.finished.append((batch.segment.name, list(standing)))

    def limits(self):
        return []
