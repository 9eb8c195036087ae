"""One run: the current release to one destination, row by row accounted for."""

import fcntl
import logging
import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapport.activation.account import Account, Counts, opened
from rapport.activation.destination import Batch, Destination, Limit, List, ListGone, Member
from rapport.activation.people import Meant, asked_again, meant_for
from rapport.activation.plan import Known, Mode, Plan, Rules, planned
from rapport.activation.sending import Sender
from rapport.errors import ActivationError, RapportError
from rapport.policy import policies_of
from rapport.release import ReleaseInfo, readers_release, verify_release
from rapport.settings import Settings
from rapport.sources.declared import Declared
from rapport.sources.known import Known as Landed
from rapport.sources.streams import CONTACTS, HUBSPOT, KLAVIYO, PROFILES

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

# How long a change may take to show where an answer says nothing of its rows.
PATIENCE = timedelta(hours=24)
# A list of whom the staff calls holds why they are called; no mailing tool has any use for it.
NEVER_STAFF = frozenset({KLAVIYO})
TOOLS = frozenset({HUBSPOT, KLAVIYO})
PEOPLE = {HUBSPOT: CONTACTS, KLAVIYO: PROFILES}


@dataclass(frozen=True)
class Asked:
    """What a person asks of a run.

    Attributes:
        is_dry: show the plan and send nothing.
        confirmed: segments whose large change, or first fill, is meant.
        repairs: drift is undone, and not only told.
        goes_back: a release of an earlier night than was sent before brings people, too.
        anew: segments whose list was deleted at the destination and is to be made again.
    """

    is_dry: bool = False
    confirmed: Collection[str] = ()
    repairs: bool = False
    goes_back: bool = False
    anew: Collection[str] = ()


@dataclass(frozen=True)
class Told:
    """What a run did with one segment.

    Attributes:
        segment: which.
        name: of its list, and ``list_id``; empty where there is none yet.
        list_id: the destination's.
        verdict: see `Plan`.
        reason: of another verdict than ``as planned``.
        counts: as the account has them.
        adds: how many were, or would be, added.
        removes: how many were, or would be, taken off.
        notes: what a person should know of the list.
    """

    segment: str
    name: str
    list_id: str
    verdict: str
    reason: str
    counts: Counts
    adds: int
    removes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ran:
    """What a run did.

    Attributes:
        run_id: its name; empty of a dry run.
        destination: where to.
        release_id: that was brought.
        as_of: the night it shows.
        asked_until: the night until which news were asked for.
        mode: whether anybody could be added.
        segments: one by one.
        limits: what was used of the destination's limits.
    """

    run_id: str
    destination: str
    release_id: str
    as_of: date
    asked_until: date
    mode: Mode
    segments: tuple[Told, ...]
    limits: tuple[Limit, ...]

    @property
    def stopped(self) -> list[Told]:
        """Those that wait for a person."""
        return [each for each in self.segments if each.verdict in ("stopped", "refused", "gone")]

    @property
    def unanswered(self) -> str:
        """How many rows got no answer, in words; empty where none. Another run is worth trying."""
        rows = sum(each.counts.unknown for each in self.segments)
        said = f"{rows:,} row{'s' * (rows != 1)} got no answer; the next run looks, or sends again"
        return said if rows else ""

    def summary(self) -> dict[str, Any]:
        """Return what XCom needs: ids and counts."""
        counts = [each.counts for each in self.segments]
        return {
            "run_id": self.run_id,
            "release_id": self.release_id,
            "mode": self.mode,
            **{
                name: sum(getattr(each, name) for each in counts)
                for name in ("changed", "sent", "accepted", "rejected", "unknown", "invalid")
            },
            "stopped": [each.segment for each in self.stopped],
        }


