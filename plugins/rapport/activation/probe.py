"""What a vendor does not document about its lists, settled for one account on a list of its own.

The list is made for it, named after nothing, and deleted whatever happens; one living record that
opted out of nothing joins and leaves it, beside ids of nobody. What was found lies in
``<home>/activation/<destination>.probe.json`` until it is asked for again.
"""

import json
import logging
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from rapport.activation.destination import (
    Batch,
    BatchRefused,
    Destination,
    Member,
    Outcome,
    Segment,
)
from rapport.errors import ActivationError, OutcomeUnknown, RapportError
from rapport.release.publish import open_beside
from rapport.settings import make_private

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0  # for a change to show
PAUSE_SECONDS = 0.5  # between two looks
MOST_IDS = 100_000  # nobody sends more in one call
LEAST_IDS = 1_000


SAMPLES = """
with

records as (

    select
        contact_map.customer_id,
        contacts.*
    from intermediate.int_identity__contact_map as contact_map
    inner join intermediate.int_identity__contacts as contacts
        on
            contact_map.source = contacts.source
            and contact_map.source_record_id = contacts.source_record_id
    where contacts.source = $source and contacts.is_record

)

select
    min(source_record_id) filter (
        where
            not is_archived and not is_removed and email is not null
            and customer_id in (
                select customer_id from intermediate.int_segments__refusals
                where channel = 'email' and clause is null
            )
    ) as living,
    min(source_record_id) filter (where is_archived and not is_removed) as archived,
    list(source_record_id order by source_record_id) filter (where is_removed) as removed
from records
"""


@dataclass(frozen=True)
class Samples:
    """Records of an account that a probe asks about, as the newest night has them.

    Attributes:
        living: said no to nothing; None where there is nobody.
        archived: one; None where there is none.
        removed: those that were deleted for good or merged into others.
    """

    living: str | None
    archived: str | None = None
    removed: Sequence[str] = ()


class Probed(Destination, Protocol):
    """A destination that can be probed."""

    def strangers(self, archived: str | None, removed: Sequence[str]) -> Mapping[str, str | None]:
        """Return kinds of id that no living record has, in words, each with one or None."""
        ...

    def nobodies(self, count: int) -> list[str]:
        """Return ids that no record ever had; none where the vendor names the most of a call."""
        ...

    def drop(self, list_id: str) -> None:
        """Delete a list."""
        ...


@dataclass(frozen=True)
class Found:
    """What was found of one question.

    Attributes:
        question: in words.
        answer: in words.
    """

    question: str
    answer: str


def probe(
    to: Probed,
    folder: Path,
    samples: Samples,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
) -> list[Found]:
    """Ask a destination what its vendor does not document, and note it for this account.

    Args:
        to: which.
        folder: ``<home>/activation``.
        samples: whom to ask about.
        patience_seconds: how long a change may take to show.

    Raises:
        ActivationError: the account has nobody to ask about, or the list could not be deleted.
        SourceError: the destination refuses, or cannot be asked.
    """
    if samples.living is None:
        raise ActivationError(
            to.name, "everybody there said no to something: there is nobody to probe with"
        )
    segment = Segment(f"probe {secrets.token_hex(4)}", "Made to be deleted.")
    there = to.open(segment, None, make=True)
    assert there is not None  # as it was to be made
    try:
        questions = _Questions(to, segment, there.list_id, samples, patience_seconds)
        found = list(questions.answered(samples.living))
    finally:
        _dropped(to, there.list_id)
    make_private(folder)
    noted = {"asked_at": datetime.now(UTC).isoformat(timespec="seconds")}
    told = noted | {"found": [asdict(each) for each in found]}
    (folder / f"{to.name}.probe.json").write_text(json.dumps(told, indent=2) + "\n")
    return found


def samples_of(asked_path: Path, source: str) -> Samples:
    """Return whom to ask about, from what activation asks before it sends (`people.asked_again`).

    Args:
        asked_path: DuckDB file with the models of the newest night.
        source: whose records.
    """
    with closing(open_beside(asked_path, asked_path.parent, None, None)) as connection:
        connection.execute(f"use {asked_path.stem}")
        found = connection.execute(SAMPLES, {"source": source}).fetchone()
    living, archived, removed = found or (None, None, None)
    return Samples(living, archived, removed or ())


