"""Sends a plan batch by batch: what is meant is stored, sent, and what came of it stored.

A batch that is refused as a whole is halved, down to the row that is to blame; one that got no
answer is halved too where the list can be read, as to add or remove somebody twice is to do it
once. A row that was refused is tried again at the end, after a pause that doubles.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rapport.activation.account import Account, Row
from rapport.activation.destination import Batch, BatchRefused, Destination, Member, Outcome
from rapport.activation.plan import Plan
from rapport.errors import OutcomeUnknown
from rapport.killpoints import reach

logger = logging.getLogger(__name__)

TRIES = 3  # of a row that was refused, in one run
PAUSE_SECONDS = 1.0  # before the second; doubles each time
# Answers of which the size may be the reason; later batches are then made no larger.
NO_ANSWER = "no_answer"
TOO_LARGE = ("413", NO_ANSWER)
# A batch from which some were withheld is filled up with the next, until so much of it is full.
FULL = 0.98
MOST_UNKNOWN = 3  # batches without an answer, one after the other: the rest is not worth trying now


class Sender:
    """Sends what is planned for a destination's segments.

    Args:
        destination: where to.
        account: where it is written down; of that destination.
    """

    def __init__(self, destination: Destination, account: Account) -> None:
        self._to = destination
        self._account = account
        self._number = 0
        self._most = destination.batch_size  # rows of a call; less once it was too many
        self._unknown = 0

    def send(self, plan: Plan, empty: Batch) -> None:
        """Send all of a plan: removals first, so that a run that breaks off has subtracted.

        Args:
            plan: of one segment.
            empty: a batch without rows, with the run, release, segment and list.

        Raises:
            ListGone: the list is not there any more.
            SourceError: the rest is not worth trying now; what was meant and got no answer is
                found by the next run.
        """
        self._unknown = 0
        rejected = list(self._pass(plan, empty, list(plan.removes), list(plan.adds)))
        for number in range(TRIES - 1):
            if not rejected:
                return
            pause = PAUSE_SECONDS * 2**number
            logger.info(
                "%s: %s rows again in %.0f s", plan.meant.segment.name, len(rejected), pause
            )
            time.sleep(pause)
            again = [replace(row, attempt=row.attempt + 1) for row in rejected]
            removes = [row for row in again if row.operation == "remove"]
            adds = [(plan.meant.wanted[r.key], r) for r in again if r.operation == "add"]
            rejected = list(self._pass(plan, empty, removes, adds))

    def _pass(
        self, plan: Plan, empty: Batch, removes: list[Row], adds: list[tuple[Member, Row]]
    ) -> Iterator[Row]:
        """Send rows once; yield those that the destination refused."""
        while removes or adds:
            out = removes[: self._most]
            del removes[: len(out)]
            room = self._most - len(out) if self._to.mixes or not out else 0
            into: list[tuple[Member, Row]] = []
            while adds and len(into) < FULL * room:
                asked = adds[: room - len(into)]
                del adds[: len(asked)]
                into += self._looked_at_again(plan, empty, asked)
            batch = replace(
                empty,
                key=self._key(empty),
                adds=tuple(member for member, _ in into),
                removes=tuple(Member(row.key, row.customer_id) for row in out),
            )
            rows = [*out, *(row for _, row in into)]
            if rows:
                self._account.intend(batch, rows)
                reach("activation_intended")
                yield from self._sent(batch, {(r.key, r.operation): r for r in rows})

    def _looked_at_again(
        self, plan: Plan, empty: Batch, adds: list[tuple[Member, Row]]
    ) -> list[tuple[Member, Row]]:
        """Leave out whom the destination itself says no about, at the last moment."""
        known = {member.key: plan.meant.made_at.get(member.key) for member, _ in adds}
        remarks = self._to.look_again(plan.meant.segment, known)
        refused = {key: remark for key, remark in remarks.items() if remark.refuses}
        self._account.withhold(
            empty,
            [
                (row, refused[row.key].code, refused[row.key].reason)
                for _, row in adds
                if row.key in refused
            ],
        )
        return [
            (member, replace(row, remark=remarks[row.key].reason) if row.key in remarks else row)
            for member, row in adds
            if row.key not in refused
        ]

    def _sent(self, batch: Batch, rows: dict[tuple[str, str], Row]) -> Iterator[Row]:
        """Send a batch, or its halves; yield the rows that were refused."""
        try:
            outcomes = self._to.send(batch)
        except BatchRefused as error:
            if len(batch) > 1:
                yield from self._halved(batch, rows, error.code, error.reason)
                return
            outcomes = batch.outcomes("refused", error.code, error.reason)
        except OutcomeUnknown as error:
            if len(batch) > 1 and self._to.reads:
                yield from self._halved(batch, rows, NO_ANSWER, str(error))
                return
            self._account.leave_open(batch, NO_ANSWER, str(error))
            self._unknown += 1
            if self._unknown >= MOST_UNKNOWN:
                raise
            return
        reach("activation_sent")
        self._unknown = 0
        self._account.settle(batch, _whole(batch, outcomes))
        reach("activation_noted")
        yield from (rows[each.key, each.operation] for each in outcomes if each.status == "refused")

    def _halved(
        self, batch: Batch, rows: dict[tuple[str, str], Row], code: str, reason: str
    ) -> Iterator[Row]:
        """Send two batches in the place of one."""
        halves = self._halves(batch)
        if code in TOO_LARGE:
            self._most = min(self._most, max(len(half) for half in halves))
        self._account.halve(batch, halves, code, reason)
        for half in halves:
            yield from self._sent(half, rows)

    def _halves(self, batch: Batch) -> list[Batch]:
        """Two batches in the place of one; removals come first in both."""
        both: list[tuple[str, Member]] = [
            *(("remove", each) for each in batch.removes),
            *(("add", each) for each in batch.adds),
        ]
        middle = (len(both) + 1) // 2
        return [
            replace(
                batch,
                key=self._key(batch),
                adds=tuple(each for operation, each in part if operation == "add"),
                removes=tuple(each for operation, each in part if operation == "remove"),
            )
            for part in (both[:middle], both[middle:])
        ]

    def _key(self, batch: Batch) -> str:
        """An idempotency key: of the run and so the destination, and the number of the batch."""
        self._number += 1
        return f"{batch.run_id}-{self._number}"


def _whole(batch: Batch, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Demand exactly one outcome for each row: none is lost between the answer and the account."""
    rows = {(each.key, "add") for each in batch.adds} | {
        (each.key, "remove") for each in batch.removes
    }
    told = [(each.key, each.operation) for each in outcomes]
    if len(told) != len(rows) or set(told) != rows:
        raise AssertionError(f"{len(rows)} rows were sent and {len(told)} accounted for")
    return outcomes
