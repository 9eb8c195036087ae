"""The account: what was meant to be sent, what came of it, and whom a destination has from us.

One SQLite file. A row stands in it before it is sent and gets its outcome after; both are on the
disk when the call that wrote them returns. It is no part of the warehouse, which is disposable: of
what was sent nothing else knows.

    runs       one per run and destination
    segments   one per run and segment: what was counted, and why it was stopped if it was
    lists      which list of a destination is a segment's; the id is kept, names change
    batches    one per call that was meant: its key is the idempotency key
    rows       one per row that was meant: who, where, which operation, what became of it
    drift      what the last read of a list found that the account cannot explain

Whoever asks from outside reads two views, whose columns `docs/runbooks/activation.md` says:
``activation_runs`` and ``activation_rows``.

**Whom a destination has from us** is the latest row of each key that had an effect: an add that
took effect and no removal after it. A row's ``effect`` is written with its outcome, so that nobody
has to know which outcomes are which.

It holds customers' ids and ids of destinations' records, and nothing else of anybody.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapport.activation.destination import Batch, Operation, Outcome
from rapport.errors import ActivationError
from rapport.settings import make_private

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "account.sqlite"
VERSION = 2
BUSY_SECONDS = 60.0  # destinations write side by side

SCHEMA = """
create table runs (
    run_id text primary key,
    destination text not null,
    release_id text not null,
    as_of_date text not null,
    mode text not null,
    began_at text not null,
    ended_at text,
    state text not null default 'running',
    reason text not null default '',
    limits text not null default '[]'
) strict;

create table segments (
    run_id text not null,
    segment text not null,
    list_id text not null,
    verdict text not null,
    reason text not null,
    notes text not null,
    {counts},
    primary key (run_id, segment)
) strict;

create table lists (
    destination text not null,
    segment text not null,
    list_id text not null,
    name text not null,
    said text not null,
    made_at text not null,
    primary key (destination, segment)
) strict;

create table batches (
    batch_key text primary key,
    run_id text not null,
    destination text not null,
    segment text not null,
    list_id text not null,
    row_count integer not null,
    intended_at text not null,
    answered_at text,
    state text not null default 'intended',
    code text not null default '',
    reason text not null default ''
) strict;

create table rows (
    row_id integer primary key,
    run_id text not null,
    destination text not null,
    segment text not null,
    list_id text not null,
    key text not null,
    customer_id text not null,
    operation text not null,
    why text not null,
    release_id text not null,
    as_of_date text not null,
    attempt integer not null,
    batch_key text,
    state text not null,
    effect text,
    code text not null default '',
    reason text not null default '',
    intended_at text not null,
    answered_at text,
    confirmed_at text,
    closed_at text
) strict;
create index rows_of_list on rows (destination, list_id, key, row_id);
create index rows_of_run on rows (run_id);
create index rows_of_batch on rows (batch_key, key);
create index rows_open on rows (destination, list_id, state) where closed_at is null;

create table drift (
    destination text not null,
    segment text not null,
    list_id text not null,
    key text not null,
    kind text not null,
    found_at text not null,
    run_id text not null,
    primary key (destination, list_id, key)
) strict;
"""

# Made anew by each version.
VIEWS = """
-- Whom a destination has from us, and since which night.
create view standing as
select
    destination,
    segment,
    list_id,
    key,
    customer_id,
    release_id,
    as_of_date,
    answered_at,
    state
from rows
where
    effect = 'there'
    and row_id = (
        select max(latest.row_id) from rows as latest
        where
            latest.destination = rows.destination
            and latest.list_id = rows.list_id
            and latest.key = rows.key
            and latest.effect is not null
    );

-- What was not taken, and is tried again by every run that still wants it.
create view dead_letter as
select
    destination,
    segment,
    list_id,
    key,
    customer_id,
    operation,
    state,
    code,
    reason,
    attempt,
    run_id,
    release_id,
    intended_at as last_tried_at
from rows
where state in ('refused', 'missing', 'withheld', 'lost', 'unknown') and closed_at is null;