def activate(
    settings: Settings,
    destination: Destination,
    *,
    declared: Declared,
    asked: Asked | None = None,
) -> Ran:
    """Bring the current release to a destination, or say what would be done.

    Args:
        settings: where all is.
        destination: where to.
        declared: what the firm has.
        asked: what a person wants otherwise.

    Returns:
        What was done. Segments that a guard stopped are among it; the others were sent.

    Raises:
        ActivationError: there is no release, it is damaged or empty, or another run is at it.
        BuildError: who said no since cannot be told, so nothing was sent.
        SourceError: the destination refuses, or cannot be reached; what was sent until then is
            accounted for, and the next run goes on.
    """
    asked = asked or Asked()
    release = _whole_release(settings, destination.name)
    with (
        opened(settings.activation_dir, destination.name) as account,
        _alone(settings.activation_dir, destination.name),
    ):
        latest = account.latest_as_of()
        is_older = latest is not None and release.as_of < latest and not asked.goes_back
        mode: Mode = "removals" if release.reduction or is_older else "changes"
        run = _Run(settings, destination, account, release, declared, asked, mode)
        if asked.is_dry:
            return run.shown()
        run_id = _run_id(destination.name)
        account.begin(run_id, release.release_id, release.as_of, mode)
        try:
            ran = run.carried_out(run_id)
        except BaseException as error:
            reason = str(error) if isinstance(error, RapportError) else type(error).__name__
            account.end(run_id, "failed", reason, destination.limits())
            raise
        waits = "; ".join(f"{each.segment}: {each.reason}" for each in ran.stopped)
        state = "failed" if ran.unanswered else "stopped" if waits else "done"
        account.end(run_id, state, "; ".join(filter(None, (ran.unanswered, waits))), ran.limits)
        return ran


