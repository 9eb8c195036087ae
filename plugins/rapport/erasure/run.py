"""Erase: the tombstone, then every place, then the destinations; the report grows with it."""

import fcntl
import json
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rapport.erasure.people import find
from rapport.erasure.places import Place
from rapport.erasure.report import Looked, Report, put_private
from rapport.errors import ErasureError, RapportError
from rapport.killpoints import reach
from rapport.settings import Settings, make_private
from rapport.sources.declared import EVERYTHING, Declared
from rapport.sources.streams import HUBSPOT, KLAVIYO
from rapport.tombstones import (
    Hashing,
    Tombstones,
    hashing_of,
    now,
    put,
    request_of,
    requests_in,
)
from rapport.warehouse import build_lock

logger = logging.getLogger(__name__)

AT_DESTINATIONS = (HUBSPOT, KLAVIYO)
_NOBODY_DELETES = (
    "nobody may delete there for us: make the connection that does, or delete them by hand"
)


class Destination(Protocol):
    """A system that people are brought to, and that forgets them when told.

    Attributes:
        name: the source whose records it has.
    """

    name: str

    def erase(self, record_ids: Sequence[str]) -> None:
        """Have records deleted for good; ones that are gone already do no harm."""
        ...

    def remaining(self, record_ids: Sequence[str]) -> list[str]:
        """Return which of some records it still has."""
        ...


def erase(
    settings: Settings,
    customer_ids: Collection[str],
    *,
    places: Sequence[Place],
    destinations: Mapping[str, Destination],
    declared: Declared = EVERYTHING,
    dry_run: bool = False,
) -> list[Report]:
    """Erase some customers everywhere, and finish what an interrupted call has left.

    Args:
        settings: where all is.
        customer_ids: theirs, or ids that they had; without any, only what is open is finished.
        places: where something of them can be, in their order.
        destinations: by the source whose records they have.
        declared: what the firm has.
        dry_run: count, and change nothing.

    Returns:
        One report for each request that was gone on with; those of an earlier call first.

    Raises:
        RequestError: somebody is not known.
        ErasureError: another process erases.
        BuildError: a build runs, or who is who cannot be told.
        LandingError: the landing cannot be read or written; the same goes for errors of other
            places. Each is raised once all others were gone through, and the next call goes on
            from there.
    """
    with _alone(settings.erasures_dir, dry_run):
        hashing = hashing_of(settings.landing_dir, make=not dry_run) or Hashing(os.urandom(32))
        known = Tombstones.load(settings.landing_dir)
        new = [id_ for id_ in customer_ids if not (known and known.has_customer(id_))]
        asked = {
            tombstone.request
            for tombstone in known.all
            for id_ in set(customer_ids) - set(new)
            if Tombstones(hashing, (tombstone,)).has_customer(id_)
        }
        reports = [
            report
            for request in sorted(asked | set(open_requests(settings)))
            for report in [_begun(settings, known, request)]
        ]
        if new:
            report, known = _buried(settings, new, hashing, known, declared, destinations, dry_run)
            reports.append(report)
        failed: list[RapportError] = []
        for report in reports:
            tombstones = known.of(report.request)
            if dry_run:
                _look(report, tombstones, places)
                continue
            with build_lock(settings.warehouse_path):
                for place in places:
                    # What one place cannot do keeps nobody in the others.
                    with _noted(settings, report, place.name, place.unit, failed):
                        _rid(report, tombstones, place)
                    reach(f"erased: {place.name}")
            _have_forgotten(settings, report, destinations, failed)
        if failed:
            raise failed[0]
    return reports


def open_requests(settings: Settings) -> list[str]:
    """Return the requests that were begun and not finished."""
    found = []
    for request in sorted(requests_in(settings.landing_dir)):
        report = Report.read(settings.erasures_dir, request)
        if report is None or report.finished_at is None:
            found.append(request)
    return found


@contextmanager
def _alone(folder: Path, dry_run: bool) -> Iterator[None]:
    if dry_run and not folder.is_dir():
        yield
        return
    make_private(folder)
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ErasureError("another process erases; wait for it, then run it again") from None
        yield