-- Whom a destination may have from us and nobody knows: an add that got no answer, or that a read
-- did not show, may have been carried out or show later. It is sent again as long as it is meant;
-- whoever is not meant any more is taken off, which does no harm to who was never there.
create view perhaps as
select
    destination,
    segment,
    list_id,
    key,
    customer_id,
    as_of_date
from rows
where
    operation = 'add'
    and state in ('intended', 'unknown', 'lost')
    and not exists (
        select 1 from rows as later
        where
            later.destination = rows.destination
            and later.list_id = rows.list_id
            and later.key = rows.key
            and later.row_id > rows.row_id
            and (
                later.effect is not null
                or (later.operation = 'add' and later.state in ('intended', 'unknown', 'lost'))
            )
    )
    and not exists (
        select 1 from standing
        where
            standing.destination = rows.destination
            and standing.list_id = rows.list_id
            and standing.key = rows.key
    );

-- For whoever asks from outside: one row per run, and one per row that was meant.
create view activation_runs as
select
    runs.run_id,
    runs.destination,
    runs.release_id,
    runs.as_of_date,
    runs.mode,
    runs.state,
    runs.reason,
    runs.began_at,
    runs.ended_at,
    {sums}
from runs
left join segments on runs.run_id = segments.run_id
group by runs.run_id;

create view activation_rows as
select
    row_id,
    run_id,
    destination,
    segment,
    list_id,
    key,
    customer_id,
    operation,
    why,
    state as status,
    code,
    reason,
    attempt,
    batch_key as idempotency_key,
    effect,
    release_id,
    as_of_date,
    intended_at,
    answered_at,
    confirmed_at,
    closed_at is null
    and state in ('refused', 'missing', 'withheld', 'lost', 'unknown') as is_dead_letter
from rows;
"""

# What is left open: nobody knows yet whether it was carried out.
OPEN = ("intended", "unknown", "accepted")
DONE: dict[str, str] = {"add": "there", "remove": "gone"}
EFFECTS: dict[tuple[str, Operation], str | None] = {
    ("added", "add"): "there",
    ("accepted", "add"): "there",
    ("unchanged", "add"): "there",  # by a try of ours that got no answer: before it they were not
    ("removed", "remove"): "gone",
    ("accepted", "remove"): "gone",
    ("unchanged", "remove"): "gone",  # was not there
    ("missing", "remove"): "gone",  # nobody of that id is there at all
}


@dataclass(frozen=True)
class Counts:
    """What a run counted of a segment.

    Attributes:
        source: members of the release that are to be treated.
        wanted: of these, who may be sent by tonight's news, one record each.
        there: whom the destination had from us before.
        changed: rows that differ: to be added or removed.
        invalid: who was to be added and was not, as the destination itself said no when asked.
        held: removals and adds that wait for a minimum stay or absence.
        stopped: rows that a guard stopped.
        sent: rows that were sent.
        accepted: of these, what the destination took.
        rejected: of these, what it refused or knows nobody by.
        unknown: of these, of which nobody knows yet.
        drift_gone: whom we had added and somebody else took off.
        drift_foreign: who is there and not by us.
    """

    source: int = 0
    wanted: int = 0
    there: int = 0
    changed: int = 0
    invalid: int = 0
    held: int = 0
    stopped: int = 0
    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    drift_gone: int = 0
    drift_foreign: int = 0


COUNTS = tuple(field.name for field in fields(Counts))


@dataclass(frozen=True)
class Kept:
    """A list that the account knows.

    Attributes:
        segment: whose it is.
        list_id: the destination's id of it.
        name: that it had when it was last seen.
        said: what the release last said of the segment: ``channel``, ``topic``, ``takes_slot``,
            ``is_service``. A segment that the firm has no more is still subtracted from.
    """

    segment: str
    list_id: str
    name: str
    said: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A row that is meant to be sent, or that is withheld.

    Attributes:
        key: what the destination knows them by.
        customer_id: who it is.
        operation: add or remove.
        why: ours: ``joined``, ``left``, a clause, ``drift``.
        attempt: 1, and one more for each time that it was not taken.
        remark: what the destination said of them before, in words; empty for most.
    """

    key: str
    customer_id: str
    operation: Operation
    why: str
    attempt: int = 1
    remark: str = ""