class _Run:
    """What the steps of a run share."""

    def __init__(
        self,
        settings: Settings,
        destination: Destination,
        account: Account,
        release: ReleaseInfo,
        declared: Declared,
        asked: Asked,
        mode: Mode,
    ) -> None:
        self._settings = settings
        self._to = destination
        self._account = account
        self._release = release
        self._declared = declared
        self._asked = asked
        self._mode: Mode = mode
        policies = policies_of(settings)
        self._segments: Mapping[str, Mapping[str, Any]] = policies["segments"].value
        self._bounds: Mapping[str, Any] = policies["activation_bounds"].value
        self._kept = account.lists()
        self._there: dict[str, set[str] | None] = {}

    def shown(self) -> Ran:
        """Plan everything and send nothing; the account stays as it is."""
        meant, asked_until = self._meant()
        shown = []
        for each in meant.values():
            try:
                there = self._list_of(each, make=False)
                plan = self._plan(each, there) if there else self._first_plan(each)
                shown.append(self._told(plan, there, plan.counts))
            except ListGone as error:
                shown.append(self._gone(each, error))
        return self._ran("", asked_until, shown)

    def carried_out(self, run_id: str) -> Ran:
        """Send all segments, one after the other."""
        self._find_open()
        meant, asked_until = self._meant()
        if stream := PEOPLE.get(self._to.record_source or ""):
            self._to.news_since = Landed(self._settings.landing_dir, asked_until).start(stream)
        sender = Sender(self._to, self._account)
        told = []
        for each in meant.values():
            try:
                told.append(self._carry_out(each, run_id, sender))
            except ListGone as error:
                gone = self._gone(each, error)
                self._account.count(
                    *(run_id, each.segment.name, gone.list_id, gone.counts),
                    verdict=gone.verdict,
                    reason=gone.reason,
                )
                told.append(gone)
        return self._ran(run_id, asked_until, told)

    def _find_open(self) -> None:
        """Find what became of calls without an answer, before anybody is judged.

        Whom such a call put on a list and who said no since is taken off by this run, not the next.
        """
        for kept in self._kept.values():
            with suppress(ListGone):  # told when its segment is opened
                self._read(kept.list_id)

    def _read(self, list_id: str) -> set[str] | None:
        """Return who is on a list, read once a run; None where it cannot be read."""
        if list_id not in self._there:
            there = {key for key, _ in self._to.members(list_id)} if self._to.reads else None
            if not self._asked.is_dry:
                self._account.resolve(list_id, there, patience_seconds=PATIENCE.total_seconds())
            self._there[list_id] = there
        return self._there[list_id]

    def _meant(self) -> tuple[dict[str, Meant], date]:
        names = self._names()
        with asked_again(self._settings, self._release, self._declared) as (path, asked_until):
            meant = meant_for(
                self._to.name,
                self._to.record_source,
                asked_path=path,
                release=self._release,
                segments=names,
                standing=self._standing(),
                kept={segment: kept.said for segment, kept in self._kept.items()},
                may_reenter=[n for n in names if self._segments[n].get("may_reenter")],
                memory_limit=self._settings.memory_limit,
                threads=self._settings.threads,
            )
        return meant, asked_until

    def _names(self) -> list[str]:
        """The segments that go here by the policy, the first to be had first.

        What would go to a tool that the firm has not got goes into files, as the release says too.
        """
        absent = TOOLS - set(self._declared.sources)
        here = [
            (said["priority"], name)
            for name, said in self._segments.items()
            if self._to.name
            in (
                "files" if said["destination"] in absent else said["destination"],
                *said.get("also_to", ()),
            )
        ]
        names = [name for _, name in sorted(here)]
        if self._to.name in NEVER_STAFF and (
            staff := [name for name in names if _is_staff(self._segments[name])]
        ):
            raise ActivationError(
                self._to.name,
                f"{', '.join(staff)} would go to a mailing tool, and is the staff's: set its "
                "destination in policy.yml",
            )
        return names

    def _standing(self) -> "pa.Table":
        """Whom the destination has from us, or may have: of the latter a no is sent, too."""
        import pyarrow as pa

        tables = [
            found.append_column("segment", pa.array([segment] * len(found), pa.string()))
            for segment, kept in self._kept.items()
            for found in (
                self._account.standing(kept.list_id),
                self._account.perhaps(kept.list_id),
            )
        ]
        if tables:
            return pa.concat_tables(tables)
        return self._account.standing("").append_column("segment", pa.array([], pa.string()))

    def _list_of(self, meant: Meant, *, make: bool) -> List | None:
        kept = self._kept.get(meant.segment.name)
        # For nobody no list is made, and for a segment of the past none either.
        make = make and bool(meant.wanted) and self._mode == "changes"
        try:
            return self._to.open(meant.segment, kept.list_id if kept else None, make=make)
        except ListGone:
            if meant.segment.name not in self._asked.anew:
                raise
        return self._to.open(meant.segment, None, make=make)

    def _plan(self, meant: Meant, there: List) -> Plan:
        account = self._account
        read = self._read(there.list_id)
        if not self._asked.is_dry:
            account.forget_unwanted(there.list_id, set(meant.wanted))
        rules = self._rules(meant.segment.name)
        since = self._release.as_of - timedelta(days=rules.minimum_absence_days)
        standing, left = account.standing(there.list_id), account.left(there.list_id, since)
        return planned(
            meant,
            Known(
                standing=dict(
                    zip(*(standing[n].to_pylist() for n in ("key", "customer_id")), strict=True)
                ),
                left={row["key"]: (row["customer_id"], row["since"]) for row in left.to_pylist()},
                there=read,
                waiting=account.waiting(there.list_id),
                failed=account.failed(there.list_id),
                was_filled=account.was_filled(there.list_id),
            ),
            rules,
            there,
            as_of=self._release.as_of,
            mode=self._mode,
            is_confirmed=meant.segment.name in self._asked.confirmed,
            repairs=self._asked.repairs,
        )

    def _first_plan(self, meant: Meant) -> Plan:
        """Plan for a list that is not there yet."""
        return planned(
            *(meant, Known(there=frozenset()), self._rules(meant.segment.name), None),
            as_of=self._release.as_of,
            mode=self._mode,
        )

    def _rules(self, segment: str) -> Rules:
        said = self._segments.get(segment) or {}
        return Rules(
            minimum_stay_days=int(said.get("minimum_stay_days", 0)),
            minimum_absence_days=int(said.get("minimum_absence_days", 0)),
            **self._bounds,
        )

    def _carry_out(self, meant: Meant, run_id: str, sender: Sender) -> Told:
        name = meant.segment.name
        there = self._list_of(meant, make=True)
        if there is None:
            plan = self._first_plan(meant)
            self._account.count(
                *(run_id, name, "", plan.counts), verdict=plan.verdict, reason=plan.reason
            )
            return self._told(plan, None, plan.counts)
        self._account.keep_list(name, there.list_id, there.name, meant.said)
        plan = self._plan(meant, there)
        empty = Batch(
            run_id=run_id,
            key="",
            release_id=self._release.release_id,
            as_of=self._release.as_of,
            segment=meant.segment,
            list_id=there.list_id,
        )
        self._account.note_drift(run_id, name, there.list_id, plan.drift)
        self._account.adopt(empty, plan.adopted)
        try:
            sender.send(plan, empty)
            self._to.finish(empty, self._members(meant, there.list_id))
        finally:  # what was sent is told, whatever ended it
            self._account.count(
                *(run_id, name, there.list_id, plan.counts),
                verdict=plan.verdict,
                reason=plan.reason,
                notes=there.notes,
            )
        counts = self._account.counted(run_id, name)
        outcome = self._told(plan, there, counts)
        log = logger.info if plan.verdict in ("as planned", "removals") else logger.warning
        log("%s: %s", name, in_words(outcome))
        return outcome

    def _members(self, meant: Meant, list_id: str) -> Iterator[Member]:
        """Everybody who is there by the account, with what a file says of them."""
        for row in self._account.standing(list_id).to_pylist():
            yield meant.wanted.get(row["key"]) or Member(row["key"], row["customer_id"])

    def _told(self, plan: Plan, there: List | None, counts: Counts) -> Told:
        return Told(
            plan.meant.segment.name,
            there.name if there else "",
            there.list_id if there else "",
            plan.verdict,
            plan.reason,
            counts,
            len(plan.adds),
            len(plan.removes),
            there.notes if there else (),
        )

    def _gone(self, meant: Meant, error: ListGone) -> Told:
        name = meant.segment.name
        kept = self._kept.get(name)
        logger.warning("%s: %s", name, error)
        counts = Counts(source=meant.source, wanted=len(meant.wanted))
        return Told(
            segment=name,
            name=kept.name if kept else "",
            list_id=kept.list_id if kept else "",
            verdict="gone",
            reason=str(error),
            counts=counts,
            adds=0,
            removes=0,
        )

    def _ran(self, run_id: str, asked_until: date, told: Sequence[Told]) -> Ran:
        return Ran(
            run_id,
            self._to.name,
            self._release.release_id,
            self._release.as_of,
            asked_until,
            self._mode,
            tuple(told),
            tuple(self._to.limits()),
        )