def _begun(settings: Settings, known: Tombstones, request: str) -> Report:
    """Return the report of a request that has its tombstone."""
    (tombstone,) = known.of(request).all
    there = Report.read(settings.erasures_dir, request)
    # A process that died right after the tombstone left none; a tombstone does not say how many.
    own = sum(since is None and until is None for _, since, until in tombstone.customers)
    return there or Report(request, tombstone.erased_at, own)


def _buried(
    settings: Settings,
    customer_ids: Sequence[str],
    hashing: Hashing,
    known: Tombstones,
    declared: Declared,
    destinations: Mapping[str, Destination],
    dry_run: bool,
) -> tuple[Report, Tombstones]:
    """Put the tombstone of a new request; or say what the destinations would be asked."""
    logger.info("who they are is asked of the landing, by a build aside")
    people = find(settings, customer_ids, declared=declared)
    own = [id_ for id_, since, until in people.customers if since is None and until is None]
    request, moment = request_of(hashing, own), now()
    tombstone = people.buried(request, hashing, moment)
    report = Report(request, moment, people.number)
    if dry_run:
        report.places = [
            Looked(
                source,
                "records",
                len(people.at(source)),
                note="would be deleted there" if source in destinations else _NOBODY_DELETES,
            )
            for source in AT_DESTINATIONS
        ]
    else:
        # Before the tombstone: whoever finishes this cannot find them any more.
        pending = {source: people.at(source) for source in AT_DESTINATIONS}
        put_private(_pending(settings, request), json.dumps(pending) + "\n")
        report.write(settings.erasures_dir)
        put(settings.landing_dir, tombstone)
        logger.info("request %s: nothing of %s customers lands any more", request, people.number)
        reach("tombstone put")
    return report, Tombstones(hashing, (*known.all, tombstone))


def _look(report: Report, tombstones: Tombstones, places: Sequence[Place]) -> None:
    report.places[:0] = [
        Looked(place.name, place.unit, place.count(tombstones), note=place.note) for place in places
    ]


def _rid(report: Report, tombstones: Tombstones, place: Place) -> None:
    there = place.count(tombstones)
    looked = _looked_at(report, place.name, place.unit, there)
    looked.note = place.note
    if there:
        logger.info("%s: %s %s", place.name, f"{there:,}", place.unit)
        looked.before = max(looked.before, there)
        looked.after = None
        place.erase(tombstones)
        there = place.count(tombstones)
    looked.after = there


@contextmanager
def _noted(
    settings: Settings, report: Report, name: str, unit: str, failed: list[RapportError]
) -> Iterator[None]:
    """Write the report, and into it what a place could not do."""
    try:
        yield
    except RapportError as error:
        logger.error("%s: %s", name, error)
        failed.append(error)
        looked = _looked_at(report, name, unit, 0)
        looked.after, looked.note = None, str(error)
    report.write(settings.erasures_dir)


def _looked_at(report: Report, name: str, unit: str, there: int) -> Looked:
    """Return what the report says of a place, for the first time with how many there are."""
    looked = next((each for each in report.places if each.place == name), None)
    if looked is None:
        looked = Looked(name, unit, there)
        report.places.append(looked)
    return looked


def _have_forgotten(
    settings: Settings,
    report: Report,
    destinations: Mapping[str, Destination],
    failed: list[RapportError],
) -> None:
    """Have the destinations forget them; a request is open until all have."""
    path = _pending(settings, report.request)
    pending: dict[str, list[str]] = json.loads(path.read_bytes()) if path.exists() else {}
    for source, ids in pending.items():
        looked = _looked_at(report, source, "records", len(ids))
        destination = destinations.get(source)
        with _noted(settings, report, source, "records", failed):
            if not ids:
                looked.after = 0
            elif destination is None:
                looked.note = f"{_NOBODY_DELETES} and say so (--by-hand {source})"
            else:
                destination.erase(ids)
                left = destination.remaining(ids)
                looked.after = len(left)
                looked.note = "it forgets in its own time; ask again tomorrow" if left else ""
        reach(f"erased: {source}")
    if bool(report.open) == bool(report.finished_at):  # done now, or something came back
        report.finished_at = None if report.open else now()
        report.write(settings.erasures_dir)
    if not report.open:
        path.unlink(missing_ok=True)


def _pending(settings: Settings, request: str) -> Path:
    return settings.erasures_dir / f"{request}.pending"
