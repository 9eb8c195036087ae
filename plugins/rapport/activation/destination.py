"""What activation asks of a destination: the few things that differ from one to another.

Whoever implements it sends and reads, and decides nothing: whom to send, in which batches, what to
halve, what to try again and what to write down is decided once, for all destinations.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol

from rapport.errors import RapportError

Operation = Literal["add", "remove"]
# What becomes of a row, as an answer says it. `accepted`: the destination took the batch and says
# nothing of its rows; the next read of the list confirms them.
Status = Literal["added", "removed", "unchanged", "missing", "accepted", "refused"]


@dataclass(frozen=True)
class Segment:
    """A segment of the release, as its destination needs to know it.

    Attributes:
        name: as the policy has it.
        description: for people.
        owner: whose it is.
        channel: by which its members are reached; None for a leave-alone list.
        treatment: what its members get.
        is_staff: whether it is a list of whom the staff calls.
        may_reenter: whether a flow of the list may be entered again, by the segment's own entry.
    """

    name: str
    description: str = ""
    owner: str = ""
    channel: str | None = None
    treatment: str = ""
    is_staff: bool = False
    may_reenter: bool = False

    @property
    def list_name(self) -> str:
        """What its list is called where it is made."""
        return f"Rapport: {self.name}"


@dataclass(frozen=True)
class Member:
    """A row to be added or removed.

    Attributes:
        key: what the destination knows them by: the id of its own record, or the customer's id
            where it has no records of its own.
        customer_id: who it is.
        facts: for an add to a destination without records of its own, the other columns of
            ``segments.segment_members``; empty for a removal.
    """

    key: str
    customer_id: str
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Batch:
    """What one call brings.

    Attributes:
        key: stored before the call is made, and the same for every try of it; letters, digits,
            ``-`` and ``_`` only. Halves of a refused batch have keys of their own.
        run_id: of activation.
        release_id: that the segment was read from.
        as_of: the night which that release shows.
        segment: whose members they are.
        list_id: where they go, as `Destination.open` gave it.
        adds: who is to be there.
        removes: who is to be there no more.
    """

    key: str
    run_id: str
    release_id: str
    as_of: date
    segment: Segment
    list_id: str
    adds: tuple[Member, ...] = ()
    removes: tuple[Member, ...] = ()

    def __len__(self) -> int:
        return len(self.adds) + len(self.removes)

    def outcomes(self, status: "Status", code: str = "", reason: str = "") -> "list[Outcome]":
        """Return an outcome for each row, where all fare alike."""
        return [
            *(Outcome(each.key, "add", status, code, reason) for each in self.adds),
            *(Outcome(each.key, "remove", status, code, reason) for each in self.removes),
        ]


@dataclass(frozen=True)
class Outcome:
    """What became of one row of a batch.

    Attributes:
        key: the member's.
        operation: add or remove.
        status: as the answer says it.
        code: the destination's, or ours; empty where there is nothing to say.
        reason: in words, without a value of anybody's.
    """

    key: str
    operation: Operation
    status: Status
    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class List:
    """A list at a destination, found or made.

    Attributes:
        list_id: what the destination knows it by; kept, as the name may change.
        name: for people.
        is_new: whether it was made just now.
        notes: what a person should know before anything is sent (where it is used, when it was
            last changed), one sentence each; shown by a dry run.
        refusal: why nobody may be added to it, in words; empty where somebody may. A list that
            people sign up to, one whose flow can be entered again.
        is_closed: whether nobody can be taken off it either, as of one that keeps itself.
        asks_before_filling: why its first fill is to be confirmed by a person; empty where it need
            not be.
    """

    list_id: str
    name: str
    is_new: bool = False
    notes: tuple[str, ...] = ()
    refusal: str = ""
    is_closed: bool = False
    asks_before_filling: str = ""


@dataclass(frozen=True)
class Remark:
    """What a destination says of a record before anything is sent.

    Attributes:
        code: ours, such as ``archived``, ``merged``, ``other_record``, ``opted_out``.
        reason: in words, without a value of anybody's.
        refuses: whether they must not be added; else it is noted beside what becomes of the row.
    """

    code: str
    reason: str
    refuses: bool = True


@dataclass(frozen=True)
class Limit:
    """How much of a destination's limit of calls a run used.

    Attributes:
        name: whose limit, as ``membership writes per minute``.
        share: of what could be called in the time that calls were made, 0 to 1; None where the
            destination tells no limit.
        calls: how many.
    """

    name: str
    calls: int
    share: float | None = None


class ListGone(RapportError):
    """The list that the account knows is not there any more; no other is made in its place."""


class BatchRefused(RapportError):
    """The destination refused a whole batch for something in it, or for its size: halve it.

    Attributes:
        code: the destination's, or the answer's status.
        reason: in words, without a value of anybody's.
    """

    def __init__(self, code: str, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(f"{code}: {reason}")


class Destination(Protocol):
    """Where a segment's members are brought. What is said here is so of one that keeps no records.

    Attributes:
        name: ``hubspot``, ``klaviyo``, ``webhook``, ``files``.
        record_source: the source whose records its keys are; None where customers' ids are.
        batch_size: most rows of a call.
        mixes: whether one call may add and remove; else a batch does one of them.
        reads: whether `members` tells who is there. One that cannot be read is believed.
        news_since: from when on the landing may lack what changed of the destination's records, as
            the next pull would ask; a run says it before it sends. None: nobody knows.
    """

    name: str
    record_source: str | None = None
    batch_size: int
    mixes: bool = True
    reads: bool = False
    news_since: datetime | None = None

    def open(self, segment: Segment, kept: str | None, *, make: bool) -> List | None:
        """Return a segment's list; make it where the account knows of none and `make` says so.

        Args:
            segment: whose list.
            kept: the id that the account has of it.
            make: False in a dry run: a list that is not there is None then.

        Raises:
            ListGone: `kept` is not there any more.
            SourceError: the destination cannot be asked.
        """
        ...

    def members(self, list_id: str) -> Iterable[tuple[str, datetime | None]]:
        """Yield the key of everybody who is there, and when they joined where it is told.

        Raises:
            ListGone: it is not there any more.
            SourceError: the destination cannot be asked, or not to the end.
        """
        return ()

    def look_again(
        self, segment: Segment, known: Mapping[str, datetime | None]
    ) -> Mapping[str, Remark]:
        """Ask, immediately before sending, what the destination itself says of who would be added.

        Args:
            segment: what they would be added to.
            known: key of each, and when we know their record was made.

        Returns:
            By key, of those there is something to say of: archived, gone, merged into another,
            made at another time than the record that we know, opted out there. Empty for a
            destination that keeps no records.

        Raises:
            SourceError: the destination cannot be asked; then nobody is added.
        """
        return {}

    def send(self, batch: Batch) -> Sequence[Outcome]:
        """Make one call, with the tries that the connection allows; say what became of each row.

        Returns:
            Exactly one outcome for each row of the batch, in any order.

        Raises:
            BatchRefused: to be halved, down to the row that is to blame.
            ListGone: nothing more can be sent to this list.
            OutcomeUnknown: nobody knows whether it was carried out (`rapport.errors`).
            SourceDenied: the credentials are refused; the whole destination stops.
            SourceError: it was not carried out, and the rest is not worth trying now.
        """
        ...

    def finish(self, batch: Batch, standing: Iterable[Member]) -> None:
        """Do what is to be done once all batches of a segment were sent; for most, nothing.

        Args:
            batch: empty, with the run, release, segment and list.
            standing: everybody who is there by our account, with their facts.
        """
        return

    def limits(self) -> Sequence[Limit]:
        """Return the calls made so far, and the share of each limit that they took."""
        return ()