class Account:
    """The account of one installation, opened by one process.

    Args:
        folder: ``<home>/activation``, made if need be.
        destination: whose part of it is written; every destination may be read.
    """

    def __init__(self, folder: Path, destination: str = "") -> None:
        make_private(folder)
        self.destination = destination
        self._path = folder / FILE
        self._db = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")  # what is noted is on the disk
        with self._changing():
            version = self._db.execute("pragma user_version").fetchone()[0]
            if version < VERSION:
                self._make(with_tables=version == 0)
            elif version > VERSION:
                raise ActivationError(
                    destination or "every destination",
                    f"{self._path} was written by another version of Rapport ({version}, not "
                    f"{VERSION}): run the one that wrote it",
                )

    def _make(self, *, with_tables: bool) -> None:
        """Make what this version has; the tables are those of the first."""
        counts = ", ".join(f"{name} integer not null default 0" for name in COUNTS)
        sums = ",\n    ".join(f"coalesce(sum({name}), 0) as {name}" for name in COUNTS)
        views = self._db.execute("select name from sqlite_schema where type = 'view'").fetchall()
        for statement in (
            *(f"drop view {row['name']}" for row in views),
            *(_statements(SCHEMA.format(counts=counts)) if with_tables else ()),
            *_statements(VIEWS.format(sums=sums)),
            f"pragma user_version = {VERSION}",
        ):
            self._db.execute(statement)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- runs

    def begin(self, run_id: str, release_id: str, as_of: date, mode: str) -> None:
        """Note that a run begins; one that never ended is noted as broken off."""
        with self._changing():
            self._db.execute(
                "update runs set state = 'broken off', reason = 'its process ended before it did' "
                "where destination = ? and state = 'running'",
                [self.destination],
            )
            self._db.execute(
                "insert into runs (run_id, destination, release_id, as_of_date, mode, began_at) "
                "values (?, ?, ?, ?, ?, ?)",
                [run_id, self.destination, release_id, as_of.isoformat(), mode, _now()],
            )

    def end(self, run_id: str, state: str, reason: str = "", limits: Sequence[Any] = ()) -> None:
        """Note how a run ended."""
        told = json.dumps([asdict(limit) for limit in limits])
        with self._changing():
            self._db.execute(
                "update runs set ended_at = ?, state = ?, reason = ?, limits = ? where run_id = ?",
                [_now(), state, reason, told, run_id],
            )

    def count(
        self,
        run_id: str,
        segment: str,
        list_id: str,
        counts: Counts,
        *,
        verdict: str,
        reason: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        """Note what a run counted of a segment; what was sent is counted from the rows."""
        found = asdict(counts) | self._of_rows(run_id, segment)
        names = ["run_id", "segment", "list_id", "verdict", "reason", "notes", *found]
        values = [run_id, segment, list_id, verdict, reason, json.dumps(list(notes))]
        with self._changing():
            self._db.execute(
                f"insert or replace into segments ({', '.join(names)}) "
                f"values ({', '.join('?' * len(names))})",
                [*values, *found.values()],
            )

    def _of_rows(self, run_id: str, segment: str) -> dict[str, int]:
        counted = self._db.execute(
            """
            select
                count(*) filter (where state = 'withheld') as invalid,
                count(*) filter (where batch_key is not null) as sent,
                count(*) filter (
                    where state in ('added', 'removed', 'unchanged', 'accepted')
                    or (state = 'missing' and operation = 'remove')
                ) as accepted,
                count(*) filter (
                    where state = 'refused' or (state = 'missing' and operation = 'add')
                ) as rejected,
                count(*) filter (where state in ('intended', 'unknown')) as unknown
            from rows
            where
                run_id = ? and segment = ?
                and closed_at is null  -- else it was tried again, and counts there
            """,
            [run_id, segment],
        ).fetchone()
        return dict(counted)

    def counted(self, run_id: str, segment: str) -> Counts:
        """Return what was noted by `count`."""
        row = self._db.execute(
            f"select {', '.join(COUNTS)} from segments where run_id = ? and segment = ?",
            [run_id, segment],
        ).fetchone()
        return Counts(**dict(row))

    def latest_as_of(self) -> date | None:
        """Return the latest night whose changes the destination was sent in full."""
        found = self._db.execute(
            "select max(as_of_date) from runs where destination = ? and mode = 'changes' "
            "and state in ('done', 'stopped')",
            [self.destination],
        ).fetchone()[0]
        return date.fromisoformat(found) if found else None

    # --- lists

    def lists(self) -> dict[str, Kept]:
        """Return the destination's lists, by segment."""
        found = self._db.execute(
            "select segment, list_id, name, said from lists where destination = ?",
            [self.destination],
        )
        return {
            segment: Kept(segment, list_id, name, json.loads(said))
            for segment, list_id, name, said in found
        }

    def keep_list(self, segment: str, list_id: str, name: str, said: Mapping[str, Any]) -> None:
        """Note which list is a segment's, and what the release says of the segment."""
        with self._changing():
            self._db.execute(
                "insert into lists values (?, ?, ?, ?, ?, ?) on conflict do update set "
                "list_id = excluded.list_id, name = excluded.name, said = excluded.said",
                [self.destination, segment, list_id, name, json.dumps(dict(said)), _now()],
            )

    # --- what stands

    def standing(self, list_id: str) -> "pa.Table":
        """Return whom a list has from us: ``key``, ``customer_id``, ``since`` (a night)."""
        return self._whom("standing", list_id)

    def perhaps(self, list_id: str) -> "pa.Table":
        """Return whom a list may have from us and nobody knows, as `standing` does."""
        return self._whom("perhaps", list_id)

    def _whom(self, view: str, list_id: str) -> "pa.Table":
        return self._table(
            {"key": "string", "customer_id": "string", "since": "date"},
            f"select key, customer_id, as_of_date from {view} where destination = ? "
            "and list_id = ?",
            [self.destination, list_id],
        )

    def left(self, list_id: str, since: date) -> "pa.Table":
        """Return who was taken off a list since a night: ``key``, ``customer_id``, ``since``."""
        return self._table(
            {"key": "string", "customer_id": "string", "since": "date"},
            "select key, customer_id, max(as_of_date) from rows where destination = ? "
            "and list_id = ? and effect = 'gone' and as_of_date >= ? group by key, customer_id",
            [self.destination, list_id, since.isoformat()],
        )

    def failed(self, list_id: str) -> dict[tuple[str, str], int]:
        """Return how often each (key, operation) of the dead letter was tried."""
        found = self._db.execute(
            "select key, operation, max(attempt) from dead_letter where destination = ? "
            "and list_id = ? group by key, operation",
            [self.destination, list_id],
        )
        return {(row[0], row[1]): row[2] for row in found}

    def was_filled(self, list_id: str) -> bool:
        """Whether anybody was ever added to a list by us."""
        return bool(
            self._db.execute(
                "select exists (select 1 from rows where destination = ? and list_id = ? "
                "and effect = 'there')",
                [self.destination, list_id],
            ).fetchone()[0]
        )

    # --- what is meant, and what came of it

    def intend(self, batch: Batch, rows: Sequence[Row]) -> None:
        """Write down a batch before it is sent; on the disk when this returns."""
        now = _now()
        with self._changing():
            self._note_batch(batch.key, batch, len(rows), now)
            self._close(batch.list_id, rows, now)
            self._insert(batch, rows, now, "intended", batch.key)

    def withhold(self, batch: Batch, rows: Sequence[tuple[Row, str, str]]) -> None:
        """Write down who is not sent after all, each with code and reason."""
        now = _now()
        with self._changing():
            self._close(batch.list_id, [row for row, _, _ in rows], now)
            for row, code, reason in rows:
                self._insert(batch, [row], now, "withheld", None, code, reason)

    def adopt(self, batch: Batch, rows: Sequence[Row]) -> None:
        """Write down who is on a list by us, though under another record than we sent."""
        with self._changing():
            self._insert(batch, rows, _now(), "adopted", None, effect="there")

    def _note_batch(self, key: str, batch: Batch, count: int, now: str) -> None:
        self._db.execute(
            "insert into batches (batch_key, run_id, destination, segment, list_id, row_count, "
            "intended_at) values (?, ?, ?, ?, ?, ?, ?)",
            [
                *(key, batch.run_id, self.destination, batch.segment.name, batch.list_id),
                *(count, now),
            ],
        )

    def _insert(
        self,
        batch: Batch,
        rows: Sequence[Row],
        now: str,
        state: str,
        batch_key: str | None,
        code: str = "",
        reason: str = "",
        effect: str | None = None,
    ) -> None:
        self._db.executemany(
            "insert into rows (run_id, destination, segment, list_id, key, customer_id, operation, "
            "why, release_id, as_of_date, attempt, batch_key, state, effect, code, reason, "
            "intended_at, answered_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
            "?)",
            (
                (
                    *(batch.run_id, self.destination, batch.segment.name, batch.list_id),
                    *(row.key, row.customer_id, row.operation, row.why),
                    *(batch.release_id, batch.as_of.isoformat(), row.attempt, batch_key),
                    *(state, effect, code, reason or row.remark, now, now if effect else None),
                )
                for row in rows
            ),
        )

    def _close(self, list_id: str, rows: Iterable[Row], now: str) -> None:
        """Take out of the dead letter what is about to be tried again."""
        self._db.executemany(
            "update rows set closed_at = ? where destination = ? and list_id = ? and key = ? "
            "and operation = ? and closed_at is null "
            "and state in ('refused', 'missing', 'withheld', 'lost', 'unknown')",
            ((now, self.destination, list_id, row.key, row.operation) for row in rows),
        )

    def halve(self, batch: Batch, halves: Sequence[Batch], code: str, reason: str) -> None:
        """Note that a batch was refused as a whole, and which two are meant in its place."""
        now = _now()
        with self._changing():
            self._answered(batch.key, "halved", code, reason, now)
            for half in halves:
                self._note_batch(half.key, half, len(half), now)
                self._db.executemany(
                    "update rows set batch_key = ? where batch_key = ? and key = ? "
                    "and operation = ?",
                    [
                        *((half.key, batch.key, each.key, "add") for each in half.adds),
                        *((half.key, batch.key, each.key, "remove") for each in half.removes),
                    ],
                )

    def settle(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Write down what became of each row of a batch."""
        now = _now()
        with self._changing():
            self._answered(batch.key, "answered", "", "", now)
            self._db.executemany(
                "update rows set state = ?, effect = ?, code = ?, "
                "reason = case when ? = '' then reason else ? end, answered_at = ? "
                "where batch_key = ? and key = ? and operation = ?",
                (
                    (
                        *(each.status, EFFECTS.get((each.status, each.operation)), each.code),
                        *(each.reason, each.reason, now, batch.key, each.key, each.operation),
                    )
                    for each in outcomes
                ),
            )

    def leave_open(self, batch: Batch, code: str, reason: str) -> None:
        """Note that nobody knows what became of a batch; the next read of the list tells."""
        now = _now()
        with self._changing():
            self._answered(batch.key, "unknown", code, reason, now)
            self._db.execute(
                "update rows set state = 'unknown', code = ?, reason = ? where batch_key = ?",
                [code, reason, batch.key],
            )

    def _answered(self, key: str, state: str, code: str, reason: str, now: str) -> None:
        self._db.execute(
            "update batches set answered_at = ?, state = ?, code = ?, reason = ? "
            "where batch_key = ?",
            [now, state, code, reason, key],
        )

    # --- what a read of a list tells

    def resolve(self, list_id: str, there: set[str] | None, *, patience_seconds: float) -> None:
        """Find by a read what became of rows of which nobody knows.

        Args:
            list_id: that was read.
            there: the keys of everybody who is on it; None where it cannot be read.
            patience_seconds: how long a change may take to show. What was accepted later than that
                ago and does not show is still open. What got no answer and does not show is sent
                again, which does no harm; what shows after all is ours.
        """
        rows = self._db.execute(
            "select row_id, key, operation, state, coalesce(answered_at, intended_at) as at "
            "from rows where destination = ? and list_id = ? and closed_at is null "
            f"and state in ({', '.join('?' * len(OPEN))})",
            [self.destination, list_id, *OPEN],
        ).fetchall()
        now = datetime.now(UTC)
        told: list[tuple[Any, ...]] = []
        for row in rows:
            age = (now - datetime.fromisoformat(row["at"])).total_seconds()
            outcome, effect = "lost", None
            if there is None:
                # It is believed: what it took it has, what it never answered is sent again.
                if row["state"] == "accepted":
                    continue
            elif (row["key"] in there) == (row["operation"] == "add"):
                outcome, effect = "confirmed", DONE[row["operation"]]
            elif row["state"] == "accepted" and age < patience_seconds:
                continue
            told.append((outcome, effect, _now(), row["row_id"]))
        with self._changing():
            self._db.executemany(
                "update rows set state = ?, effect = ?, confirmed_at = ? where row_id = ?", told
            )
            if there is not None:
                self._take_as_ours(list_id, there, now - timedelta(seconds=2 * patience_seconds))

    def _take_as_ours(self, list_id: str, there: set[str], since: datetime) -> None:
        """Note what a call that was given up did after all, maybe after later ones had undone it.

        Else whom it added would pass as somebody else's, and nobody would take them off.
        """
        lost = self._db.execute(
            """
            select
                row_id,
                key,
                operation,
                key in (
                    select key from standing where destination = :destination and list_id = :list_id
                ) as stands
            from rows
            where
                destination = :destination
                and list_id = :list_id
                and state = 'lost'
                and intended_at >= :since
                and not exists (
                    select 1 from rows as later
                    where
                        later.destination = rows.destination
                        and later.list_id = rows.list_id
                        and later.key = rows.key
                        and later.operation = rows.operation
                        and later.batch_key is not null
                        and later.row_id > rows.row_id
                )
            """,
            {
                "destination": self.destination,
                "list_id": list_id,
                "since": since.isoformat(timespec="milliseconds"),
            },
        ).fetchall()
        now = _now()
        found = [
            {"row_id": row["row_id"], "effect": DONE[row["operation"]], "now": now}
            for row in lost
            if (row["key"] in there) == (row["operation"] == "add") != bool(row["stands"])
        ]
        self._db.executemany(
            "insert into rows (run_id, destination, segment, list_id, key, customer_id, operation, "
            "why, release_id, as_of_date, attempt, batch_key, state, effect, code, reason, "
            "intended_at, answered_at, confirmed_at) "
            "select run_id, destination, segment, list_id, key, customer_id, operation, why, "
            "release_id, as_of_date, attempt, batch_key, 'confirmed', :effect, 'late', reason, "
            "intended_at, :now, :now from rows where row_id = :row_id",
            found,
        )
        self._db.executemany(
            "update rows set closed_at = coalesce(closed_at, :now) where row_id = :row_id", found
        )

    def waiting(self, list_id: str) -> set[str]:
        """Return the keys of which nobody knows yet whether they are there."""
        found = self._db.execute(
            "select key from rows where destination = ? and list_id = ? and closed_at is null "
            f"and state in ({', '.join('?' * len(OPEN))})",
            [self.destination, list_id, *OPEN],
        )
        return {row[0] for row in found}

    def forget_unwanted(self, list_id: str, wanted: set[str]) -> None:
        """Take out of the dead letter whom nobody wants to add any more."""
        rows = self._db.execute(
            "select distinct key from dead_letter where destination = ? and list_id = ? "
            "and operation = 'add'",
            [self.destination, list_id],
        ).fetchall()
        gone = [Row(row[0], "", "add", "") for row in rows if row[0] not in wanted]
        with self._changing():
            self._close(list_id, gone, _now())

    def note_drift(self, run_id: str, segment: str, list_id: str, drift: Mapping[str, str]) -> None:
        """Replace what is known of a list's drift: ``gone`` or ``foreign``, by key."""
        now = _now()
        with self._changing():
            kept = {
                row["key"]: (row["kind"], row["found_at"])
                for row in self._db.execute(
                    "select key, kind, found_at from drift where destination = ? and list_id = ?",
                    [self.destination, list_id],
                )
            }
            self._db.execute(
                "delete from drift where destination = ? and list_id = ?",
                [self.destination, list_id],
            )
            self._db.executemany(
                "insert into drift values (?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        *(self.destination, segment, list_id, key, kind),
                        *(kept[key][1] if kept.get(key, ("",))[0] == kind else now, run_id),
                    )
                    for key, kind in drift.items()
                ),
            )

    # --- for people, and for what is made of it

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return rows of the account as a person or a page asks for them."""
        return [dict(row) for row in self._db.execute(sql, parameters)]

    def forget(self, customer_ids: Collection[str], keys: Collection[str] = ()) -> int:
        """Take customers out of the account for good; return how many rows there were.

        They are to be taken off the destinations first: the account is what knows that they are on.
        """
        found = 0
        with self._changing():
            for column, values in (("customer_id", customer_ids), ("key", keys)):
                for value in values:
                    found += self._db.execute(
                        f"delete from rows where {column} = ?", [value]
                    ).rowcount
            for key in keys:
                found += self._db.execute("delete from drift where key = ?", [key]).rowcount
        self._db.execute("pragma wal_checkpoint(truncate)")
        self._db.execute("vacuum")  # what was deleted is not in the file any more
        return found

    def _table(self, columns: Mapping[str, str], sql: str, parameters: Sequence[Any]) -> "pa.Table":
        """Return an Arrow table, for DuckDB to join with."""
        import pyarrow as pa

        rows = self._db.execute(sql, parameters).fetchall()
        types = {"string": pa.string(), "date": pa.date32()}
        arrays = []
        for place, kind in enumerate(columns.values()):
            values = [row[place] for row in rows]
            array = pa.array(values, pa.string())
            arrays.append(array.cast(types[kind]) if kind == "date" else array)
        return pa.table(arrays, names=list(columns))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Do all of it or nothing.

        Raises:
            ActivationError: it cannot be written, as on a full disk.
        """
        try:
            self._db.execute("begin immediate")
            yield
            self._db.execute("commit")
        except BaseException as error:
            if self._db.in_transaction:  # a full disk may have ended it already
                self._db.execute("rollback")
            if isinstance(error, sqlite3.OperationalError):
                raise ActivationError(
                    self.destination or "every destination",
                    f"the account {self._path} cannot be written ({error}), and nothing is sent "
                    "that is not written down: make room, or wait for who writes it, and run it "
                    "again; what was sent until then is found by reading",
                ) from None
            raise


@contextmanager
def opened(folder: Path, destination: str = "") -> Iterator[Account]:
    """Open the account and close it again."""
    with closing(Account(folder, destination)) as account:
        yield account


def last_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the last run of each destination; nothing where nothing was ever sent."""
    if not (folder / FILE).is_file():
        return []
    with opened(folder) as account:
        return account.query(
            "select *, drift_gone + drift_foreign as drift from activation_runs "
            "where run_id in (select max(run_id) from runs group by destination) "
            "order by destination"
        )


def _statements(script: str) -> list[str]:
    return [statement for statement in script.split(";\n") if statement.strip()]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