def noted(folder: Path, destination: str) -> tuple[str, list[Found]] | None:
    """Return when a destination was last probed, and what was found; None if it never was."""
    path = folder / f"{destination}.probe.json"
    if not path.is_file():
        return None
    told = json.loads(path.read_text())
    return told["asked_at"], [Found(**each) for each in told["found"]]


def _dropped(to: Probed, list_id: str) -> None:
    try:
        to.drop(list_id)
    except RapportError as error:
        raise ActivationError(
            to.name, f"the list {list_id}, made for the probe, is still there ({error}): delete it"
        ) from None


class _Questions:
    def __init__(
        self,
        to: Probed,
        segment: Segment,
        list_id: str,
        samples: Samples,
        patience_seconds: float,
    ) -> None:
        self._to = to
        self._samples = samples
        self._patience = patience_seconds
        self._batch = Batch("", "probe", "", date.min, segment, list_id)
        self._number = 0

    def answered(self, living: str) -> Iterator[Found]:
        """Ask one thing after the other."""
        began = time.monotonic()
        self._send(adds=[living])
        delay = self._until(living, is_there=True, patience=self._patience)
        if delay is None:
            yield Found("a change shows", f"not within {self._patience:.0f} s")
        else:
            delay = time.monotonic() - began
            yield Found("a change shows", f"after {delay:.1f} s")
            samples = self._samples
            for kind, stranger in self._to.strangers(samples.archived, samples.removed).items():
                yield Found(f"{kind}, in a batch", self._of(stranger, living, delay))
        if nobodies := self._to.nobodies(MOST_IDS):
            yield Found("ids in one call", self._most(nobodies))

    def _of(self, stranger: str | None, living: str, delay: float) -> str:
        """Say what becomes of an id that no living record has, and of one beside it."""
        if stranger is None:
            return "not asked: we know of none here"
        patience = 2 * delay + 1.0
        self._send(removes=[living])
        self._until(living, is_there=False, patience=patience)
        try:
            outcomes = {each.key: each.status for each in self._send(adds=[stranger, living])}
        except BatchRefused as refusal:
            shows = self._until(living, is_there=True, patience=patience) is not None
            rest = "the others are taken" if shows else "nobody of the batch is taken"
            return f"refused ({refusal.code}), {rest}"
        shows = self._until(living, is_there=True, patience=patience) is not None
        there = self._there()
        others = there - {living, stranger}
        if stranger in there:
            what = "joins under its own id"
        elif others:
            what = "the record that it became joins"
        elif outcomes[stranger] == "missing":
            what = "named as missing"
        elif outcomes[stranger] == "added":
            what = "said to be added and does not show"
        else:
            what = "ignored without a word"
        self._send(removes=[stranger, *sorted(others)])
        return f"{what}, {'the others are taken' if shows else 'the others are not taken'}"

    def _most(self, nobodies: Sequence[str]) -> str:
        """Find how many ids a call takes, by taking off who is nobody."""
        size, refused = len(nobodies), ""
        while size >= LEAST_IDS:
            try:
                self._send(removes=nobodies[:size])
            except (BatchRefused, OutcomeUnknown) as error:
                code = error.code if isinstance(error, BatchRefused) else "no answer"
                refused = f"; {size:,} are not ({code})"
                size //= 2
            else:
                return f"{size:,} are taken{refused}"
        return f"fewer than {LEAST_IDS:,} are taken{refused}"

    def _send(self, *, adds: Sequence[str] = (), removes: Sequence[str] = ()) -> Sequence[Outcome]:
        self._number += 1
        batch = replace(
            self._batch,
            key=f"{self._batch.segment.name.replace(' ', '-')}-{self._number}",
            adds=tuple(Member(key, "") for key in adds),
            removes=tuple(Member(key, "") for key in removes),
        )
        return self._to.send(batch)

    def _there(self) -> set[str]:
        return {key for key, _ in self._to.members(self._batch.list_id)}

    def _until(self, key: str, *, is_there: bool, patience: float) -> float | None:
        """Look until somebody shows, or shows no more; return after how long, None if never."""
        began = time.monotonic()
        while (key in self._there()) != is_there:
            if time.monotonic() - began > patience:
                return None
            time.sleep(PAUSE_SECONDS)
        return time.monotonic() - began