def in_words(outcome: Told) -> str:
    """Say what became of a segment, in a line for a log."""
    counts = outcome.counts
    parts = [f"{counts.source:,} in the release", f"{counts.sent:,} of {counts.changed:,} sent"]
    parts += [
        f"{number:,} {what}"
        for number, what in (
            (counts.accepted, "taken"),
            (counts.rejected, "refused"),
            (counts.unknown, "without an answer"),
            (counts.invalid, "withheld, as the destination says no"),
            (counts.held, "stay or wait their minimum"),
            (counts.stopped, "stopped"),
            (counts.drift_gone, "taken off by somebody else"),
            (counts.drift_foreign, "put there by somebody else"),
        )
        if number
    ]
    told = f": {outcome.verdict}, {outcome.reason}" if outcome.reason else ""
    return ", ".join(parts) + told


def _is_staff(said: Mapping[str, Any]) -> bool:
    return said.get("most_per_owner") is not None or said.get("message_class") == "service"


def _whole_release(settings: Settings, destination: str) -> ReleaseInfo:
    release = readers_release(settings.releases_dir)
    if release is None:
        raise ActivationError(destination, "there is no release yet: a night makes the first")
    if problems := verify_release(release.path):
        raise ActivationError(
            destination,
            f"release {release.release_id} is damaged: {'; '.join(problems)}; nothing was sent",
        )
    return release


def _run_id(destination: str) -> str:
    """A name that sorts by time; of letters, digits and dashes, as keys are made of it."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{destination}-{secrets.token_hex(3)}"


@contextmanager
def _alone(folder: Path, destination: str) -> Iterator[None]:
    """Be the only run of a destination; the kernel ends that when the process dies."""
    with (folder / f"{destination}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise ActivationError(
                destination,
                f"process {lock.read().strip() or 'unknown'} is at it; wait for it, or end it",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
